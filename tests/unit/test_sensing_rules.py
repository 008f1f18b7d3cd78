"""Threshold rules: what opens, what clears, and that batches do not matter."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yunnao.kernel.packs.streaming_rules import ThresholdRule
from yunnao.modules.sensing.domain.times import UNKNOWN_US
from yunnao.modules.sensing.rules.domain.threshold import RuleStates, evaluate, fresh_states

TEXT = {"zh": "一", "en": "one"}
SECOND_US = 1_000_000

Event = tuple[int, int, bool]
Point = tuple[int, int, float]
"""Device, time in seconds, value."""


def rule(**bounds: Any) -> ThresholdRule:
    return ThresholdRule(label=TEXT, product="p", message=TEXT, operator="threshold", metric="m", **bounds)


def run(
    of: ThresholdRule, points: list[Point], states: RuleStates | None = None, scale: float | None = None
) -> tuple[RuleStates, list[Event]]:
    device = np.array([p[0] for p in points], np.int32)
    states, told = evaluate(
        of,
        states or fresh_states(np.arange(4, dtype=np.int32)),
        device=device,
        time_us=np.array([p[1] * SECOND_US for p in points], np.int64),
        value=np.array([p[2] for p in points], np.float64),
        scale=None if scale is None else np.full(len(points), scale),
    )
    events = zip(told.device.tolist(), told.time_us.tolist(), told.opened.tolist(), strict=True)
    return states, [(d, t // SECOND_US, o) for d, t, o in events]


def by_hand(of: ThresholdRule, points: list[Point]) -> list[Event]:
    """The rule as one would tell it to a person, one reading after the other."""
    clear = of.above if of.clear is None else of.clear
    assert of.above is not None
    assert clear is not None
    since: dict[int, int] = {}
    open_devices: set[int] = set()
    events: list[Event] = []
    for device, time, value in sorted(points, key=lambda p: (p[0], p[1])):
        if value > of.above:
            since.setdefault(device, time)
            if device not in open_devices and time - since[device] >= of.for_s:
                open_devices.add(device)
                events.append((device, time, True))
            continue
        since.pop(device, None)
        if value <= clear and device in open_devices:
            open_devices.discard(device)
            events.append((device, time, False))
    return events


points_in_order = st.lists(
    st.tuples(st.integers(0, 3), st.integers(1, 50), st.sampled_from([0.0, 1.0, 2.0, 3.0, 4.0])), max_size=60
).map(
    lambda steps: [
        (device, sum(s[1] for s in steps[: i + 1]), value) for i, (device, _, value) in enumerate(steps)
    ]
)
some_rule = st.builds(
    lambda clear, for_s: rule(above=2.0, clear=clear, for_s=for_s),
    st.sampled_from([None, 0.5, 1.0, 2.0]),
    st.sampled_from([0, 10, 60]),
)


@given(some_rule, points_in_order)
def test_columns_find_what_one_reading_after_the_other_finds(of: ThresholdRule, points: list[Point]) -> None:
    assert run(of, points)[1] == by_hand(of, points)


@given(some_rule, points_in_order, st.data())
def test_how_readings_are_cut_into_batches_does_not_matter(
    of: ThresholdRule, points: list[Point], data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(points)), max_size=6)) | {0, len(points)})
    states: RuleStates | None = None
    events: list[Event] = []
    for start, end in pairwise(cuts):
        states, found = run(of, points[start:end], states)
        events += found
    whole_states, whole = run(of, points)
    assert sorted(events) == sorted(whole)
    if states is not None:
        assert states.since_us.tolist() == whole_states.since_us.tolist()
        assert states.open.tolist() == whole_states.open.tolist()


@given(some_rule, points_in_order, st.randoms())
def test_the_order_within_a_batch_does_not_matter(
    of: ThresholdRule, points: list[Point], chance: Any
) -> None:
    mixed = list(points)
    chance.shuffle(mixed)
    assert run(of, mixed)[1] == run(of, points)[1]


@given(some_rule, points_in_order, st.integers(0, 60))
def test_what_is_delivered_again_changes_nothing(of: ThresholdRule, points: list[Point], again: int) -> None:
    states, _ = run(of, points)
    repeated, events = run(of, points[-again:] if again else points, states)
    assert events == []
    assert repeated.since_us.tolist() == states.since_us.tolist()


def test_the_bound_itself_does_not_open_and_the_clearing_bound_clears() -> None:
    of = rule(above=2.0, clear=1.0)
    assert run(of, [(0, 1, 2.0)])[1] == []
    assert run(of, [(0, 1, 2.1), (0, 2, 1.5), (0, 3, 1.0)])[1] == [(0, 1, True), (0, 3, False)]


def test_below_mirrors_above() -> None:
    of = rule(below=1.0, clear=2.0, for_s=10)
    points = [(0, 0, 0.5), (0, 10, 0.5), (0, 20, 1.5), (0, 30, 2.0)]
    assert run(of, points)[1] == [(0, 10, True), (0, 30, False)]


def test_a_bound_may_be_a_share_and_without_the_whole_nothing_is_said() -> None:
    of = rule(below=0.1, relative_to="capacity")
    assert run(of, [(0, 1, 15.0)], scale=200.0)[1] == [(0, 1, True)]
    assert run(of, [(0, 1, 15.0)], scale=100.0)[1] == []
    assert run(of, [(0, 1, 15.0)], scale=float("nan"))[1] == []


def test_a_late_reading_is_not_judged() -> None:
    of = rule(above=2.0)
    states, _ = run(of, [(0, 100, 1.0)])
    states, events = run(of, [(0, 50, 9.0)], states)
    assert events == []
    assert states.last_us[0] == 100 * SECOND_US


def test_no_readings_change_nothing() -> None:
    states, events = run(rule(above=1.0), [])
    assert events == []
    assert set(states.last_us.tolist()) == {UNKNOWN_US}


@pytest.mark.parametrize("for_s", [0.5, 1.5])
def test_durations_below_a_second_are_kept(for_s: float) -> None:
    of = rule(above=2.0, for_s=for_s)
    assert run(of, [(0, 0, 3.0), (0, 1, 3.0), (0, 2, 3.0)])[1] == [(0, 1 if for_s < 1 else 2, True)]
