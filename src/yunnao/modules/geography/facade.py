"""Geography: administrative divisions, which of them a position lies in, and the working calendar."""

import asyncio
from collections.abc import Sequence
from typing import Any

from yunnao.infra.postgres import Transaction
from yunnao.kernel.calendar import WorkingCalendar
from yunnao.kernel.errors import NotFound, Unavailable
from yunnao.kernel.packs.city import CalendarFile, CityPack
from yunnao.kernel.time import Clock
from yunnao.modules.geography import store
from yunnao.modules.geography.contracts import Area, AreaCodes, Level, Place
from yunnao.modules.geography.domain import Floats, PlaceIndex


class Geography:
    """The areas of the installed city; positions are resolved in memory, without the database."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._index: PlaceIndex | None = None
        self.revision: int | None = None

    async def install(self, tx: Transaction, pack: CityPack) -> None:
        """Replaces areas, shapes and calendar by the pack's."""
        await store.replace(tx, pack, self._clock.now())

    async def refresh(self, tx: Transaction) -> None:
        """Rebuilds the index where the database holds another revision; else one small query."""
        revision = await store.revision(tx)
        if revision == self.revision:
            return
        areas = await store.areas(tx, None)
        shapes = {area.code: geometry for area, geometry in await store.shapes(tx, None)}
        self._index = await asyncio.to_thread(PlaceIndex, areas, shapes)
        self.revision = revision

    async def areas(self, tx: Transaction, level: Level | None = None) -> list[Area]:
        """Every area of a level, or of all, by code."""
        return await store.areas(tx, level)

    async def shapes(self, tx: Transaction, level: Level) -> dict[str, Any]:
        """A GeoJSON FeatureCollection of the areas whose shape is known."""
        features = [
            {
                "type": "Feature",
                "id": area.code,
                "properties": {"code": area.code, "name_zh": area.name.zh, "name_en": area.name.en},
                "geometry": geometry,
            }
            for area, geometry in await store.shapes(tx, level)
        ]
        return {"type": "FeatureCollection", "features": features}

    async def calendar(self, tx: Transaction) -> WorkingCalendar:
        """The city's working calendar."""
        row = await store.calendar(tx)
        if row is None:
            raise Unavailable("geography_not_installed")
        return WorkingCalendar.from_pack(CalendarFile.model_validate(row["calendar"]), row["time_zone"])

    def resolve(self, lon: float, lat: float) -> Place:
        """The areas of a position (WGS 84, degrees); both none outside the city.

        Raises InvalidInput where it is no position, Unavailable before `refresh` found a city.
        """
        return self._ready().resolve(lon, lat)

    def resolve_many(self, lons: Sequence[float] | Floats, lats: Sequence[float] | Floats) -> list[Place]:
        """The areas of many positions, in their order; raises as `resolve` does."""
        return self._ready().resolve_many(lons, lats)

    def codes_of(self, lons: Floats, lats: Floats) -> AreaCodes:
        """The codes of the areas of many positions, in their order; raises as `resolve` does."""
        return self._ready().codes_of(lons, lats)

    def ancestors(self, code: str) -> tuple[Area, ...]:
        """The area itself and those above it, upwards. Raises NotFound `area_unknown`."""
        found = self._ready().ancestors(code)
        if not found:
            raise NotFound("area_unknown", code=code)
        return found

    def _ready(self) -> PlaceIndex:
        if self._index is None:
            raise Unavailable("geography_not_installed")
        return self._index
