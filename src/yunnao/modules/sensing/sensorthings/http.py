"""Doors of SensorThings (OGC 18-088), mounted beside the API."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import preferred_language
from yunnao.modules.identity.contracts import Resource
from yunnao.modules.identity.facade import Identity
from yunnao.modules.sensing.sensorthings import rendering
from yunnao.modules.sensing.sensorthings.domain.model import ENTITY_SETS
from yunnao.modules.sensing.sensorthings.domain.options import options_of
from yunnao.modules.sensing.sensorthings.domain.paths import parse_path
from yunnao.modules.sensing.sensorthings.facade import SensorThings

PREFIX = "/sensorthings/v1.1"
_SPEC = "http://www.opengis.net/spec/iot_sensing/1.1/req"
CONFORMANCE = (
    *(f"{_SPEC}/datamodel/{name}" for name in (
        "entity-control-information", "thing", "location", "historical-location", "datastream", "sensor",
        "observed-property", "observation", "feature-of-interest",
    )),
    *(f"{_SPEC}/resource-path/{name}" for name in ("resource-path-to-entities",)),
    *(f"{_SPEC}/request-data/{name}" for name in (
        "order", "expand", "select", "orderby", "top", "skip", "count", "filter",
        "built-in-filter-operations", "built-in-query-functions", "pagination",
    )),
    f"{_SPEC}/data-array/data-array",
)  # fmt: skip


def router(things: SensorThings, identity: Identity) -> APIRouter:
    """Every door. The standard's own paths are no part of the API's description."""
    routes = APIRouter(prefix=PREFIX, tags=["sensorthings"])

    def may_read(principal: Principal) -> None:
        identity.authorize(principal, "device:read", Resource("Device"))
        identity.authorize(principal, "entity:read", Resource("Entity"))

    @routes.get("")
    @routes.get("/", include_in_schema=False)
    async def service(request: Request) -> dict[str, Any]:
        """The service document: the entity sets, and the conformance classes that hold."""
        base = root_of(request)
        return {
            "value": [{"name": name, "url": f"{base}/{name}"} for name in ENTITY_SETS],
            "serverSettings": {"conformance": list(CONFORMANCE)},
        }

    @routes.get("/{path:path}", include_in_schema=False)
    async def read(request: Request, tx: Tx, principal: CurrentPrincipal, path: str) -> Response:
        may_read(principal)
        way = parse_path(path)
        given = dict(request.query_params)
        options = options_of(given, way.target)
        language = preferred_language(request.headers.get("accept-language"))
        page = await things.read(tx, way, options, language)
        base, url = root_of(request), f"{root_of(request)}/{path.strip('/')}"
        if way.references:
            return JSONResponse(rendering.references(page, base, url, given))
        if not way.single:
            return JSONResponse(rendering.collection(page, base, url, given))
        if not way.prop:
            return JSONResponse(rendering.entity(page.entity_set, page.items[0], options, base))
        value = rendering.prop(page.entity_set, page.items[0].row, way.prop)
        if value is None:
            return Response(status_code=204)
        if way.raw:
            return PlainTextResponse(value if isinstance(value, str) else rendering.written(value))
        return JSONResponse({way.prop[-1]: value})

    return routes


def root_of(request: Request) -> str:
    """The service's address as the client wrote it."""
    return f"{str(request.base_url).rstrip('/')}{PREFIX}"
