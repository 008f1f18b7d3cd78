"""Live events as a stream (HTML, 9.2 Server-sent events), each for those who may see it.

Whoever may not watch the city gets the bell of the own inbox only.
"""

from collections.abc import AsyncIterator
from typing import Any

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from yunnao.infra.http import CurrentPrincipal
from yunnao.infra.live import Live
from yunnao.kernel.errors import TooMany
from yunnao.kernel.principal import Principal
from yunnao.modules.identity.facade import Identity

SHOWN = (
    "id", "time", "subject", "title", "severity", "lon", "lat", "case_id", "number", "alarm_id", "device",
    "status", "count", "entity_name", "kind", "about",
)  # fmt: skip
"""The keys that leave: an event's other data (a reporter, a trace) stays inside."""


def present(body: dict[str, Any]) -> dict[str, Any]:
    """An event as screens read it."""
    data = body["data"]
    title = data.get("title") or data.get("message")
    merged = {**data, "id": body["id"], "time": body["time"], "subject": body["subject"], "title": title}
    return {key: merged[key] for key in SHOWN if merged.get(key) is not None}


def concerns(body: dict[str, Any], principal: Principal, *, watches: bool) -> bool:
    """Whether the event is for `principal`: one that names whom it is `to` is for nobody else."""
    to = body["data"].get("to")
    return watches if to is None else str(principal.id) in to


async def _frames(live: Live, after: str | None, principal: Principal, watches: bool) -> AsyncIterator[bytes]:
    yield b"retry: 2000\n\n"
    async for body in live.stream(after):
        if body is None:
            yield b": still here\n\n"
        elif not concerns(body, principal, watches=watches):
            continue
        else:
            event, data = body["subject"].encode(), orjson.dumps(present(body))
            yield b"id: %s\nevent: %s\ndata: %s\n\n" % (body["id"].encode(), event, data)


def router(live: Live, identity: Identity) -> APIRouter:
    api = APIRouter(tags=["events"])

    @api.get("/events", response_class=StreamingResponse, summary="Live events (text/event-stream)")
    async def events(principal: CurrentPrincipal, request: Request) -> StreamingResponse:
        watches = identity.allowed(principal, "events:subscribe")
        if not watches:
            identity.authorize(principal, "notification:own")
        if live.full:
            raise TooMany("too_many_streams")
        return StreamingResponse(
            _frames(live, request.headers.get("last-event-id"), principal, watches),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    return api
