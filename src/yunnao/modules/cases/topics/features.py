"""Messages as vectors: hashed characters weighted by how rarely messages have them. Pure.

Hashing needs no vocabulary, so a message that comes next month lies in the same space as those of today,
and what is kept of the past is one count for each dimension.
"""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, diags
from sklearn.feature_extraction.text import HashingVectorizer

DIMENSIONS = 1 << 17
GRAM_UNITS = (2, 3)
WORD_CHARS_MIN = 4
TEXT_CHARS_MAX = 200
"""What a message is about stands at its beginning."""
TITLE_TIMES = 2
COMMON_SHARE_MAX = 0.3
"""What more messages have says nothing."""
COMMON_ROWS_MIN = 50
"""Among few messages it may be what they are about."""

_UNIT = re.compile(r"[a-z\u00c0-\u024f]{2,}|[^\W_]")
"""A word of Latin letters, else a single character."""


def _grams(written: str) -> list[str]:
    """Runs of two and three units in each part of a message, and Latin words by themselves."""
    found: list[str] = []
    for part in written.split("\n"):
        units = _UNIT.findall(part)
        found += [unit for unit in units if len(unit) >= WORD_CHARS_MIN]
        for size in GRAM_UNITS:
            found += [" ".join(units[at : at + size]) for at in range(len(units) - size + 1)]
    return found


_HASHING = HashingVectorizer(
    analyzer=_grams,
    n_features=DIMENSIONS,
    alternate_sign=False,
    norm=None,
    dtype=np.float32,
)


def counts(messages: Sequence[tuple[str, str]]) -> csr_matrix:
    """Of (title, text): how often each gram occurs, sublinear (1 + ln n); messages × DIMENSIONS."""
    written = [
        f"{title.lower()}\n" * TITLE_TIMES + text[:TEXT_CHARS_MAX].lower().replace("\n", " ")
        for title, text in messages
    ]
    found: csr_matrix = _HASHING.transform(written)
    found.data = 1 + np.log(found.data)
    return found


@dataclass
class Rarity:
    """In how many of the messages so far each gram occurs."""

    messages: int = 0
    having: np.ndarray[Any, np.dtype[np.int32]] = field(
        default_factory=lambda: np.zeros(DIMENSIONS, np.int32)
    )

    def learn(self, found: csr_matrix) -> None:
        self.messages += found.shape[0]
        self.having += np.bincount(found.indices, minlength=DIMENSIONS).astype(np.int32)

    def weighted(self, found: csr_matrix) -> csr_matrix:
        """Unit vectors: counts by the logarithm of how rare each gram is, without the commonest."""
        rare = np.log((1 + self.messages) / (1 + self.having)) + 1
        rare[self.having > max(COMMON_ROWS_MIN, COMMON_SHARE_MAX * self.messages)] = 0
        vectors: csr_matrix = (found @ diags(rare.astype(np.float32))).tocsr()
        lengths = np.sqrt(np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel())
        return (diags((1 / np.maximum(lengths, 1e-9)).astype(np.float32)) @ vectors).tocsr()

    def dump(self) -> bytes:
        return zlib.compress(self.having.tobytes(), 6)

    @classmethod
    def load(cls, messages: int, content: bytes) -> "Rarity":
        return cls(messages, np.frombuffer(zlib.decompress(content), np.int32).copy())
