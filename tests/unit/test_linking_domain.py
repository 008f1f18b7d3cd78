"""Whether two cases speak of one event: the rules, without a database."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from yunnao.modules.cases.linking import domain


def evidence(**changes: object) -> domain.Evidence:
    known: dict[str, object] = {
        "metres": 5.0,
        "minutes": 30.0,
        "steps": 0,
        "similarity": 0.2,
        "earlier_open": True,
    }
    return domain.Evidence(**{**known, **changes})  # type: ignore[arg-type]


def test_the_same_spot_category_and_words_are_one_event() -> None:
    assert domain.probability(evidence()) > 0.9


def test_what_is_far_away_or_of_another_kind_is_not() -> None:
    assert domain.probability(evidence(metres=180.0, similarity=0.1)) < 0.05
    assert domain.probability(evidence(steps=None, similarity=0.1)) < 0.05


def test_a_short_text_tells_less_than_a_long_one() -> None:
    long, short = evidence(similarity=0.3), evidence(similarity=0.3, told=0.1)
    assert domain.probability(short) < domain.probability(long)


@given(st.floats(0, 300), st.floats(0, 300), st.floats(0, 1))
def test_nearer_is_never_less_likely(a: float, b: float, similarity: float) -> None:
    near, far = sorted((a, b))
    assert domain.probability(evidence(metres=near, similarity=similarity)) >= domain.probability(
        evidence(metres=far, similarity=similarity)
    )


@given(st.text(), st.text())
def test_similarity_is_symmetric_and_bounded(a: str, b: str) -> None:
    one, other = domain.pairs(domain.units(a)), domain.pairs(domain.units(b))
    found = domain.similarity(one, other)
    assert found == domain.similarity(other, one)
    assert found is None or 0 <= found <= 1


@given(st.text(max_size=60), st.text(max_size=60))
def test_shared_words_stand_in_both_texts(a: str, b: str) -> None:
    one, other = domain.units(a), domain.units(b)
    for words in domain.shared_words(one, other):
        run = " ".join(domain.units(words))
        assert run in " ".join(one)
        assert run in " ".join(other)


def test_english_is_compared_by_words_not_by_letters() -> None:
    lamp = domain.pairs(domain.units("The street light is out and it is completely dark at night"))
    same = domain.pairs(domain.units("street light is out, the road is completely dark at night"))
    waste = domain.pairs(domain.units("Rubbish has been lying beside the bins for a whole week now"))
    assert (domain.similarity(lamp, same) or 0) > 0.4
    assert (domain.similarity(lamp, waste) or 0) < 0.1
    words = domain.shared_words(
        domain.units("The street light is out"), domain.units("my street light is broken")
    )
    assert words == ["street light is"]


def test_reasons_name_distance_time_category_and_words() -> None:
    told = " ".join(r.zh for r in domain.reasons(evidence(metres=12.4), "QD-1", ["路灯不亮"]))
    assert "12 米" in told
    assert "30 分钟" in told
    assert "类别相同" in told
    assert "路灯不亮" in told


def test_spans_are_told_in_a_unit_that_people_use() -> None:
    assert domain.span_text(timedelta(minutes=50)).en == "50 minutes"
    assert domain.span_text(timedelta(hours=5)).en == "5 hours"
    assert domain.span_text(timedelta(days=5)).en == "5 days"


def test_steps_count_through_the_nearest_common_category() -> None:
    assert domain.steps_between(["L", "A"], ["L", "A"]) == 0
    assert domain.steps_between(["L", "A"], ["A"]) == 1
    assert domain.steps_between(["L", "A"], ["G", "A"]) == 2
    assert domain.steps_between(["L", "A"], ["T"]) is None


CASES = "abcdefgh"


@given(st.lists(st.tuples(st.sampled_from(CASES), st.sampled_from(CASES), st.booleans()), max_size=60))
def test_merging_is_acyclic_and_unmerging_restores(steps: list[tuple[str, str, bool]]) -> None:
    """Whatever people merge and undo, every case has one main case, and nobody's report is lost."""
    merged: dict[str, str] = {}
    for case, into, undo in steps:
        if undo:
            before = merged.pop(case, None)
            if before is not None:
                assert domain.root_of(case, merged) == case
        else:
            main = domain.root_of(into, merged)
            if domain.may_merge(case, main, merged):
                merged[case] = main
        mains = {each: domain.root_of(each, merged) for each in CASES}
        assert all(domain.root_of(main, merged) == main for main in mains.values())
        assert sum(sum(1 for m in mains.values() if m == main) for main in set(mains.values())) == len(CASES)
