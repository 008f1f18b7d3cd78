"""Doors for batches of readings: JSON, JSON lines, an Arrow stream, InfluxDB's line protocol."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.kernel.errors import InvalidInput, TooLarge
from yunnao.kernel.text import Language, preferred_language
from yunnao.modules.identity.facade import Identity
from yunnao.modules.sensing import http_models as models
from yunnao.modules.sensing.batches import arrow, influx, lines
from yunnao.modules.sensing.batches.door import BatchDoor
from yunnao.modules.sensing.contracts import MessageDraft, ReadingDraft
from yunnao.modules.sensing.facade import Sensing

ARROW, LINES, JSON = "application/vnd.apache.arrow.stream", "application/x-ndjson", "application/json"
FORMS = {ARROW: arrow.columns, LINES: lines.columns}
JSON_BYTES_MAX = 16 * 1024 * 1024
"""Of one JSON document, whose objects take ten times its room."""
BINARY = {"schema": {"type": "string", "format": "binary"}}


async def _body(request: Request) -> bytes:
    return await request.body()


Body = Annotated[bytes, Depends(_body)]
"""Read before a transaction is open, which a slow sender would keep so."""
Product = Annotated[str | None, Query(max_length=128, description="None: each device's own.")]


def router(sensing: Sensing, door: BatchDoor, identity: Identity) -> APIRouter:
    """Paths without the API's prefix."""
    routes = APIRouter(tags=["sensing"])

    @routes.post(
        "/readings",
        status_code=202,
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {JSON: {"schema": _inline(models.BatchIn)}, LINES: BINARY, ARROW: BINARY},
            }
        },
    )
    async def take(
        request: Request, body: Body, tx: Tx, principal: CurrentPrincipal, product: Product = None
    ) -> models.TakenOut:
        """Accepted readings are in the durable stream when the answer leaves."""
        identity.authorize(principal, "sensing:ingest")
        language = preferred_language(request.headers.get("accept-language"))
        kind = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
        if kind in FORMS:
            taken = await door.read(tx, body, FORMS[kind], product)
            return models.taken_columns(taken, language)
        if kind != JSON:
            raise InvalidInput("content_type_unknown", found=kind, known=", ".join([JSON, *FORMS]))
        return await _take_json(sensing, tx, body, language)

    @routes.post(
        "/influx/write",
        status_code=204,
        response_model=None,
        openapi_extra={"requestBody": {"required": True, "content": {"text/plain": BINARY}}},
        responses={200: {"model": models.TakenOut, "description": "Some lines were refused."}},
    )
    async def write(
        request: Request, body: Body, tx: Tx, principal: CurrentPrincipal, precision: influx.Precision = "ns"
    ) -> Any:
        """As InfluxDB's `/write`: the measurement is the product, the tag `device` the device."""
        identity.authorize(principal, "sensing:ingest")
        taken = await door.read_influx(tx, body, precision)
        if not taken.refused:
            return Response(status_code=204)
        language = preferred_language(request.headers.get("accept-language"))
        told = models.taken_columns(taken, language)
        return Response(told.model_dump_json(), status_code=200, media_type=JSON)

    return routes


async def _take_json(sensing: Sensing, tx: Tx, body: bytes, language: Language) -> models.TakenOut:
    """Read by `json`, which lets a NaN in, so that it can be named as the fault."""
    if len(body) > JSON_BYTES_MAX:
        raise TooLarge("body_too_large", limit_bytes=JSON_BYTES_MAX)
    try:
        batch = models.BatchIn.model_validate(json.loads(body))
    except ValidationError as error:
        found = [{**one, "loc": ("body", *one["loc"])} for one in error.errors(include_url=False)]
        raise RequestValidationError(found) from error
    except (ValueError, RecursionError) as error:
        raise RequestValidationError([{"type": "json", "loc": ("body",), "msg": str(error)}]) from error
    if batch.messages is not None:
        drafts = [MessageDraft(m.product or batch.product, m.device, m.payload) for m in batch.messages]
        return models.taken(len(drafts), await sensing.take_messages(tx, drafts), language)
    if batch.readings is None:
        raise InvalidInput("batch_empty")
    readings = [ReadingDraft(r.device, r.metric, r.time, r.value) for r in batch.readings]
    return models.taken(len(readings), await sensing.take_readings(tx, readings), language)


def _inline(model: type[models.BatchIn]) -> dict[str, Any]:
    """The model's JSON Schema with its parts in their places, since it stands outside of the components."""
    schema = model.model_json_schema()
    parts = schema.pop("$defs", {})

    def filled(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                return filled(parts[node["$ref"].rpartition("/")[2]])
            return {name: filled(value) for name, value in node.items()}
        return [filled(one) for one in node] if isinstance(node, list) else node

    found: dict[str, Any] = filled(schema)
    return found
