"""The text classifier as it is kept and asked. Teaching it is `training`'s.

A model is saved as arrays (npz without pickle), so that loading one can run nothing.
"""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from zipfile import BadZipFile

import numpy as np

from yunnao.kernel.errors import InvalidInput
from yunnao.modules.cases.dispatch.calibration import Calibration, Curve, Thresholds
from yunnao.modules.cases.dispatch.explaining import telling_words
from yunnao.modules.cases.dispatch.features import BATCH_TEXTS, FeatureSpace, Grams
from yunnao.modules.cases.dispatch.members import Members, Stack

ALTERNATIVES = 3
FORMAT = 3

Array = np.ndarray[Any, Any]

_SPACE = ("hashes", "idf", "of_words", "pairs")
_MEMBERS = ("linear", "offsets", "hidden", "hidden_offsets", "output", "output_offsets")
_JUDGED = ("confidence", "right", "told")


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
    """A trained classifier."""

    classes: tuple[str, ...]
    space: FeatureSpace
    members: Members
    stack: Stack
    calibration: Calibration
    report: Mapping[str, Any]
    _thresholds: dict[float, Thresholds] = field(default_factory=dict, repr=False)
    _spread: Array = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # The mean weight of each linear member, so that one does not outweigh the other in explanations.
        by_member = np.abs(self.members.linear).reshape(len(self.members.linear), -1, len(self.classes))
        object.__setattr__(self, "_spread", np.maximum(by_member.mean(axis=(0, 2)), 1e-12))

    def confidences(self, texts: Sequence[str]) -> tuple[list[str], Array]:
        """For each text its likeliest category and the calibrated probability that it is right."""
        told: list[str] = []
        parts: list[Array] = [np.zeros(0)]
        for at in range(0, len(texts), BATCH_TEXTS):
            scores, familiar, _, _ = self._judge(texts[at : at + BATCH_TEXTS])
            told += [self.classes[i] for i in scores.argmax(axis=1)]
            parts.append(self.calibration.curve.confidence(scores, familiar))
        return told, np.concatenate(parts)

    def predict(self, text: str, alternatives: int = ALTERNATIVES) -> Prediction:
        scores, familiar, found, row = self._judge([text])
        best = float(self.calibration.curve.confidence(scores, familiar)[0])
        shares = np.exp(scores[0])
        order = np.argsort(-scores[0])[: alternatives + 1]
        rest = max(1e-9, 1.0 - float(shares[order[0]]))
        guesses = tuple(
            Guess(self.classes[i], best if n == 0 else float((1 - best) * shares[i] / rest))
            for n, i in enumerate(order)
        )
        return Prediction(guesses, tuple(self._words(text, found, row, int(order[0]))))

    def threshold(self, promise: float, category: str) -> float:
        """From which confidence on `category` keeps the promised precision; above 1: out of reach."""
        if promise not in self._thresholds:
            self._thresholds[promise] = self.calibration.thresholds(promise)
        known = self.classes.index(category) if category in self.classes else -1
        return float(self._thresholds[promise].of(np.array([known]))[0])

    def _judge(self, texts: Sequence[str]) -> tuple[Array, Array, Grams, Any]:
        """Log-probabilities (texts × classes), familiarity, n-grams and features of the texts."""
        found = self.space.grams(texts)
        rows = self.space.transform(found, len(texts))
        scores = log_shares(self.stack.scores(self.members.values(rows)))
        return scores, self.space.familiarity(found, len(texts)), found, rows

    def _words(self, text: str, found: Grams, row: Any, chosen: int) -> list[str]:
        """Weighed against the mean class, since a word that speaks for all speaks for none."""
        if not row.nnz:
            return []
        weights = self.members.linear[row.indices].reshape(row.nnz, -1, len(self.classes))
        single = (weights / self._spread[:, None]).mean(axis=1)
        gains = row.data * (single[:, chosen] - single.mean(axis=1))
        columns = self.space.find(found.hashes)
        # The row's columns are in order, as `transform` counts them by sorting.
        at = np.where(columns >= 0, np.searchsorted(row.indices, columns), -1)
        return telling_words(text, found, at, gains)

    def dump(self) -> bytes:
        head = {
            "format": FORMAT,
            "classes": self.classes,
            "vocabulary": self.space.vocabulary,
            "chars_max": self.space.chars_max,
            "curve": asdict(self.calibration.curve),
            "report": dict(self.report),
        }
        out = io.BytesIO()
        np.savez_compressed(
            out,
            head=np.frombuffer(json.dumps(head, ensure_ascii=False).encode(), dtype=np.uint8),
            stack_weights=self.stack.weights,
            stack_offsets=self.stack.offsets,
            **{f"space_{name}": getattr(self.space, name) for name in _SPACE},
            **{f"members_{name}": getattr(self.members, name) for name in _MEMBERS},
            **{f"judged_{name}": getattr(self.calibration, name) for name in _JUDGED},
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
                    FeatureSpace(
                        tuple(head["vocabulary"]),
                        int(head["chars_max"]),
                        *(arrays[f"space_{n}"] for n in _SPACE),
                    ),
                    Members(*(arrays[f"members_{n}"] for n in _MEMBERS)),
                    Stack(arrays["stack_weights"], arrays["stack_offsets"]),
                    Calibration(Curve(**head["curve"]), *(arrays[f"judged_{n}"] for n in _JUDGED)),
                    head["report"],
                )
        except (ValueError, KeyError, OSError, EOFError, TypeError, IndexError, BadZipFile) as error:
            raise InvalidInput("dispatch_model_unreadable") from error


def log_shares(scores: Array) -> Array:
    """Logarithms of the softmax of each row."""
    raised = scores - scores.max(axis=1, keepdims=True)
    return np.asarray(raised - np.log(np.exp(raised).sum(axis=1, keepdims=True)))
