"""Cases on the map: single points where few are in view, counts by cell where there are many."""

from datetime import datetime
from typing import Any

from yunnao.infra.postgres import Transaction
from yunnao.kernel.text import catalogue
from yunnao.modules.cases.deadlines.facade import shown
from yunnao.modules.cases.masking import mask_text
from yunnao.modules.cases.parts import Parts
from yunnao.modules.cases.search.store import Ask
from yunnao.modules.cases.views import Names, is_overdue, names

POINTS_MAX = 1_000
CELLS_MAX = 5_000
CELL_DEGREES_MIN, CELL_DEGREES_MAX = 0.0005, 1.0

View = dict[str, Any]


async def points(tx: Transaction, parts: Parts, ask: Ask) -> View:
    """GeoJSON (RFC 7946) of the newest cases with a place, at most `POINTS_MAX`."""
    known, now = await names(tx, parts), parts.clock.now()
    found = await ask.rows(tx, "page", window=POINTS_MAX)
    deadlines = await shown(tx, parts, [row["id"] for row in found])
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [row["lon"], row["lat"]]},
            "properties": {**_properties(known, row, now), "deadline": deadlines.get(row["id"])},
        }
        for row in found
    ]
    return {"type": "FeatureCollection", "features": features}


async def cells(tx: Transaction, parts: Parts, ask: Ask, degrees: float, *, by_day: bool) -> list[View]:
    """How many cases are in each cell of so many degrees, where their middle is, and how many of them are
    overdue; for each day (of the city) apart if wanted. Those with most cases, at most `CELLS_MAX`."""
    snapshot = await parts.registry.current(tx)
    zone = str(snapshot.city.calendar.zone)
    size = min(max(degrees, CELL_DEGREES_MIN), CELL_DEGREES_MAX)
    return await ask.rows(
        tx, "cells", degrees=size, by_day=by_day, zone=zone, now=parts.clock.now(), limit=CELLS_MAX
    )


def _properties(known: Names, row: View, now: datetime) -> View:
    node = known.snapshot.categories.get(row["category"] or "")
    name = node.name if node else catalogue()["category_none"]
    return {
        "id": row["id"],
        "number": row["number"],
        "title": mask_text(row["title"]),
        "status": row["status"],
        "category_zh": name.zh,
        "category_en": name.en,
        "overdue": is_overdue(row, now),
        "severity": row["severity"],
    }
