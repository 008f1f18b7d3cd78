"""From texts to features: TF-IDF of character n-grams and of words, by hashes of 64 bits.

N-grams are hashed in NumPy over a whole batch at once; a feature is known by its hash, so a model
needs no dictionary of strings and an answer no Python loop over n-grams.
"""

import functools
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse

from yunnao.modules.cases.dispatch.words import Splitter, normalise

NGRAM_CHARS_MAX = 3
"""Runs of up to three characters over the text without spaces, so that raw and segmented look alike."""
NGRAM_FEW_CHARS_MAX = 2
"""Pairs stand for most Chinese words; triples cost more than they tell on few examples."""
BATCH_TEXTS = 500
SLOT_BITS = 22
PAIR_BITS = 24
WORDS_HELD_MAX = 200_000
FEATURES_MAX = 200_000
"""The most telling ones are kept; more add noise (measured: 200,000 beat 480,000)."""
WEIGHTS_MAX = 12_000_000
"""Features × outputs: a bound of the model's size (48 MB of float32)."""
DF_MIN_ROWS = 4_000
"""From so many texts on a feature that occurs once is left out."""

Array = np.ndarray[Any, Any]

_MIX = tuple(np.uint64(odd) for odd in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9))
_SALTS = tuple(np.uint64(salt) for salt in (0x27D4EB2F165667C5, 0x85EBCA77C2B2AE63, 0xD6E8FEB86659FD93))
_FINAL = np.uint64(0xFF51AFD7ED558CCD)
_WORD_SALT = np.uint64(0x2545F4914F6CDD1D)
_SHIFT = np.uint64(33)


@dataclass(frozen=True)
class Grams:
    """The n-grams of some texts, one entry an occurrence: in which text (row), its hash, whether it is
    of words, where it begins in the text without spaces, and its length in characters (characters only)."""

    rows: Array
    hashes: Array
    of_words: Array
    starts: Array
    sizes: Array


def grams(normalised: Sequence[str], splitter: Splitter, chars_max: int = NGRAM_CHARS_MAX) -> Grams:
    """Every n-gram of the texts, those of characters up to `chars_max` long, in no promised order."""
    plain = [text.replace(" ", "") for text in normalised]
    lengths = np.array([len(text) for text in plain], dtype=np.int64)
    codes = np.frombuffer("".join(plain).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    owner = np.repeat(np.arange(len(plain), dtype=np.int64), lengths)
    first = np.repeat(np.cumsum(lengths) - lengths, lengths)
    position = np.arange(len(codes), dtype=np.int64) - first
    found = list(_runs(codes.astype(np.uint64), owner, chars_max))
    rows = [owner[kept] for kept, _ in found]
    starts = [position[kept] for kept, _ in found]
    sizes = [np.full(len(kept), n + 1, dtype=np.int64) for n, (kept, _) in enumerate(found)]
    hashes = [hashed for _, hashed in found]
    chars = sum(len(each) for each in hashes)

    words = [splitter.words(text) for text in normalised]
    word_owner = np.repeat(np.arange(len(words), dtype=np.int64), [len(each) for each in words])
    word_codes = np.array([_word_hash(word) for each in words for word in each], dtype=np.uint64)
    for kept, hashed in _runs(word_codes, word_owner, 2):
        rows.append(word_owner[kept])
        hashes.append(_finish(hashed ^ _WORD_SALT))
        starts.append(np.zeros(len(kept), dtype=np.int64))
        sizes.append(np.zeros(len(kept), dtype=np.int64))
    joined = np.concatenate(hashes)
    return Grams(
        np.concatenate(rows), joined, np.arange(len(joined)) >= chars,
        np.concatenate(starts), np.concatenate(sizes),
    )  # fmt: skip


def _runs(codes: Array, owner: Array, size_max: int) -> Iterator[tuple[Array, Array]]:
    """For each size the positions where a run within one text begins, and the runs' hashes."""
    for size in range(1, size_max + 1):
        count = max(0, len(codes) - size + 1)
        hashed = np.full(count, _SALTS[size - 1], dtype=np.uint64)
        for n in range(size):
            hashed += (codes[n : n + count] + np.uint64(1)) * _MIX[n]
        within = owner[:count] == owner[size - 1 : size - 1 + count]
        kept = np.flatnonzero(within)
        yield kept, _finish(hashed[kept])


def _finish(hashed: Array) -> Array:
    """The last rounds of a 64-bit hash (MurmurHash3's finaliser): every bit depends on every bit."""
    hashed = (hashed ^ (hashed >> _SHIFT)) * _FINAL
    return np.asarray(hashed ^ (hashed >> _SHIFT))


@functools.lru_cache(maxsize=WORDS_HELD_MAX)
def _word_hash(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest())


@dataclass(frozen=True)
class Counts:
    """How often each of `hashes` occurs in each text: texts × features; `of_words` tells the view.

    `pairs` are the hashes of all pairs of characters, each once.
    """

    matrix: Any
    hashes: Array
    of_words: Array
    pairs: Array


def count(normalised: Sequence[str], splitter: Splitter, chars_max: int = NGRAM_CHARS_MAX) -> Counts:
    """Counts of whatever occurs in at least one text (two texts in a large collection)."""
    parts = [
        grams(normalised[at : at + BATCH_TEXTS], splitter, chars_max)
        for at in range(0, len(normalised), BATCH_TEXTS)
    ]
    rows = np.concatenate([part.rows + n * BATCH_TEXTS for n, part in enumerate(parts)])
    all_hashes = np.concatenate([part.hashes for part in parts])
    of_words = np.concatenate([part.of_words for part in parts])
    pairs = np.unique(np.concatenate([part.hashes[part.sizes == 2] for part in parts]))
    hashes, first, columns = np.unique(all_hashes, return_index=True, return_inverse=True)
    matrix = sparse.csr_matrix(
        (np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=(len(normalised), len(hashes))
    )
    matrix.sum_duplicates()
    frequent = np.bincount(matrix.indices, minlength=len(hashes)) >= (
        2 if len(normalised) >= DF_MIN_ROWS else 1
    )
    kept = np.flatnonzero(frequent)
    return Counts(matrix[:, kept], hashes[kept], of_words[first][kept], pairs)


@dataclass(frozen=True)
class FeatureSpace:
    """The features of a model, most telling first: hash, inverse document frequency, view."""

    vocabulary: tuple[str, ...] = field(repr=False)
    chars_max: int
    hashes: Array = field(repr=False)
    idf: Array = field(repr=False)
    of_words: Array = field(repr=False)
    pairs: Array = field(repr=False)
    _slots: Array = field(init=False, repr=False)
    _splitter: Splitter = field(init=False, repr=False)

    def __post_init__(self) -> None:
        slots = np.full(1 << SLOT_BITS, -1, dtype=np.int32)
        # The more telling feature wins a slot that two share: written last.
        order = np.arange(len(self.hashes))[::-1]
        slots[_slot(self.hashes[order], SLOT_BITS)] = order
        object.__setattr__(self, "_slots", slots)
        object.__setattr__(self, "_splitter", Splitter(self.vocabulary))

    def find(self, hashes: Array) -> Array:
        """The feature of each hash; -1: none."""
        found = self._slots[_slot(hashes, SLOT_BITS)]
        if not len(self.hashes):
            return found
        return np.where(self.hashes[found] == hashes, found, -1)

    def grams(self, texts: Sequence[str]) -> Grams:
        return grams([normalise(text) for text in texts], self._splitter, self.chars_max)

    def transform(self, found: Grams, texts: int) -> Any:
        """TF-IDF of the n-grams of `texts` texts, each view of each text of length one: texts × features."""
        columns = self.find(found.hashes)
        known = columns >= 0
        size = len(self.hashes)
        keys, counts = np.unique(found.rows[known] * size + columns[known], return_counts=True)
        matrix = sparse.csr_matrix(
            (counts.astype(np.float32), (keys // max(1, size), keys % max(1, size))), shape=(texts, size)
        )
        return weigh(matrix, self.idf, self.of_words)

    def familiarity(self, found: Grams, texts: int) -> Array:
        """For each text the share of its pairs of characters that the examples had too, 0 to 1.

        A linear model answers confidently about texts of which it has seen nothing; this tells.
        """
        is_pair = found.sizes == 2
        slots = _slot(found.hashes[is_pair], PAIR_BITS)
        known = (self.pairs[slots >> 3] >> (slots & 7).astype(np.uint8)) & 1
        rows = found.rows[is_pair]
        total = np.bincount(rows, minlength=texts)
        return np.asarray(np.bincount(rows, weights=known, minlength=texts) / np.maximum(1, total))


def weigh(matrix: Any, idf: Array, of_words: Array) -> Any:
    """(1 + log count) × idf, then each of the two views of each text scaled to length one."""
    data = (1.0 + np.log(matrix.data)) * idf[matrix.indices]
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    view = rows * 2 + of_words[matrix.indices]
    norms = np.sqrt(np.bincount(view, weights=data * data, minlength=2 * matrix.shape[0]))
    scaled = (data / np.maximum(norms, 1e-9)[view]).astype(np.float32)
    return sparse.csr_matrix((scaled, matrix.indices, matrix.indptr), shape=matrix.shape)


def choose(counts: Counts, rows: Array, targets: Array, classes: int, size_max: int) -> tuple[Array, Array]:
    """The columns of the `size_max` most telling features of these rows by chi-squared, most telling
    first, and the inverse document frequencies of all columns."""
    part = counts.matrix[rows]
    df = np.bincount(part.indices, minlength=part.shape[1])
    idf = (np.log((1 + len(rows)) / (1 + df)) + 1).astype(np.float32)
    weighed = weigh(part, idf, counts.of_words)
    member = sparse.csr_matrix(
        (np.ones(len(rows), dtype=np.float32), (targets, np.arange(len(rows)))), shape=(classes, len(rows))
    )
    observed = (member @ weighed).toarray()
    totals = observed.sum(axis=0)
    expected = np.outer(np.bincount(targets, minlength=classes) / len(rows), totals)
    telling = ((observed - expected) ** 2 / np.maximum(expected, 1e-12)).sum(axis=0)
    telling[df == 0] = -1.0
    order = np.argsort(-telling, kind="stable")[:size_max]
    order = order[telling[order] >= 0]
    _, first = np.unique(_slot(counts.hashes[order], SLOT_BITS), return_index=True)
    return order[np.sort(first)], idf


def known_pairs(counts: Counts) -> Array:
    """The pairs of characters as a set of bits by hash; a few in a hundred unknown ones are
    taken for known."""
    bits = np.zeros(1 << PAIR_BITS, dtype=np.uint8)
    bits[_slot(counts.pairs, PAIR_BITS)] = 1
    return np.packbits(bits, bitorder="little")


def size_max_for(outputs: int) -> int:
    return min(FEATURES_MAX, WEIGHTS_MAX // max(1, outputs))


def _slot(hashes: Array, bits: int) -> Array:
    return (hashes >> np.uint64(64 - bits)).astype(np.int64)
