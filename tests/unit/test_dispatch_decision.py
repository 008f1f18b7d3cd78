"""Who is responsible, how sure that is, and the reasons in words."""

from itertools import permutations

import pytest

from yunnao.kernel.text import Text
from yunnao.modules.cases.dispatch.decision import Matrix, Place, decide
from yunnao.modules.cases.dispatch.duty import DutyRow, Offices, responsible
from yunnao.modules.cases.dispatch.model import Guess, Prediction

OFFICES = Offices({"d1": "gov-1", "d2": "gov-2"}, {"s1": "office-1"})
ROWS = [
    DutyRow(None, None, "centre"),
    DutyRow("A", None, "{district}"),
    DutyRow("A", "d2", "special"),
    DutyRow("A1", None, "bureau"),
    DutyRow("A1", "d1", "{street}"),
]
TREE = {"A": ["A"], "A1": ["A1", "A"], "B": ["B"]}


@pytest.mark.parametrize(
    ("category", "district", "street", "department"),
    [
        ("A", "d1", None, "gov-1"),
        ("A", "d2", None, "special"),
        ("A1", "d2", None, "bureau"),
        ("A1", "d1", "s1", "office-1"),
        ("A1", "d1", "s9", "bureau"),
        ("A", "d9", None, "centre"),
        ("B", "d1", "s1", "centre"),
    ],
)
def test_the_most_specific_row_wins_in_any_order_of_rows(
    category: str, district: str, street: str | None, department: str
) -> None:
    for rows in permutations(ROWS):
        found = responsible(rows, TREE[category], district, street, OFFICES, "fallback")
        assert found.department == department


def test_the_fallback_is_for_what_no_row_matches() -> None:
    found = responsible(ROWS[1:], TREE["B"], "d1", None, OFFICES, "fallback")
    assert (found.department, found.row) == ("fallback", None)


def test_a_place_that_could_have_decided_is_missed() -> None:
    assert responsible(ROWS, TREE["A"], None, None, OFFICES, "fallback").place_missing
    assert not responsible(ROWS, TREE["B"], None, None, OFFICES, "fallback").place_missing
    assert not responsible(ROWS, TREE["A"], "d1", None, OFFICES, "fallback").place_missing


def name(code: str) -> Text:
    return Text(zh=f"名{code}", en=f"name {code}")


MATRIX = Matrix(ROWS, OFFICES, "fallback", 0.7, lambda code: TREE.get(code, [code]), name, name, name)


def prediction(category: str, confidence: float) -> Prediction:
    return Prediction((Guess(category, confidence), Guess("B", 1 - confidence)), ("路灯",))


def test_above_the_threshold_it_is_automatic_and_says_why() -> None:
    found = decide(MATRIX, "citizen", None, prediction("A", 0.8), Place("d1"))
    assert found.automatic
    assert found.department == "gov-1"
    told = " ".join(reason.zh for reason in found.reasons)
    assert "“路灯”" in told
    assert "名d1" in told
    assert "名gov-1" in told
    assert all(reason.en for reason in found.reasons)
    assert [guess.category for guess in found.alternatives] == ["B"]


def test_below_the_threshold_a_person_decides() -> None:
    assert not decide(MATRIX, "citizen", None, prediction("A", 0.69), Place("d1")).automatic


def test_without_a_place_that_decides_a_person_decides() -> None:
    assert not decide(MATRIX, "citizen", None, prediction("A", 0.99), Place()).automatic


def test_without_a_model_everything_goes_to_the_desk() -> None:
    found = decide(MATRIX, "citizen", None, None, Place("d1"))
    assert (found.automatic, found.category, found.confidence) == (False, None, 0.0)


def test_a_rule_of_an_alarm_is_certain() -> None:
    found = decide(MATRIX, "alarm", "A1", None, Place("d2"))
    assert (found.automatic, found.confidence, found.department) == (True, 1.0, "bureau")


def test_a_citizens_choice_stands_unless_the_text_contradicts_it() -> None:
    assert decide(MATRIX, "open311", "A1", prediction("A", 0.95), Place("d2")).confidence == 0.95
    assert decide(MATRIX, "open311", "A1", prediction("B", 0.3), Place("d2")).automatic
    against = decide(MATRIX, "open311", "A1", prediction("B", 0.9), Place("d2"))
    assert not against.automatic
    assert against.category == "A1"
