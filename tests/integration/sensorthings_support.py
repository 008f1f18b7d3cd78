"""A client of SensorThings over a test's city."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
from fastapi import FastAPI, Request
from tests.integration.lake_support import lake_in
from tests.integration.sensing_support import City

from yunnao.infra import http
from yunnao.infra.postgres import Transaction
from yunnao.kernel.ids import new_id
from yunnao.kernel.principal import ANONYMOUS, Principal
from yunnao.kernel.text import Text
from yunnao.modules.identity.facade import Identity, Policies
from yunnao.modules.sensing.history.duck_engine import DuckEngine
from yunnao.modules.sensing.history.history import History
from yunnao.modules.sensing.sensorthings import http as sensorthings_http
from yunnao.modules.sensing.sensorthings.facade import SensorThings
from yunnao.modules.sensing.sensorthings.latest import LiveNewest
from yunnao.modules.sensing.sharing.rights import ReadingRights

ROOT = "http://test/sensorthings/v1.1"


@asynccontextmanager
async def client_of(city: City, folder: Path, role: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client that acts in `role`, or in that of its header `X-Role`; the lake is in `folder`."""

    async def authenticate(request: Request, tx: Transaction) -> Principal:
        given = request.headers.get("x-role")
        if given is None:
            return ANONYMOUS
        return Principal(new_id(), given, Text(zh=given, en=given), roles=frozenset({given}))

    app = FastAPI()
    http.install(app, city.database, authenticate)
    readings = lake_in(folder).readings
    history = History(city.clock, city.twin, lake_in(folder), DuckEngine(readings), ZoneInfo("Asia/Shanghai"))
    identity = Identity(city.clock, Policies.load(), None)
    things = SensorThings(
        city.clock,
        LiveNewest(city.table),
        history,
        city.sensing,
        city.twin,
        ReadingRights(city.clock, identity),
    )
    app.include_router(sensorthings_http.router(things, identity))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    headers = {"X-Role": role, "Accept-Language": "en"}
    async with httpx.AsyncClient(transport=transport, base_url=ROOT, headers=headers) as made:
        yield made
