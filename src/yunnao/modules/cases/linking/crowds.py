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
"""A district whose complaint is mostly one quarter's is not warned of besides."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Crowd:
    """People who complain of one category in one area."""

    place: str
    """A cell in H3's notation, or a district's code."""
    category: str
    reporters: int
    cases: tuple[Row, ...]


def crowds(rows: Iterable[Row], reporters_min: int) -> list[Crowd]:
    """Of every area and category with at least so many different reporters, the largest first."""
    members: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        for place in places_of(row["cell"], row["district"]):
            members.setdefault((place, row["category"]), []).append(row)
    found = [
        Crowd(place, category, _people(of), tuple(of))
        for (place, category), of in members.items()
        if _people(of) >= reporters_min
    ]
    return sorted(_uncovered(found), key=lambda crowd: (-crowd.reporters, crowd.place, crowd.category))


def places_of(cell: int | None, district: str | None) -> list[str]:
    """The areas that a case counts for."""
    quarter = [h3.int_to_str(h3.cell_to_parent(cell, AREA_RESOLUTION))] if cell is not None else []
    return [*quarter, *([district] if district else [])]


def usual(past: Iterable[Row], crowd: Crowd, weeks: int) -> float:
    """Cases to be expected there in as many hours, from those of the same hours of `weeks` weeks."""
    seen = sum(
        1
        for row in past
        if row["category"] == crowd.category and crowd.place in places_of(row["cell"], row["district"])
    )
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
    quarters = [crowd for crowd in found if _is_cell(crowd.place)]
    return quarters + [
        crowd
        for crowd in found
        if not _is_cell(crowd.place) and not any(_covers(quarter, crowd) for quarter in quarters)
    ]


def _covers(quarter: Crowd, district: Crowd) -> bool:
    mine = {row["id"] for row in quarter.cases}
    both = sum(1 for row in district.cases if row["id"] in mine)
    return quarter.category == district.category and both >= COVERED_SHARE * len(district.cases)


def _is_cell(place: str) -> bool:
    return len(place) == 15 and h3.is_valid_cell(h3.str_to_int(place))
