"""Judging a model on texts whose labels are known and that it has not seen."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from yunnao.modules.cases.dispatch.calibration import PROMISES, expected_calibration_error
from yunnao.modules.cases.dispatch.model import Model

Array = np.ndarray[Any, Any]


def evaluate(
    model: Model,
    texts: Sequence[str],
    labels: Sequence[str],
    threshold: float,
    names: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Accuracy, macro F1, calibration error; coverage and precision at each promise and at `threshold`.

    `names` says what a category of the model is called in `labels`. The thresholds of the promises
    (0.90, 0.95, ...) were chosen on the model's own training data. Labels that the model was not
    taught count as wrong and are told in `unseen_labels`, with their number of rows.
    """
    from sklearn.metrics import f1_score

    guessed, confidence = model.confidences(texts)
    told = np.array([(names or {}).get(category, category) for category in guessed])
    truth = np.array(labels)
    right = told == truth
    known = sorted(set(labels))
    coverage: dict[str, float] = {}
    precision: dict[str, float | None] = {}
    for promise in PROMISES:
        bounds = np.array([model.threshold(promise, category) for category in guessed])
        coverage[f"{promise:.2f}"], precision[f"{promise:.2f}"] = _at(confidence, right, bounds)
    share, reached = _at(confidence, right, np.full(len(labels), threshold))
    taught = {(names or {}).get(category, category) for category in model.classes}
    return {
        "rows": len(labels),
        "accuracy": round(float(right.mean()), 4),
        "macro_f1": round(float(f1_score(truth, told, labels=known, average="macro", zero_division=0)), 4),
        "calibration_error": round(expected_calibration_error(confidence, right), 4),
        "coverage_at": coverage,
        "precision_at": precision,
        "automatic": {"threshold": threshold, "share": share, "precision": reached},
        "unseen_labels": {label: labels.count(label) for label in known if label not in taught},
    }


def _at(confidence: Array, right: Array, bounds: Array) -> tuple[float, float | None]:
    kept = confidence >= bounds
    return round(float(kept.mean()), 4), round(float(right[kept].mean()), 4) if kept.any() else None
