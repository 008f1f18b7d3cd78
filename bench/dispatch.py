"""The dispatcher on citizens' real messages: every message held out once, the promise kept or not.

Trained on segmented and raw messages together (5 splits by message: a message's segmented and its raw
copy are on one side), judged on those held out. Baselines in the same run: TF-IDF of words + LinearSVC
on the segmented file, and TF-IDF of characters + LinearSVC on both. Their coverage at 0.95 is that of
a margin chosen on a fifth of their training messages.
"""

import csv
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from yunnao.infra.paths import project_root
from yunnao.modules.cases.dispatch.calibration import expected_calibration_error
from yunnao.modules.cases.dispatch.features import count
from yunnao.modules.cases.dispatch.model import Model
from yunnao.modules.cases.dispatch.training import same_messages, train
from yunnao.modules.cases.dispatch.words import Splitter, learn_vocabulary, normalise

DATA = "../shared/data/hotline"
SPLITS = 5
SEED = 0
SINGLE_MESSAGES = 300
PROMISES = (0.90, 0.95, 0.97, 0.99)

Array = np.ndarray[Any, Any]


def run(quiet: bool = False, data: Path | None = None, splits: int = SPLITS) -> dict[str, Any]:
    """value: macro F1 on segmented messages; baseline: characters + LinearSVC on both files."""
    from sklearn.model_selection import StratifiedGroupKFold

    texts, labels, raw = _messages(data or project_root() / DATA)
    groups = _groups(texts)
    split = StratifiedGroupKFold(SPLITS, shuffle=True, random_state=SEED)
    held: dict[str, list[Any]] = {name: [] for name in ("ours", "words", "chars")}
    speeds: list[dict[str, float]] = []
    for learn, judge in list(split.split(texts, labels, groups))[:splits]:
        told, speed = _ours([texts[i] for i in learn], labels[learn], [texts[i] for i in judge])
        held["ours"].append((judge, *told))
        speeds.append(speed)
        for name, of_words in (("words", True), ("chars", False)):
            rows = learn[~raw[learn]] if of_words else learn
            told = _baseline(texts, labels, groups, rows, judge, of_words=of_words)
            held[name].append((judge, *told))
    figures = {
        name: {kind: _figures(found, labels, raw == (kind == "raw")) for kind in ("segmented", "raw")}
        for name, found in held.items()
    }
    ours, baseline = figures["ours"]["segmented"], figures["chars"]["segmented"]
    result = {
        "value": ours["macro_f1"], "unit": "macro F1, segmented messages held out",
        "baseline": baseline["macro_f1"], "baseline_what": "TF-IDF of characters + LinearSVC, both files",
        "ratio": round(ours["macro_f1"] / baseline["macro_f1"], 4),
        "details": {**figures, "splits": splits, "speed": _median(speeds)},
    }  # fmt: skip
    if not quiet:
        print(json.dumps(result))
    return result


def _messages(folder: Path) -> tuple[list[str], Array, Array]:
    """Texts, labels, and which are raw."""
    csv.field_size_limit(10_000_000)
    segmented, raw = (
        list(csv.DictReader((folder / name).open(encoding="utf-8-sig", newline="")))
        for name in ("messages_segmented.csv", "messages_raw.csv")
    )
    texts = [row["segmented_text"] for row in segmented]
    texts += [f"{row['留言主题']} {row['留言详情']}" for row in raw]
    labels = np.array([row["label"] for row in (*segmented, *raw)])
    return texts, labels, np.arange(len(texts)) >= len(segmented)


def _groups(texts: Sequence[str]) -> Array:
    documents = [normalise(text) for text in texts]
    return same_messages(documents, count(documents, Splitter(learn_vocabulary(documents)), 1))


def _ours(
    texts: Sequence[str], labels: Array, judged: Sequence[str]
) -> tuple[tuple[Array, Array, dict[float, Array]], dict[str, float]]:
    began = time.perf_counter()
    content = train(texts, list(labels)).dump()
    train_s = time.perf_counter() - began
    model = Model.load(content)
    model.confidences(judged[:100])
    began = time.perf_counter()
    told, confidence = model.confidences(judged)
    batch_s = time.perf_counter() - began
    single = []
    for text in judged[-SINGLE_MESSAGES:]:
        began = time.perf_counter()
        model.predict(text)
        single.append(time.perf_counter() - began)
    automatic = {p: confidence >= np.array([model.threshold(p, c) for c in told]) for p in PROMISES}
    speed = {
        "train_s": round(train_s, 1),
        "batch_per_s": round(len(judged) / batch_s),
        "single_p50_ms": round(1_000 * float(np.quantile(single, 0.5)), 2),
        "single_p99_ms": round(1_000 * float(np.quantile(single, 0.99)), 2),
        "model_mb": round(len(content) / 1e6, 1),
    }
    return (np.array(told), confidence, automatic), speed


def _baseline(
    texts: Sequence[str], labels: Array, groups: Array, rows: Array, judge: Array, *, of_words: bool
) -> tuple[Array, Array, dict[float, Array]]:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.svm import LinearSVC

    def fit_and_tell(learn: Array, ask: Array) -> tuple[Array, Array]:
        options = {"token_pattern": r"\S+"} if of_words else {"analyzer": "char", "ngram_range": (1, 3)}
        vector = TfidfVectorizer(sublinear_tf=True, dtype=np.float32, **options)
        plain = texts if of_words else ["".join(text.split()) for text in texts]
        svm = LinearSVC().fit(vector.fit_transform([plain[i] for i in learn]), labels[learn])
        scores = np.sort(svm.decision_function(vector.transform([plain[i] for i in ask])), axis=1)
        return svm.predict(vector.transform([plain[i] for i in ask])), scores[:, -1] - scores[:, -2]

    split = StratifiedGroupKFold(5, shuffle=True, random_state=SEED)
    learn, tune = next(split.split(rows, labels[rows], groups[rows]))
    told, margin = fit_and_tell(rows[learn], rows[tune])
    right = told == labels[rows[tune]]
    order = np.argsort(-margin)
    precision = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    found, lead = fit_and_tell(rows, judge)
    automatic = {}
    for promise in PROMISES:
        held = np.flatnonzero(precision >= promise)
        automatic[promise] = lead >= (margin[order[held[-1]]] if held.size else np.inf)
    return found, np.full(len(judge), np.nan), automatic


def _figures(found: list[Any], labels: Array, of_kind: Array) -> dict[str, Any]:
    """Of all splits together."""
    from sklearn.metrics import f1_score

    judge = np.concatenate([part[0] for part in found])
    kept = of_kind[judge]
    told = np.concatenate([part[1] for part in found])[kept]
    confidence = np.concatenate([part[2] for part in found])[kept]
    truth = labels[judge][kept]
    right = told == truth
    automatic = {p: np.concatenate([part[3][p] for part in found])[kept] for p in PROMISES}
    figures: dict[str, Any] = {
        "rows": len(truth),
        "accuracy": round(float(right.mean()), 4),
        "macro_f1": round(float(f1_score(truth, told, average="macro")), 4),
        "coverage_at": {f"{p:.2f}": round(float(a.mean()), 4) for p, a in automatic.items()},
        "precision_at": {
            f"{p:.2f}": round(float(right[a].mean()), 4) if a.any() else None for p, a in automatic.items()
        },
    }
    if not np.isnan(confidence).any():
        figures["calibration_error"] = round(expected_calibration_error(confidence, right), 4)
    return figures


def _median(speeds: list[dict[str, float]]) -> dict[str, float]:
    """The median of each figure over the splits."""
    return {name: float(np.median([speed[name] for speed in speeds])) for name in speeds[0]}


if __name__ == "__main__":
    sys.exit(run() is None)
