"""The members of the classifier, and how their votes become one.

Two linear ones and a small network, where each class has examples enough; each sees the same
features. A support vector machine on TF-IDF is the base. The second is one on features scaled by the
naive-Bayes log-count ratio (Wang and Manning 2012, "Baselines and Bigrams", NBSVM), folded back into
weights of the unscaled features. Their votes are weighed by multinomial logistic regression on values
of held-out texts (stacking, Wolpert 1992).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

SVM_C = 0.5
SVM_FEW_C = 1.0
NBSVM_C = 1.0
NBSVM_ALPHA = 0.1
ROWS_PER_CLASS_MIN = 100
"""With fewer examples of a class the support vector machine decides alone: counts of n-grams, a
network and weights of votes are then mostly noise (measured on 1,530 texts of 126 categories)."""
NETWORK_INPUTS_MAX = 20_000
NETWORK_UNITS = 32
NETWORK_EPOCHS = 8
NETWORK_BATCH_ROWS = 128
STACK_C = 0.3
CLASSES_MIN = 2
ABSENT = -1.0
"""The value of a class that a split left no example of: that of one on the wrong side of the margin."""

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Members:
    """`linear`: features × (members · classes); the network's arrays are empty where there is none."""

    linear: Array = field(repr=False)
    offsets: Array = field(repr=False)
    hidden: Array = field(repr=False)
    hidden_offsets: Array = field(repr=False)
    output: Array = field(repr=False)
    output_offsets: Array = field(repr=False)

    def values(self, features: Any) -> Array:
        """The votes: texts × (members · classes); those of the network are log-probabilities."""
        votes = np.asarray(features @ self.linear + self.offsets, dtype=np.float64)
        if not self.hidden.size:
            return votes
        inner = np.maximum(features[:, : len(self.hidden)] @ self.hidden + self.hidden_offsets, 0.0)
        raised = np.asarray(inner @ self.output + self.output_offsets, dtype=np.float64)
        raised -= raised.max(axis=1, keepdims=True)
        shares = raised - np.log(np.exp(raised).sum(axis=1, keepdims=True))
        return np.hstack([votes, np.maximum(shares, -12.0)])


def fit_members(features: Any, targets: Array, classes: int, *, full: bool) -> Members:
    """Members taught by `features` (texts × features, most telling first): all, or the first alone."""
    if not full:
        none = np.zeros((0, 0), dtype=np.float32)
        return Members(*_svm(features, targets, classes, SVM_FEW_C), none, none, none, none)
    svm = _svm(features, targets, classes, SVM_C)
    bayes = _bayes_svm(features, targets, classes)
    linear = np.hstack([svm[0], bayes[0]])
    return Members(linear, np.concatenate([svm[1], bayes[1]]), *_network(features, targets, classes))


def outputs(classes: int, *, full: bool) -> int:
    """How many linear outputs the members have together."""
    return 2 * classes if full else classes


def enough_for_all(documents: Sequence[str], targets: Array, classes: int) -> bool:
    """Whether each class has different texts enough for every member and a stack."""
    different = dict(zip(documents, targets.tolist(), strict=True))
    counts = np.bincount(list(different.values()), minlength=classes)
    return bool(counts.min() >= ROWS_PER_CLASS_MIN)


@dataclass(frozen=True)
class Stack:
    """Scores = votes @ weights + offsets: (members · classes) × classes."""

    weights: Array = field(repr=False)
    offsets: Array = field(repr=False)

    def scores(self, votes: Array) -> Array:
        return np.asarray(votes @ self.weights + self.offsets)


def fit_stack(votes: Array, targets: Array, classes: int, *, full: bool) -> Stack:
    """The weights of the votes; those of a single member count as they are."""
    if not full:
        return Stack(np.eye(classes), np.zeros(classes))
    members = votes.shape[1] // classes
    spread = votes.reshape(len(votes), members, classes).std(axis=(0, 2)).repeat(classes)
    spread = np.maximum(spread, 1e-9)
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=STACK_C, max_iter=1_000).fit(votes / spread, targets)
    weights, offsets = _each_class(fitted.coef_, fitted.intercept_, classes)
    return Stack(weights.T / spread[:, None], offsets)


def _svm(features: Any, targets: Array, classes: int, c: float) -> tuple[Array, Array]:
    from sklearn.svm import LinearSVC

    weights = np.zeros((features.shape[1], classes), dtype=np.float32)
    offsets = np.full(classes, ABSENT, dtype=np.float32)
    present = np.unique(targets)
    if len(present) < CLASSES_MIN:
        offsets[present] = -ABSENT
        return weights, offsets
    svm = LinearSVC(C=c, dual=True, tol=1e-3, random_state=0).fit(features, targets)
    found, told = _each_class(svm.coef_, svm.intercept_, len(present))
    weights[:, present], offsets[present] = found.T, told
    return weights, offsets


def _bayes_svm(features: Any, targets: Array, classes: int) -> tuple[Array, Array]:
    from sklearn.svm import LinearSVC

    totals = np.asarray(features.sum(axis=0)).ravel()
    weights = np.zeros((features.shape[1], classes), dtype=np.float32)
    offsets = np.full(classes, ABSENT, dtype=np.float32)
    for each in np.unique(targets):
        member = targets == each
        if member.all():
            offsets[each] = -ABSENT
            continue
        inside = np.asarray(features[member].sum(axis=0)).ravel() + NBSVM_ALPHA
        outside = totals - inside + 2 * NBSVM_ALPHA
        ratio = np.log((inside / inside.sum()) / (outside / outside.sum())).astype(np.float32)
        scaled = features.copy()
        scaled.data = scaled.data * ratio[scaled.indices]
        svm = LinearSVC(C=NBSVM_C, dual=True, tol=1e-2, random_state=0).fit(scaled, member)
        weights[:, each] = svm.coef_[0] * ratio
        offsets[each] = svm.intercept_[0]
    return weights, offsets


def _network(features: Any, targets: Array, classes: int) -> tuple[Array, Array, Array, Array]:
    """One hidden layer (rectified), by Adam with a fixed number of passes: early stopping gains nothing."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    network = MLPClassifier(
        (NETWORK_UNITS,), batch_size=NETWORK_BATCH_ROWS, learning_rate_init=2e-3, alpha=1e-5,
        max_iter=NETWORK_EPOCHS, random_state=0,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(features[:, :NETWORK_INPUTS_MAX], targets)
    (hidden, output), (hidden_offsets, output_offsets) = network.coefs_, network.intercepts_
    if classes == CLASSES_MIN:
        # The one output of scikit-learn stands for the second class.
        output = np.hstack([np.zeros_like(output), output])
        output_offsets = np.array([0.0, output_offsets[0]])
    return tuple(np.asarray(a, dtype=np.float32) for a in (hidden, hidden_offsets, output, output_offsets))  # type: ignore[return-value]


def _each_class(weights: Array, offsets: Array, classes: int) -> tuple[Array, Array]:
    """Two classes have one row of weights in scikit-learn; here each class has its own."""
    if classes == CLASSES_MIN:
        return np.vstack([-weights[0], weights[0]]), np.array([-offsets[0], offsets[0]])
    return weights, offsets
