"""What a rule would have done: a run over past readings, and its sum by device and day."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yunnao.kernel.packs.streaming_rules import ReadingRule, SilenceRule
from yunnao.modules.sensing.domain.times import UNKNOWN_US, Int64
from yunnao.modules.sensing.rules.domain.compiled import NumberedRule
from yunnao.modules.sensing.rules.domain.evaluation import Batch, InForce, MetricRules
from yunnao.modules.sensing.rules.domain.signals import Column

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
rows_per_step = 500_000
"""Readings judged at once: what a step needs of memory stays below 200 MB."""


@dataclass(frozen=True)
class Episodes:
    """n alarms: device, from, until (`end_us` UNKNOWN_US: still open at the end of the span)."""

    device: Int64
    start_us: Int64
    end_us: Int64
    value: Floats


class ReadingReview:
    """A rule of readings over devices 0..k-1, fed in order of time."""

    def __init__(
        self, spec: ReadingRule, devices: int, attributes: Mapping[str, Floats], in_force: InForce
    ) -> None:
        self._rules = MetricRules([NumberedRule(0, spec)])
        self._rules.grow(devices)
        self._attributes = attributes
        self._in_force = in_force
        self._last_us = np.full(devices, UNKNOWN_US, np.int64)
        self._last = np.full(devices, np.nan)
        self._found: list[tuple[Int64, Int64, Floats, Bools]] = []

    def feed(self, device: Int64, time_us: Int64, value: Floats) -> None:
        """Readings in order of (device, time), none earlier than those fed before."""
        start = 0
        while start < len(device):
            end = min(start + rows_per_step, len(device))
            self._step(device[start:end], time_us[start:end], value[start:end])
            start = end

    def _step(self, device: Int64, time_us: Int64, value: Floats) -> None:
        column = Column.of(device, time_us, value, self._last_us[device], self._last[device])
        attributes = {name: held[column.row] for name, held in self._attributes.items()}
        told, _ = self._rules.run(Batch(column, attributes), self._in_force)
        self._last_us[column.row], self._last[column.row] = column.time_us, column.value
        self._found.append((told.row, told.time_us, told.value, told.opened))

    def episodes(self) -> Episodes:
        """Every alarm, in order of device and time."""
        if not self._found:
            return _none()
        device, time_us, value, opened = (np.concatenate(parts) for parts in zip(*self._found, strict=True))
        order = np.lexsort((time_us, device))
        device, time_us, value, opened = device[order], time_us[order], value[order], opened[order]
        at = np.flatnonzero(opened)
        after = np.minimum(at + 1, len(device) - 1)
        ended = (at + 1 < len(device)) & (device[after] == device[at])
        return Episodes(device[at], time_us[at], np.where(ended, time_us[after], UNKNOWN_US), value[at])


class SilenceReview:
    """A rule of silence, by the times of readings: when they arrived is not kept."""

    def __init__(self, spec: SilenceRule, devices: int) -> None:
        self._after_us = round(spec.after_s * 1e6)
        self._last_us = np.full(devices, UNKNOWN_US, np.int64)
        self._found: list[tuple[Int64, Int64, Int64]] = []

    def feed(self, device: Int64, time_us: Int64, value: Floats) -> None:
        """Readings in order of (device, time), none earlier than those fed before."""
        if not len(device):
            return
        first = np.r_[True, device[1:] != device[:-1]]
        before = np.where(first, self._last_us[device], np.r_[UNKNOWN_US, time_us[:-1]])
        silent = np.flatnonzero((before != UNKNOWN_US) & (time_us - self._after_us > before))
        self._found.append((device[silent], before[silent] + self._after_us, time_us[silent]))
        last = np.r_[first[1:], True]
        self._last_us[device[last]] = time_us[last]

    def episodes(self, until_us: int) -> Episodes:
        """Every silence up to `until_us`, in order of device and time."""
        spoke = self._last_us != UNKNOWN_US
        quiet = np.flatnonzero(spoke & (until_us - self._after_us > self._last_us))
        parts = [
            *self._found,
            (quiet, self._last_us[quiet] + self._after_us, np.full(len(quiet), UNKNOWN_US)),
        ]
        device, start_us, end_us = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        order = np.lexsort((start_us, device))
        return Episodes(device[order], start_us[order], end_us[order], np.full(len(order), np.nan))


@dataclass(frozen=True)
class Review:
    """Counts over a span. `share`: of the devices' time in alarm; `per_day`: openings by local day."""

    opened: int
    cleared: int
    devices_in_alarm: int
    share: float
    per_day: list[tuple[int, int]]
    worst: list[int]
    in_alarm_us: Int64


def reviewed(
    episodes: Episodes,
    devices: int,
    span_us: tuple[int, int],
    local_day: Callable[[Int64], Int64],
    worst: int,
) -> Review:
    """`local_day`: a number for the day in the city; `worst`: how many devices to name, longest first."""
    start_us, until_us = span_us
    ends = np.where(episodes.end_us == UNKNOWN_US, until_us, episodes.end_us)
    lasted = np.zeros(devices, np.int64)
    np.add.at(lasted, episodes.device, ends - episodes.start_us)
    days, counts = np.unique(local_day(episodes.start_us), return_counts=True)
    order = np.argsort(-lasted, kind="stable")[:worst]
    return Review(
        opened=len(episodes.device),
        cleared=int((episodes.end_us != UNKNOWN_US).sum()),
        devices_in_alarm=len(np.unique(episodes.device)),
        share=float(lasted.sum() / max(1, devices * (until_us - start_us))),
        per_day=list(zip(days.tolist(), counts.tolist(), strict=True)),
        worst=[int(d) for d in order if lasted[d] > 0],
        in_alarm_us=lasted,
    )


def _none() -> Episodes:
    empty = np.zeros(0, np.int64)
    return Episodes(empty, empty, empty, np.zeros(0))
