"""Doors of identifiers: for people, for machines, and in the form of Handle.Net's proxies."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, Field

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.kernel.principal import Principal
from yunnao.modules.identity.contracts import Resource
from yunnao.modules.identity.facade import Identity
from yunnao.modules.sensing.identifiers import domain
from yunnao.modules.sensing.identifiers.facade import Identifiers, identifiers_max
from yunnao.modules.sensing.sharing.rights import ReadingRights

LINKED = "application/ld+json"
_VARIES = {"Vary": "Accept"}


class AskedIn(BaseModel):
    identifiers: list[Annotated[str, Field(max_length=300)]] = Field(max_length=identifiers_max)


def router(identifiers: Identifiers, identity: Identity, rights: ReadingRights) -> APIRouter:
    """Every door; they stand beside the API, since identifiers outlive its versions."""
    routes = APIRouter(tags=["identifiers"])

    def may_read(principal: Principal, suffix: str) -> None:
        if domain.is_entity(suffix):
            identity.authorize(principal, "entity:read", Resource("Entity", suffix))
        else:
            identity.authorize(principal, "device:read", Resource("Device", suffix))

    @routes.post("/id/resolve")
    async def resolve_many(
        request: Request, tx: Tx, principal: CurrentPrincipal, asked: AskedIn
    ) -> dict[str, list[dict[str, Any]]]:
        """Records in the order asked for; `responseCode` 1 is found, 100 unknown, 301 of another city."""
        identity.authorize(principal, "device:read", Resource("Device"))
        identity.authorize(principal, "entity:read", Resource("Entity"))
        return {"items": await identifiers.resolve_many(tx, asked.identifiers, _base(request))}

    @routes.get("/id/{prefix}/{suffix:path}", response_model=None)
    async def resolve(
        request: Request, tx: Tx, principal: CurrentPrincipal, prefix: str, suffix: str
    ) -> Response:
        """A browser is led to the console's page; `application/ld+json` is the thing as linked data;
        anything else its record."""
        wanted = _wanted(request)
        if wanted == "page" and principal.kind == "anonymous" and not domain.is_entity(suffix):
            # The console asks to sign in; whether there is such a device is not told before.
            return RedirectResponse(domain.device_page(suffix), 303, headers=_VARIES)
        may_read(principal, suffix)
        found = await identifiers.resolve(tx, prefix, suffix)
        if wanted == "page":
            return RedirectResponse(found.page, 303, headers=_VARIES)
        if wanted == "linked":
            watched = [found.entity.id] if found.entity is not None else []
            hidden = await rights.hidden_attributes(tx, principal, watched)
            return JSONResponse(found.linked(hidden), media_type=LINKED, headers=_VARIES)
        return JSONResponse(domain.answer(identifiers.record(found, _base(request))), headers=_VARIES)

    @routes.get("/api/handles/{prefix}/{suffix:path}", response_model=None)
    async def handle(
        request: Request,
        tx: Tx,
        principal: CurrentPrincipal,
        prefix: str,
        suffix: str,
        type: Annotated[list[str] | None, Query()] = None,
        index: Annotated[list[int] | None, Query()] = None,
    ) -> Response:
        """As the proxies of Handle.Net answer; `type` and `index` choose values."""
        may_read(principal, suffix)
        found = await identifiers.resolve(tx, prefix, suffix)
        record = identifiers.record(found, _base(request))
        return JSONResponse(domain.answer(record, frozenset(type or ()), frozenset(index or ())))

    return routes


def _base(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _wanted(request: Request) -> str:
    """The first of what we have in the Accept header; browsers ask for text/html first."""
    for part in request.headers.get("accept", "").split(","):
        kind = part.split(";")[0].strip().lower()
        if kind in {"text/html", "application/xhtml+xml"}:
            return "page"
        if kind == LINKED:
            return "linked"
        if kind == "application/json":
            return "record"
    return "record"
