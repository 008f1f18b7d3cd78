"""Is it alive, is it ready, what does it measure."""

import os
from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from yunnao.infra.nervous import Nervous
from yunnao.infra.postgres import Database
from yunnao.kernel.errors import Unavailable


def router() -> APIRouter:
    api = APIRouter(include_in_schema=False)

    @api.get("/healthz")
    async def alive() -> dict[str, str]:
        return {"status": "alive"}

    @api.get("/readyz")
    async def ready(request: Request, response: Response) -> dict[str, Any]:
        database: Database = request.app.state.database
        nervous: Nervous = request.app.state.nervous
        parts = {"nats": nervous.connected, "postgresql": False}
        try:
            async with database.connection() as connection:
                await connection.execute("SELECT 1")
            parts["postgresql"] = True
        except Unavailable:
            pass
        whole = all(parts.values())
        response.status_code = 200 if whole else 503
        return {"status": "ready" if whole else "not ready", "parts": parts}

    @api.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(_registry()), media_type=CONTENT_TYPE_LATEST)

    return api


def _registry() -> CollectorRegistry:
    """This process's metrics; those of every role where they share a folder."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    shared = CollectorRegistry()
    MultiProcessCollector(shared)  # type: ignore[no-untyped-call]  # the library has no types here
    return shared
