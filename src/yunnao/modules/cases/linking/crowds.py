"""Many people with one complaint: counted by area and category, and compared with the usual. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import h3.api.basic_int as h3
from scipy.special import pdtrc

AREA_RESOLUTION = 8
"""A cell is about a kilometre across: a quarter."""
PRIOR = 0.5
"""Added to the past: what never happened may still happen once."""
COVERED_SHARE = 0.6
"""A district or topic whose complaint is mostly one quarter's is not warned of besides."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Crowd:
    """People who complain of one category in one area, or of one topic wherever they are."""

    place: str
    """A cell in H3's notation, a district's code, or `topic:` and its id."""
    category: str
    reporters: int
    cases: tuple[Row, ...]


def crowds(rows: Iterable[Row], reporters_min: int) -> list[Crowd]:
    """Of every area and category with at least so many different reporters, the largest first."""
    members: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        for place in places_of(row):
            members.setdefault((place, row["category"]), []).append(row)
    found = [
        Crowd(place, category, _people(of), tuple(of))
        for (place, category), of in members.items()
        if _people(of) >= reporters_min
    ]
    return sorted(_uncovered(found), key=lambda crowd: (-crowd.reporters, crowd.place, crowd.category))


def places_of(row: Row) -> list[str]:
    """The areas, and the topic, that a case counts for."""
    cell, district, topic = row["cell"], row["district"], row["topic_id"]
    quarter = [h3.int_to_str(h3.cell_to_parent(cell, AREA_RESOLUTION))] if cell is not None else []
    return [*quarter, *([district] if district else []), *([f"topic:{topic}"] if topic else [])]


def usual(past: Iterable[Row], crowd: Crowd, weeks: int) -> float:
    """Cases to be expected there in as many hours, from those of the same hours of `weeks` weeks."""
    seen = sum(1 for row in past if row["category"] == crowd.category and crowd.place in places_of(row))
    return (seen + PRIOR) / max(1, weeks)


def chance(reporters: int, expected: float) -> float:
    """That so many or more come by chance where `expected` are usual (Poisson)."""
    return float(pdtrc(reporters - 1, expected))


def windows(now: datetime, within: timedelta, weeks: int) -> tuple[Sequence[datetime], Sequence[datetime]]:
    """Starts and ends of the same hours in each of the weeks before."""
    ends = [now - timedelta(weeks=week) for week in range(1, weeks + 1)]
    return [end - within for end in ends], ends


def _people(of: Sequence[Row]) -> int:
    return len({row["person"] for row in of}) + sum(int(row["followers"]) for row in of)


def _uncovered(found: list[Crowd]) -> list[Crowd]:
    """The nearest first: a quarter, else a topic, else a district."""
    kept: list[Crowd] = []
    for crowd in sorted(found, key=lambda crowd: _width(crowd.place)):
        if not any(_covers(narrower, crowd) for narrower in kept):
            kept.append(crowd)
    return kept


def _covers(narrower: Crowd, wider: Crowd) -> bool:
    mine = {row["id"] for row in narrower.cases}
    both = sum(1 for row in wider.cases if row["id"] in mine)
    return narrower.category == wider.category and both >= COVERED_SHARE * len(wider.cases)


def _width(place: str) -> int:
    if place.startswith("topic:"):
        return 1
    return 0 if len(place) == 15 and h3.is_valid_cell(h3.str_to_int(place)) else 2
