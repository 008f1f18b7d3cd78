"""From a text to features, and from weights of features back to words of the text."""

import re
import unicodedata
from collections.abc import Container, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

NGRAM_CHARS = (1, 2)
"""Pairs stand for most Chinese words; triples cost more than they tell on so few examples."""
TEXT_CHARS_MAX = 2_000
"""What decides stands early in a message; the rest costs time and adds little."""
FEATURES_MAX = 120_000
WEIGHTS_MAX = 12_000_000
"""Features × classes: a bound of the model's size (48 MB of float32)."""
WORDS_TOLD_MAX = 4
WORD_CHARS_MAX = 8

_NOT_WORDS = re.compile(r"[^\w]+")
_DIGITS = re.compile(r"\d+")


def normalise(text: str) -> str:
    """One spelling: NFKC, lower case, digits as 0, everything that is no word as one space."""
    text = unicodedata.normalize("NFKC", text[:TEXT_CHARS_MAX]).lower()
    return _NOT_WORDS.sub(" ", _DIGITS.sub("0", text)).strip()


def vectorizer(classes: int, vocabulary: Mapping[str, int] | None = None) -> Any:
    """TF-IDF over characters and pairs of characters, of normalised texts."""
    # scikit-learn takes seconds to load: only who teaches or asks a model waits for it.
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(
        analyzer="char",
        ngram_range=NGRAM_CHARS,
        lowercase=False,
        sublinear_tf=True,
        dtype=np.float32,
        max_features=None if vocabulary else min(FEATURES_MAX, WEIGHTS_MAX // max(1, classes)),
        vocabulary=vocabulary,
    )


def familiarity(text: str, known: Container[str]) -> float:
    """The share of the text's pairs of characters that the examples had too, 0 to 1.

    A linear model answers confidently about texts of which it has seen nothing; this tells.
    """
    plain = normalise(text)
    pairs = [pair for pair in map("".join, pairwise(plain)) if " " not in pair]
    return sum(pair in known for pair in pairs) / len(pairs) if pairs else 0.0


def telling_words(text: str, weights: Mapping[str, float]) -> list[str]:
    """The pieces of `text` that spoke most for a class, strongest first.

    `weights` holds what each n-gram of the text adds to the class's score. Each is shared out to
    its characters; runs of characters above the mean of the positive ones are the words.
    """
    plain = normalise(text)
    gains = np.zeros(len(plain), dtype=np.float64)
    for size in range(NGRAM_CHARS[0], NGRAM_CHARS[1] + 1):
        for start in range(len(plain) - size + 1):
            weight = weights.get(plain[start : start + size], 0.0)
            gains[start : start + size] += weight / size
    gains[[i for i, char in enumerate(plain) if char in " 0_"]] = 0.0
    positive = gains[gains > 0]
    if not positive.size:
        return []
    runs = _runs(gains, float(positive.mean()))
    scored = sorted(((float(gains[a:b].sum()), plain[a:b]) for a, b in runs if b - a >= 2), reverse=True)
    return list(dict.fromkeys(word for _, word in scored))[:WORDS_TOLD_MAX]


def _runs(gains: "np.ndarray[Any, Any]", floor: float) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    start = None
    for position, gain in enumerate([*gains, 0.0]):
        if gain > floor and start is not None and position - start < WORD_CHARS_MAX:
            continue
        if start is not None:
            runs.append((start, position))
            start = None
        if gain > floor:
            start = position
    return runs
