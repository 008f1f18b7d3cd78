"""Doors of sensing: products, devices, readings and dead letters."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request

from yunnao.infra import deadletters
from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.infra.pages import Limit, encode_cursor, text_cursor, uuid_cursor
from yunnao.kernel.text import preferred_language
from yunnao.modules.identity.contracts import Resource
from yunnao.modules.identity.facade import Identity
from yunnao.modules.sensing import http_models as models
from yunnao.modules.sensing.contracts import DeviceFilter, ListedState, Standing
from yunnao.modules.sensing.facade import Sensing
from yunnao.modules.sensing.identifiers.facade import Identifiers
from yunnao.modules.sensing.sharing.rights import ReadingRights
from yunnao.modules.twin.facade import Twin

Name = Annotated[str | None, Query(max_length=128)]


def router(
    sensing: Sensing, twin: Twin, identity: Identity, identifiers: Identifiers, rights: ReadingRights
) -> APIRouter:
    """Every door; paths without the API's prefix."""
    routes = APIRouter(tags=["sensing"])
    _devices(routes, sensing, twin, identity, identifiers, rights)
    _dead_letters(routes, sensing, identity)
    return routes


def _devices(
    routes: APIRouter,
    sensing: Sensing,
    twin: Twin,
    identity: Identity,
    identifiers: Identifiers,
    rights: ReadingRights,
) -> None:
    @routes.get("/products")
    async def list_products(tx: Tx, principal: CurrentPrincipal) -> models.ProductsOut:
        identity.authorize(principal, "device:list")
        return models.ProductsOut(items=[models.product_out(p) for p in await sensing.products(tx)])

    @routes.get("/devices")
    async def list_devices(
        tx: Tx,
        principal: CurrentPrincipal,
        *,
        product: Name = None,
        state: ListedState | None = None,
        district: Name = None,
        owner: Name = None,
        standing: Standing | None = None,
        q: Name = None,
        limit: Limit = 50,
        cursor: str | None = None,
    ) -> models.DevicesOut:
        """`q` is part of the id or name; `owner` a department; district or owner `none`: devices of none.
        State `never`: of the silent, those that were never heard. Retired ones only with their standing."""
        identity.authorize(principal, "device:list")
        wanted = DeviceFilter(product, q, district, owner, standing)
        page = await sensing.devices(tx, wanted=wanted, state=state, limit=limit, after=text_cursor(cursor))
        names = await twin.names(tx, [device.entity for device in page.items])
        hidden = await rights.hidden(tx, principal, [device.number for device in page.items])
        return models.DevicesOut(
            items=[models.device_out(device, names, identifiers, hidden) for device in page.items],
            next=encode_cursor(page.after) if page.after else None,
            total=page.total,
        )

    @routes.get("/devices/{device}")
    async def get_device(tx: Tx, principal: CurrentPrincipal, device: str) -> models.DeviceOut:
        identity.authorize(principal, "device:read", Resource("Device", device))
        found = await sensing.device(tx, device)
        hidden = await rights.hidden(tx, principal, [found.number])
        return models.device_out(found, await twin.names(tx, [found.entity]), identifiers, hidden)


def _dead_letters(routes: APIRouter, sensing: Sensing, identity: Identity) -> None:
    @routes.get("/dead-letters")
    async def list_letters(
        request: Request,
        tx: Tx,
        principal: CurrentPrincipal,
        *,
        waiting: bool = True,
        limit: Limit = 50,
        cursor: str | None = None,
    ) -> models.LettersOut:
        identity.authorize(principal, "deadletter:read")
        rows = await deadletters.page(tx, waiting=waiting, limit=limit, before=uuid_cursor(cursor))
        language = preferred_language(request.headers.get("accept-language"))
        return models.LettersOut(
            items=[models.letter_out(row, language) for row in rows],
            next=encode_cursor(str(rows[-1]["id"])) if len(rows) == limit else None,
        )

    @routes.post("/dead-letters/{letter}/replay")
    async def replay_letter(tx: Tx, principal: CurrentPrincipal, letter: UUID) -> dict[str, Any]:
        identity.authorize(principal, "deadletter:replay")
        await sensing.replay_dead_letter(tx, letter)
        return {"id": str(letter)}
