"""The way of a rule at a device: nothing, a condition that holds, an open alarm.

A run of readings that hold the condition becomes an alarm at the reading by which it has lasted long
enough, in time and in readings. The alarm stays while readings neither hold nor pass (hysteresis) and
clears at the reading that passes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yunnao.modules.sensing.domain.times import UNKNOWN_US, Int64

Bools = NDArray[np.bool_]
UInt8 = NDArray[np.uint8]

IDLE, RUNNING, OPEN = 0, 1, 2


@dataclass(frozen=True)
class Pairs:
    """n pairs of a rule and a reading, in order of (rule, device, time).

    `slot` numbers each rule and device from 0, ascending, without gaps. `since_us` and `count` hold
    where the signal itself tells since when; UNKNOWN_US and 0 elsewhere. A `barred` pair opens nothing.
    """

    slot: Int64
    time_us: Int64
    held: Bools
    passed: Bools
    barred: Bools
    for_us: Int64
    readings: Int64
    since_us: Int64
    count: Int64


@dataclass(frozen=True)
class Phases:
    """Of k slots: the phase, and of a RUNNING one since when and for how many readings.

    An OPEN one has a beginning only where the signal tells it: it goes on from there.
    """

    phase: UInt8
    since_us: Int64
    count: Int64


@dataclass(frozen=True)
class Changes:
    """Pairs at which an alarm opened or cleared, in order of the pairs; since when the condition held."""

    pair: Int64
    opened: Bools
    since_us: Int64


def advance(before: Phases, pairs: Pairs) -> tuple[Phases, Changes]:
    """The phases after the pairs, and what changed on the way. Every slot has a pair."""
    slot, time_us, held = pairs.slot, pairs.time_us, pairs.held
    n = len(slot)
    if not n:
        return before, Changes(np.zeros(0, np.int64), held, time_us)
    row = np.arange(n)
    first = np.r_[True, slot[1:] != slot[:-1]]
    last = np.r_[first[1:], True]
    first_row = np.maximum.accumulate(np.where(first, row, 0))

    # Start of the unbroken run of held rows; it may have begun in an earlier batch.
    run_row = np.maximum(np.maximum.accumulate(np.where(held, -1, row)) + 1, first_row)
    begun = (run_row == first_row) & (before.phase == RUNNING)[slot]
    since = np.where(begun, before.since_us[slot], time_us[np.minimum(run_row, n - 1)])
    count = row - run_row + 1 + np.where(begun, before.count[slot], 0)
    told = pairs.since_us != UNKNOWN_US
    since, count = np.where(told, pairs.since_us, since), np.where(told, pairs.count, count)
    ripe = held & ~pairs.barred & (time_us - since >= pairs.for_us) & (count >= pairs.readings)

    # 1 opens, -1 clears, 0 leaves it: the state after a row is the last signal before or at it.
    signal = np.where(ripe, 1, np.where(pairs.passed, -1, 0))
    signal_row = np.maximum.accumulate(np.where((signal != 0) | first, row, -1))
    open_before = (before.phase == OPEN)[slot]
    after = np.where(signal[signal_row] != 0, signal[signal_row] == 1, open_before)
    changed = np.flatnonzero(after != np.where(first, open_before, np.r_[False, after[:-1]]))

    running = held[last] & ~after[last]
    kept = running | (after & told)[last]
    return Phases(
        np.where(after[last], OPEN, np.where(running, RUNNING, IDLE)).astype(np.uint8),
        np.where(kept, since[last], UNKNOWN_US),
        np.where(running, np.minimum(count[last], pairs.readings[last]), 0),
    ), Changes(changed, after[changed], since[changed])
