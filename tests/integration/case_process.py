"""The case centre's doors and its worker as processes of their own, to be killed by tests."""

import asyncio
import multiprocessing
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, FastAPI
from granian.constants import Interfaces
from granian.server.embed import Server
from tests.integration.cases_support import POLICIES

from yunnao.infra import consumers
from yunnao.infra import http as edge
from yunnao.infra.clock import SystemClock
from yunnao.infra.consumers import Consumer, ConsumerRunner, Event
from yunnao.infra.files import FileStore
from yunnao.infra.nervous import Nervous
from yunnao.infra.postgres import Database, Transaction
from yunnao.infra.relay import Relay
from yunnao.infra.webhook_targets import Targets
from yunnao.modules.cases import http as cases_http
from yunnao.modules.cases.facade import Cases
from yunnao.modules.geography.facade import Geography
from yunnao.modules.identity import http as identity_http
from yunnao.modules.identity.facade import Identity
from yunnao.modules.notifications.facade import Notifications, Ways

SEEN = "CREATE TABLE seen (event_id uuid NOT NULL)"
REDELIVERY_S = 2
"""Instead of a minute: what a killed worker held comes again while the test runs."""

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([__name__])


class Killable:
    """A process that can be killed and started again within a moment: it is forked with all imports done."""

    def __init__(self, target: Callable[..., None], *args: Any) -> None:
        self._target, self._args = target, args
        self._process: BaseProcess | None = None

    def start(self) -> None:
        self._process = FORKS.Process(target=self._target, args=self._args, daemon=True)
        self._process.start()

    def kill(self) -> None:
        assert self._process is not None
        assert self._process.is_alive(), f"it ended by itself: {self._process.exitcode}"
        self._process.kill()
        self._process.join()


def centre(files: str) -> tuple[Cases, Identity, Notifications]:
    clock = SystemClock()
    identity = Identity(clock, POLICIES)
    notifications = Notifications(clock, identity, ZoneInfo("Asia/Shanghai"), Ways(Targets()))
    return Cases(clock, identity, Geography(clock), FileStore(files), notifications), identity, notifications


def api(database_url: str, files: str, port: int) -> None:
    asyncio.run(_api(database_url, files, port))


async def _api(database_url: str, files: str, port: int) -> None:
    cases, identity, _ = centre(files)
    async with Database(database_url) as database:
        app = FastAPI()
        edge.install(app, database, identity_http.authenticator(identity))
        routes = APIRouter(prefix="/api/v1")
        routes.include_router(cases_http.router(cases, identity))
        app.include_router(routes)
        await Server(app, port=port, interface=Interfaces.ASGINL, log_enabled=False).serve()


def worker(database_url: str, nats_url: str, files: str) -> None:
    consumers.ACK_WAIT_S = REDELIVERY_S
    asyncio.run(_worker(database_url, nats_url, files))


async def _worker(database_url: str, nats_url: str, files: str) -> None:
    cases, _, notifications = centre(files)
    stop = asyncio.Event()

    async def see(tx: Transaction, event: Event) -> None:
        await tx.execute("INSERT INTO seen (event_id) VALUES (%s)", (event.id,))

    async def on_alarm(tx: Transaction, event: Event) -> None:
        await cases.on_alarm(tx, event)

    listening = [
        Consumer("test-seen", ["cases.case.*"], see),
        Consumer("test-on-alarm", ["sensing.alarm.opened"], on_alarm),
    ]
    async with (
        Database(database_url) as database,
        Nervous(nats_url, "killed") as nervous,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(Relay(database, nervous).run(stop))
        group.create_task(notifications.deliverer(database).run(stop))
        for each in listening:
            group.create_task(ConsumerRunner(each, database, nervous).run(stop))
