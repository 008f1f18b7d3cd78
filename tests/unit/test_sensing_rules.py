"""Streaming operators: what opens, what clears, and that batches do not matter."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yunnao.kernel.packs.rule_base import Schedule
from yunnao.kernel.packs.rules import RulesFile
from yunnao.kernel.packs.streaming_rules import RangeRule, RateRule, ReadingRule, StuckRule, ThresholdRule
from yunnao.modules.sensing.domain.times import UNKNOWN_US, to_us
from yunnao.modules.sensing.rules.domain.compiled import NumberedRule
from yunnao.modules.sensing.rules.domain.evaluation import Batch, MetricRules
from yunnao.modules.sensing.rules.domain.schedules import CityTime, in_force
from yunnao.modules.sensing.rules.domain.signals import Column

TEXT = {"zh": "一", "en": "one"}
SECOND_US = 1_000_000
DEVICES = 4
CITY = CityTime(ZoneInfo("Asia/Shanghai"), lambda day: day.isoweekday() < 6)

Event = tuple[int, int, bool]
Point = tuple[int, int, float]
"""Device, time in seconds, value."""


def rule(operator: str, **options: Any) -> ReadingRule:
    spec = {"label": TEXT, "product": "p", "message": TEXT, "operator": operator, "metric": "m", **options}
    found = RulesFile.model_validate({"rules": {"one": spec}}).rules["one"]
    assert isinstance(found, ReadingRule)
    return found


class Stream:
    """Feeds points in batches, with the latest readings beside, as the intake does."""

    def __init__(
        self,
        *rules: ReadingRule,
        scale: float | None = None,
        barred: Callable[[int], bool] | None = None,
    ) -> None:
        self.rules = MetricRules([NumberedRule(n, spec) for n, spec in enumerate(rules)])
        self.rules.grow(DEVICES)
        self.latest_us = np.full(DEVICES, UNKNOWN_US, np.int64)
        self.latest = np.full(DEVICES, np.nan)
        self._scale = scale
        self._barred = barred

    def feed(self, points: list[Point]) -> list[tuple[int, Event]]:
        points = sorted(points, key=lambda p: (p[0], p[1]))
        row = np.array([p[0] for p in points], np.int64)
        time_us = np.array([p[1] * SECOND_US for p in points], np.int64)
        value = np.array([p[2] for p in points], np.float64)
        column = Column.of(row, time_us, value, self.latest_us[row], self.latest[row])
        n = len(column.row)
        barred = None
        if self._barred is not None:
            barred = np.array([self._barred(t // SECOND_US) for t in column.time_us.tolist()], np.bool_)
        attributes = {} if self._scale is None else {"capacity": np.full(n, self._scale)}
        found, self.slots = self.rules.run(
            Batch(column, attributes, barred), lambda schedule, at: in_force(schedule, at, CITY)
        )
        self.latest_us[column.row], self.latest[column.row] = column.time_us, column.value
        return [
            (r, (d, t // SECOND_US, o))
            for r, d, t, o in zip(
                found.rule.tolist(),
                found.row.tolist(),
                found.time_us.tolist(),
                found.opened.tolist(),
                strict=True,
            )
        ]


def run(of: ReadingRule, points: list[Point], **options: Any) -> list[Event]:
    return [event for _, event in Stream(of, **options).feed(points)]


# --- the rules as one would tell them to a person, one reading after the other ---


def by_hand(of: ReadingRule, points: list[Point]) -> list[Event]:
    """`points` in order of device and time."""
    events: list[Event] = []
    for device in range(DEVICES):
        own = [(t, v) for d, t, v in points if d == device]
        since, held_for, is_open = 0, 0, False
        for time, holds, passes, began, run_of in SIGNALS[type(of)](of, own):
            held_for = held_for + 1 if holds else 0
            since = since if held_for > 1 else time
            lasted = time - (since if began is None else began) >= of.for_s
            many = (held_for if run_of is None else run_of) >= of.readings
            if holds and lasted and many and not is_open:
                is_open = True
                events.append((device, time, True))
            elif passes and is_open:
                is_open = False
                events.append((device, time, False))
    return events


Step = tuple[int, bool, bool, int | None, int | None]
"""Time, holds, passes; since when and for how many readings, where the operator tells."""


def threshold_by_hand(of: ThresholdRule, own: list[tuple[int, float]]) -> list[Step]:
    assert of.above is not None
    clear = of.above if of.clear is None else of.clear
    return [(t, v > of.above, v <= clear, None, None) for t, v in own]


def range_by_hand(of: RangeRule, own: list[tuple[int, float]]) -> list[Step]:
    if of.when == "inside":
        return [
            (
                t,
                of.minimum <= v <= of.maximum,
                not of.minimum - of.margin <= v <= of.maximum + of.margin,
                None,
                None,
            )
            for t, v in own
        ]
    return [
        (
            t,
            not of.minimum <= v <= of.maximum,
            of.minimum + of.margin <= v <= of.maximum - of.margin,
            None,
            None,
        )
        for t, v in own
    ]


def rate_by_hand(of: RateRule, own: list[tuple[int, float]]) -> list[Step]:
    steps: list[Step] = []
    anchor: tuple[int, float] | None = None
    clear = of.bound if of.clear is None else of.clear
    for t, v in own:
        if anchor is not None and t - anchor[0] < of.over_s:
            continue
        if anchor is not None and t - anchor[0] <= of.gap_max_s:
            rate = (v - anchor[1]) / (t - anchor[0]) * of.unit_s
            size = {"up": rate, "down": -rate, "either": abs(rate)}[of.direction]
            steps.append((t, size > of.bound, size <= clear, None, None))
        anchor = (t, v)
    return steps


def stuck_by_hand(of: StuckRule, own: list[tuple[int, float]]) -> list[Step]:
    steps: list[Step] = []
    start: tuple[int, float] | None = None
    count = 0
    for t, v in own:
        if start is None or abs(v - start[1]) > of.tolerance:
            start, count = (t, v), 0
        count += 1
        normal = any(abs(start[1] - one) <= of.tolerance for one in of.unless_at)
        stands = t - start[0] >= of.for_s and not normal
        steps.append((t, stands, not stands, start[0], count))
    return steps


SIGNALS: dict[type[ReadingRule], Callable[[Any, list[tuple[int, float]]], list[Step]]] = {
    ThresholdRule: threshold_by_hand,
    RangeRule: range_by_hand,
    RateRule: rate_by_hand,
    StuckRule: stuck_by_hand,
}

for_s = st.sampled_from([0, 10, 60])
readings = st.sampled_from([1, 2, 3])
some_rule = st.one_of(
    st.builds(
        lambda clear, f, n: rule("threshold", above=2.0, clear=clear, for_s=f, readings=n),
        st.sampled_from([None, 0.5, 1.0, 2.0]),
        for_s,
        readings,
    ),
    st.builds(
        lambda when, margin, f, n: rule(
            "range", minimum=1.0, maximum=3.0, when=when, margin=margin, for_s=f, readings=n
        ),
        st.sampled_from(["inside", "outside"]),
        st.sampled_from([0.0, 0.5, 1.0]),
        for_s,
        readings,
    ),
    st.builds(
        lambda way, clear, over, gap, f, n: rule(
            "rate",
            direction=way,
            per_minute=2.0,
            clear=clear,
            over_s=over,
            gap_max_s=gap,
            for_s=f,
            readings=n,
        ),
        st.sampled_from(["up", "down", "either"]),
        st.sampled_from([None, 1.0]),
        st.sampled_from([0, 30, 60]),
        st.sampled_from([60, 100, 3600]),
        for_s,
        readings,
    ),
    st.builds(
        lambda tolerance, unless, f, n: rule(
            "stuck", tolerance=tolerance, unless_at=unless, for_s=f, readings=n
        ),
        st.sampled_from([0.0, 1.0]),
        st.sampled_from([[], [0.0]]),
        st.sampled_from([10, 60, 120]),
        readings,
    ),
)
points_in_order = st.lists(
    st.tuples(
        st.integers(0, DEVICES - 1), st.integers(1, 50), st.sampled_from([0.0, 1.0, 2.0, 2.5, 3.0, 4.0])
    ),
    max_size=60,
).map(
    lambda steps: [
        (device, sum(s[1] for s in steps[: i + 1]), value) for i, (device, _, value) in enumerate(steps)
    ]
)


def in_turn(points: list[Point]) -> list[Point]:
    return sorted(points, key=lambda p: (p[0], p[1]))


@given(some_rule, points_in_order)
@settings(max_examples=400, deadline=None)
def test_columns_find_what_one_reading_after_the_other_finds(of: ReadingRule, points: list[Point]) -> None:
    assert run(of, points) == by_hand(of, in_turn(points))


@given(st.lists(some_rule, min_size=1, max_size=5), points_in_order, st.data())
@settings(max_examples=300, deadline=None)
def test_how_readings_are_cut_into_batches_does_not_matter(
    rules: list[ReadingRule], points: list[Point], data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(points)), max_size=6)) | {0, len(points)})
    stream = Stream(*rules)
    events = [event for start, end in pairwise(cuts) for event in stream.feed(points[start:end])]
    expected = [(n, event) for n, of in enumerate(rules) for event in by_hand(of, in_turn(points))]
    assert sorted(events) == sorted(expected)


@given(some_rule, points_in_order, st.integers(0, 60), st.data())
@settings(deadline=None)
def test_what_is_delivered_again_or_late_changes_nothing(
    of: ReadingRule, points: list[Point], cut: int, data: st.DataObject
) -> None:
    stream = Stream(of)
    events = stream.feed(points[:cut])
    again = data.draw(st.lists(st.sampled_from(points[:cut]), max_size=10)) if points[:cut] else []
    events += stream.feed(again + points[cut:])
    assert sorted(e for _, e in events) == sorted(by_hand(of, in_turn(points)))


def after_restart(stream: Stream, of: ReadingRule) -> Stream:
    """A worker that knows what the database keeps: states and latest readings, no anchors."""
    fresh = Stream(of)
    fresh.rules.place(0, stream.slots.row, stream.slots.state)
    fresh.latest_us, fresh.latest = stream.latest_us, stream.latest
    return fresh


def test_a_value_that_stands_for_a_quarter_of_its_duration_outlives_its_worker() -> None:
    of = rule("stuck", for_s=60, tolerance=0.5)
    stream = Stream(of)
    assert stream.feed([(0, t, 1.0) for t in range(0, 21, 10)]) == []
    stream = after_restart(stream, of)
    assert stream.feed([(0, 30, 1.2), (0, 60, 1.0)]) == [(0, (0, 60, True))]
    stream = after_restart(stream, of)
    assert stream.feed([(0, 70, 1.0), (0, 80, 2.0)]) == [(0, (0, 80, False))]


def test_a_run_of_a_threshold_outlives_its_worker_from_its_first_reading_on() -> None:
    of = rule("threshold", above=2.0, for_s=20, readings=3)
    stream = Stream(of)
    assert stream.feed([(0, 0, 3.0), (0, 10, 3.0)]) == []
    assert after_restart(stream, of).feed([(0, 20, 3.0)]) == [(0, (0, 20, True))]


def test_the_bound_itself_does_not_open_and_the_clearing_bound_clears() -> None:
    of = rule("threshold", above=2.0, clear=1.0)
    assert run(of, [(0, 1, 2.0)]) == []
    assert run(of, [(0, 1, 2.1), (0, 2, 1.5), (0, 3, 1.0)]) == [(0, 1, True), (0, 3, False)]


def test_below_mirrors_above() -> None:
    of = rule("threshold", below=1.0, clear=2.0, for_s=10)
    points = [(0, 0, 0.5), (0, 10, 0.5), (0, 20, 1.5), (0, 30, 2.0)]
    assert run(of, points) == [(0, 10, True), (0, 30, False)]


def test_a_bound_may_be_a_share_and_without_the_whole_nothing_is_said() -> None:
    of = rule("threshold", below=0.1, relative_to="capacity")
    assert run(of, [(0, 1, 15.0)], scale=200.0) == [(0, 1, True)]
    assert run(of, [(0, 1, 15.0)], scale=100.0) == []
    assert run(of, [(0, 1, 15.0)], scale=float("nan")) == []


@pytest.mark.parametrize("duration", [0.5, 1.5])
def test_durations_below_a_second_are_kept(duration: float) -> None:
    of = rule("threshold", above=2.0, for_s=duration)
    assert run(of, [(0, 0, 3.0), (0, 1, 3.0), (0, 2, 3.0)]) == [(0, 1 if duration < 1 else 2, True)]


def test_a_device_in_maintenance_opens_nothing_and_opens_after_it_if_the_trouble_lasts() -> None:
    of = rule("threshold", above=2.0, for_s=10)
    points = [(0, t, 3.0) for t in range(0, 60, 10)]
    assert run(of, points, barred=lambda t: t < 35) == [(0, 40, True)]


def test_an_alarm_of_a_device_in_maintenance_still_clears() -> None:
    of = rule("threshold", above=2.0)
    assert run(of, [(0, 0, 3.0), (0, 20, 1.0)], barred=lambda t: t >= 10) == [(0, 0, True), (0, 20, False)]


SHANGHAI = ZoneInfo("Asia/Shanghai")


def local(day: int, hour: int, minute: int = 0) -> int:
    """Seconds since 1970 of a time in July 2026, whose 1st is a Wednesday."""
    return to_us(datetime(2026, 7, day, hour, minute, tzinfo=SHANGHAI)) // SECOND_US


def test_outside_of_its_hours_a_rule_finds_nothing_and_ends_what_it_found() -> None:
    of = rule("threshold", above=55.0, active={"hours": [["22:00", "06:00"]]})
    points = [(0, local(1, h), 60.0) for h in (20, 22, 23)] + [(0, local(2, h), 60.0) for h in (5, 6, 7, 22)]
    assert run(of, points) == [
        (0, local(1, 22), True),
        (0, local(2, 6), False),
        (0, local(2, 22), True),
    ]


@pytest.mark.parametrize(
    ("days", "weekdays", "expected"),
    [
        ("working", [1, 2, 3, 4, 5, 6, 7], [1, 2, 3, 6, 7]),
        ("off", [1, 2, 3, 4, 5, 6, 7], [4, 5]),
        ("all", [3, 6], [1, 4]),
    ],
)
def test_schedules_know_weekdays_and_working_days(
    days: str, weekdays: list[int], expected: list[int]
) -> None:
    schedule = Schedule.model_validate({"days": days, "weekdays": weekdays})
    at = np.array([local(day, 12) * SECOND_US for day in range(1, 8)])
    assert (np.flatnonzero(in_force(schedule, at, CITY)) + 1).tolist() == expected


def test_hours_past_midnight_belong_to_the_day_on_which_they_begin() -> None:
    schedule = Schedule.model_validate({"weekdays": [5], "hours": [["22:00", "06:00"]]})
    at = np.array([local(d, h) * SECOND_US for d, h in ((3, 5), (3, 22), (4, 5), (4, 22), (5, 5))])
    assert in_force(schedule, at, CITY).tolist() == [False, True, True, False, False]


@given(st.integers(0, 2_000_000_000))
def test_hours_hold_where_the_zone_shifts(second: int) -> None:
    zone = ZoneInfo("Europe/Berlin")
    schedule = Schedule.model_validate({"hours": [["02:00", "03:30"]]})
    moment = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)).astimezone(zone)
    found = in_force(schedule, np.array([second * SECOND_US]), CityTime(zone, lambda _: True))
    assert bool(found[0]) == (120 <= moment.hour * 60 + moment.minute < 210)
    assert isinstance(moment.date(), date)
