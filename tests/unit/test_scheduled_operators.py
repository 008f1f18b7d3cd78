"""Scheduled operators: the scores that they make, and the steps from scores to alarms."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from yunnao.kernel.packs.rules import Rule
from yunnao.modules.sensing.domain.times import UNKNOWN_US
from yunnao.modules.sensing.scheduled.domain.columns import Readings, Scores, Sites, aggregate, steps
from yunnao.modules.sensing.scheduled.domain.operators import WEEK_US, needs, score
from yunnao.modules.sensing.scheduled.domain.stepping import step

RULE: TypeAdapter[Any] = TypeAdapter(Rule)
TEXT = {"zh": "测", "en": "test"}
AT = 10 * WEEK_US
Values = dict[int, list[tuple[float, float]]]
"""By series: seconds before AT, and value."""


def rule(operator: str, **fields: Any) -> Any:
    common = {"operator": operator, "label": TEXT, "message": TEXT, "product": "p", "metric": "m"}
    return RULE.validate_python({**common, **fields})


def sites(count: int, places: list[float] | None = None) -> Sites:
    numbers = np.arange(1, count + 1, dtype=np.int32)
    lat = np.array(places if places is not None else [36.0] * count)
    return Sites(numbers, numbers * 10, [f"e{n}" for n in numbers], np.full(count, 120.0), lat)


def readings(values: Values) -> Readings:
    flat = sorted((s, round(AT - ago * 1e6), v) for s, each in values.items() for ago, v in each)
    series, time_us, value = zip(*flat, strict=True) if flat else ((), (), ())
    return Readings(np.array(series, np.int32), np.array(time_us, np.int64), np.array(value, np.float64))


def scores(spec: Any, where: Sites, values: Values, relations: Any = None) -> list[float]:
    """Scores where every need is answered out of `values`."""
    wanted = needs(spec, AT)
    past = {n: (where, readings(values).between(n.start_us, n.until_us)) for n in wanted}
    return score(spec, wanted, past, relations or {}).value.tolist()


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [("mean", 3), ("min", 1), ("max", 5), ("count", 3), ("sum", 9), ("rate", 0.1)],
)
def test_a_window_has_its_statistic(statistic: str, expected: float) -> None:
    spec = rule("window", statistic=statistic, window_s=60, above=1)
    found = scores(spec, sites(2), {1: [(70, 99), (50, 1), (30, 3), (10, 5)]})
    assert found[0] == pytest.approx(expected)
    assert found[1] == 0 if statistic in {"count", "sum"} else np.isnan(found[1])


def test_too_few_readings_say_nothing() -> None:
    spec = rule("window", statistic="mean", window_s=60, above=1, count_min=3)
    assert np.isnan(scores(spec, sites(1), {1: [(50, 1), (30, 3)]})[0])


WEEK_S = WEEK_US / 1e6


def test_the_same_hour_of_past_weeks_is_the_measure() -> None:
    spec = rule("same-hour", above=3, weeks=4, weeks_min=3)
    past = [(w * WEEK_S + 10, v) for w, v in ((1, 10), (2, 11), (3, 9), (4, 10))]
    assert scores(spec, sites(1), {1: [(10, 20), *past]})[0] == pytest.approx(10 / (0.5 * 1.4826))
    assert np.isnan(scores(spec, sites(1), {1: [(10, 20), *past[:2]]})[0])
    percent = rule("same-hour", above=50, weeks=4, weeks_min=3, measure="percent", side="below")
    assert scores(percent, sites(1), {1: [(10, 4), *past]})[0] == pytest.approx(60)


def test_what_was_always_the_same_is_measured_by_the_least_spread() -> None:
    past = [(w * WEEK_S + 10, 5.0) for w in (1, 2, 3, 4)]
    spec = rule("same-hour", above=3, spread_min=0.5)
    assert scores(spec, sites(1), {1: [(10, 6.0), *past]}) == [2.0]
    assert scores(rule("same-hour", above=3), sites(1), {1: [(10, 5.0), *past]}) == [0.0]


def test_a_device_is_compared_with_its_neighbours_and_not_with_itself() -> None:
    near = sites(5, [36.0, 36.0001, 36.0002, 36.0003, 37.0])
    values: Values = {n: [(10, 20.0)] for n in range(1, 6)} | {2: [(10, 26.0)]}
    for reach in ({"within_m": 100}, {"nearest": 3, "within_m": 100}, {"nearest": 3}):
        found = scores(rule("neighbours", above=5, **reach), near, values)
        assert found[:4] == [0, 6, 0, 0]
        assert np.isnan(found[4]) == ("within_m" in reach)


def test_devices_at_one_place_are_neighbours() -> None:
    values: Values = {n: [(10, float(v))] for n, v in enumerate([1, 2, 3, 4, 100], 1)}
    found = scores(rule("neighbours", above=5, nearest=4), sites(5), values)
    assert found == [2.5, 1.5, 0, 1.5, 97.5]


RELATED = {"product": "p", "metric": "m", "relation": "fedBy"}
FED = {"e2": {"fedBy": "e1"}, "e3": {"fedBy": "e1"}}
FLOWS: Values = {1: [(10, 10.0)], 2: [(10, 4.0)], 3: [(10, 3.0)]}


def test_what_comes_in_is_compared_with_what_goes_out() -> None:
    spec = rule("related", above=2, other={**RELATED, "points_to": "this"})
    assert scores(spec, sites(3), FLOWS, FED)[0] == 3
    share = rule("related", above=0.1, compare="share", other={**RELATED, "points_to": "this"})
    assert scores(share, sites(3), FLOWS, FED)[0] == pytest.approx(0.3)
    up = rule("related", below=0, other=RELATED)
    found = scores(up, sites(3), FLOWS, FED)
    assert np.isnan(found[0])
    assert found[1:] == [-6, -7]


def test_a_missing_part_makes_no_balance() -> None:
    spec = rule("related", above=2, other={**RELATED, "points_to": "this"})
    assert np.isnan(scores(spec, sites(3), {1: [(10, 10.0)], 2: [(10, 4.0)]}, FED)[0])


def test_both_conditions_must_hold() -> None:
    spec = rule("related", above=3, compare="both", other_above=9, other=RELATED)
    wanted = needs(spec, AT)
    for other, void in ((10.0, False), (5.0, True)):
        past = {n: (sites(3), readings({**FLOWS, 1: [(10, other)]})) for n in wanted}
        found = score(spec, wanted, past, FED)
        assert found.void.tolist() == [False, void, void]


SECOND = 1_000_000
SCORE = st.one_of(st.none(), st.integers(0, 10).map(float))


@given(st.lists(SCORE, max_size=40), st.integers(0, 3), st.integers(3, 6))
def test_every_clearing_ends_an_opening_and_an_evaluation_again_changes_nothing(
    told: list[float | None], for_steps: int, above: int
) -> None:
    spec = rule("window", statistic="mean", window_s=60, above=above, clear=3, for_s=for_steps)
    since, is_open = np.array([UNKNOWN_US]), np.array([False])
    held_for = -1
    for second, value in enumerate(told):
        given_scores = Scores(
            np.array([1]), np.array([np.nan if value is None else value]), np.zeros(1, bool)
        )
        after = step(spec, given_scores, since, is_open, second * SECOND)
        assert not (after.opened & is_open).any()
        assert not (after.cleared & ~is_open).any()
        if value is not None:
            held_for = held_for + 1 if value > above else -1
            assert after.opened[0] == (
                not is_open[0] and held_for >= 0 and ripe(after.since_us, second) >= for_steps
            )
        is_open = (is_open | after.opened) & ~after.cleared
        since = after.since_us
        again = step(spec, given_scores, since, is_open, second * SECOND)
        assert (again.since_us == since).all()
        assert not (again.opened | again.cleared).any()


def ripe(since_us: Any, second: int) -> float:
    return float(second - since_us[0] / SECOND)


def test_means_of_steps_leave_gaps_open() -> None:
    found = steps(sites(2), readings({1: [(30, 1), (25, 3), (5, 7)]}), AT - 30 * SECOND, 10 * SECOND, 3)
    np.testing.assert_array_equal(found, [[2, np.nan, 7], [np.nan] * 3])


def test_nothing_read_is_no_failure() -> None:
    for statistic in ("mean", "min", "max", "rate"):
        assert np.isnan(aggregate(sites(2), readings({}), statistic)[0]).all()  # type: ignore[arg-type]
