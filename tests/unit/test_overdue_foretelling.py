"""The forecast of overdue: learned from the past, judged by what came later, kept as plain arrays."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from yunnao.modules.cases.deadlines.forecasting import History
from yunnao.modules.cases.deadlines.foretelling import (
    Course,
    Forecast,
    Rates,
    arrays_of,
    auc,
    evaluate,
    learn,
)

HOUR = 3600.0


def closed(n: int, seed: int = 0) -> Course:
    """Cases whose lateness comes from category, department and who else is waiting."""
    random = np.random.default_rng(seed)
    category = random.choice(["A", "B", "C", "D"], n)
    department = random.choice(3, n)
    opened = np.sort(random.uniform(0, 200 * 24 * HOUR, n))
    span = np.where(np.isin(category, ["A", "B"]), 8, 24) * HOUR
    slow = {"A": -1.5, "B": 0.5, "C": -0.5, "D": 0.0}
    drift = np.array([slow[c] for c in category]) + np.where(department == 1, 1.2, -0.5)
    took = span * np.exp(0.8 * drift + 0.9 * random.normal(size=n))
    keys = {"category": np.unique(category, return_inverse=True)[1], "department": department}
    history = History(opened, opened + span, opened + took, keys)
    return Course(history, opened + took * 0.2, opened + took * 0.9, category.astype(np.str_))


@pytest.fixture(scope="module")
def learned() -> tuple[Course, Forecast]:
    course = closed(4_000)
    return course, learn(course)


def everything(course: Course) -> np.ndarray:  # type: ignore[type-arg]
    return np.ones(len(course), dtype=bool)


def one(course: Course, at: int) -> np.ndarray:  # type: ignore[type-arg]
    return np.arange(len(course)) == at


def test_it_foretells_later_cases_better_than_the_categorys_rate() -> None:
    report = evaluate(closed(4_000))
    assert report["trained_on"] + report["tested_on"] <= report["cases"] == 4_000
    assert report["auc_at_opening"] > report["auc_of_category_rate"] + 0.05
    assert report["auc_all_looks"] > 0.7


def test_nothing_is_learned_from_what_was_known_only_after_the_hold_out_began() -> None:
    course = closed(4_000)
    begins = np.quantile(course.history.opened, 0.8)
    known = (course.history.opened < begins) & (course.history.known_at() < begins)
    assert evaluate(course)["trained_on"] == int(known.sum())


def test_plain_arrays_say_what_the_library_says() -> None:
    random = np.random.default_rng(1)
    rows = random.normal(size=(2_000, 6))
    rows[::7, 3] = np.nan
    truth = rows[:, 0] + np.nan_to_num(rows[:, 3]) > random.normal(size=2_000)
    model = HistGradientBoostingClassifier(max_iter=30, random_state=1).fit(rows, truth)
    trees, baseline = arrays_of(model)
    forecast = Forecast(Rates.of(np.array(["a"]), np.array([True])), np.ones(5), baseline, trees)
    assert forecast.chance(rows) == pytest.approx(model.predict_proba(rows)[:, 1])


def test_what_was_kept_says_the_same(learned: tuple[Course, Forecast]) -> None:
    course, forecast = learned
    again = Forecast.load(forecast.dump())
    assert again.kind == forecast.kind == "model"
    at = float(course.history.opened[-1])
    which = everything(course)
    assert np.array_equal(again.predict(course, which, at), forecast.predict(course, which, at))


def test_a_risk_is_a_probability_and_one_once_it_is_late(learned: tuple[Course, Forecast]) -> None:
    course, forecast = learned
    base, which = course.at_opening(), everything(course)
    risk = forecast.chance(course.rows(base, which, np.zeros(len(course)), course.history.opened))
    assert ((risk > 0) & (risk < 1)).all()
    # Probabilities, not scores only: what is told as one in five happens in one of five.
    for low in (0.1, 0.3, 0.5, 0.7):
        of = (risk >= low) & (risk < low + 0.2)
        if of.sum() > 100:
            assert course.history.overdue()[of].mean() == pytest.approx(risk[of].mean(), abs=0.15)
    assert forecast.predict(course, one(course, 7), float(course.history.due[7]) + 1) == [1.0]


def test_few_cases_tell_the_rate_of_their_category_which_grows_with_time() -> None:
    course = closed(300)
    forecast = learn(course)
    assert forecast.kind == "rates"
    opened, due = course.history.opened, course.history.due
    for at in range(20):
        early = forecast.predict(course, one(course, at), float(opened[at]))
        late = forecast.predict(course, one(course, at), float((opened[at] + due[at]) / 2))
        assert 0 < early[0] <= late[0] <= 1
    assert forecast.rates.told(np.array(["B"])) > forecast.rates.told(np.array(["A"]))
    assert forecast.rates.told(np.array(["unheard of"])) == forecast.rates.mean
    assert Forecast.load(forecast.dump()).kind == "rates"


def test_no_case_at_all_is_no_error() -> None:
    none = closed(0)
    course = closed(3)
    assert learn(none).predict(course, everything(course), 0.0).tolist() == [0.0, 0.0, 0.0]
    assert evaluate(none)["auc_at_opening"] is None


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=60))
def test_the_area_under_the_curve_agrees_with_the_librarys(pairs: list[tuple[int, bool]]) -> None:
    scores, truth = np.array([float(a) for a, _ in pairs]), np.array([b for _, b in pairs])
    found = auc(scores, truth)
    if truth.all() or not truth.any():
        assert found is None
    else:
        assert found == pytest.approx(roc_auc_score(truth, scores), abs=1e-4)
