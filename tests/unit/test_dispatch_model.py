"""The classifier: learns, tells its confidence honestly, and can be kept and read again."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yunnao.kernel.errors import InvalidInput
from yunnao.modules.cases.dispatch.calibration import (
    choose_thresholds,
    expected_calibration_error,
    fit_calibration,
)
from yunnao.modules.cases.dispatch.evaluation import evaluate
from yunnao.modules.cases.dispatch.features import count, grams
from yunnao.modules.cases.dispatch.model import Model
from yunnao.modules.cases.dispatch.training import examples_hash, same_messages, train
from yunnao.modules.cases.dispatch.words import Splitter, is_segmented, learn_vocabulary, normalise

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
    calibration, report = fit_calibration(scores, np.ones(3000), targets, np.arange(3000), 7)
    assert report["calibration_error"] < 0.04
    confidence = calibration.curve.confidence(scores, np.ones(3000))
    told = scores.argmax(axis=1)
    kept = confidence >= calibration.thresholds(0.9).of(told)
    assert (told == targets)[kept].mean() >= 0.88


def test_a_threshold_leaves_room_for_chance_or_is_out_of_reach() -> None:
    confidence = np.linspace(1.0, 0.5, 100)
    told = np.zeros(100, dtype=int)
    right = np.arange(100) < 60
    # One error more than was seen is reckoned with: 60 right ones and 5 wrong ones are (5 + 1) / 66.
    assert choose_thresholds(confidence, right, told, 0.9).city == pytest.approx(confidence[64], abs=0.006)
    assert choose_thresholds(confidence, np.zeros(100, dtype=bool), told, 0.9).city > 1
    # Eight right ones in a row do not show 90 %.
    few = choose_thresholds(confidence[:8], np.ones(8, dtype=bool), told[:8], 0.9)
    assert few.city > 1


@given(seed=st.integers(0, 10_000), promise=st.sampled_from([0.8, 0.9, 0.95]), digits=st.integers(1, 8))
@settings(max_examples=30, deadline=None)
def test_the_promise_holds_on_what_the_thresholds_were_chosen_by(
    seed: int, promise: float, digits: int
) -> None:
    chance = np.random.default_rng(seed)
    confidence = chance.random(400).round(digits)
    right = chance.random(400) < confidence
    told = chance.integers(0, 4, 400)
    kept = confidence >= choose_thresholds(confidence, right, told, promise).of(told)
    assert not kept.any() or right[kept].mean() >= promise


def test_a_category_that_errs_more_than_others_has_a_higher_threshold() -> None:
    chance = np.random.default_rng(1)
    told = np.repeat([0, 1], 500)
    confidence = chance.uniform(0.8, 1.0, 1000)
    right = np.where(told == 0, chance.random(1000) < 0.99, chance.random(1000) < confidence**3)
    found = choose_thresholds(confidence, right, told, 0.95)
    assert found.by_class.get(1, 0.0) > found.city
    assert 0 not in found.by_class


def test_calibration_error_measures_the_distance() -> None:
    assert expected_calibration_error(np.full(100, 0.9), np.arange(100) < 90) < 0.11
    assert expected_calibration_error(np.full(100, 0.9), np.zeros(100)) == pytest.approx(0.9)


def test_equal_examples_have_an_equal_hash() -> None:
    assert examples_hash(["a"], ["x"], {}) == examples_hash(["a"], ["x"], {})
    assert examples_hash(["a"], ["x"], {}) != examples_hash(["a"], ["y"], {})


def test_labels_that_were_never_taught_are_told_and_count_as_wrong(model: Model) -> None:
    texts, labels = texts_of(20, 5)
    figures = evaluate(model, [*texts, "垃圾没人收"], [*labels, "垃圾"], threshold=0.7)
    assert figures["unseen_labels"] == {"垃圾": 1}
    assert figures["accuracy"] < 1.0


SEGMENTED = ["路灯 不亮 小区 门口 晚上", "自来水 发黄 小区 业主 投诉", "路灯 不亮 业主 投诉 晚上"]


def test_a_raw_text_has_the_words_of_its_segmented_copy() -> None:
    assert all(is_segmented(text) for text in SEGMENTED)
    assert not is_segmented("小区门口的路灯晚上不亮")
    splitter = Splitter(learn_vocabulary(SEGMENTED))
    assert splitter.words(normalise("小区里的路灯，晚上都不亮了！")) == ["小区", "路灯", "晚上", "不亮"]


def test_a_message_kept_raw_and_segmented_is_one_message() -> None:
    chance = random.Random(2)
    words = [
        "路灯",
        "小区",
        "水管",
        "树枝",
        "学校",
        "医院",
        "公交",
        "垃圾",
        "噪声",
        "道路",
        "井盖",
        "广场",
        "市场",
        "电梯",
        "物业",
        "停车",
    ]
    segmented = [" ".join(chance.sample(words, 10)) for _ in range(20)]
    raw = [text.replace(" ", "的") for text in segmented]
    documents = [normalise(text) for text in (*segmented, *raw)]
    counted = count(documents, Splitter(learn_vocabulary(documents)))
    groups = same_messages(documents, counted)
    assert all(groups[i] == groups[i + 20] for i in range(20))
    assert len(np.unique(groups)) > 5


@given(texts=st.lists(st.text(max_size=30), max_size=6))
@settings(max_examples=60, deadline=None)
def test_no_run_of_characters_goes_across_two_texts(texts: list[str]) -> None:
    documents = [normalise(text) for text in texts]
    plain = [text.replace(" ", "") for text in documents]
    found = grams(documents, Splitter([]))
    for row, text in enumerate(plain):
        of_chars = (found.rows == row) & ~found.of_words
        assert of_chars.sum() == sum(max(0, len(text) - n + 1) for n in (1, 2, 3))


@pytest.mark.parametrize("text", ["", " ", "\ud800", "😀" * 3000, "a" * 100_000, "\x00"])
def test_no_text_is_too_strange_to_be_answered(model: Model, text: str) -> None:
    assert 0.0 <= model.predict(text).guesses[0].confidence <= 1.0


def test_copies_of_few_texts_can_be_learned_from() -> None:
    trained = train(["路灯不亮"] * 6 + ["水管爆裂"] * 6, ["灯"] * 6 + ["水"] * 6)
    assert trained.predict("路灯不亮了").guesses[0].category == "灯"
