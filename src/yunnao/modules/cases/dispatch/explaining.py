"""From weights of features back to the words of a text."""

from typing import Any

import numpy as np

from yunnao.modules.cases.dispatch.features import Grams
from yunnao.modules.cases.dispatch.words import normalise

WORDS_TOLD_MAX = 4
WORD_CHARS_MAX = 8

Array = np.ndarray[Any, Any]


def telling_words(text: str, found: Grams, columns: Array, gains: Array) -> list[str]:
    """The pieces of `text` that spoke most for a class, strongest first.

    `found`: the n-grams of this text alone; `columns`: the feature of each (-1: none); `gains`: what
    each feature adds to the class's score. Each gain is shared out to the characters of its n-gram;
    runs of characters above the mean of the positive ones are the words.
    """
    spaced = normalise(text)
    plain = spaced.replace(" ", "")
    at_char = np.zeros(len(plain) + 1)
    of_chars = (columns >= 0) & ~found.of_words
    starts, sizes, gain = found.starts[of_chars], found.sizes[of_chars], gains[columns[of_chars]]
    share = gain / np.maximum(1, sizes)
    for offset in range(int(sizes.max(initial=0))):
        reached = sizes > offset
        np.add.at(at_char, starts[reached] + offset, share[reached])
    spread = iter(at_char)
    # Back to the text with its spaces: no word goes across one.
    aligned = np.array([0.0 if char == " " else next(spread) for char in spaced])
    aligned[[i for i, char in enumerate(spaced) if char == "0"]] = 0.0
    positive = aligned[aligned > 0]
    if not positive.size:
        return []
    runs = _runs(aligned, float(positive.mean()))
    scored = sorted(((float(aligned[a:b].sum()), spaced[a:b]) for a, b in runs if b - a >= 2), reverse=True)
    return list(dict.fromkeys(word for _, word in scored))[:WORDS_TOLD_MAX]


def _runs(gains: Array, floor: float) -> list[tuple[int, int]]:
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
