"""The twin: everything in the city that has identity, type, place, state and relations."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any

import numpy as np
import polars as pl

from yunnao.infra.postgres import Transaction
from yunnao.kernel.errors import Conflict, InvalidInput, NotFound
from yunnao.kernel.geometry import valid_lonlat
from yunnao.kernel.packs.scene import EntityType, ScenePack
from yunnao.kernel.text import Text
from yunnao.kernel.time import Clock
from yunnao.modules.twin import domain, store
from yunnao.modules.twin.contracts import (
    ENTITY_COLUMNS,
    URN_PREFIX,
    Areas,
    Entity,
    EntityDraft,
    EntityPage,
    EntityPlace,
    Layer,
    ObservedAttributes,
)

entities_batch_max = 200_000
layer_points_max = 20_000
Hidden = Callable[[Sequence[str]], Awaitable[Collection[tuple[str, str]]]]
"""Of entities by id the attributes (entity, attribute) that may not be read."""


class Twin:
    """What other modules may ask of the twin; every method runs in the caller's transaction."""

    def __init__(self, clock: Clock, areas: Areas) -> None:
        self._clock = clock
        self._areas = areas

    async def install(self, tx: Transaction, pack: ScenePack) -> None:
        """Entity types and layers of a pack. Raises Conflict `entity_type_taken`."""
        scene = pack.manifest.scene
        foreign = await store.foreign_types(tx, scene, list(pack.entity_types))
        if foreign:
            raise Conflict("entity_type_taken", type=foreign[0]["type"], scene=foreign[0]["scene"])
        await store.save_types(tx, scene, pack.entity_types)
        await store.replace_layers(tx, scene, pack.layers)

    async def upsert_entities(self, tx: Transaction, drafts: Sequence[EntityDraft]) -> None:
        """Creates or updates entities; of one id the last counts.

        Raises InvalidInput: `entity_id_invalid`, `entity_type_unknown`, or as `valid_lonlat` does.
        """
        if not drafts:
            return
        for draft in drafts:
            if not draft.id.startswith(f"{URN_PREFIX}{draft.type}:"):
                raise InvalidInput("entity_id_invalid", id=draft.id, type=draft.type)
            if draft.lon is not None and draft.lat is not None:
                valid_lonlat(draft.lon, draft.lat)
        table = pl.DataFrame([domain.row_of(draft) for draft in drafts], ENTITY_COLUMNS, orient="row")
        areas = self.areas_of(table)
        await self.upsert_table(tx, table.with_columns(areas))

    async def upsert_table(self, tx: Transaction, table: pl.DataFrame) -> None:
        """Creates or updates the entities of a table of `ENTITY_COLUMNS`; of one id the last counts.

        The caller has checked ids and places and asked `areas_of`. Raises InvalidInput
        `entity_type_unknown`.
        """
        wanted = table["type"].unique().to_list()
        known = await store.types(tx, wanted)
        for name in wanted:
            if name not in known:
                raise InvalidInput("entity_type_unknown", type=name)
        once = table.unique("id", keep="last", maintain_order=True)
        for part in once.iter_slices(entities_batch_max):
            await store.upsert_table(tx, part, self._clock.now())

    def areas_of(self, table: pl.DataFrame) -> list[pl.Series]:
        """The columns `district` and `street` of a table's places; null where there is none."""
        at = table.select(pl.arg_where(pl.col("lon").is_not_null() & pl.col("lat").is_not_null())).to_series()
        placed = table[at]
        codes = self._areas.codes_of(placed["lon"].to_numpy(), placed["lat"].to_numpy())
        found: list[pl.Series] = []
        for name, values in (("district", codes.district), ("street", codes.street)):
            column = np.full(table.height, None, object)
            column[at.to_numpy()] = values
            found.append(pl.Series(name, column.tolist(), pl.String))
        return found

    async def types(self, tx: Transaction, names: Collection[str]) -> dict[str, EntityType]:
        """Installed entity types by name, of those that exist."""
        return await store.types(tx, names)

    async def apply_attributes(self, tx: Transaction, observed: ObservedAttributes) -> None:
        """Observations become attributes; older ones than the kept are left out."""
        if len(observed.entity):
            await store.apply_attributes(tx, observed, self._clock.now())

    async def get(self, tx: Transaction, entity_id: str) -> Entity:
        """Raises NotFound `entity_unknown`."""
        found = await store.entity(tx, entity_id)
        if found is None:
            raise NotFound("entity_unknown", id=entity_id)
        return found

    async def entities(self, tx: Transaction, ids: Sequence[str]) -> dict[str, Entity]:
        """Entities by id, of those that exist."""
        return {found.id: found for found in await store.entities(tx, ids)}

    async def page(
        self, tx: Transaction, *, entity_type: str | None, q: str | None, after: str | None, limit: int
    ) -> EntityPage:
        return await store.page(tx, entity_type, q, after, limit)

    async def names(self, tx: Transaction, ids: Sequence[str]) -> dict[str, Text]:
        """Names by id, of those that exist."""
        return await store.names(tx, ids)

    async def places(self, tx: Transaction, ids: Sequence[str]) -> dict[str, EntityPlace]:
        """Names and places by id, of those that exist."""
        return await store.places(tx, ids)

    async def relations(
        self, tx: Transaction, ids: Sequence[str], names: Sequence[str]
    ) -> dict[str, dict[str, str]]:
        """Relations of these names, by entity and name: the URN that each points to."""
        return await store.relations(tx, ids, names) if ids and names else {}

    async def areas(self, tx: Transaction, ids: Sequence[str]) -> dict[str, dict[str, str | None]]:
        """Codes of `district` and `street` by id, of those that exist."""
        return await store.areas(tx, ids)

    async def layers(self, tx: Transaction) -> list[Layer]:
        return await store.layers(tx)

    async def layer_geojson(
        self, tx: Transaction, scene: str, layer: str, hidden: Hidden | None = None
    ) -> dict[str, Any]:
        """A FeatureCollection of points (RFC 7946), `layer_points_max` at most.

        Properties: id, name_zh, name_en, value, token, observed_at, and `hidden` where the value is left
        out, since it is `hidden` from who asks. Raises NotFound `layer_unknown`.
        """
        found = await store.layer(tx, scene, layer)
        if found is None:
            raise NotFound("layer_unknown", scene=scene, layer=layer)
        rows = await store.layer_points(tx, found.spec, layer_points_max)
        attribute = found.spec.attribute
        without: set[str] = set()
        if hidden is not None and attribute is not None:
            told = await hidden([row["id"] for row in rows if row["value"] is not None])
            without = {entity for entity, name in told if name == attribute}
        for row in rows:
            row["hidden"] = row["id"] in without
            if row["hidden"]:
                row["value"] = row["observed_at"] = None
        features = [
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [row["lon"], row["lat"]]},
                "properties": {
                    "id": row["id"],
                    "name_zh": row["name"]["zh"],
                    "name_en": row["name"]["en"],
                    "value": row["value"],
                    "token": domain.token_of(found.spec, row["value"], row["whole"]),
                    "observed_at": row["observed_at"],
                    "hidden": row["hidden"],
                },
            }
            for row in rows
        ]
        return {"type": "FeatureCollection", "features": features}
