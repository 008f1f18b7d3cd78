"""Threshold rules over columns, with state per device.

A reading beyond the bound holds the condition. The alarm opens at the reading by which it has held
for `for_s` without a break, stays open between the bounds (hysteresis) and clears at the reading
that passes `clear`. The bound itself is not beyond: `above: 0.3` holds from more than 0.3 on.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yunnao.kernel.packs.streaming_rules import ThresholdRule
from yunnao.modules.sensing.domain.times import UNKNOWN_US, Int64

Int32 = NDArray[np.int32]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class RuleStates:
    """What a rule remembers of k devices: `device` ascending, times in µs or UNKNOWN_US."""

    device: Int32
    last_us: Int64
    since_us: Int64
    open: Bools


@dataclass(frozen=True)
class Transitions:
    """Openings and clearings, in order of device and time."""

    device: Int32
    time_us: Int64
    value: Floats
    opened: Bools
    since_us: Int64


def fresh_states(device: Int32) -> RuleStates:
    """States of devices (ascending) that a rule has not seen."""
    unknown = np.full(len(device), UNKNOWN_US, np.int64)
    return RuleStates(device, unknown, unknown.copy(), np.zeros(len(device), np.bool_))


def evaluate(
    rule: ThresholdRule,
    states: RuleStates,
    *,
    device: Int32,
    time_us: Int64,
    value: Floats,
    scale: Floats | None = None,
) -> tuple[RuleStates, Transitions]:
    """Runs `rule` over n readings of one metric, in any order; returns the new states.

    Every device must be in `states`. `scale` (n) is the attribute that bounds are shares of; where
    it is NaN the reading says nothing. Readings not later than the device's last evaluated one are
    skipped: they came late, and judging them would rewrite what has been told.
    """
    order = np.lexsort((time_us, device))
    device, time_us, value = device[order], time_us[order], value[order]
    scale = np.ones(len(device)) if scale is None else scale[order]
    place = np.searchsorted(states.device, device)
    again = np.zeros(len(device), np.bool_)
    again[1:] = (device[1:] == device[:-1]) & (time_us[1:] == time_us[:-1])
    timely = (time_us > states.last_us[place]) & ~again
    device, time_us, value = device[timely], time_us[timely], value[timely]
    scale, place = scale[timely], place[timely]
    if not len(device):
        return states, Transitions(device, time_us, value, np.zeros(0, np.bool_), time_us)
    held, passed = _sides(rule, value, scale)

    rows = np.arange(len(device))
    first = np.r_[True, device[1:] != device[:-1]]
    last = np.r_[device[1:] != device[:-1], True]
    first_row = np.maximum.accumulate(np.where(first, rows, 0))

    # Start of the unbroken run of held rows; the run may have begun in an earlier batch.
    break_row = np.maximum.accumulate(np.where(held, -1, rows))
    run_row = np.maximum(break_row + 1, first_row)
    carried = states.since_us[place]
    since = time_us[np.minimum(run_row, len(rows) - 1)]
    since = np.where((run_row == first_row) & (carried != UNKNOWN_US), carried, since)
    ripe = held & (time_us - since >= round(rule.for_s * 1e6))

    # +1 opens, -1 clears, 0 leaves it: the state after a row is the last signal before or at it.
    signal = np.where(ripe, 1, np.where(passed, -1, 0))
    signal_row = np.maximum.accumulate(np.where((signal != 0) | first, rows, -1))
    before_all = np.where(states.open[place], 1, -1)
    after = np.where(signal[signal_row] != 0, signal[signal_row], before_all)
    before = np.where(first, before_all, np.r_[0, after[:-1]])
    changed = after != before

    last_us, since_us, is_open = states.last_us.copy(), states.since_us.copy(), states.open.copy()
    last_us[place[last]] = time_us[last]
    since_us[place[last]] = np.where(held[last], since[last], UNKNOWN_US)
    is_open[place[last]] = after[last] == 1
    return RuleStates(states.device, last_us, since_us, is_open), Transitions(
        device[changed], time_us[changed], value[changed], after[changed] == 1, since[changed]
    )


def _sides(rule: ThresholdRule, value: Floats, scale: Floats) -> tuple[Bools, Bools]:
    """Rows beyond the bound, and rows that passed the bound for clearing."""
    if rule.above is not None:
        clear = rule.above if rule.clear is None else rule.clear
        return value > rule.above * scale, value <= clear * scale
    assert rule.below is not None  # the model has exactly one bound
    clear = rule.below if rule.clear is None else rule.clear
    return value < rule.below * scale, value >= clear * scale
