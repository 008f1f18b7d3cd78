"""The twin's tables."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import polars as pl
from h3.api.basic_int import latlng_to_cell
from psycopg.types.json import Jsonb

from yunnao.infra.copying import copy_frame
from yunnao.infra.pages import like_pattern
from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.kernel.packs.scene import EntityType, MapLayer
from yunnao.kernel.text import Text
from yunnao.modules.twin import domain
from yunnao.modules.twin.contracts import (
    ENTITY_COLUMNS,
    Entity,
    EntityPage,
    EntityPlace,
    Layer,
    ObservedAttributes,
)

QUERIES = load_queries("yunnao.modules.twin")
H3_RESOLUTION = 9
"""Cells of about 0.1 km²."""


async def foreign_types(tx: Transaction, scene: str, types: list[str]) -> list[Row]:
    cursor = await tx.execute(QUERIES["type_foreign"], {"scene": scene, "types": types})
    return await cursor.fetchall()


async def save_types(tx: Transaction, scene: str, types: Mapping[str, EntityType]) -> None:
    specs = [Jsonb(spec.model_dump(mode="json")) for spec in types.values()]
    await tx.execute(QUERIES["types_upsert"], {"scene": scene, "types": list(types), "specs": specs})


async def types(tx: Transaction, names: Collection[str]) -> dict[str, EntityType]:
    cursor = await tx.execute(QUERIES["types_get"], {"types": list(names)})
    return {row["type"]: EntityType.model_validate(row["spec"]) for row in await cursor.fetchall()}


async def replace_layers(tx: Transaction, scene: str, found: Mapping[str, MapLayer]) -> None:
    await tx.execute(QUERIES["layers_delete"], {"scene": scene})
    specs = [Jsonb(spec.model_dump(mode="json")) for spec in found.values()]
    await tx.execute(QUERIES["layers_insert"], {"scene": scene, "layers": list(found), "specs": specs})


async def layers(tx: Transaction) -> list[Layer]:
    return [_layer(row) for row in await (await tx.execute(QUERIES["layers_list"])).fetchall()]


async def layer(tx: Transaction, scene: str, name: str) -> Layer | None:
    row = await (await tx.execute(QUERIES["layer_get"], {"scene": scene, "layer": name})).fetchone()
    return _layer(row) if row else None


async def layer_points(tx: Transaction, spec: MapLayer, limit: int) -> list[Row]:
    cursor = await tx.execute(
        QUERIES["layer_points"],
        {
            "type": spec.entity_type,
            "attribute": spec.attribute,
            "relative_to": spec.relative_to,
            "limit": limit,
        },
    )
    return await cursor.fetchall()


async def upsert_table(tx: Transaction, table: pl.DataFrame, now: datetime) -> None:
    """Creates or updates entities, of `ENTITY_COLUMNS` and each id once."""
    cells = [
        None if lon is None or lat is None else latlng_to_cell(lat, lon, H3_RESOLUTION)
        for lon, lat in zip(table["lon"], table["lat"], strict=True)
    ]
    await tx.execute(QUERIES["staging_create"])
    await tx.execute(QUERIES["staging_clear"])
    staged = table.select(ENTITY_COLUMNS.names()).with_columns(pl.Series("h3", cells, pl.Int64))
    await copy_frame(tx, QUERIES["staging_copy"], staged)
    await tx.execute(QUERIES["staging_normalize"])
    await tx.execute(QUERIES["staging_analyze"])
    await tx.execute(QUERIES["entities_update"], {"now": now})
    await tx.execute(QUERIES["entities_insert"], {"now": now})


async def apply_attributes(tx: Transaction, observed: ObservedAttributes, now: datetime) -> None:
    await tx.execute(
        QUERIES["attributes_apply"],
        {
            "entity": list(observed.entity),
            "attribute": list(observed.attribute),
            "value": list(observed.value),
            "text": list(observed.text),
            "boolean": list(observed.boolean),
            "unit": list(observed.unit),
            "observed_at": list(observed.observed_at),
            "now": now,
        },
    )


async def entity(tx: Transaction, entity_id: str) -> Entity | None:
    row = await (await tx.execute(QUERIES["entity_get"], {"id": entity_id})).fetchone()
    return _entity(row) if row else None


async def entities(tx: Transaction, ids: Sequence[str]) -> list[Entity]:
    rows = await (await tx.execute(QUERIES["entities_get"], {"ids": list(ids)})).fetchall()
    return [_entity(row) for row in rows]


async def page(
    tx: Transaction, entity_type: str | None, q: str | None, after: str | None, limit: int
) -> EntityPage:
    matched = {"type": entity_type, "q": like_pattern(q)}
    cursor = await tx.execute(QUERIES["entities_page"], {**matched, "after": after, "limit": limit + 1})
    rows = await cursor.fetchall()
    counted = await (await tx.execute(QUERIES["entities_count"], matched)).fetchone()
    items = [_entity(row) for row in rows[:limit]]
    following = items[-1].id if len(rows) > limit else None
    return EntityPage(items, following, counted["n"] if counted else 0)


async def areas(tx: Transaction, ids: Sequence[str]) -> dict[str, dict[str, str | None]]:
    rows = await (await tx.execute(QUERIES["entity_areas"], {"ids": list(ids)})).fetchall()
    return {row["id"]: {"district": row["district"], "street": row["street"]} for row in rows}


async def names(tx: Transaction, ids: Sequence[str]) -> dict[str, Text]:
    rows = await (await tx.execute(QUERIES["entities_named"], {"ids": list(ids)})).fetchall()
    return {row["id"]: Text(**row["name"]) for row in rows}


async def places(tx: Transaction, ids: Sequence[str]) -> dict[str, EntityPlace]:
    rows = await (await tx.execute(QUERIES["entities_places"], {"ids": list(ids)})).fetchall()
    return {
        row["id"]: EntityPlace(Text(**row["name"]), row["lon"], row["lat"], row["district"]) for row in rows
    }


async def relations(tx: Transaction, ids: Sequence[str], names: Sequence[str]) -> dict[str, dict[str, str]]:
    cursor = await tx.execute(QUERIES["entities_relations"], {"ids": list(ids), "names": list(names)})
    return {row["id"]: row["relations"] for row in await cursor.fetchall()}


def _layer(row: Row) -> Layer:
    return Layer(row["scene"], row["layer"], MapLayer.model_validate(row["spec"]))


def _entity(row: Row) -> Entity:
    return Entity(
        id=row["id"],
        type=row["type"],
        name=Text(**row["name"]),
        lon=row["lon"],
        lat=row["lat"],
        district=row["district"],
        street=row["street"],
        attributes={name: domain.attribute_of(stored) for name, stored in row["attributes"].items()},
        relations={name: stored["object"] for name, stored in row["relations"].items()},
        modified_at=row["modified_at"],
    )
