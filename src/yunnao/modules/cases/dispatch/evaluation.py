"""Judging a model on texts whose labels are known and that it has not seen."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from yunnao.modules.cases.dispatch.calibration import expected_calibration_error
from yunnao.modules.cases.dispatch.model import Model


def evaluate(
    model: Model,
    texts: Sequence[str],
    labels: Sequence[str],
    threshold: float,
    names: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Accuracy, macro F1, calibration error; coverage and precision at each promise and at `threshold`.

    `names` says what a category of the model is called in `labels`. The thresholds of the promises
    (0.90, 0.95, ...) were chosen on the model's own training data.
    """
    from sklearn.metrics import f1_score

    guessed, confidence = model.confidences(texts)
    told = np.array([(names or {}).get(category, category) for category in guessed])
    truth = np.array(labels)
    right = told == truth
    known = sorted(set(labels))
    coverage: dict[str, float] = {}
    precision: dict[str, float | None] = {}
    for promise, bound in model.calibration.thresholds.items():
        coverage[promise], precision[promise] = _at(confidence, right, bound)
    share, reached = _at(confidence, right, threshold)
    return {
        "rows": len(labels),
        "accuracy": round(float(right.mean()), 4),
        "macro_f1": round(float(f1_score(truth, told, labels=known, average="macro", zero_division=0)), 4),
        "calibration_error": round(expected_calibration_error(confidence, right), 4),
        "coverage_at": coverage,
        "precision_at": precision,
        "automatic": {"threshold": threshold, "share": share, "precision": reached},
    }


def _at(
    confidence: "np.ndarray[Any, Any]", right: "np.ndarray[Any, Any]", bound: float
) -> tuple[float, float | None]:
    kept = confidence >= bound
    return round(float(kept.mean()), 4), round(float(right[kept].mean()), 4) if kept.any() else None
