"""Dry runs: however the past is read in parts, the same alarms, and their sums."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.test_sensing_rules import by_hand, in_turn, points_in_order, rule, some_rule

from yunnao.kernel.packs.rules import RulesFile
from yunnao.kernel.packs.streaming_rules import ReadingRule, SilenceRule
from yunnao.modules.sensing.domain.times import UNKNOWN_US
from yunnao.modules.sensing.rules.domain.review import Episodes, ReadingReview, SilenceReview, reviewed

SECOND_US = 1_000_000
Point = tuple[int, int, float]


def columns(points: list[Point]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    points = in_turn(points)
    return (
        np.array([p[0] for p in points], np.int64),
        np.array([p[1] * SECOND_US for p in points], np.int64),
        np.array([p[2] for p in points], np.float64),
    )


@given(some_rule, points_in_order, st.integers(1, 20))
@settings(deadline=None)
def test_a_dry_run_finds_what_the_rule_tells_reading_by_reading(
    of: ReadingRule, points: list[Point], part: int
) -> None:
    review = ReadingReview(of, 4, {}, lambda _, at: np.ones(len(at), np.bool_))
    for start in range(0, len(points), part):
        review.feed(*columns(points[start : start + part]))
    found = review.episodes()
    told = [
        (d, s // SECOND_US, None if e == UNKNOWN_US else e // SECOND_US)
        for d, s, e in zip(found.device.tolist(), found.start_us.tolist(), found.end_us.tolist(), strict=True)
    ]
    expected: list[tuple[int, int, int | None]] = []
    for device, time, opened in by_hand(of, in_turn(points)):
        if opened:
            expected.append((device, time, None))
        else:
            expected[-1] = (*expected[-1][:2], time)
    assert told == expected


@given(points_in_order, st.integers(1, 20))
@settings(deadline=None)
def test_silence_is_the_gaps_between_readings(points: list[Point], part: int) -> None:
    text = {"zh": "一", "en": "one"}
    spec = {"operator": "silence", "label": text, "product": "p", "message": text, "after_s": 60}
    of = RulesFile.model_validate({"rules": {"one": spec}}).rules["one"]
    assert isinstance(of, SilenceRule)
    review = SilenceReview(of, 4)
    for start in range(0, len(points), part):
        review.feed(*columns(points[start : start + part]))
    until = max((p[1] for p in points), default=0) + 30
    expected = []
    for device in range(4):
        times = [t for d, t, _ in points if d == device]
        for one, other in zip(times, [*times[1:], None], strict=False):
            if (until if other is None else other) - one > 60:
                expected.append((device, one + 60, other))
    found = review.episodes(until * SECOND_US)
    assert [
        (d, s // SECOND_US, None if e == UNKNOWN_US else e // SECOND_US)
        for d, s, e in zip(found.device.tolist(), found.start_us.tolist(), found.end_us.tolist(), strict=True)
    ] == expected


def test_the_sum_tells_shares_days_and_the_worst_devices() -> None:
    episodes = Episodes(
        np.array([0, 2, 2]), np.array([10, 0, 90]), np.array([20, 50, UNKNOWN_US]), np.array([1.0, 2.0, 3.0])
    )
    found = reviewed(episodes, 4, (0, 100), lambda at: at // 50, worst=2)
    assert (found.opened, found.cleared, found.devices_in_alarm) == (3, 2, 2)
    assert found.share == (10 + 50 + 10) / 400
    assert found.per_day == [(0, 2), (1, 1)]
    assert found.worst == [2, 0]


def test_a_rule_without_readings_finds_nothing() -> None:
    review = ReadingReview(rule("threshold", above=1.0), 0, {}, lambda _, at: np.ones(len(at), np.bool_))
    assert len(review.episodes().device) == 0
    assert reviewed(review.episodes(), 0, (0, 100), lambda at: at, worst=2).share == 0
