"""Geography's tables."""

from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.kernel.packs.city import CityPack
from yunnao.kernel.text import Text
from yunnao.modules.geography.contracts import Area, Level

QUERIES = load_queries("yunnao.modules.geography")


async def replace(tx: Transaction, pack: CityPack, now: datetime) -> None:
    """Puts the pack's areas, shapes and calendar in the place of what was there."""
    areas = pack.areas
    geometries = [pack.shapes.get(area.code) for area in areas]
    await tx.execute(QUERIES["areas_delete"])
    await tx.execute(
        QUERIES["areas_insert"],
        {
            "codes": [area.code for area in areas],
            "names": [Jsonb(area.name.model_dump()) for area in areas],
            "levels": [area.level for area in areas],
            "parents": [area.parent for area in areas],
            "geometries": [None if geometry is None else Jsonb(geometry) for geometry in geometries],
        },
    )
    await tx.execute(
        QUERIES["city_upsert"],
        {
            "city": pack.manifest.city,
            "time_zone": pack.manifest.time_zone,
            "calendar": Jsonb(pack.calendar.model_dump(mode="json")),
            "now": now,
        },
    )


async def revision(tx: Transaction) -> int | None:
    """How often a city was installed; None: never."""
    row = await (await tx.execute(QUERIES["revision"])).fetchone()
    return row["revision"] if row else None


async def calendar(tx: Transaction) -> Row | None:
    return await (await tx.execute(QUERIES["calendar"])).fetchone()


async def areas(tx: Transaction, level: Level | None) -> list[Area]:
    return [_area(row) for row in await (await tx.execute(QUERIES["areas"], {"level": level})).fetchall()]


async def shapes(tx: Transaction, level: Level | None) -> list[tuple[Area, dict[str, Any]]]:
    """Areas that have a shape, with it."""
    rows = await (await tx.execute(QUERIES["shapes"], {"level": level})).fetchall()
    return [(_area(row), row["geometry"]) for row in rows]


def _area(row: Row) -> Area:
    return Area(row["code"], Text(**row["name"]), row["level"], row["parent"])
