"""People to be told, a mail server and a receiver of webhooks, for tests of notifications."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import time, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from threading import Thread
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from fastapi import APIRouter, FastAPI
from tests.integration.cases_support import CITY, POLICIES, HandClock, both

from yunnao.infra import http as edge
from yunnao.infra.embedded.processes import pick_port
from yunnao.infra.paths import project_root
from yunnao.infra.postgres import Database
from yunnao.infra.webhook_targets import Targets
from yunnao.kernel.ids import UUID
from yunnao.kernel.principal import SYSTEM, Principal
from yunnao.modules.identity import http as identity_http
from yunnao.modules.identity.facade import Identity
from yunnao.modules.notifications import http as notifications_http
from yunnao.modules.notifications.contracts import Notice, Post, Preferences, Recipients
from yunnao.modules.notifications.delivering import Deliverer
from yunnao.modules.notifications.facade import Notifications, Ways

ZONE = ZoneInfo("Asia/Shanghai")
SENDER = "city@yunnao.example"
LOOPBACK = (ip_network("127.0.0.0/8"),)


@dataclass
class MailServer:
    """A real SMTP server that keeps what it takes; `refusal` is what it says to a recipient instead."""

    port: int = 0
    taken: list[EmailMessage] = field(default_factory=list)
    refusal: str | None = None

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}?tls=never"

    async def handle_RCPT(  # noqa: N802 - named by aiosmtpd
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.refusal:
            return self.refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.taken.append(message)
        return "250 OK"


@contextmanager
def mail_server(port: int | None = None) -> Iterator[MailServer]:
    server = MailServer(port or pick_port())
    controller = Controller(server, hostname="127.0.0.1", port=server.port)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


@dataclass
class Hook:
    """An HTTP server that keeps what it takes; `status` is what it answers."""

    status: int = 200
    taken: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)
    refused: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


@contextmanager
def hook() -> Iterator[Hook]:
    found = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if found.status == 200:
                found.taken.append(({k.lower(): v for k, v in self.headers.items()}, json.loads(body)))
            else:
                found.refused += 1
            self.send_response(found.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.port = server.server_address[1]
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Office:
    """Who can be told, and how."""

    database: Database
    clock: HandClock
    identity: Identity
    notifications: Notifications
    app: FastAPI
    deliverer: Deliverer
    people: dict[str, Principal] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    def id(self, name: str) -> UUID:
        found = self.people[name].id
        assert found is not None
        return found

    async def send(self, *notices: Notice) -> None:
        async with self.database.transaction() as tx:
            await self.notifications.send(tx, *notices)

    async def prefer(self, name: str, **chosen: Any) -> str | None:
        async with self.database.transaction() as tx:
            return await self.notifications.set_preferences(tx, self.people[name], Preferences(**chosen))

    async def inbox(self, name: str) -> list[str]:
        """The lines of an inbox in Chinese, newest first."""
        async with self.database.transaction() as tx:
            items, _ = await self.notifications.inbox(tx, self.people[name])
        return [item.title.zh for item in items]

    async def work(self, rounds: int = 10) -> None:
        """A worker's rounds until nothing is left to do now."""
        for _ in range(rounds):
            if not await self.deliverer.step():
                return

    async def rows(self, sql: str) -> list[dict[str, Any]]:
        async with self.database.transaction() as tx:
            return await (await tx.execute(sql.encode())).fetchall()

    async def states(self, channel: str) -> list[str]:
        found = await self.rows(
            f"SELECT state FROM notifications.message WHERE channel = '{channel}' ORDER BY id"
        )
        return [row["state"] for row in found]

    async def call(self, name: str, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.tokens[name]}"} if name in self.tokens else {}
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://city", headers=headers) as client:
            return await client.request(method, f"/api/v1{path}", **options)


STAFF = {
    "lin": (["department_staff"], "lighting"),
    "mei": (["field_worker"], "lighting"),
    "fang": (["department_staff"], "shinan"),
    "desk": (["dispatcher"], None),
    "wang": (["citizen"], None),
    "admin": (["administrator"], None),
}


@asynccontextmanager
async def office(url: str, email: Post | None = None, sms: Post | None = None) -> AsyncIterator[Office]:
    clock = HandClock()
    identity = Identity(clock, POLICIES)
    ways = Ways(Targets(LOOPBACK), email, sms, "https://city.example")
    notifications = Notifications(clock, identity, ZONE, ways)
    async with Database(url) as database:
        app = FastAPI()
        edge.install(app, database, identity_http.authenticator(identity))
        api = APIRouter(prefix="/api/v1")
        api.include_router(notifications_http.router(notifications, identity))
        app.include_router(api)
        found = Office(database, clock, identity, notifications, app, notifications.deliverer(database))
        async with database.transaction() as tx:
            await identity.install(tx, CITY, demo=False)
            for name, (roles, department) in STAFF.items():
                account = await identity.create_account(
                    tx, SYSTEM, name, both(name), roles, department=department
                )
                found.people[name] = Principal(
                    account.id, name, both(name), roles=frozenset(roles), department=department
                )
                _, found.tokens[name] = await identity.make_token(
                    tx, SYSTEM, account.id, "test", timedelta(days=9)
                )
        yield found


def assigned(key: str = "case:1:assigned:1", *, department: str = "lighting", **changes: Any) -> Notice:
    return Notice(
        **{
            "template": "case_assigned",
            "to": Recipients(department=department),
            "key": key,
            "params": {
                "number": f"QD-{key}",
                "category": both("路灯"),
                "area": both("市南区"),
                "department": both("路灯管理处"),
                "due_at": HandClock().now(),
            },
            "subject": "Case/0192f0c0-0000-7000-8000-000000000001",
            **changes,
        }
    )


QUIET = {"quiet_from": time(22), "quiet_until": time(7)}


@asynccontextmanager
async def office_worker(url: str, email: Post) -> AsyncIterator[Deliverer]:
    """A worker of its own on a database that is there."""
    clock = HandClock()
    identity = Identity(clock, POLICIES)
    async with Database(url) as database:
        yield Notifications(clock, identity, ZONE, Ways(Targets(), email)).deliverer(database)


async def worker_process(database_url: str, smtp_url: str, how: str) -> asyncio.subprocess.Process:
    """A worker as a process of its own, which has begun to work."""
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.notifier_process", database_url, smtp_url, how,
        cwd=project_root(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert worker.stdout is not None
    assert await worker.stdout.readline() == b"works\n"
    return worker
