"""One spelling of texts, and their words: as they stand where segmented, else found by a vocabulary.

Citizens write Chinese without spaces; archives often keep it segmented, with stop words removed. A
text of either kind gives nearly the same words here, so that one model serves both.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

TEXT_CHARS_MAX = 3_000
"""What decides stands early in a message; the rest costs time and adds little."""
WORD_CHARS_MAX = 6
WORD_COUNT_MIN = 2
SEGMENTED_CHARS_MEAN_MAX = 3.0
"""Chinese words have about two characters, clauses between punctuation marks seven and more."""
VOCABULARY_WORDS_MAX = 100_000

_NOT_WORDS = re.compile(r"[\W_]+")
_DIGITS = re.compile(r"\d+")


def normalise(text: str) -> str:
    """NFKC, lower case, each number as 0, everything that is no word as one space."""
    text = unicodedata.normalize("NFKC", text[:TEXT_CHARS_MAX]).lower()
    return _NOT_WORDS.sub(" ", _DIGITS.sub("0", text)).strip()


def is_segmented(normalised: str) -> bool:
    """Whether a Chinese text has its words set apart."""
    parts = normalised.count(" ") + 1
    return not normalised.isascii() and len(normalised) <= parts * (SEGMENTED_CHARS_MEAN_MAX + 1)


def learn_vocabulary(normalised: Iterable[str]) -> list[str]:
    """The words of the segmented ones among the texts, in a fixed order; empty where none is.

    Only segmented texts without stop words teach that a stop word is none.
    """
    counts = Counter(word for text in normalised if is_segmented(text) for word in text.split(" "))
    kept = [
        (count, word)
        for word, count in counts.items()
        if count >= WORD_COUNT_MIN and len(word) <= WORD_CHARS_MAX
    ]
    return [word for _, word in sorted(kept, key=lambda each: (-each[0], each[1]))[:VOCABULARY_WORDS_MAX]]


class Splitter:
    """Splits normalised texts into words: longest match first by `vocabulary` where there are no spaces.

    Characters that begin no known word are dropped, as stop words are from segmented texts.
    """

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._known = frozenset(vocabulary)
        sizes: dict[str, set[int]] = {}
        for word in self._known:
            sizes.setdefault(word[0], set()).add(len(word))
        self._sizes = {char: tuple(sorted(found, reverse=True)) for char, found in sizes.items()}

    def words(self, normalised: str) -> list[str]:
        parts = normalised.split(" ") if normalised else []
        if normalised.isascii() or is_segmented(normalised):
            return parts
        found: list[str] = []
        for part in parts:
            if part.isascii():
                found.append(part)
            else:
                self._match(part, found)
        return found

    def _match(self, part: str, found: list[str]) -> None:
        at, end, known, sizes = 0, len(part), self._known, self._sizes
        while at < end:
            for size in sizes.get(part[at], ()):
                word = part[at : at + size]
                if len(word) == size and word in known:
                    found.append(word)
                    at += size
                    break
            else:
                at += 1
