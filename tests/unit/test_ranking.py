"""Ranking with fair denominators."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yunnao.modules.cases.evaluation.domain import Sums
from yunnao.modules.cases.evaluation.ranking import between, rank, wilson


def test_wilson_bounds_are_those_of_the_literature() -> None:
    # Newcombe 1998, table I: 81 of 263 and 0 of 20.
    assert wilson(81, 263) == (pytest.approx(0.2553, abs=1e-4), pytest.approx(0.3662, abs=1e-4))
    assert wilson(0, 20) == (pytest.approx(0.0, abs=1e-9), pytest.approx(0.1611, abs=1e-4))


def test_who_has_few_cases_is_not_first_for_luck() -> None:
    cells = {
        ("lucky", "a"): Sums(31, 31),
        ("good", "a"): Sums(2_000, 1_960),
        ("middling", "a"): Sums(2_000, 1_900),
        ("poor", "a"): Sums(2_000, 1_700),
    }
    places = rank("share", "higher", cells, 30).places
    assert [place.key for place in places if place.key != "lucky"] == ["good", "middling", "poor"]
    lucky = next(place for place in places if place.key == "lucky")
    assert lucky.fair < lucky.value
    assert lucky.weight < places[-1].weight


def test_who_has_the_hard_categories_is_judged_by_them() -> None:
    """Both do exactly as the city does in each category; only their mix differs."""
    cells = {
        ("roads", "hard"): Sums(900, 450),
        ("roads", "easy"): Sums(100, 95),
        ("parks", "hard"): Sums(100, 50),
        ("parks", "easy"): Sums(900, 855),
    }
    found = rank("share", "higher", cells, 30)
    assert [place.ratio for place in found.places] == [pytest.approx(1.0), pytest.approx(1.0)]
    assert {place.rank for place in found.places} == {1}


def test_below_the_minimum_is_shown_without_a_rank() -> None:
    cells = {("big", "a"): Sums(100, 50), ("small", "a"): Sums(29, 29)}
    small = rank("share", "higher", cells, 30).places[-1]
    assert (small.key, small.rank, small.excluded) == ("small", None, "few_cases")


def test_a_mean_where_less_is_better_puts_the_quickest_first() -> None:
    def of(n: int, mean: float) -> Sums:
        return Sums(n, n * mean, n * (mean * mean + 4))

    cells = {("slow", "a"): of(400, 20), ("quick", "a"): of(400, 10)}
    assert [place.key for place in rank("mean", "lower", cells, 30).places] == ["quick", "slow"]


def test_equal_values_have_no_variance_between_them() -> None:
    assert between([(0.5, 0.01)] * 5, 0.5) == 0.0


@given(
    st.dictionaries(
        st.tuples(st.sampled_from("ABCDE"), st.sampled_from("xyz")),
        st.integers(0, 500).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))),
    )
)
def test_shares_stay_shares_and_everybody_is_told_once(
    counts: dict[tuple[str, str], tuple[int, int]],
) -> None:
    cells = {key: Sums(n, held) for key, (n, held) in counts.items()}
    found = rank("share", "higher", cells, 30)
    keys = {key for (key, _), sums in cells.items() if sums.denominator}
    assert sorted(place.key for place in found.places) == sorted(keys)
    for place in found.places:
        assert -1e-9 <= place.fair <= 1 + 1e-9
        assert place.low - 1e-9 <= place.value <= place.high + 1e-9
    expected = sum(place.expected * place.sums.denominator for place in found.places)
    assert expected == pytest.approx(sum(s.numerator for s in cells.values()), abs=1e-6)
