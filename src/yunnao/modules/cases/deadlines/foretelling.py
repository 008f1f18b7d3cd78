"""The forecast of overdue over a case's whole life, pure: what is known at the opening (`forecasting`), and
how far the case has come since.

A case is looked at when it opens and at shares of its time (from opening to due): at each look that it is
still running, with the step that it had reached. So one model answers at any moment. Its trees (gradient
boosting on histograms, as in scikit-learn) are kept as plain arrays.
"""

from dataclasses import dataclass
from io import BytesIO
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from yunnao.modules.cases.deadlines.forecasting import (
    LEAF_CASES_MIN,
    LEARNING_RATE,
    LEAVES_MAX,
    ROUNDS,
    History,
    features,
)

Floats = NDArray[np.float64]
Labels = NDArray[np.str_]

LOOKS = (0.0, 0.25, 0.5, 0.75, 0.95)
HOLD_OUT_SHARE = 0.2
"""The latest closed cases are kept from the training and foretold by it."""
CASES_MIN = 500
MINORITY_MIN = 30
"""Of each outcome; below either limit the category's own rate is told instead of a model's."""
SMOOTHING = 20.0
TREE_PARTS = ("value", "feature_idx", "num_threshold", "missing_go_to_left", "left", "right", "is_leaf")


@dataclass(frozen=True)
class Course:
    """Cases with the steps that they came to: seconds since the epoch, NaN for what has not happened."""

    history: History
    accepted: Floats
    finished: Floats
    category: Labels
    zone_offset_s: float = 0.0

    def __len__(self) -> int:
        return len(self.history.opened)

    def at_opening(self) -> Floats:
        """What is known of each when it opens; of the others only what was known then."""
        return features(self.history, self.zone_offset_s)

    def moment(self, look: float) -> Floats:
        span = self.history.due - self.history.opened
        return np.asarray(self.history.opened + look * span)

    def running(self, look: float) -> NDArray[np.bool_]:
        """Which still run at a look."""
        return np.asarray(~(self.history.closed <= self.moment(look)))

    def look(self, now: float) -> Floats:
        """How much of its time each has used."""
        span = np.maximum(self.history.due - self.history.opened, 1.0)
        return np.asarray((now - self.history.opened) / span)

    def rows(self, base: Floats, which: NDArray[np.bool_], look: Floats, now: Floats) -> Floats:
        """What is known at `look` of those `which`; step 0: not taken on, 1: in hand, 2: to be checked."""
        step = (self.accepted[which] <= now).astype(float) + (self.finished[which] <= now)
        return np.column_stack([base[which], look, step])


@dataclass(frozen=True)
class Rates:
    """Shares of overdue cases by label, drawn towards the mean where there are few."""

    labels: Labels
    rates: Floats
    mean: float

    @classmethod
    def of(cls, labels: Labels, overdue: NDArray[np.bool_]) -> "Rates":
        mean = float(overdue.mean()) if len(overdue) else 0.0
        known, where = np.unique(labels, return_inverse=True)
        late = np.bincount(where, overdue.astype(float), len(known))
        total = np.bincount(where, minlength=len(known))
        return cls(known, (late + SMOOTHING * mean) / (total + SMOOTHING), mean)

    def told(self, labels: Labels) -> Floats:
        if not len(self.labels):
            return np.full(len(labels), self.mean)
        at = np.minimum(np.searchsorted(self.labels, labels), len(self.labels) - 1)
        return np.where(self.labels[at] == labels, self.rates[at], self.mean)


@dataclass(frozen=True)
class Forecast:
    """What was learned: rates by category, how many cases reach each look, and trees (none: rates only)."""

    rates: Rates
    reached: Floats
    baseline: float
    trees: dict[str, NDArray[Any]]

    @property
    def kind(self) -> Literal["model", "rates"]:
        return "model" if len(self.trees["starts"]) else "rates"

    def predict(self, course: Course, which: NDArray[np.bool_], now: float) -> Floats:
        """The probability of those `which` run to be overdue in the end; 1 where they are."""
        look = course.look(now)[which]
        if self.kind == "rates":
            found = self._by_rates(course.category[which], look)
        else:
            rows = course.rows(course.at_opening(), which, np.maximum(look, 0.0), np.full(len(look), now))
            found = self.chance(rows)
        return np.where(look >= 1.0, 1.0, found)

    def chance(self, rows: Floats) -> Floats:
        return np.asarray(1.0 / (1.0 + np.exp(-self.baseline - _walk(self.trees, rows))))

    def _by_rates(self, category: Labels, look: Floats) -> Floats:
        """The category's rate, given that the case still runs: who is late in the end runs at every look."""
        reached = np.interp(look, LOOKS, self.reached)
        return np.minimum(1.0, self.rates.told(category) / np.maximum(reached, 1e-3))

    def dump(self) -> bytes:
        out = BytesIO()
        trees: dict[str, Any] = {f"tree_{name}": array for name, array in self.trees.items()}
        np.savez_compressed(
            out,
            reached=self.reached,
            baseline=self.baseline,
            labels=self.rates.labels,
            rates=self.rates.rates,
            mean=self.rates.mean,
            **trees,
        )
        return out.getvalue()

    @classmethod
    def load(cls, content: bytes) -> "Forecast":
        with np.load(BytesIO(content), allow_pickle=False) as kept:
            trees = {n.removeprefix("tree_"): kept[n] for n in kept.files if n.startswith("tree_")}
            rates = Rates(kept["labels"], kept["rates"], float(kept["mean"]))
            return cls(rates, kept["reached"], float(kept["baseline"]), trees)


def learn(course: Course, which: NDArray[np.bool_] | None = None) -> Forecast:
    """Learns from those `which` have closed; rates alone where there are too few for a model."""
    which = np.ones(len(course), dtype=bool) if which is None else which
    overdue = course.history.overdue()
    late = overdue[which]
    reached = [course.running(look)[which].mean() if which.any() else 1.0 for look in LOOKS]
    trees, baseline = _no_trees(), 0.0
    if len(late) >= CASES_MIN and min(late.sum(), (~late).sum()) >= MINORITY_MIN:
        trees, baseline = _grow(course, which, overdue)
    return Forecast(Rates.of(course.category[which], late), np.array(reached), baseline, trees)


def evaluate(course: Course) -> dict[str, Any]:
    """Learns from the earlier cases and foretells the later: AUC when they open and over all looks, beside
    that of the category's rate alone. None where the later ones are all alike."""
    opened, overdue = course.history.opened, course.history.overdue()
    begins = np.quantile(opened, 1 - HOLD_OUT_SHARE) if len(course) else 0.0
    later = opened >= begins
    # What was known only after the hold-out began teaches nothing.
    past = ~later & (course.history.known_at() < begins)
    found = learn(course, past)
    told, truth = [], []
    base = course.at_opening() if found.kind == "model" else np.empty((len(course), 0))
    for look in LOOKS:
        some = later & course.running(look)
        told.append(_at_look(found, course, base, some, look))
        truth.append(overdue[some])
    return {
        "cases": len(course),
        "trained_on": int(past.sum()),
        "tested_on": int(later.sum()),
        "overdue_share": round(float(overdue.mean()), 4) if len(course) else None,
        "auc_at_opening": auc(told[0], truth[0]),
        "auc_all_looks": auc(np.concatenate(told), np.concatenate(truth)),
        "auc_of_category_rate": auc(found.rates.told(course.category[later]), overdue[later]),
    }


def _at_look(found: Forecast, course: Course, base: Floats, which: NDArray[np.bool_], look: float) -> Floats:
    looks = np.full(int(which.sum()), look)
    if found.kind == "rates":
        return found._by_rates(course.category[which], looks)
    return found.chance(course.rows(base, which, looks, course.moment(look)[which]))


def auc(scores: Floats, truth: NDArray[np.bool_]) -> float | None:
    """Area under the ROC curve by ranks (Mann and Whitney), ties shared; None for a single outcome."""
    positive = int(truth.sum())
    negative = len(truth) - positive
    if positive == 0 or negative == 0:
        return None
    _, where, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[where]
    return round(float((ranks[truth].sum() - positive * (positive + 1) / 2) / (positive * negative)), 4)


def _grow(
    course: Course, which: NDArray[np.bool_], overdue: NDArray[np.bool_]
) -> tuple[dict[str, NDArray[Any]], float]:
    from sklearn.ensemble import HistGradientBoostingClassifier

    base = course.at_opening()
    rows, truth = [], []
    for look in LOOKS:
        some = which & course.running(look)
        rows.append(course.rows(base, some, np.full(int(some.sum()), look), course.moment(look)[some]))
        truth.append(overdue[some])
    model = HistGradientBoostingClassifier(
        max_iter=ROUNDS,
        learning_rate=LEARNING_RATE,
        max_leaf_nodes=LEAVES_MAX,
        min_samples_leaf=LEAF_CASES_MIN,
        l2_regularization=5.0,
        early_stopping=False,
        random_state=0,
    )
    return arrays_of(model.fit(np.concatenate(rows), np.concatenate(truth)))


def arrays_of(model: Any) -> tuple[dict[str, NDArray[Any]], float]:
    """A fitted HistGradientBoostingClassifier of two classes as arrays, and its raw baseline."""
    grown = [trees[0].nodes for trees in model._predictors]
    starts = np.cumsum([0, *(len(nodes) for nodes in grown[:-1])])
    trees = {name: np.concatenate([nodes[name] for nodes in grown]) for name in TREE_PARTS}
    return {**trees, "starts": starts}, float(model._baseline_prediction.ravel()[0])


def _no_trees() -> dict[str, NDArray[Any]]:
    return {**{name: np.empty(0) for name in TREE_PARTS}, "starts": np.empty(0, dtype=np.int64)}


def _walk(trees: dict[str, NDArray[Any]], rows: Floats) -> Floats:
    """The sum of the leaves that each row comes to, all rows at once."""
    total = np.zeros(len(rows))
    every = np.arange(len(rows))
    for start in trees["starts"]:
        at = np.full(len(rows), start, dtype=np.int64)
        while True:
            inner = ~trees["is_leaf"][at].astype(bool)
            if not inner.any():
                break
            value = rows[every, trees["feature_idx"][at].astype(np.int64)]
            left = value <= trees["num_threshold"][at]
            left = np.where(np.isnan(value), trees["missing_go_to_left"][at].astype(bool), left)
            child = np.where(left, trees["left"][at], trees["right"][at]).astype(np.int64) + start
            at = np.where(inner, child, at)
        total += trees["value"][at]
    return total
