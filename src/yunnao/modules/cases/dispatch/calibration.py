"""From scores to a probability that can be believed, and to thresholds that keep a promise.

The scores of held-out texts and whether the likeliest class was right are fitted by a logistic curve
over two features: the lead over the second class, and the best score itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

PROMISES = (0.90, 0.95, 0.97, 0.99)
"""Precisions that a report tells the thresholds of."""
BINS = 10
CONFIDENCE_MAX = 0.999
"""No finite sample shows more."""
FAMILIAR_QUANTILE = 0.05
"""Held-out texts below this quantile of familiarity count as strange."""
FAMILIAR_FLOOR_MIN = 0.05
CATEGORY_ROWS_MIN = 30
"""Held-out texts of a category from which on it can have a threshold of its own."""
CATEGORY_SLACK = 0.02
"""The promise is the city's; a single category may stay so far below it, and no further."""
SIGNIFICANT_Z = 1.645
"""One-sided 95 %."""
OUT_OF_REACH = 1.01

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Curve:
    """Confidence = sigmoid(lead_weight × lead + best_weight × best + offset), lowered for texts that
    are less familiar than `familiar_floor`, in proportion."""

    lead_weight: float
    best_weight: float
    offset: float
    familiar_floor: float

    def confidence(self, scores: Array, familiar: Array) -> Array:
        """The probability that the likeliest class of each row is right.

        `scores`: texts × classes, log-probabilities; `familiar`: for each text the share that is known.
        """
        inner = _signals(scores) @ np.array([self.lead_weight, self.best_weight]) + self.offset
        raised = np.minimum(1.0 / (1.0 + np.exp(-np.clip(inner, -30, 30))), CONFIDENCE_MAX)
        return np.asarray(raised * np.minimum(1.0, familiar / self.familiar_floor))


@dataclass(frozen=True)
class Thresholds:
    """Dispatched automatically from here on: the city's, and higher ones of single classes."""

    city: float
    by_class: Mapping[int, float]

    def of(self, classes: Array) -> Array:
        """The threshold of each of `classes` (indices)."""
        return np.array([max(self.city, self.by_class.get(int(c), 0.0)) for c in classes])


@dataclass(frozen=True)
class Calibration:
    """The curve, and what held-out texts showed: confidence, whether right, and the class told."""

    curve: Curve
    confidence: Array = field(repr=False)
    right: Array = field(repr=False)
    told: Array = field(repr=False)

    def thresholds(self, promise: float) -> Thresholds:
        return choose_thresholds(self.confidence, self.right, self.told, promise)


def fit_calibration(
    scores: Array, familiar: Array, targets: Array, groups: Array, seed: int
) -> tuple[Calibration, dict[str, Any]]:
    """The curve for held-out `scores` (texts × classes), and what it reaches, itself cross-validated.

    `groups`: texts of one group (one message kept twice) are on one side of every split.
    """
    from sklearn.metrics import f1_score
    from sklearn.model_selection import GroupKFold

    floor = max(FAMILIAR_FLOOR_MIN, float(np.quantile(familiar, FAMILIAR_QUANTILE)))
    told = scores.argmax(axis=1)
    right = told == targets
    confidence = np.zeros(len(targets))
    folds = min(5, len(np.unique(groups)))
    split = GroupKFold(folds, shuffle=True, random_state=seed)
    for learn, judge in split.split(scores, groups=groups):
        curve = _curve(scores[learn], right[learn], floor)
        confidence[judge] = curve.confidence(scores[judge], familiar[judge])
    calibration = Calibration(_curve(scores, right, floor), confidence.astype(np.float32), right, told)
    coverage = {}
    for promise in PROMISES:
        kept = calibration.confidence >= calibration.thresholds(promise).of(told)
        coverage[f"{promise:.2f}"] = round(float(kept.mean()), 4)
    return calibration, {
        "accuracy": round(float(right.mean()), 4),
        "macro_f1": round(float(f1_score(targets, told, average="macro")), 4),
        "calibration_error": round(expected_calibration_error(confidence, right), 4),
        "coverage_at": coverage,
    }


def choose_thresholds(confidence: Array, right: Array, told: Array, promise: float) -> Thresholds:
    """The lowest thresholds by which the promised precision is kept, by held-out texts.

    The city's: with n texts above it the errors e among them hold (e + 1) / (n + 1) <= 1 - promise, the
    finite-sample bound of conformal risk control (Angelopoulos et al. 2022, eq. 4). A class whose own
    precision would be below the promise by more than `CATEGORY_SLACK` and chance explain has a higher
    one of its own.
    """
    by_class: dict[int, float] = {}
    for each in np.unique(told):
        of_class = told == each
        if of_class.sum() >= CATEGORY_ROWS_MIN:
            by_class[int(each)] = _class_threshold(
                confidence[of_class], right[of_class], promise - CATEGORY_SLACK
            )
    floors = Thresholds(0.0, by_class).of(told)
    kept = np.flatnonzero(confidence >= floors)
    order = kept[np.argsort(-confidence[kept], kind="stable")]
    errors = np.cumsum(~right[order])
    kept_promise = (errors + 1) / (np.arange(1, len(order) + 1) + 1) <= 1 - promise + 1e-12
    held = np.flatnonzero(kept_promise & _last_of_equal(confidence[order]))
    city = float(confidence[order[held[-1]]]) if held.size else OUT_OF_REACH
    return Thresholds(city, {each: bound for each, bound in by_class.items() if bound > city})


def _class_threshold(confidence: Array, right: Array, promise: float) -> float:
    """The lowest confidence from which on the precision is not significantly below `promise`."""
    order = np.argsort(-confidence, kind="stable")
    count = np.arange(1, len(order) + 1)
    share = np.cumsum(right[order]) / count
    z2 = SIGNIFICANT_Z**2
    # Wilson's upper bound of the precision.
    middle = share + z2 / (2 * count)
    spread = SIGNIFICANT_Z * np.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    not_below = (middle + spread) / (1 + z2 / count) >= promise
    held = np.flatnonzero(not_below & _last_of_equal(confidence[order]))
    return float(confidence[order[held[-1]]]) if held.size else OUT_OF_REACH


def _last_of_equal(falling: Array) -> Array:
    """A threshold takes in all that are equal to it, so only the last of them can be one."""
    return np.append(falling[1:] < falling[:-1], True)[: len(falling)]


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


def _curve(scores: Array, right: Array, floor: float) -> Curve:
    if right.all() or not right.any():
        # Nothing to tell right from wrong by: the share of right ones with one of each added.
        odds = (right.sum() + 1) / (len(right) - right.sum() + 1)
        return Curve(0.0, 0.0, float(np.log(odds)), floor)
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=100.0).fit(_signals(scores), right)
    lead, best = fitted.coef_[0]
    return Curve(float(lead), float(best), float(fitted.intercept_[0]), floor)
