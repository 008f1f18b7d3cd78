"""Doors of the twin: entities, and the live layers of the map."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.infra.pages import Limit, encode_cursor, text_cursor
from yunnao.infra.postgres import Transaction
from yunnao.kernel.packs.scene import ColourStep
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import Text
from yunnao.modules.identity.contracts import Resource
from yunnao.modules.identity.facade import Identity
from yunnao.modules.twin.contracts import Entity
from yunnao.modules.twin.facade import Twin

HiddenAttributes = Callable[[Transaction, Principal, Sequence[str]], Awaitable[Collection[tuple[str, str]]]]
"""Of these entities the attributes (entity, attribute) that a party may not read."""
SearchText = Annotated[str | None, Query(max_length=100)]


class AttributeOut(BaseModel):
    value: Any
    unit: str | None
    observed_at: datetime | None


class EntityOut(BaseModel):
    id: str
    type: str
    name: Text
    lon: float | None
    lat: float | None
    district: str | None
    street: str | None
    attributes: dict[str, AttributeOut]
    hidden: list[str] = Field(description="Attributes whose values you may not read; they are left out.")
    relations: dict[str, str]


class EntityPageOut(BaseModel):
    items: list[EntityOut]
    next: str | None
    total: int


class LayerOut(BaseModel):
    scene: str
    layer: str
    label: Text
    entity_type: str
    attribute: str | None
    steps: list[ColourStep]
    shown: bool


class LayersOut(BaseModel):
    items: list[LayerOut]


def router(twin: Twin, identity: Identity, hidden: HiddenAttributes) -> APIRouter:
    """Every door; attributes that are `hidden` from who asks are left out."""
    routes = APIRouter(tags=["twin"])

    @routes.get("/entities")
    async def list_entities(
        tx: Tx,
        principal: CurrentPrincipal,
        *,
        type: Annotated[str | None, Query(max_length=60)] = None,
        q: SearchText = None,
        limit: Limit = 50,
        cursor: str | None = None,
    ) -> EntityPageOut:
        identity.authorize(principal, "entity:read", Resource("Entity"))
        page = await twin.page(tx, entity_type=type, q=q, after=text_cursor(cursor), limit=limit)
        without = await hidden(tx, principal, [item.id for item in page.items])
        return EntityPageOut(
            items=[_entity_out(item, without) for item in page.items],
            next=encode_cursor(page.after) if page.after else None,
            total=page.total,
        )

    @routes.get("/entities/{entity_id}")
    async def get_entity(tx: Tx, principal: CurrentPrincipal, entity_id: str) -> EntityOut:
        identity.authorize(principal, "entity:read", Resource("Entity", entity_id))
        found = await twin.get(tx, entity_id)
        return _entity_out(found, await hidden(tx, principal, [entity_id]))

    @routes.get("/layers")
    async def list_layers(tx: Tx, principal: CurrentPrincipal) -> LayersOut:
        identity.authorize(principal, "layer:read", Resource("Layer"))
        return LayersOut(
            items=[
                LayerOut(
                    scene=found.scene,
                    layer=found.layer,
                    label=found.spec.label,
                    entity_type=found.spec.entity_type,
                    attribute=found.spec.attribute,
                    steps=found.spec.steps,
                    shown=found.spec.shown,
                )
                for found in await twin.layers(tx)
            ]
        )

    @routes.get("/layers/{scene}/{layer}")
    async def get_layer(tx: Tx, principal: CurrentPrincipal, scene: str, layer: str) -> dict[str, Any]:
        identity.authorize(principal, "layer:read", Resource("Layer", f"{scene}/{layer}"))

        async def without(entities: Sequence[str]) -> Collection[tuple[str, str]]:
            return await hidden(tx, principal, entities)

        return await twin.layer_geojson(tx, scene, layer, without)

    return routes


def _entity_out(entity: Entity, without: Collection[tuple[str, str]]) -> EntityOut:
    return EntityOut(
        id=entity.id,
        type=entity.type,
        name=entity.name,
        lon=entity.lon,
        lat=entity.lat,
        district=entity.district,
        street=entity.street,
        attributes={
            name: AttributeOut(value=a.value, unit=a.unit, observed_at=a.observed_at)
            for name, a in entity.attributes.items()
            if (entity.id, name) not in without
        },
        hidden=sorted(attribute for one, attribute in without if one == entity.id),
        relations=entity.relations,
    )
