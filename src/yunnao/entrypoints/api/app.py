"""The HTTP application: every module's router under /api/v1, Open311, the console."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version

from fastapi import APIRouter, FastAPI
from fastapi_offline import FastAPIOffline
from starlette.types import Receive, Scope, Send

from yunnao.bootstrap import Platform, Servers, assemble, gate, open_platform
from yunnao.entrypoints.api import console, events, health, overview
from yunnao.infra import http, telemetry
from yunnao.infra.embedded.nats import MqttAddress, MqttEntrance
from yunnao.infra.live import Live
from yunnao.infra.paths import project_root
from yunnao.infra.settings import Settings
from yunnao.modules.cases import http as cases_http
from yunnao.modules.cases.evaluation import http as evaluation_http
from yunnao.modules.cases.evaluation import http_reports as evaluation_reports_http
from yunnao.modules.cases.mining import http as mining_http
from yunnao.modules.cases.open311 import http as open311_http
from yunnao.modules.geography import http as geography_http
from yunnao.modules.identity import http as identity_http
from yunnao.modules.notifications import http as notifications_http
from yunnao.modules.sensing import http as sensing_http
from yunnao.modules.sensing.access import http as access_http
from yunnao.modules.sensing.access import http_management as management_http
from yunnao.modules.sensing.alarming import http as alarms_http
from yunnao.modules.sensing.batches import http as batches_http
from yunnao.modules.sensing.commands import http as commands_http
from yunnao.modules.sensing.edge import http as edge_http
from yunnao.modules.sensing.history import http as history_http
from yunnao.modules.sensing.identifiers import http as identifiers_http
from yunnao.modules.sensing.live import http as live_http
from yunnao.modules.sensing.rules import http as rules_http
from yunnao.modules.sensing.scheduled import http as scheduled_http
from yunnao.modules.sensing.sensorthings import http as sensorthings_http
from yunnao.modules.sensing.sharing import http as sharing_http
from yunnao.modules.twin import http as twin_http
from yunnao.scenes import load_city

API_PREFIX = "/api/v1"


def build(platform: Platform, live: Live) -> FastAPI:
    """The application over an open platform."""
    release = version("yunnao")
    app = FastAPIOffline(
        title="Yunnao 云脑",
        version=release,
        docs_url="/api/docs",
        static_url="/api/docs-static",
        redoc_url=None,
        openapi_url="/api/openapi.json",
        # Spans and metrics are the platform's own (infra.http); a second set costs a tenth of a request.
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
    )
    http.install(app, platform.database, identity_http.authenticator(platform.identity))
    app.state.nervous = platform.nervous
    api, rights = APIRouter(prefix=API_PREFIX), platform.sharing.rights
    for router in (
        overview.router(platform, release),
        identity_http.router(platform.identity),
        notifications_http.router(platform.notifications, platform.identity),
        geography_http.router(platform.geography),
        twin_http.router(platform.twin, platform.identity, rights.hidden_attributes),
        alarms_http.router(platform.alarms, platform.identity, rights),
        sensing_http.router(platform.sensing, platform.twin, platform.identity, platform.identifiers, rights),
        scheduled_http.router(platform.scheduled, rights),
        batches_http.router(platform.sensing, platform.batches, platform.identity),
        live_http.router(platform.sensing, platform.twin, platform.geography, platform.identity, rights),
        access_http.router(platform.access, platform.identity),
        management_http.router(platform.access, platform.identity),
        history_http.router(platform.history, platform.identity, rights),
        sharing_http.router(platform.sharing),
        rules_http.router(platform.rules, platform.identity, rights),
        edge_http.router(platform.edges, platform.edge_programs, platform.identity),
        commands_http.router(platform.commands),
        evaluation_http.router(platform.cases.evaluation),
        evaluation_reports_http.router(platform.cases.monthly_reports),
        mining_http.router(platform.cases.mining),
        cases_http.router(platform.cases, platform.identity),
        events.router(live, platform.identity),
    ):
        api.include_router(router)
    app.include_router(api, responses=http.PROBLEMS)
    app.include_router(open311_http.router(platform.cases, platform.identity))
    app.include_router(sensorthings_http.router(platform.sensorthings, platform.identity))
    app.include_router(identifiers_http.router(platform.identifiers, platform.identity, rights))
    app.include_router(health.router())
    http.describe_problems(app)
    console.mount(app, project_root() / "web" / "dist")
    return app


class Shell:
    """For the server: opens the platform when serving begins and closes it when it ends.

    Not a FastAPI application around another one, which would cost every request its way through both.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._app: FastAPI | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif self._app is not None:
            await self._app(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        async with AsyncExitStack() as stack:
            try:
                self._app = await stack.enter_async_context(_opened(self._settings))
            except Exception as error:
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                raise
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


def create_app() -> Shell:
    settings = Settings.from_environment(os.environ, project_root())
    telemetry.configure("api", settings.log_format, settings.otlp_url)
    return Shell(settings)


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[FastAPI]:
    async with open_platform(settings, "api") as platform:
        live = Live(platform.nervous)
        await live.start()
        tasks = [asyncio.create_task(_warm_up(platform))]
        if (answering := gate(platform)) is not None:
            tasks.append(asyncio.create_task(answering.run(asyncio.Event())))
        yield build(platform, live)
        for task in tasks:
            task.cancel()


async def _warm_up(platform: Platform) -> None:
    async with platform.database.transaction() as tx:
        await platform.cases.warm_up(tx)


def render_openapi() -> str:
    """The description of the API (OpenAPI 3.1) as JSON; needs no server."""
    settings = Settings.from_environment({}, project_root())
    nowhere = MqttAddress("", 0, "", "")
    city = load_city(project_root() / "cities" / settings.city)
    platform = assemble(settings, Servers("", "", nowhere, nowhere, MqttEntrance("", 0)), city, [], "schema")
    described = build(platform, Live(platform.nervous)).openapi()
    return json.dumps(described, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
