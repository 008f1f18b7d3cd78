"""Words to look for, the grams by which an index finds them, and where they stand in a text; pure."""

import re
import unicodedata
from collections.abc import Mapping, Sequence

from yunnao.kernel.errors import InvalidInput

QUERY_CHARS_MAX = 100
WORDS_MAX = 8
GRAMS_MAX = 3
SNIPPET_CHARS = 80
LEAD_CHARS = 20
"""A snippet begins so long before what was found."""

_WORDS = re.compile(r'"([^"]+)"|(\S+)')
_HAN = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff"
_LETTERS = "a-z0-9\u00df-\u024f\u0370-\u04ff"
_RUNS = re.compile(f"([{_HAN}]+)|([{_LETTERS}]+)")
"""As the function cases.grams has them; a character of neither class has no gram."""

Marks = list[tuple[int, int]]


def words_of(query: str) -> list[str]:
    """The words of a query; what stands in quotation marks is one. Raises InvalidInput.

    Every word must be found, anywhere: Chinese is written without spaces, so a word is any part.
    """
    if "\x00" in query:
        raise InvalidInput("search_invalid")
    if len(query) > QUERY_CHARS_MAX:
        raise InvalidInput("search_too_long", limit=QUERY_CHARS_MAX)
    found = [quoted or plain for quoted, plain in _WORDS.findall(query)]
    if len(found) > WORDS_MAX:
        raise InvalidInput("search_words_too_many", limit=WORDS_MAX)
    return found


def grams_of(folded: str) -> list[tuple[str, bool]]:
    """Grams that every text with this folded word has, and whether each is only the beginning of one.

    Those that overlap are left out: two pairs tell of four characters what three would tell.
    """
    found: list[tuple[str, bool]] = []
    for han, letters in _RUNS.findall(folded):
        run, size = (han, 2) if han else (letters, 3)
        if len(run) < size:
            found.append((run, True))
            continue
        starts = [*range(0, len(run) - size + 1, size)]
        if starts[-1] != len(run) - size:
            starts.append(len(run) - size)
        found += [(run[start : start + size], False) for start in starts]
    return list(dict.fromkeys(found))


def tsquery_of(grams: Sequence[tuple[str, bool]]) -> str:
    """The grams as PostgreSQL reads a query; they hold no character that would need an escape."""
    return " & ".join(f"'{gram}':*" if begins else f"'{gram}'" for gram, begins in grams)


def share_of(grams: Sequence[tuple[str, bool]], known: Mapping[str, float]) -> float:
    """At most this share of all cases has these grams, by the statistics of the frequent ones.

    A gram that is not among the frequent ones is as rare as the rarest of them at most.
    """
    if not grams:
        return 1.0
    rarest = min(known.values(), default=0.0)
    shares = []
    for gram, begins in grams:
        if begins:
            shares.append(min(1.0, sum(f for name, f in known.items() if name.startswith(gram)) + rarest))
        else:
            shares.append(known.get(gram, rarest))
    return min(shares)


def rarest_of(grams: Sequence[tuple[str, bool]], known: Mapping[str, float]) -> list[tuple[str, bool]]:
    """The few that say most: the index then reads short lists, and the text itself is compared anyway."""
    return sorted(grams, key=lambda gram: share_of([gram], known))[:GRAMS_MAX]


def like_pattern(folded: str) -> str:
    """A pattern for LIKE that finds `folded` as it stands: its own wildcards are escaped."""
    return "%" + folded.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


def marks(text: str, words: Sequence[str]) -> Marks:
    """Where the folded `words` stand in `text`: ranges from, to; none overlap."""
    folded, origin = _folded(text)
    ranges: Marks = []
    for word in words:
        at = folded.find(word)
        while at >= 0 and word:
            ranges.append((origin[at], origin[at + len(word) - 1] + 1))
            at = folded.find(word, at + len(word))
    joined: Marks = []
    for start, end in sorted(ranges):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def snippet(text: str, words: Sequence[str]) -> tuple[str, Marks] | None:
    """The part of `text` around the first of the folded `words`, with marks; None where none is there."""
    found = marks(text, words)
    if not found:
        return None
    start = max(0, found[0][0] - LEAD_CHARS)
    end = min(len(text), start + SNIPPET_CHARS)
    lead, tail = "…" if start else "", "…" if end < len(text) else ""
    shift = len(lead) - start
    kept = [(a + shift, min(b, end) + shift) for a, b in found if a < end]
    return lead + text[start:end] + tail, kept


def _folded(text: str) -> tuple[str, list[int]]:
    """The text folded as the function cases.fold does, and for each character where it comes from."""
    folded: list[str] = []
    origin: list[int] = []
    for position, written in enumerate(text):
        for each in unicodedata.normalize("NFKC", written).lower():
            folded.append(" " if each.isspace() else each)
            origin.append(position)
    return "".join(folded), origin
