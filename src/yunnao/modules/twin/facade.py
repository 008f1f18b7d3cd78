"""The twin: everything in the city that has identity, type, place, state and relations."""

from collections.abc import Sequence
from typing import Any

from yunnao.infra.postgres import Transaction
from yunnao.kernel.errors import Conflict, InvalidInput, NotFound
from yunnao.kernel.geometry import valid_lonlat
from yunnao.kernel.packs.scene import ScenePack
from yunnao.kernel.text import Text
from yunnao.kernel.time import Clock
from yunnao.modules.twin import domain, store
from yunnao.modules.twin.contracts import (
    URN_PREFIX,
    Areas,
    Entity,
    EntityDraft,
    EntityPage,
    Layer,
    ObservedAttributes,
)

entities_batch_max = 10_000
layer_points_max = 20_000


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
        """Creates or updates entities, `entities_batch_max` a statement; of one id the last counts.

        Raises InvalidInput: `entity_id_invalid`, `entity_type_unknown`, or as `valid_lonlat` does.
        """
        specs = await store.types(tx, {draft.type for draft in drafts})
        for draft in drafts:
            if draft.type not in specs:
                raise InvalidInput("entity_type_unknown", type=draft.type)
            if not draft.id.startswith(f"{URN_PREFIX}{draft.type}:"):
                raise InvalidInput("entity_id_invalid", id=draft.id, type=draft.type)
            if draft.lon is not None and draft.lat is not None:
                valid_lonlat(draft.lon, draft.lat)
        once = list({draft.id: draft for draft in drafts}.values())
        for start in range(0, len(once), entities_batch_max):
            await store.upsert_entities(
                tx, once[start : start + entities_batch_max], specs, self._areas, self._clock.now()
            )

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

    async def page(
        self, tx: Transaction, *, entity_type: str | None, q: str | None, after: str | None, limit: int
    ) -> EntityPage:
        return await store.page(tx, entity_type, q, after, limit)

    async def names(self, tx: Transaction, ids: Sequence[str]) -> dict[str, Text]:
        """Names by id, of those that exist."""
        return await store.names(tx, ids)

    async def layers(self, tx: Transaction) -> list[Layer]:
        return await store.layers(tx)

    async def layer_geojson(self, tx: Transaction, scene: str, layer: str) -> dict[str, Any]:
        """A FeatureCollection of points (RFC 7946), `layer_points_max` at most.

        Properties: id, name_zh, name_en, value, token, observed_at. Raises NotFound `layer_unknown`.
        """
        found = await store.layer(tx, scene, layer)
        if found is None:
            raise NotFound("layer_unknown", scene=scene, layer=layer)
        rows = await store.layer_points(tx, found.spec, layer_points_max)
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
                },
            }
            for row in rows
        ]
        return {"type": "FeatureCollection", "features": features}
