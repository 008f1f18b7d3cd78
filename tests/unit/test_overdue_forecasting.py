"""Will a deadline be missed: learned from cases alike, and never from a case's own future."""

import numpy as np
import pytest

from yunnao.modules.cases.deadlines.forecasting import History, features, fit

DAY = 86_400.0


def history_of(count: int, seed: int = 1) -> History:
    chance = np.random.default_rng(seed)
    opened = np.sort(chance.uniform(0, 200 * DAY, count))
    category = chance.integers(0, 6, count)
    area = chance.integers(0, 4, count)
    limit = np.full(count, 5 * DAY)
    slow = chance.random(count) < 0.1 + 0.13 * category
    took = np.where(slow, chance.uniform(6, 20, count), chance.uniform(1, 4, count)) * DAY
    return History(opened, opened + limit, opened + took, {"category": category, "area": area})


def test_categories_that_were_late_before_are_forecast_to_be_late() -> None:
    from sklearn.metrics import roc_auc_score

    history = history_of(6_000)
    matrix, late = features(history), history.overdue()
    learn = history.known_at() < 150 * DAY
    judge = history.opened >= 150 * DAY
    chance = fit(matrix[learn], late[learn]).chance(matrix[judge])
    assert roc_auc_score(late[judge], chance) > 0.65
    assert abs(float(chance.mean()) - float(late[judge].mean())) < 0.05


def test_what_happens_after_an_opening_changes_nothing_in_its_features() -> None:
    history = history_of(600)
    at = 100 * DAY
    before = history.opened < at
    # Whatever was open or unknown at the moment ends otherwise than it did.
    closed = np.where(history.closed > at, history.closed + 50 * DAY, history.closed)
    other = History(history.opened, history.due, closed, history.keys)
    moved = np.flatnonzero(before)
    assert np.array_equal(features(history)[moved], features(other)[moved], equal_nan=True)


def test_the_order_of_cases_does_not_matter() -> None:
    history = history_of(300)
    order = np.random.default_rng(2).permutation(300)
    shuffled = History(
        history.opened[order], history.due[order], history.closed[order],
        {name: codes[order] for name, codes in history.keys.items()},
    )  # fmt: skip
    assert features(history)[order] == pytest.approx(features(shuffled), nan_ok=True)


def test_running_cases_are_known_to_be_late_when_due() -> None:
    history = History(np.array([0.0]), np.array([5.0]), np.array([np.nan]), {"category": np.array([0])})
    assert history.overdue().tolist() == [True]
    assert history.known_at().tolist() == [5.0]
