"""Champion and challenger: the same cases for both, and never a worse one in place."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from yunnao.kernel.ids import new_id
from yunnao.modules.cases.dispatch.learning.domain import HELD_OUT_MIN, compare, held_out


def test_about_a_fifth_of_the_cases_is_held_out_and_stays_so() -> None:
    ids = [new_id() for _ in range(5_000)]
    out = [held_out(each) for each in ids]
    assert 0.15 < sum(out) / len(out) < 0.25
    assert out == [held_out(UUID(str(each))) for each in ids]


def test_a_challenger_that_errs_more_is_worse() -> None:
    truth = ["a"] * 40
    found = compare(truth, ["a"] * 39 + ["b"], ["a"] * 37 + ["b"] * 3)
    assert found.enough
    assert not found.not_worse
    assert not found.clearly_better


def test_one_more_right_is_not_worse_and_not_clearly_better() -> None:
    truth = ["a"] * 40
    found = compare(truth, ["a"] * 38 + ["b"] * 2, ["a"] * 39 + ["b"])
    assert found.not_worse
    assert not found.clearly_better
    assert compare(truth, ["b"] * 10 + ["a"] * 30, ["a"] * 40).clearly_better


def test_too_few_cases_compare_nothing() -> None:
    few = compare(["a"] * (HELD_OUT_MIN - 1), ["b"] * (HELD_OUT_MIN - 1), ["a"] * (HELD_OUT_MIN - 1))
    assert not few.enough
    assert not few.clearly_better
    assert not compare([], [], []).enough


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("ab"), st.sampled_from("ab")), max_size=80))
def test_champion_and_challenger_never_both_win(rows: list[tuple[str, str, str]]) -> None:
    truth, one, other = [r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows]
    forth, back = compare(truth, one, other), compare(truth, other, one)
    assert not (forth.clearly_better and back.clearly_better)
    assert forth.not_worse or back.not_worse
    assert 0.0 <= forth.better_p <= 1.0
