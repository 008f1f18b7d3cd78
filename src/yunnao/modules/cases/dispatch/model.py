"""The text classifier: a linear model over TF-IDF, with a confidence that was cross-validated.

A model is saved as arrays (npz without pickle), so that loading one can run nothing.
"""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zipfile import BadZipFile

import numpy as np

from yunnao.kernel.errors import InvalidInput
from yunnao.modules.cases.dispatch.calibration import Calibration, fit_calibration
from yunnao.modules.cases.dispatch.features import familiarity, normalise, telling_words, vectorizer

FOLDS = 5
EXAMPLES_MIN = 2
"""Examples that each category needs, so that it can be learned and tried on another."""
CLASSES_MIN = 2
ALTERNATIVES = 3
SVM_C = 1.0
FORMAT = 2

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Guess:
    """A category and how probable it is (calibrated for the first, scaled for the others)."""

    category: str
    confidence: float


@dataclass(frozen=True)
class Prediction:
    """The likeliest categories of one text and the words that spoke for the first."""

    guesses: tuple[Guess, ...]
    words: tuple[str, ...]


@dataclass(frozen=True)
class Model:
    """A trained classifier. `coefficients` are classes × features."""

    classes: tuple[str, ...]
    vocabulary: tuple[str, ...]
    idf: Array = field(repr=False)
    coefficients: Array = field(repr=False)
    intercepts: Array = field(repr=False)
    calibration: Calibration
    report: Mapping[str, Any]
    _vectorizer: Any = field(init=False, repr=False)
    _known: Mapping[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        known = {gram: i for i, gram in enumerate(self.vocabulary)}
        vector = vectorizer(len(self.classes), known)
        vector.idf_ = self.idf
        object.__setattr__(self, "_vectorizer", vector)
        object.__setattr__(self, "_known", known)

    def scores(self, texts: Sequence[str]) -> Array:
        """Decision values, texts × classes."""
        found = self._transform(texts) @ self.coefficients.T + self.intercepts
        return np.asarray(found)

    def confidences(self, texts: Sequence[str]) -> tuple[list[str], Array]:
        """For each text its likeliest category and the calibrated probability that it is right."""
        scores = self.scores(texts)
        familiar = np.array([familiarity(text, self._known) for text in texts])
        return [self.classes[i] for i in scores.argmax(axis=1)], self.calibration.confidence(scores, familiar)

    def predict(self, text: str, alternatives: int = ALTERNATIVES) -> Prediction:
        row = self._transform([text])
        scores = np.asarray(row @ self.coefficients.T + self.intercepts)
        familiar = np.array([familiarity(text, self._known)])
        best = float(self.calibration.confidence(scores, familiar)[0])
        shares = self.calibration.shares(scores)[0]
        order = np.argsort(-scores[0])[: alternatives + 1]
        rest = max(1e-9, 1.0 - float(shares[order[0]]))
        guesses = tuple(
            Guess(self.classes[i], best if n == 0 else float((1 - best) * shares[i] / rest))
            for n, i in enumerate(order)
        )
        return Prediction(guesses, tuple(self._words(text, row, int(order[0]))))

    def _transform(self, texts: Sequence[str]) -> Any:
        return self._vectorizer.transform([normalise(text) for text in texts])

    def _words(self, text: str, row: Any, chosen: int) -> list[str]:
        """Weighed against the mean class, since a word that speaks for all speaks for none."""
        columns = row.indices
        against = self.coefficients[:, columns].mean(axis=0)
        gains = row.data * (self.coefficients[chosen, columns] - against)
        return telling_words(
            text, {self.vocabulary[c]: float(g) for c, g in zip(columns, gains, strict=True)}
        )

    def dump(self) -> bytes:
        head = {
            "format": FORMAT,
            "classes": self.classes,
            "vocabulary": self.vocabulary,
            "calibration": self.calibration.to_dict(),
            "report": dict(self.report),
        }
        out = io.BytesIO()
        np.savez_compressed(
            out,
            head=np.frombuffer(json.dumps(head, ensure_ascii=False).encode(), dtype=np.uint8),
            idf=self.idf.astype(np.float32),
            coefficients=self.coefficients.astype(np.float32),
            intercepts=self.intercepts.astype(np.float32),
        )
        return out.getvalue()

    @classmethod
    def load(cls, content: bytes) -> "Model":
        """Raises InvalidInput `dispatch_model_unreadable`."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                head = json.loads(arrays["head"].tobytes())
                if head["format"] != FORMAT:
                    raise ValueError(head["format"])
                return cls(
                    tuple(head["classes"]),
                    tuple(head["vocabulary"]),
                    arrays["idf"],
                    arrays["coefficients"],
                    arrays["intercepts"],
                    Calibration(**head["calibration"]),
                    head["report"],
                )
        except (ValueError, KeyError, OSError, EOFError, TypeError, BadZipFile) as error:
            raise InvalidInput("dispatch_model_unreadable") from error


def train(
    texts: Sequence[str],
    labels: Sequence[str],
    hints: Mapping[str, Sequence[str]] | None = None,
    seed: int = 7,
) -> Model:
    """A model of `texts` and their `labels`.

    `hints`: for a label its name and keywords, each taught as a text, never used to judge. Labels
    with fewer than `EXAMPLES_MIN` texts are left out. Raises InvalidInput `dispatch_examples_too_few`.
    """
    counts: dict[str, int] = {}
    for label in labels:
        counts[label] = counts.get(label, 0) + 1
    kept = [i for i, label in enumerate(labels) if counts[label] >= EXAMPLES_MIN]
    classes = sorted({labels[i] for i in kept})
    if len(classes) < CLASSES_MIN:
        raise InvalidInput("dispatch_examples_too_few", minimum=EXAMPLES_MIN)
    position = {label: i for i, label in enumerate(classes)}
    documents = [normalise(texts[i]) for i in kept]
    targets = np.array([position[labels[i]] for i in kept])
    known_hints: list[tuple[str, int]] = [
        (normalise(text), position[label])
        for label, of_label in (hints or {}).items()
        for text in of_label
        if label in position
    ]
    hint_documents = [text for text, _ in known_hints]
    hint_targets = np.array([target for _, target in known_hints], dtype=int)

    held_out, familiar = _held_out_scores(
        documents, targets, hint_documents, hint_targets, len(classes), seed
    )
    calibration, measured = fit_calibration(held_out, familiar, targets, seed)
    vector, svm = _fit(documents + hint_documents, np.concatenate([targets, hint_targets]), len(classes))
    names = sorted(vector.vocabulary_, key=vector.vocabulary_.__getitem__)
    coefficients, intercepts = _weights(svm, len(classes))
    report = {
        "rows": len(documents),
        "classes": len(classes),
        "features": len(names),
        "left_out": sorted(label for label, n in counts.items() if n < EXAMPLES_MIN),
        **measured,
    }
    return Model(
        tuple(classes), tuple(names), vector.idf_.astype(np.float32), coefficients, intercepts,
        calibration, report,
    )  # fmt: skip


def examples_hash(texts: Sequence[str], labels: Sequence[str], hints: Mapping[str, Sequence[str]]) -> str:
    """What a model was taught, as a hash: equal examples need no new training."""
    taught = json.dumps([FORMAT, list(zip(labels, texts, strict=True)), sorted(hints.items())])
    return hashlib.sha256(taught.encode()).hexdigest()


def _fit(documents: Sequence[str], targets: Array, classes: int) -> tuple[Any, Any]:
    vector = vectorizer(classes)
    features = vector.fit_transform(documents)
    from sklearn.svm import LinearSVC

    svm = LinearSVC(C=SVM_C, dual="auto", tol=1e-3, random_state=0)
    svm.fit(features, targets)
    return vector, svm


def _weights(svm: Any, classes: int) -> tuple[Array, Array]:
    """Two classes have one row of weights in scikit-learn; here each class has its own."""
    if classes == CLASSES_MIN:
        return (
            np.vstack([-svm.coef_[0], svm.coef_[0]]).astype(np.float32),
            np.array([-svm.intercept_[0], svm.intercept_[0]], dtype=np.float32),
        )
    return svm.coef_.astype(np.float32), svm.intercept_.astype(np.float32)


def _held_out_scores(
    documents: Sequence[str],
    targets: Array,
    hint_documents: Sequence[str],
    hint_targets: Array,
    classes: int,
    seed: int,
) -> tuple[Array, Array]:
    """Decision values and familiarity of each text, from a model that has not seen it."""
    folds = min(FOLDS, int(np.bincount(targets).min()))
    scores = np.zeros((len(documents), classes), dtype=np.float32)
    familiar = np.zeros(len(documents))
    from sklearn.model_selection import StratifiedKFold

    for learn, judge in StratifiedKFold(folds, shuffle=True, random_state=seed).split(documents, targets):
        vector, svm = _fit(
            [documents[i] for i in learn] + list(hint_documents),
            np.concatenate([targets[learn], hint_targets]),
            classes,
        )
        coefficients, intercepts = _weights(svm, classes)
        scores[judge] = vector.transform([documents[i] for i in judge]) @ coefficients.T + intercepts
        familiar[judge] = [familiarity(documents[i], vector.vocabulary_) for i in judge]
    return scores, familiar
