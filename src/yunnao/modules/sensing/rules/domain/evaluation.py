"""Rules over a batch's columns, with states of every rule and device in dense arrays.

Only what can change is followed reading by reading: pairs of a rule and a device where a reading
holds the condition or where there is something to remember. All others cost one comparison a
reading and rule.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from yunnao.kernel.packs.rule_base import Schedule
from yunnao.modules.sensing.domain.times import UNKNOWN_US, Int64
from yunnao.modules.sensing.rules.domain.compiled import NumberedRule, RuleGroup, grouped
from yunnao.modules.sensing.rules.domain.phases import IDLE, RUNNING, Pairs, Phases, advance
from yunnao.modules.sensing.rules.domain.signals import (
    Anchors,
    Column,
    Judged,
    StuckSignal,
    ValueSignal,
    judged,
)

Scalar = TypeVar("Scalar", bound=np.generic)
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
InForce = Callable[[Schedule, Int64], Bools]
"""Whether a schedule is in force at each of n times."""
Journal = list[Callable[[], None]]
"""What undoes a batch's changes of states, done in reverse."""


@dataclass(frozen=True)
class Batch:
    """Readings of one metric, the attributes (n) that bounds are shares of, and which are barred.

    A `barred` reading (n; None: none is) opens no alarm: its device is being maintained.
    """

    column: Column
    attributes: Mapping[str, Floats]
    barred: Bools | None = None


@dataclass(frozen=True)
class Transitions:
    """Alarms that opened or cleared, in order of rule, row and time."""

    rule: Int64
    row: Int64
    time_us: Int64
    value: Floats
    since_us: Int64
    opened: Bools


@dataclass(frozen=True)
class Slots:
    """Rules and devices whose state is another than before, with their state."""

    rule: Int64
    row: Int64
    state: Phases


class MetricRules:
    """The rules of one metric of one product, and their states by row of the product's columns."""

    def __init__(self, rules: Sequence[NumberedRule]) -> None:
        self._groups = [_GroupStates(group) for group in grouped(rules)]
        self.relative_to = {g.group.relative_to for g in self._groups if g.group.relative_to is not None}
        self.evaluations = 0

    def grow(self, rows: int) -> None:
        """Room for `rows` devices."""
        for group in self._groups:
            group.grow(rows)

    def place(self, rule: int, row: Int64, state: Phases) -> None:
        """Sets the states of one rule at these rows."""
        for group in self._groups:
            group.place(rule, row, state)

    def run(
        self, batch: Batch, in_force: InForce, journal: Journal | None = None
    ) -> tuple[Transitions, Slots]:
        """Judges a batch and keeps the states after it; `journal` takes the ways back."""
        found = [group.run(batch, in_force, journal) for group in self._groups]
        self.evaluations += sum(group.evaluated for group in self._groups)
        return joined([t for t, _ in found]), joined_slots([s for _, s in found])


class _GroupStates:
    """A group of rules with r x rows states; zeroes, so that untouched ones take no memory."""

    def __init__(self, group: RuleGroup) -> None:
        self.group = group
        self.evaluated = 0
        self._rows = 0
        size = len(group.rules)
        self._numbers = np.array([rule.number for rule in group.rules], np.int64)
        self._phase = np.zeros((size, 0), np.uint8)
        self._since_us = np.zeros((size, 0), np.int64)
        self._count = np.zeros((size, 0), np.uint16)
        self._anchors = None if isinstance(group.signal, ValueSignal) else Anchors()
        self._counted = bool((group.readings > 1).any())

    def grow(self, rows: int) -> None:
        if rows <= self._rows:
            return
        room = max(rows, self._phase.shape[1])
        if room > self._phase.shape[1]:
            room = rows + rows // 4
            self._phase = _widened(self._phase, room)
            self._since_us = _widened(self._since_us, room)
            if self._counted:
                self._count = _widened(self._count, room)
        if self._anchors is not None:
            self._anchors.grow(room)
        self._rows = rows

    def place(self, rule: int, row: Int64, state: Phases) -> None:
        for r in np.flatnonzero(self._numbers == rule).tolist():
            self._keep(np.full(len(row), r), row, state)
            if isinstance(self.group.signal, StuckSignal) and self._anchors is not None:
                since = state.since_us != UNKNOWN_US
                self._anchors.time_us[row[since]] = state.since_us[since]
                self._anchors.value[row[since]] = np.nan
                self._anchors.count[row[since]] = np.maximum(state.count[since], 1)

    def run(self, batch: Batch, in_force: InForce, journal: Journal | None) -> tuple[Transitions, Slots]:
        column, group = batch.column, self.group
        if self._anchors is not None and journal is not None:
            journal.append(self._anchors.way_back(column.row[column.first]))
        signal = judged(group.signal, column, self._anchors)
        row, time_us = column.row[signal.index], column.time_us[signal.index]
        self.evaluated = len(group.rules) * len(row)
        held, passed = self._sides(signal, batch, time_us, in_force)
        touched = held | (self._phase[:, row] != IDLE)
        if not column.single:
            touched = _whole_devices(touched, row)
        r, i = np.nonzero(touched)
        if not len(r):
            return joined([]), joined_slots([])
        at = signal.index[i]
        first = np.r_[True, (r[1:] != r[:-1]) | (row[i][1:] != row[i][:-1])]
        slot = np.cumsum(first) - 1
        pairs = Pairs(
            slot=slot,
            time_us=time_us[i],
            held=held[r, i],
            passed=passed[r, i],
            barred=np.zeros(len(r), np.bool_) if batch.barred is None else batch.barred[at],
            for_us=group.for_us[r],
            readings=group.readings[r],
            since_us=np.full(len(r), UNKNOWN_US) if signal.start_us is None else signal.start_us[i],
            count=np.zeros(len(r), np.int64) if signal.count is None else signal.count[i],
        )
        slot_r, slot_row = r[first], row[i][first]
        before = self._states(slot_r, slot_row)
        if journal is not None:
            journal.append(partial(self._keep, slot_r, slot_row, before))
        after, changes = advance(before, pairs)
        self._keep(slot_r, slot_row, after)
        new = (
            (after.phase != before.phase)
            | (after.since_us != before.since_us)
            | (after.count != before.count)
        )
        p = changes.pair
        new[slot[p]] = True  # one that cleared and opened again is another alarm
        return Transitions(
            self._numbers[r[p]],
            row[i[p]],
            time_us[i[p]],
            signal.shown[i[p]],
            changes.since_us,
            changes.opened,
        ), Slots(
            self._numbers[slot_r[new]],
            slot_row[new],
            Phases(after.phase[new], after.since_us[new], after.count[new]),
        )

    def _sides(self, signal: Judged, batch: Batch, time_us: Int64, in_force: InForce) -> tuple[Bools, Bools]:
        """Readings that hold each rule's condition, and those that pass its bound for clearing (r x m)."""
        group, x = self.group, signal.x
        low, high = group.low[:, None], group.high[:, None]
        clear_low, clear_high = group.clear_low[:, None], group.clear_high[:, None]
        scale = None if group.relative_to is None else batch.attributes[group.relative_to][signal.index]
        if scale is not None:
            low, high, clear_low, clear_high = (
                np.where(np.isfinite(b), b * scale, b) for b in (low, high, clear_low, clear_high)
            )
        inside = group.inside[:, None]
        held = ((x < low) | (x > high)) != inside
        passed = ((x < clear_low) | (x > clear_high)) == inside
        if scale is not None:
            known = ~np.isnan(scale)
            held &= known
            passed &= known
        for schedule, rules in group.schedules.items():
            force = in_force(schedule, time_us)
            held[rules] &= force
            passed[rules] |= ~force
        return held, passed

    def _states(self, r: Int64, row: Int64) -> Phases:
        phase = self._phase[r, row]
        since = np.where(phase == IDLE, UNKNOWN_US, self._since_us[r, row])
        count = self._count[r, row].astype(np.int64) if self._counted else (phase == RUNNING).astype(np.int64)
        return Phases(phase, since, count)

    def _keep(self, r: Int64, row: Int64, state: Phases) -> None:
        self._phase[r, row] = state.phase
        self._since_us[r, row] = state.since_us
        if self._counted:
            self._count[r, row] = state.count


def _whole_devices(touched: Bools, row: Int64) -> Bools:
    """Every reading of a device of which one is touched, rule by rule."""
    first = np.ones(len(row), np.bool_)
    first[1:] = row[1:] != row[:-1]
    if first.all() or not touched.any():
        return touched
    starts = np.flatnonzero(first)
    lengths = np.diff(np.r_[starts, len(row)])
    return np.repeat(np.logical_or.reduceat(touched, starts, axis=1), lengths, axis=1)


def _widened(states: NDArray[Scalar], room: int) -> NDArray[Scalar]:
    wide = np.zeros((len(states), room), states.dtype)
    wide[:, : states.shape[1]] = states
    return wide


def joined(parts: Sequence[Transitions]) -> Transitions:
    """Transitions one after the other."""
    some = [part for part in parts if len(part.rule)]
    if not some:
        none = np.zeros(0, np.int64)
        return Transitions(none, none, none, np.zeros(0), none, np.zeros(0, np.bool_))
    return Transitions(
        np.concatenate([p.rule for p in some]),
        np.concatenate([p.row for p in some]),
        np.concatenate([p.time_us for p in some]),
        np.concatenate([p.value for p in some]),
        np.concatenate([p.since_us for p in some]),
        np.concatenate([p.opened for p in some]),
    )


def joined_slots(parts: Sequence[Slots]) -> Slots:
    """Slots one after the other."""
    some = [part for part in parts if len(part.rule)]
    if not some:
        none = np.zeros(0, np.int64)
        return Slots(none, none, Phases(np.zeros(0, np.uint8), none, none))
    return Slots(
        np.concatenate([p.rule for p in some]),
        np.concatenate([p.row for p in some]),
        Phases(
            np.concatenate([p.state.phase for p in some]),
            np.concatenate([p.state.since_us for p in some]),
            np.concatenate([p.state.count for p in some]),
        ),
    )
