"""Whether two cases speak of one event: evidence, probability, reasons. Pure.

The evidence adds up as log-odds (a logistic model). Its weights were fitted to what people decided
about real cases, by `bench/duplicates.py`, which prints them and how well they hold.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import exp

from yunnao.kernel.geometry import distance_m
from yunnao.kernel.text import Text, catalogue, say

UNITS_MAX = 150
"""What a report is about stands at its beginning; the rest is courtesy, and costs time."""
RADII = 10
"""What speaks for one place fades to a third over a tenth of the category's radius."""
TELLING_PAIRS = 80
"""From this many pairs on a text speaks for itself; a call for help has ten."""
POSITION_ERROR_M = 15.0
"""Of a telephone outdoors: nearer than this, two places are one."""
SIMILARITY_TOLD_MIN = 0.06
"""Below, two people chose other words for what may be the same."""
SIMILARITY_TOLD_MAX = 0.3
"""Beyond, the words are the same whatever the rest: a template, or the same sender."""
TOLD_WORDS_MAX = 3
TOLD_UNITS_MIN = 2

_UNIT = re.compile(r"[a-z0-9\u00c0-\u024f]+|[^\W_]")
_LATIN_GAP = re.compile(r"(?<=[a-z0-9\u00c0-\u024f])\x1f(?=[a-z0-9\u00c0-\u024f])")


@dataclass(frozen=True)
class Evidence:
    """What speaks for or against one event; None where it is not known."""

    metres: float | None
    minutes: float
    """From the earlier to the later."""
    steps: int | None
    """In the tree of categories: 0 the same, 1 one above the other, 2 siblings, …"""
    similarity: float | None
    """Of the texts, 0 to 1."""
    earlier_open: bool
    radius_m: float = 200.0
    """Within which two cases of the category may be one event."""
    told: float = 1.0
    """How much the shorter text can tell, 0 to 1."""


FEATURES = (
    "one", "no_place", "at_spot", "same_category", "kin_category", "open", "text", "similarity"
)  # fmt: skip
TEXT_FEATURES = ("text", "similarity")
WEIGHTS: Mapping[str, float] = {
    "one": -12.118,
    "no_place": 2.832,
    "at_spot": 5.476,
    "same_category": 3.491,
    "kin_category": 0.14,
    "open": 1.729,
    "text": -7.327,
    "similarity": 74.449,
}


def features(evidence: Evidence) -> tuple[float, ...]:
    """In the order of FEATURES."""
    metres, steps, similarity = evidence.metres, evidence.steps, evidence.similarity
    if metres is not None:
        metres = max(0.0, metres - POSITION_ERROR_M)
    return (
        1.0,
        1.0 if metres is None else 0.0,
        0.0 if metres is None else exp(-metres / (evidence.radius_m / RADII)),
        1.0 if steps == 0 else 0.0,
        1.0 if steps in {1, 2} else 0.0,
        1.0 if evidence.earlier_open else 0.0,
        0.0 if similarity is None else evidence.told,
        0.0
        if similarity is None
        else evidence.told * max(SIMILARITY_TOLD_MIN, min(similarity, SIMILARITY_TOLD_MAX)),
    )


def probability(evidence: Evidence) -> float:
    """That people would call the two one event."""
    odds = sum(WEIGHTS[name] * value for name, value in zip(FEATURES, features(evidence), strict=True))
    return 1 / (1 + exp(-max(-50.0, min(50.0, odds))))


def units(text: str) -> list[str]:
    """The beginning of a text as what carries meaning: Chinese characters, and words of Latin letters."""
    return _UNIT.findall(text.lower()[: UNITS_MAX * 6])[:UNITS_MAX]


def pairs(of: Sequence[str]) -> frozenset[tuple[str, str]]:
    """Neighbouring units: Chinese needs no segmentation for it, and English says little by single words."""
    return frozenset(pairwise(of))


def similarity(a: frozenset[tuple[str, str]], b: frozenset[tuple[str, str]]) -> float | None:
    """Dice's coefficient of two sets of pairs; None where a text is too short to tell."""
    if len(a) < 2 or len(b) < 2:
        return None
    return 2 * len(a & b) / (len(a) + len(b))


def telling(a: frozenset[tuple[str, str]], b: frozenset[tuple[str, str]]) -> float:
    """How much the similarity of two texts tells: little where one of them says little."""
    return min(1.0, len(a) / TELLING_PAIRS, len(b) / TELLING_PAIRS)


def steps_between(path_a: Sequence[str], path_b: Sequence[str]) -> int | None:
    """Steps through the tree between two categories, given as paths from each to its root."""
    for up, code in enumerate(path_a):
        if code in path_b:
            return up + path_b.index(code)
    return None


def metres_between(
    lon_a: float | None, lat_a: float | None, lon_b: float | None, lat_b: float | None
) -> float | None:
    if lon_a is None or lat_a is None or lon_b is None or lat_b is None:
        return None
    return distance_m(lon_a, lat_a, lon_b, lat_b)


def shared_words(a: Sequence[str], b: Sequence[str]) -> list[str]:
    """The longest runs of units that both texts have, longest first, as people write them."""
    written = f"\x1f{chr(31).join(b)}\x1f"
    found: list[tuple[str, ...]] = []
    at = 0
    while at < len(a) - 1:
        length = 0
        while at + length < len(a) and f"\x1f{chr(31).join(a[at : at + length + 1])}\x1f" in written:
            length += 1
        if length >= TOLD_UNITS_MIN:
            found.append(tuple(a[at : at + length]))
        at += max(1, length)
    unique = sorted(dict.fromkeys(found), key=len, reverse=True)[:TOLD_WORDS_MAX]
    return [_LATIN_GAP.sub(" ", chr(31).join(run)).replace(chr(31), "") for run in unique]


def reasons(evidence: Evidence, number: str, words: Sequence[str]) -> list[Text]:
    """Why the two may be one event, in words."""
    told: list[Text] = []
    if evidence.metres is not None:
        told.append(_both("link_reason_metres", metres=round(evidence.metres), number=number))
    told.append(_both("link_reason_earlier", span=span_text(timedelta(minutes=evidence.minutes))))
    if evidence.steps == 0:
        told.append(_both("link_reason_same_category"))
    elif evidence.steps in {1, 2}:
        told.append(_both("link_reason_kin_category"))
    if words:
        told.append(
            Text(
                zh=say("link_reason_words", "zh", words="、".join(f"“{w}”" for w in words)),
                en=say("link_reason_words", "en", words=", ".join(f'"{w}"' for w in words)),
            )
        )
    told.append(_both("link_reason_open" if evidence.earlier_open else "link_reason_closed"))
    return told


def span_text(span: timedelta) -> Text:
    """A span of time in the largest unit that leaves a number of one or more."""
    minutes = span.total_seconds() / 60
    if minutes < 90:
        return _both("link_span_minutes", n=max(0, round(minutes)))
    if minutes < 48 * 60:
        return _both("link_span_hours", n=round(minutes / 60))
    return _both("link_span_days", n=round(minutes / 1440))


def root_of(case: str, merged_into: Mapping[str, str]) -> str:
    """The case that `case` was merged into at last; itself where it was not.

    Raises ValueError where the merges form a ring, which `may_merge` never lets happen.
    """
    seen = {case}
    while case in merged_into:
        case = merged_into[case]
        if case in seen:
            raise ValueError("ring of merges")
        seen.add(case)
    return case


def may_merge(case: str, into: str, merged_into: Mapping[str, str]) -> bool:
    """Whether merging keeps the merges a forest: only a case that stands for itself is merged, and
    never into one that was merged into it."""
    return case not in merged_into and root_of(into, merged_into) != case


def is_same_event_time(earlier_open: bool, closed_at: datetime | None, now: datetime, days: float) -> bool:
    """Whether the earlier case is open, or was closed within `days`."""
    return earlier_open or (closed_at is not None and closed_at >= now - timedelta(days=days))


def _both(code: str, **params: object) -> Text:
    if code in catalogue() and not params:
        return catalogue()[code]
    return Text(zh=say(code, "zh", **params), en=say(code, "en", **params))
