"""Will a case miss its deadline? Judged from how cases like it went, by what is known at its opening.

Pure. Nothing of a case's own future is used: the shares and loads of each case are those of other
cases whose outcome was known before it was opened.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

RECENT_S = 30 * 86_400.0
PRIOR_CASES = 10.0
"""A share of few cases is drawn towards the share of all by as many."""
ROUNDS = 60
LEARNING_RATE = 0.05
LEAVES_MAX = 8
LEAF_CASES_MIN = 100
"""Small trees: seasons differ, and what a larger one learns of winter misleads in summer (measured)."""

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class History:
    """Cases as arrays of one length, in any order; times in seconds since the epoch.

    `closed` is NaN while a case runs. `keys` are codes by which cases are alike: category,
    department, area, source.
    """

    opened: Array
    due: Array
    closed: Array
    keys: Mapping[str, Array]

    def overdue(self) -> Array:
        """Whether no closing came by the deadline, as things stand."""
        return ~(self.closed <= self.due)

    def known_at(self) -> Array:
        """When it was known whether the deadline is kept: at the closing, at the latest when due."""
        return np.fmin(self.closed, self.due)


def features(history: History, zone_offset_s: float = 0.0) -> Array:
    """What is known at each opening: cases × features.

    `zone_offset_s`: seconds from UTC to the city's time, for hours and weekdays.
    """
    opened, limit = history.opened, history.due - history.opened
    local, local_due = opened + zone_offset_s, history.due + zone_offset_s
    columns = [
        np.log1p(np.maximum(limit, 0.0)),
        local % 86_400.0, (local // 86_400.0) % 7, (local_due // 86_400.0) % 7, local_due % 86_400.0,
    ]  # fmt: skip
    overall = _shares(np.zeros(len(opened), dtype=np.int64), history, np.nan)[0]
    named = list(history.keys.values())
    for codes in named:
        columns += [*_shares(codes, history, overall), np.log1p(_load(codes, history)), _pace(codes, history)]
    for other in named[1:]:
        pairs = named[0].astype(np.int64) * (int(other.max(initial=0)) + 1) + other
        columns += _shares(pairs, history, overall)
    return np.column_stack(columns)


@dataclass(frozen=True)
class OverdueModel:
    """Boosted trees (scikit-learn); kept in memory only, fitted anew from the history."""

    trees: Any

    def chance(self, matrix: Array) -> Array:
        """The probability of missing the deadline, of each row of `features`."""
        return np.asarray(self.trees.predict_proba(matrix)[:, 1])


def fit(matrix: Array, overdue: Array) -> OverdueModel:
    """`matrix` of `features` and the outcomes, for cases whose outcome is known."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    trees = HistGradientBoostingClassifier(
        max_iter=ROUNDS, learning_rate=LEARNING_RATE, max_leaf_nodes=LEAVES_MAX,
        min_samples_leaf=LEAF_CASES_MIN, l2_regularization=5.0, early_stopping=False, random_state=0,
    )  # fmt: skip
    return OverdueModel(trees.fit(matrix, overdue))


def _shares(codes: Array, history: History, prior: Any) -> tuple[Array, Array]:
    """Share of missed deadlines among cases of the same code whose outcome was known at the opening, of
    all and of the last `RECENT_S`."""
    known, overdue = history.known_at(), history.overdue().astype(float)
    share, recent = np.zeros(len(codes)), np.zeros(len(codes))
    for rows in _groups(codes):
        order = rows[np.argsort(known[rows], kind="stable")]
        total = np.concatenate([[0.0], np.cumsum(overdue[order])])
        until = np.searchsorted(known[order], history.opened[rows], side="left")
        since = np.searchsorted(known[order], history.opened[rows] - RECENT_S, side="left")
        base = np.broadcast_to(prior, codes.shape)[rows]
        weight = np.where(np.isnan(base), 0.0, PRIOR_CASES)
        base = np.nan_to_num(base)
        share[rows] = (total[until] + weight * base) / np.maximum(until + weight, 1.0)
        last = total[until] - total[since]
        recent[rows] = (last + PRIOR_CASES * share[rows]) / (until - since + PRIOR_CASES)
    return share, recent


def _load(codes: Array, history: History) -> Array:
    """How many cases of the same code were open at the opening."""
    closed = np.nan_to_num(history.closed, nan=np.inf)
    load = np.zeros(len(codes))
    for rows in _groups(codes):
        at = history.opened[rows]
        begun = np.searchsorted(np.sort(at), at, side="left")
        ended = np.searchsorted(np.sort(closed[rows]), at, side="left")
        # A case that was closed before it was opened, as registers have some, was never in hand.
        load[rows] = np.maximum(begun - ended, 0)
    return load


def _pace(codes: Array, history: History) -> Array:
    """The mean share of its limit that a case of the code closed in the last `RECENT_S` took; log scale."""
    took = np.log1p(np.maximum(history.closed - history.opened, 0.0))
    pace = np.full(len(codes), np.nan)
    for rows in _groups(codes):
        ended = rows[~np.isnan(history.closed[rows])]
        order = ended[np.argsort(history.closed[ended], kind="stable")]
        total = np.concatenate([[0.0], np.cumsum(took[order])])
        until = np.searchsorted(history.closed[order], history.opened[rows], side="left")
        since = np.searchsorted(history.closed[order], history.opened[rows] - RECENT_S, side="left")
        count = until - since
        mean = (total[until] - total[since]) / np.maximum(count, 1)
        limit = np.log1p(np.maximum(history.due[rows] - history.opened[rows], 0.0))
        pace[rows] = np.where(count > 0, mean - limit, np.nan)
    return pace


def _groups(codes: Array) -> list[Array]:
    order = np.argsort(codes, kind="stable")
    edges = np.flatnonzero(np.diff(codes[order])) + 1
    return np.split(order, edges) if len(order) else []
