"""From decision values to a probability that can be believed.

The values of held-out texts and whether the likeliest class was right are fitted by a logistic
curve over two features: the lead over the second class, and the best value itself.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

PROMISES = (0.90, 0.95, 0.97, 0.99)
"""Precisions for which a threshold is chosen."""
BINS = 10
CONFIDENCE_MAX = 0.999
"""No finite sample shows more."""
FAMILIAR_QUANTILE = 0.05
"""Held-out texts below this quantile of familiarity count as strange."""
FAMILIAR_FLOOR_MIN = 0.05

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Calibration:
    """Confidence = sigmoid(lead_weight × lead + best_weight × best + offset), lowered for texts that
    are less familiar than `familiar_floor`, in proportion."""

    lead_weight: float
    best_weight: float
    offset: float
    familiar_floor: float
    thresholds: Mapping[str, float]

    def confidence(self, scores: Array, familiar: Array) -> Array:
        """The probability that the likeliest class of each row is right.

        `scores`: texts × classes; `familiar`: for each text the share of it that the examples know.
        """
        inner = _signals(scores) @ np.array([self.lead_weight, self.best_weight]) + self.offset
        curve = np.minimum(1.0 / (1.0 + np.exp(-np.clip(inner, -30, 30))), CONFIDENCE_MAX)
        return np.asarray(curve * np.minimum(1.0, familiar / self.familiar_floor))

    def shares(self, scores: Array) -> Array:
        """Softmax of the values: shares by which what is left is given to the other classes."""
        sharp = (self.lead_weight + self.best_weight) * (scores - scores.max(axis=1, keepdims=True))
        raised = np.exp(np.clip(sharp, -50, 0))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def fit_calibration(
    scores: Array, familiar: Array, targets: Array, seed: int
) -> tuple[Calibration, dict[str, Any]]:
    """The curve for held-out `scores` (texts × classes), and what it reaches, itself cross-validated."""
    from sklearn.metrics import f1_score
    from sklearn.model_selection import KFold

    floor = max(FAMILIAR_FLOOR_MIN, float(np.quantile(familiar, FAMILIAR_QUANTILE)))
    right = scores.argmax(axis=1) == targets
    confidence = np.zeros(len(targets))
    folds = min(5, len(targets))
    for learn, judge in KFold(folds, shuffle=True, random_state=seed).split(scores):
        curve = _curve(scores[learn], right[learn], floor, {})
        confidence[judge] = curve.confidence(scores[judge], familiar[judge])
    thresholds = {f"{p:.2f}": threshold_for(confidence, right, p) for p in PROMISES}
    curve = _curve(scores, right, floor, thresholds)
    return curve, {
        "accuracy": round(float(right.mean()), 4),
        "macro_f1": round(float(f1_score(targets, scores.argmax(axis=1), average="macro")), 4),
        "calibration_error": round(expected_calibration_error(confidence, right), 4),
        "coverage_at": {p: round(float((confidence >= t).mean()), 4) for p, t in thresholds.items()},
    }


def threshold_for(confidence: Array, right: Array, promise: float) -> float:
    """The lowest confidence from which on at least `promise` of the texts are right; above 1: none."""
    order = np.argsort(-confidence)
    precision = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    kept = np.flatnonzero(precision >= promise)
    return float(confidence[order[kept[-1]]]) if kept.size else 1.01


def expected_calibration_error(confidence: Array, right: Array, bins: int = BINS) -> float:
    """Mean distance of stated confidence and share of right ones, over bins of equal width."""
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    error = 0.0
    for each in np.unique(which):
        part = which == each
        error += part.sum() * abs(float(confidence[part].mean()) - float(right[part].mean()))
    return float(error) / max(1, len(confidence))


def _signals(scores: Array) -> Array:
    best = np.partition(scores, -2, axis=1)[:, -2:]
    return np.column_stack([best[:, 1] - best[:, 0], best[:, 1]])


def _curve(scores: Array, right: Array, floor: float, thresholds: Mapping[str, float]) -> Calibration:
    if right.all() or not right.any():
        # Nothing to tell right from wrong by: the share of right ones with one of each added.
        odds = (right.sum() + 1) / (len(right) - right.sum() + 1)
        return Calibration(0.0, 0.0, float(np.log(odds)), floor, thresholds)
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=100.0).fit(_signals(scores), right)
    lead, best = fitted.coef_[0]
    return Calibration(float(lead), float(best), float(fitted.intercept_[0]), floor, thresholds)
