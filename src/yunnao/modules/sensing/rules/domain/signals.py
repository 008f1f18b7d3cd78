"""What rules look at: the readings of a metric, or what follows from each and those before it.

Signals that need a series' past keep an anchor of it: of a rate the reading that change is measured
from, of a stuck value the first of the readings that stand still. Anchors are for every series and
so are kept in memory only; where one is not known the series' latest stored reading stands for it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from yunnao.modules.sensing.domain.times import UNKNOWN_US, Int64
from yunnao.modules.sensing.rules.domain.chains import next_later, next_outside, walked

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


far_us = 1 << 52
"""More than any window of a rule: 142 years."""


@dataclass(frozen=True)
class ValueSignal:
    """The reading itself."""


@dataclass(frozen=True)
class RateSignal:
    """Change per `unit_us`, measured over at least `over_us` and at most `gap_max_us`."""

    over_us: int
    gap_max_us: int
    unit_us: int


@dataclass(frozen=True)
class StuckSignal:
    """How long the value has stood within `tolerance`, µs; 0 while it stands at one of `unless_at`."""

    tolerance: float
    unless_at: tuple[float, ...]


Signal = ValueSignal | RateSignal | StuckSignal


@dataclass(frozen=True)
class Column:
    """n readings of one metric in order of (row, time), no two of the same row and time.

    `row`: the devices' places in their product's columns. `first` marks each row's first reading;
    `prior_us` and `prior_value` (a value each `first`) are the series' latest reading before these,
    UNKNOWN_US where there is none. Every reading is later than it. `source` (n) leads back to what
    the column was made from. Rows need not ascend, but the readings of one stand together.
    """

    row: Int64
    time_us: Int64
    value: Floats
    first: Bools
    prior_us: Int64
    prior_value: Floats
    source: Int64

    @property
    def single(self) -> bool:
        """Whether no row has more than one reading."""
        return len(self.prior_us) == len(self.row)

    @classmethod
    def of(cls, row: Int64, time_us: Int64, value: Floats, prior_us: Int64, prior_value: Floats) -> "Column":
        """From readings in order of (row, time), with the prior reading of each (n).

        Leaves out what is not later than the prior reading: it came late, and judging it would
        rewrite what has been told. Of equal times the first counts.
        """
        fresh = time_us > prior_us
        fresh[1:] &= (row[1:] != row[:-1]) | (time_us[1:] != time_us[:-1])
        source = np.flatnonzero(fresh)
        if len(source) < len(row):
            row, time_us, value = row[source], time_us[source], value[source]
            prior_us, prior_value = prior_us[source], prior_value[source]
        first = np.ones(len(row), np.bool_)
        first[1:] = row[1:] != row[:-1]
        return cls(row, time_us, value, first, prior_us[first], prior_value[first], source)


@dataclass(frozen=True)
class Judged:
    """What m readings of a column are judged by. `index` leads back into the column.

    `x` is compared with bounds, `shown` is told to people; `start_us` and `count` are since when and
    for how many readings the value stands still, where the signal tells.
    """

    index: Int64
    x: Floats
    shown: Floats
    start_us: Int64 | None = None
    count: Int64 | None = None


@dataclass
class Anchors:
    """Of one signal of a metric, by row: time (UNKNOWN_US: not known), value, readings since.

    A NaN for a value stands for the latest one.
    """

    time_us: Int64 = field(default_factory=lambda: np.zeros(0, np.int64))
    value: Floats = field(default_factory=lambda: np.zeros(0))
    count: Int64 = field(default_factory=lambda: np.zeros(0, np.int64))

    def grow(self, rows: int) -> None:
        """Room for `rows` rows, the new ones not known."""
        more = rows - len(self.time_us)
        if more > 0:
            self.time_us = np.r_[self.time_us, np.full(more, UNKNOWN_US, np.int64)]
            self.value = np.r_[self.value, np.zeros(more)]
            self.count = np.r_[self.count, np.zeros(more, np.int64)]

    def way_back(self, row: Int64) -> Callable[[], None]:
        """What puts the anchors of these rows back to what they are."""
        time_us, value, count = self.time_us[row], self.value[row], self.count[row]

        def put() -> None:
            self.time_us[row], self.value[row], self.count[row] = time_us, value, count

        return put


def judged(signal: Signal, column: Column, anchors: Anchors | None) -> Judged:
    """The signal of `column`; moves `anchors` on."""
    if isinstance(signal, ValueSignal):
        return Judged(np.arange(len(column.row)), column.value, column.value)
    assert anchors is not None  # every signal with a past has them
    if isinstance(signal, RateSignal):
        return _rate(signal, column, anchors)
    return _stuck(signal, column, anchors)


@dataclass(frozen=True)
class _Known:
    """Anchors of g rows before a column; where one is not `known` its numbers say nothing."""

    row: Int64
    time_us: Int64
    value: Floats
    count: Int64
    known: Bools

    @classmethod
    def of(cls, column: Column, anchors: Anchors) -> "_Known":
        row = column.row[column.first]
        time_us, value, count = anchors.time_us[row], anchors.value[row], anchors.count[row]
        lost = time_us == UNKNOWN_US
        time_us = np.where(lost, column.prior_us, time_us)
        value = np.where(lost | np.isnan(value), column.prior_value, value)
        known = (time_us != UNKNOWN_US) & ~np.isnan(value)
        return cls(row, time_us, value, np.where(lost, 1, count), known)


@dataclass(frozen=True)
class _Anchored:
    """A column with each row's anchor before its readings: n + g rows, `end` the last of each.

    `head`: the anchors' places (g); `real`: the readings' (n). An anchor that is not known has a NaN.
    """

    time_us: Int64
    value: Floats
    first: Bools
    end: Int64
    head: Int64
    real: Int64

    @classmethod
    def of(cls, column: Column, before: _Known) -> "_Anchored":
        firsts = np.flatnonzero(column.first)
        n, g = len(column.row), len(firsts)
        real = np.arange(n) + np.cumsum(column.first)
        head = firsts + np.arange(g)
        # Far enough before the first reading that it is an anchor itself.
        unknown_us = column.time_us[firsts] - far_us
        time_us, value = np.empty(n + g, np.int64), np.empty(n + g)
        time_us[real], time_us[head] = column.time_us, np.where(before.known, before.time_us, unknown_us)
        value[real], value[head] = column.value, np.where(before.known, before.value, np.nan)
        first = np.zeros(n + g, np.bool_)
        first[head] = True
        last = np.append(head[1:], n + g) - 1
        return cls(time_us, value, first, np.repeat(last, last - head + 1), head, real)


def _rate(signal: RateSignal, column: Column, anchors: Anchors) -> Judged:
    """Readings at least `over_us` after their anchor are judged, and become the anchor."""
    before = _Known.of(column, anchors)
    if column.single:
        elapsed = column.time_us - before.time_us
        due = ~before.known | (elapsed >= signal.over_us)
        anchors.time_us[before.row] = np.where(due, column.time_us, before.time_us)
        anchors.value[before.row] = np.where(due, column.value, before.value)
        told = np.flatnonzero(due & before.known & (elapsed <= signal.gap_max_us))
        rate = (column.value[told] - before.value[told]) / elapsed[told] * signal.unit_us
        return Judged(told, rate, rate)
    whole = _Anchored.of(column, before)
    stops = np.flatnonzero(walked(next_later(whole.time_us, whole.end, signal.over_us), whole.first))
    one, other = stops[:-1], stops[1:]
    last = np.append(whole.first[other], True)
    anchors.time_us[before.row] = whole.time_us[stops[last]]
    anchors.value[before.row] = whole.value[stops[last]]
    elapsed = whole.time_us[other] - whole.time_us[one]
    judges = ~last[:-1] & ~np.isnan(whole.value[one]) & (elapsed <= signal.gap_max_us)
    one, other, elapsed = one[judges], other[judges], elapsed[judges]
    rate = (whole.value[other] - whole.value[one]) / elapsed * signal.unit_us
    return Judged(np.searchsorted(whole.real, other), rate, rate)


def _stuck(signal: StuckSignal, column: Column, anchors: Anchors) -> Judged:
    """A run of readings within the tolerance of its first one; the next one starts another."""
    before = _Known.of(column, anchors)
    if column.single:
        stands = before.known & (np.abs(column.value - before.value) <= signal.tolerance)
        start_us = np.where(stands, before.time_us, column.time_us)
        start = np.where(stands, before.value, column.value)
        count = np.where(stands, before.count + 1, 1)
        anchors.time_us[before.row], anchors.value[before.row] = start_us, start
        anchors.count[before.row] = count
    else:
        whole = _Anchored.of(column, before)
        starts = walked(next_outside(whole.value, whole.end, signal.tolerance), whole.first)
        at = np.arange(len(starts))
        begin = np.maximum.accumulate(np.where(starts, at, 0))
        counts = np.ones(len(starts), np.int64)
        counts[whole.head] = before.count
        standing = at - begin + counts[begin]
        last = whole.end[whole.head]
        anchors.time_us[before.row] = whole.time_us[begin[last]]
        anchors.value[before.row] = whole.value[begin[last]]
        anchors.count[before.row] = standing[last]
        begin = begin[whole.real]
        start_us, start, count = whole.time_us[begin], whole.value[begin], standing[whole.real]
    age = (column.time_us - start_us).astype(np.float64)
    for normal in signal.unless_at:
        age[np.abs(start - normal) <= signal.tolerance] = 0
    return Judged(np.arange(len(column.row)), age, column.value, start_us, count)
