"""Group complaints: who counts, and what is unusual."""

from datetime import UTC, datetime, timedelta
from typing import Any

import h3.api.basic_int as h3
from hypothesis import given
from hypothesis import strategies as st

from yunnao.modules.cases.linking import crowds

HERE = h3.latlng_to_cell(36.07, 120.38, 9)
AWAY = h3.latlng_to_cell(36.17, 120.48, 9)


def case(n: int, **changes: Any) -> dict[str, Any]:
    known = {"id": n, "category": "L", "cell": HERE, "district": "370202", "topic_id": None}
    return {**known, "person": f"p{n}", "followers": 0, **changes}


def test_one_person_who_writes_often_is_one_and_followers_count() -> None:
    assert crowds.crowds([case(n, person="p") for n in range(9)], 2) == []
    [crowd] = crowds.crowds([case(1, followers=4)], 5)
    assert crowd.reporters == 5


def test_a_quarter_stands_for_the_district_that_it_makes_up() -> None:
    found = crowds.crowds([case(n) for n in range(6)], 5)
    assert [len(crowd.place) for crowd in found] == [15]


def test_a_topic_is_warned_of_where_no_single_area_is() -> None:
    scattered = [
        case(n, cell=h3.latlng_to_cell(36.0 + n / 20, 120.3, 9), district=f"d{n}", topic_id="t")
        for n in range(6)
    ]
    [crowd] = crowds.crowds(scattered, 5)
    assert crowd.place == "topic:t"


def test_what_is_usual_there_is_not_what_is_usual_elsewhere() -> None:
    [crowd] = crowds.crowds([case(n) for n in range(6)], 5)
    past = [case(n) for n in range(40)] + [case(n, cell=AWAY, district="x") for n in range(99)]
    assert crowds.usual(past, crowd, 8) == (40 + crowds.PRIOR) / 8
    assert crowds.chance(6, crowds.usual(past, crowd, 8)) > 0.2
    assert crowds.chance(6, crowds.usual([], crowd, 8)) < 1e-6


@given(st.integers(1, 200), st.floats(0.01, 100))
def test_more_people_are_never_more_likely_by_chance(people: int, expected: float) -> None:
    assert 0 <= crowds.chance(people + 1, expected) <= crowds.chance(people, expected) <= 1


def test_windows_are_the_same_hours_of_past_weeks() -> None:
    now = datetime(2026, 11, 23, 2, tzinfo=UTC)
    starts, ends = crowds.windows(now, timedelta(hours=24), 3)
    assert [now - end for end in ends] == [timedelta(weeks=week) for week in (1, 2, 3)]
    assert all(end - start == timedelta(hours=24) for start, end in zip(starts, ends, strict=True))
