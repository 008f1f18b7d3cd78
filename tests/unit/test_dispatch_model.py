"""The classifier: learns, tells its confidence honestly, and can be kept and read again."""

import random

import numpy as np
import pytest

from yunnao.kernel.errors import InvalidInput
from yunnao.modules.cases.dispatch.calibration import (
    expected_calibration_error,
    fit_calibration,
    threshold_for,
)
from yunnao.modules.cases.dispatch.evaluation import evaluate
from yunnao.modules.cases.dispatch.model import Model, examples_hash, train

WORDS = {
    "灯": ["路灯不亮", "灯杆倒了", "照明损坏"],
    "水": ["水管爆裂", "自来水发黄", "停水三天"],
    "树": ["树枝折断", "树木枯死", "绿化带破坏"],
}
FILLERS = ["今天早上", "我家门口", "请尽快处理", "已经很久了", "影响出行", "谢谢"]


def texts_of(count: int, seed: int) -> tuple[list[str], list[str]]:
    chance = random.Random(seed)
    labels = [chance.choice(list(WORDS)) for _ in range(count)]
    texts = [
        "".join(chance.sample(FILLERS, 2)) + chance.choice(WORDS[label]) + chance.choice(FILLERS)
        for label in labels
    ]
    return texts, labels


@pytest.fixture(scope="module")
def model() -> Model:
    return train(*texts_of(120, 1))


def test_it_learns_and_says_which_words_told_it(model: Model) -> None:
    found = model.predict("我家门口路灯不亮请尽快处理")
    assert found.guesses[0].category == "灯"
    assert found.guesses[0].confidence > 0.9
    assert any("灯" in word for word in found.words)
    assert sum(guess.confidence for guess in found.guesses) <= 1.001


def test_a_text_of_which_it_knows_nothing_has_no_confidence(model: Model) -> None:
    assert model.predict("quick brown fox").guesses[0].confidence < 0.2
    assert model.predict("").guesses[0].confidence < 0.2


def test_a_kept_model_answers_the_same(model: Model) -> None:
    again = Model.load(model.dump())
    texts, _ = texts_of(30, 2)
    assert model.confidences(texts)[0] == again.confidences(texts)[0]
    assert np.allclose(model.confidences(texts)[1], again.confidences(texts)[1], atol=1e-5)


def test_a_damaged_model_is_refused(model: Model) -> None:
    for content in (b"", b"PK", model.dump()[:1000]):
        with pytest.raises(InvalidInput, match="dispatch_model_unreadable"):
            Model.load(content)


def test_two_classes_and_rare_classes_work() -> None:
    texts, labels = texts_of(60, 3)
    pairs = [(t, label) for t, label in zip(texts, labels, strict=True) if label != "树"]
    trained = train([t for t, _ in pairs] + ["只有一条"], [label for _, label in pairs] + ["稀"])
    assert trained.classes == ("水", "灯")
    assert trained.report["left_out"] == ["稀"]
    assert trained.predict("自来水发黄").guesses[0].category == "水"


def test_too_few_examples_are_refused() -> None:
    with pytest.raises(InvalidInput, match="dispatch_examples_too_few"):
        train(["一", "二"], ["甲", "甲"])


def test_figures_of_an_evaluation_are_complete(model: Model) -> None:
    figures = evaluate(model, *texts_of(100, 4), threshold=0.7)
    assert figures["rows"] == 100
    assert figures["accuracy"] > 0.95
    assert set(figures["coverage_at"]) == set(figures["precision_at"]) == {"0.90", "0.95", "0.97", "0.99"}


def test_confidence_is_calibrated_on_what_was_held_out() -> None:
    chance = np.random.default_rng(5)
    targets = chance.integers(0, 3, 3000)
    scores = chance.normal(0, 1, (3000, 3))
    scores[np.arange(3000), targets] += 1.2
    calibration, report = fit_calibration(scores, np.ones(3000), targets, 7)
    assert report["calibration_error"] < 0.04
    confidence = calibration.confidence(scores, np.ones(3000))
    right = scores.argmax(axis=1) == targets
    bound = calibration.thresholds["0.90"]
    assert right[confidence >= bound].mean() >= 0.88


def test_a_threshold_keeps_its_promise_or_is_out_of_reach() -> None:
    confidence = np.array([0.9, 0.8, 0.7, 0.6])
    assert threshold_for(confidence, np.array([1, 1, 0, 1]), 0.9) == 0.8
    assert threshold_for(confidence, np.array([0, 0, 0, 0]), 0.9) > 1


def test_calibration_error_measures_the_distance() -> None:
    assert expected_calibration_error(np.full(100, 0.9), np.arange(100) < 90) < 0.11
    assert expected_calibration_error(np.full(100, 0.9), np.zeros(100)) == pytest.approx(0.9)


def test_equal_examples_have_an_equal_hash() -> None:
    assert examples_hash(["a"], ["x"], {}) == examples_hash(["a"], ["x"], {})
    assert examples_hash(["a"], ["x"], {}) != examples_hash(["a"], ["y"], {})
