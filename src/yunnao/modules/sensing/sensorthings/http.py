"""Doors of SensorThings (OGC 18-088), mounted beside the API."""

from typing import Any

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.kernel.errors import InvalidInput, NotFound, Unsupported
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

_SINGULAR = {"ObservedProperties": "ObservedProperty", "FeaturesOfInterest": "FeatureOfInterest"}


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
        page = await things.read(tx, principal, way, options, language)
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

    _writing(routes, things, identity)
    return routes


def _writing(routes: APIRouter, things: SensorThings, identity: Identity) -> None:
    @routes.post("/CreateObservations", include_in_schema=False)
    async def create_observations(request: Request, tx: Tx, principal: CurrentPrincipal) -> Response:
        """A link for each row, in order, or `error` (OGC 18-088, 12.2)."""
        identity.authorize(principal, "sensing:ingest")
        found = await things.create_observations(tx, await _body(request))
        base, observations = root_of(request), ENTITY_SETS["Observations"]
        links = [rendering.link_of(observations, told, base) if told else "error" for told in found]
        return JSONResponse(links, status_code=201)

    @routes.post("/{path:path}", include_in_schema=False)
    async def create(request: Request, tx: Tx, principal: CurrentPrincipal, path: str) -> Response:
        """Into a set, or into a set of an entity, which is then linked (OGC 18-088, 10.2)."""
        way = parse_path(path)
        name = way.target.name
        _authorize_writing(identity, principal, name)
        body = await _body(request)
        if way.single or way.references or not isinstance(body, dict):
            raise InvalidInput("sta_body_invalid", where=path[:60], detail="{}")
        if len(way.steps) > 1:
            parent = way.steps[-2]
            relation = _SINGULAR.get(parent.entity_set.name, parent.entity_set.name.removesuffix("s"))
            if parent.key is None:
                raise InvalidInput("sta_relation_missing", name=relation)
            link = {"@iot.id": parent.key[0]}
            body = {**body, "Things": [link]} if name == "Locations" else {**body, relation: link}
        created = await things.create(tx, name, body)
        link_to = rendering.link_of(way.target, created, root_of(request))
        out = {"@iot.id": created, "@iot.selfLink": link_to}
        return JSONResponse(out, status_code=201, headers={"Location": link_to})

    @routes.put("/{path:path}", include_in_schema=False)
    @routes.patch("/{path:path}", include_in_schema=False)
    async def change(request: Request, tx: Tx, principal: CurrentPrincipal, path: str) -> Response:
        name, key = _one(path)
        _authorize_writing(identity, principal, name)
        if "json-patch" in request.headers.get("content-type", ""):
            raise Unsupported("sta_json_patch")
        body = await _body(request)
        if not isinstance(body, dict):
            raise InvalidInput("sta_body_invalid", where="/", detail="{}")
        if name == "Observations":
            raise Unsupported("sta_not_changed", set=name)
        await things.change(tx, name, key, body)
        return Response(status_code=200)

    @routes.delete("/{path:path}", include_in_schema=False)
    async def delete(tx: Tx, principal: CurrentPrincipal, path: str) -> Response:
        name, key = _one(path)
        _authorize_writing(identity, principal, name)
        if name == "Observations":
            raise Unsupported("sta_not_deleted", set=name)
        await things.delete(tx, name, key)
        return Response(status_code=200)


def _authorize_writing(identity: Identity, principal: Principal, entity_set: str) -> None:
    if entity_set == "Observations":
        identity.authorize(principal, "sensing:ingest")
    else:
        identity.authorize(principal, "device:register")


def _one(path: str) -> tuple[str, int]:
    """The set and the id of `Set(id)`. Raises NotFound `sta_path_unknown`."""
    way = parse_path(path)
    step = way.steps[0]
    if len(way.steps) != 1 or step.key is None or way.prop or way.references:
        raise NotFound("sta_path_unknown", segment=path[:60])
    first = step.key[0]
    return step.entity_set.name, first if isinstance(first, int) else 0


async def _body(request: Request) -> Any:
    try:
        return orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise InvalidInput("payload_not_json") from error


def root_of(request: Request) -> str:
    """The service's address as the client wrote it."""
    return f"{str(request.base_url).rstrip('/')}{PREFIX}"
