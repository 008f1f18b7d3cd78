"""Rules of one metric as columns of bounds, beside each other where they look at the same signal."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from yunnao.kernel.packs.rule_base import Schedule
from yunnao.kernel.packs.streaming_rules import RangeRule, RateRule, ReadingRule, StuckRule, ThresholdRule
from yunnao.modules.sensing.domain.times import Int64
from yunnao.modules.sensing.rules.domain.signals import RateSignal, Signal, StuckSignal, ValueSignal

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
SECOND_US = 1_000_000
remembered_share = 0.25
"""Of a stuck value's duration: from then on its beginning is kept in the database, so that it
outlives a worker. A write for every value that stands still for a moment would cost too much."""


class NumberedRule(NamedTuple):
    """A rule and what stands for it in states and transitions."""

    number: int
    spec: ReadingRule


class Bounds(NamedTuple):
    """Beyond `low`..`high` is trouble, within `clear_low`..`clear_high` is over; or the reverse."""

    low: float
    high: float
    clear_low: float
    clear_high: float
    inside: bool = False


@dataclass(frozen=True)
class RuleGroup:
    """r rules that look at one signal, whose bounds are shares of one attribute or of none."""

    signal: Signal
    relative_to: str | None
    rules: tuple[NumberedRule, ...]
    low: Floats
    high: Floats
    clear_low: Floats
    clear_high: Floats
    inside: Bools
    for_us: Int64
    readings: Int64
    schedules: dict[Schedule, Int64] = field(default_factory=dict)
    """Rows of rules by the schedule that they have."""


def grouped(rules: Sequence[NumberedRule]) -> list[RuleGroup]:
    """Rules of one metric in groups."""
    found: dict[tuple[Signal, str | None], list[NumberedRule]] = {}
    for rule in rules:
        spec = rule.spec
        relative_to = spec.relative_to if isinstance(spec, ThresholdRule) else None
        found.setdefault((signal_of(spec), relative_to), []).append(rule)
    return [_group(signal, relative_to, members) for (signal, relative_to), members in found.items()]


def signal_of(spec: ReadingRule) -> Signal:
    """What a rule looks at."""
    if isinstance(spec, RateRule):
        return RateSignal(_us(spec.over_s), _us(spec.gap_max_s), _us(spec.unit_s))
    if isinstance(spec, StuckRule):
        return StuckSignal(spec.tolerance, tuple(sorted(set(spec.unless_at))))
    return ValueSignal()


def _group(signal: Signal, relative_to: str | None, rules: Sequence[NumberedRule]) -> RuleGroup:
    bounds = [_bounds(rule.spec) for rule in rules]
    schedules: dict[Schedule, list[int]] = {}
    for row, rule in enumerate(rules):
        if rule.spec.active is not None:
            schedules.setdefault(rule.spec.active, []).append(row)
    return RuleGroup(
        signal=signal,
        relative_to=relative_to,
        rules=tuple(rules),
        low=np.array([b.low for b in bounds]),
        high=np.array([b.high for b in bounds]),
        clear_low=np.array([b.clear_low for b in bounds]),
        clear_high=np.array([b.clear_high for b in bounds]),
        inside=np.array([b.inside for b in bounds], np.bool_),
        for_us=np.array([_us(rule.spec.for_s) for rule in rules], np.int64),
        readings=np.array([rule.spec.readings for rule in rules], np.int64),
        schedules={schedule: np.array(rows, np.int64) for schedule, rows in schedules.items()},
    )


def _bounds(spec: ReadingRule) -> Bounds:
    match spec:
        case ThresholdRule(above=float() as above):
            clear = above if spec.clear is None else spec.clear
            return Bounds(-np.inf, above, -np.inf, clear)
        case ThresholdRule(below=float() as below):
            clear = below if spec.clear is None else spec.clear
            return Bounds(below, np.inf, clear, np.inf)
        case RangeRule():
            inward = spec.margin if spec.when == "outside" else -spec.margin
            return Bounds(
                spec.minimum,
                spec.maximum,
                spec.minimum + inward,
                spec.maximum - inward,
                spec.when == "inside",
            )
        case RateRule():
            clear = spec.bound if spec.clear is None else spec.clear
            up, down = spec.direction != "down", spec.direction != "up"
            return Bounds(
                -spec.bound if down else -np.inf,
                spec.bound if up else np.inf,
                -clear if down else -np.inf,
                clear if up else np.inf,
            )
        case StuckRule():
            # Half a microsecond: "as long as" is enough, and durations are whole microseconds.
            ripe = _us(spec.for_s) - 0.5
            return Bounds(-np.inf, ripe * remembered_share, -np.inf, ripe)
    raise TypeError(type(spec).__name__)


def _us(seconds: float) -> int:
    return round(seconds * SECOND_US)
