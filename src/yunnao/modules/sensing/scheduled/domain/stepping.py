"""From scores to openings and clearings, with hysteresis and duration, one evaluation at a time."""

from dataclasses import dataclass

import numpy as np

from yunnao.kernel.packs.scheduled_rules import ScheduledRule
from yunnao.modules.sensing.domain.times import UNKNOWN_US
from yunnao.modules.sensing.scheduled.domain.columns import Bools, Int64, Scores


@dataclass(frozen=True)
class Stepped:
    """States after an evaluation, and which of n devices opened or cleared by it."""

    since_us: Int64
    opened: Bools
    cleared: Bools


def step(rule: ScheduledRule, scores: Scores, since_us: Int64, is_open: Bools, at_us: int) -> Stepped:
    """One evaluation at `at_us`. `since_us` (n): since when the score has been beyond the bound, or
    UNKNOWN_US. A device without a score keeps its state; doing an evaluation again changes nothing."""
    value = scores.value
    known = ~np.isnan(value) | scores.void
    with np.errstate(invalid="ignore"):
        if rule.above is not None:
            held = value > rule.above
            passed = value <= (rule.above if rule.clear is None else rule.clear)
        else:
            assert rule.below is not None  # the model has exactly one bound
            held = value < rule.below
            passed = value >= (rule.below if rule.clear is None else rule.clear)
    held, passed = held & ~scores.void, passed | scores.void
    started = np.where(since_us == UNKNOWN_US, at_us, since_us)
    ripe = held & (at_us - started >= round(rule.for_s * 1e6))
    since = np.where(held, started, np.where(known, UNKNOWN_US, since_us))
    return Stepped(since, ripe & ~is_open, passed & is_open)
