"""Counts and points: the overview, what was reported nearby."""

from datetime import UTC, datetime, timedelta
from math import cos, radians
from typing import Any

from yunnao.infra.postgres import Transaction
from yunnao.kernel.geometry import valid_lonlat
from yunnao.modules.cases import domain, store
from yunnao.modules.cases.masking import mask_text
from yunnao.modules.cases.parts import Parts
from yunnao.modules.cases.views import names

NEAR_POINTS_MAX = 20
PUBLIC_POINTS_MAX = 2_000
NEAR_M = 1_500
NEAR_DAYS = 30
CATEGORIES_TOLD_MAX = 12
CLOSED_TOLD_MAX = 10
OVERVIEW_DAYS = 30
"""Shares and means of the overview are of the last 30 days."""
METRES_PER_DEGREE = 111_320


async def overview(tx: Transaction, parts: Parts) -> dict[str, Any]:
    known = await names(tx, parts)
    now = parts.clock.now()
    zone = known.snapshot.city.calendar.zone
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    today, since = midnight.astimezone(UTC), now - timedelta(days=OVERVIEW_DAYS)
    counts = await store.one(tx, "overview_counts", today=today, since=since, now=now) or {}
    districts = {row["district"]: row for row in await store.rows(tx, "overview_districts", now=now)}
    listed = [area for area in (await parts.areas(tx)).values() if area.level == "district"]
    categories = await store.rows(tx, "overview_categories", since=since, limit=CATEGORIES_TOLD_MAX)
    closed = await store.rows(tx, "overview_closed", limit=CLOSED_TOLD_MAX)
    return {
        "counts": dict(counts),
        "by_district": [
            {
                "code": area.code,
                "name": area.name,
                "open": districts[area.code]["open"] if area.code in districts else 0,
                "overdue": districts[area.code]["overdue"] if area.code in districts else 0,
            }
            for area in listed
        ],
        "by_category": [{**(known.category(row["category"]) or {}), "n": row["n"]} for row in categories],
        "hourly": await store.rows(tx, "overview_hours", now=now),
        "recent_closed": [
            {
                "id": row["id"],
                "number": row["number"],
                "title": mask_text(row["title"]),
                "category": known.category(row["category"]),
                "department": known.department(row["department"]),
                "closed_at": row["closed_at"],
                "score": row["score"],
            }
            for row in closed
        ],
    }


async def public_map(tx: Transaction, parts: Parts) -> list[dict[str, Any]]:
    """What was reported of late, for everybody: category, state and day; places to about 100 m."""
    known = await names(tx, parts)
    since: datetime = parts.clock.now() - timedelta(days=NEAR_DAYS)
    found = await store.rows(tx, "cases_public", since=since, limit=PUBLIC_POINTS_MAX)
    return [{**row, "category": known.category(row["category"])} for row in found]


async def near(tx: Transaction, parts: Parts, lon: float, lat: float) -> list[dict[str, Any]]:
    """Public points around a place, nearest first; no text, nothing personal."""
    lon, lat = valid_lonlat(lon, lat)
    known = await names(tx, parts)
    since: datetime = parts.clock.now() - timedelta(days=NEAR_DAYS)
    degrees = NEAR_M / METRES_PER_DEGREE
    found = await store.rows(
        tx,
        "cases_near",
        lon=lon,
        lat=lat,
        dlat=degrees,
        dlon=degrees / max(0.01, cos(radians(lat))),
        since=since,
        limit=NEAR_POINTS_MAX,
    )
    return [{**row, "category": known.category(row["category"])} for row in found]


def statuses(wanted: str | None) -> tuple[str, ...]:
    """A filter's statuses: `open` is all that run; names may be joined by commas."""
    if not wanted:
        return ()
    if wanted == "open":
        return domain.OPEN
    return tuple(part.strip() for part in wanted.split(",") if part.strip())
