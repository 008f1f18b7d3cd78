"""A small city of sensors for tests: two products, their rules, and everything wired."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import orjson
from psycopg.types.json import Jsonb

from yunnao.infra.embedded.nats import EmbeddedNats
from yunnao.infra.nats_subjects import STORED_PREFIX
from yunnao.infra.nervous import Nervous
from yunnao.infra.postgres import Database, Row
from yunnao.kernel.ids import new_id
from yunnao.kernel.packs.alarming import AlarmDefaults
from yunnao.kernel.packs.scene import ScenePack
from yunnao.kernel.text import Text
from yunnao.modules.geography.contracts import AreaCodes
from yunnao.modules.identity.facade import Identity, Policies
from yunnao.modules.sensing.access.callout import Gate
from yunnao.modules.sensing.alarming.facade import Alarms
from yunnao.modules.sensing.contracts import DeviceDraft, Floats
from yunnao.modules.sensing.domain.times import to_us
from yunnao.modules.sensing.facade import Sensing
from yunnao.modules.sensing.ingest import IngestWorker
from yunnao.modules.sensing.intake import Heard, Intake, Messages, Stored
from yunnao.modules.sensing.lake.tables import lake_at
from yunnao.modules.sensing.lanes import LaneHold
from yunnao.modules.sensing.live.owner import LiveOwner
from yunnao.modules.sensing.live.store import database_id
from yunnao.modules.sensing.live.table import LiveTable
from yunnao.modules.twin.facade import Twin
from yunnao.testing.servers import fast_folder

NOW = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)


def label(text: str) -> dict[str, str]:
    return {"zh": f"{text}（中）", "en": text}


PACK = ScenePack.model_validate(
    {
        "manifest": {
            "scene": "water",
            "version": "1.0.0",
            "name": label("water"),
            "description": label("water"),
        },
        "entity_types": {
            "Underpass": {
                "label": label("underpass"),
                "attributes": {
                    "waterLevel": {"label": label("level"), "unit": "MTR"},
                    "closed": {"label": label("closed"), "value_type": "boolean"},
                },
            },
            "CarPark": {"label": label("car park"), "attributes": {"freeSpaces": {"label": label("free")}}},
        },
        "products": {
            "level": {
                "label": label("level sensor"),
                "entity_type": "Underpass",
                "metrics": {
                    "level": {
                        "label": label("level"),
                        "unit": "MTR",
                        "minimum": 0,
                        "maximum": 5,
                        "attribute": "waterLevel",
                    },
                    "closed": {"label": label("closed"), "value_type": "boolean", "attribute": "closed"},
                    "note": {"label": label("note"), "value_type": "string"},
                },
                "decoder": {
                    "metrics": {"level": "/level", "closed": "/closed", "note": "/note"},
                    "time": "/t",
                },
                "past_max_s": 86_400 * 30,
            },
            "car-park": {
                "label": label("counter"),
                "entity_type": "CarPark",
                "metrics": {
                    "free": {"label": label("free"), "value_type": "integer", "attribute": "freeSpaces"}
                },
                "decoder": {"metrics": {"free": "/free"}, "time": "/t"},
                "past_max_s": 86_400 * 3650,
            },
        },
        "rules": {
            "flooded": {
                "label": label("flooded"),
                "product": "level",
                "operator": "threshold",
                "metric": "level",
                "above": 0.3,
                "clear": 0.2,
                "for_s": 60,
                "severity": "severe",
                "message": {
                    "zh": "{entity}积水 {value} 米，自 {since} 起",
                    "en": "{entity}: {value} m since {since}",
                },
                "case": {"case_type": "waterlogging", "category": "W02", "inform": ["W90"]},
            },
            "silent": {
                "label": label("silent"),
                "product": "level",
                "operator": "silence",
                "after_s": 600,
                "message": {"zh": "{entity}自 {since} 起无数据", "en": "{entity} silent since {since}"},
            },
            "full": {
                "label": label("full"),
                "product": "car-park",
                "operator": "threshold",
                "metric": "free",
                "below": 0.1,
                "relative_to": "capacity",
                "message": label("full"),
            },
        },
        "layers": {
            "parks": {
                "label": label("parks"),
                "entity_type": "CarPark",
                "attribute": "freeSpaces",
                "relative_to": "capacity",
                "steps": [
                    {"from_value": 0, "token": "danger", "label": label("full")},
                    {"from_value": 0.5, "token": "good", "label": label("plenty")},
                ],
            }
        },
        "devices": [
            {
                "device": "P-1",
                "product": "car-park",
                "entity": "p1",
                "name": label("Park one"),
                "lon": 120.38,
                "lat": 36.07,
                "attributes": {"capacity": 200},
            }
        ],
    }
)


class SetClock:
    """Time that a test sets."""

    def __init__(self, now: datetime = NOW) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time


class NoAreas:
    def codes_of(self, lons: Floats, lats: Floats) -> AreaCodes:
        return AreaCodes([None] * len(lons), [None] * len(lons))


@dataclass
class City:
    """Everything that sensing needs, on a fresh database."""

    database: Database
    nervous: Nervous
    clock: SetClock
    twin: Twin
    sensing: Sensing
    alarms: Alarms
    intake: Intake
    table: LiveTable
    folder: str
    lanes: list[int] = field(default_factory=lambda: [0, 1, 2, 3])
    hold: LaneHold | None = None
    sequence: int = 0

    async def take(self, *messages: tuple[str, str, Any], lanes: Sequence[int] | None = None) -> Stored:
        """One batch of (product, device, payload), arriving now."""
        if self.hold is None:
            async with self.database.transaction() as tx:
                self.hold = await LaneHold.take(tx, 0)
        batch = self.messages(*messages)
        heard = Heard(0, self.lanes if lanes is None else lanes, self.clock.now())
        return await self.intake.take(self.database, self.hold, batch, heard)

    def messages(self, *messages: tuple[str, str, Any]) -> Messages:
        """The next ones of the stream."""
        start = self.sequence + 1
        self.sequence += len(messages)
        return Messages(
            [
                f"{STORED_PREFIX}yunnao.p.0.{product}.{device.replace('.', '//')}"
                for product, device, _ in messages
            ],
            [p if isinstance(p, bytes) else orjson.dumps(p) for _, _, p in messages],
            np.arange(start, start + len(messages), dtype=np.int64),
            np.full(len(messages), to_us(self.clock.now()), np.int64),
        )

    async def rows(self, query: str, *parameters: Any) -> list[Row]:
        async with self.database.transaction() as tx:
            return await (await tx.execute(query.encode(), parameters)).fetchall()

    async def points(self, device: str, metric: str) -> list[tuple[datetime, Any]]:
        """Hot readings of a series in order of time."""
        found = await self.rows(
            "SELECT r.time, r.value, r.value_text FROM sensing.reading r JOIN sensing.series s USING (series)"
            " JOIN sensing.device d ON d.number = s.device WHERE d.id = %s AND s.metric = %s ORDER BY r.time",
            device,
            metric,
        )
        return [
            (row["time"], row["value"] if row["value_text"] is None else row["value_text"]) for row in found
        ]

    async def letters(self) -> list[tuple[str, str]]:
        """(code, subject) of every dead letter, in order."""
        found = await self.rows("SELECT code, subject FROM infra.dead_letter ORDER BY id")
        return [(row["code"], row["subject"]) for row in found]

    async def events(self) -> list[tuple[str, dict[str, Any]]]:
        found = await self.rows("SELECT subject, payload FROM infra.outbox ORDER BY id")
        return [(row["subject"], row["payload"]) for row in found]

    async def register(self, product: str, *devices: str, **attributes: Any) -> None:
        drafts = [
            DeviceDraft(d, product, d.lower(), Text(zh=d, en=d), 120.3, 36.1, dict(attributes))
            for d in devices
        ]
        async with self.database.transaction() as tx:
            await self.sensing.register_devices(tx, drafts)


@asynccontextmanager
async def city_of(database_url: str, nats_url: str, now: datetime = NOW) -> AsyncIterator[City]:
    clock, pack = SetClock(now), PACK
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(dir=fast_folder()))
        database = await stack.enter_async_context(Database(database_url))
        nervous = await stack.enter_async_context(Nervous(nats_url, "test"))
        twin, table = Twin(clock, NoAreas()), LiveTable(Path(folder) / "live")
        sensing = Sensing(clock, twin, nervous, table, ZoneInfo("Asia/Shanghai"))
        async with database.transaction() as tx:
            await twin.install(tx, pack)
            await sensing.install(tx, pack, demo=True)
            table.claim(await database_id(tx))
        identity = Identity(clock, Policies.load(), None)
        alarms = Alarms(clock, twin, identity, AlarmDefaults())
        city = City(database, nervous, clock, twin, sensing, alarms, sensing.intake(), table, folder)
        await city.register("level", "L-1", "L-2")
        yield city


@asynccontextmanager
async def gate_of(city: City, server: EmbeddedNats) -> AsyncIterator[None]:
    """While it is open, devices and subscribers are let in who prove themselves."""
    gate, stop = Gate(city.clock, city.database, city.nervous, server.issuer_seed), asyncio.Event()
    running = asyncio.create_task(gate.run(stop))
    await gate.listening.wait()
    try:
        yield
    finally:
        stop.set()
        await running


@asynccontextmanager
async def worker_of(city: City) -> AsyncIterator[None]:
    """An ingest worker at work."""
    stop = asyncio.Event()
    owner = LiveOwner(city.clock, city.nervous, city.table, lake_at(f"file://{city.folder}/lake"))
    worker = IngestWorker(city.clock, city.database, city.nervous, city.sensing, owner)
    task = asyncio.create_task(worker.run(stop))
    try:
        yield
    finally:
        stop.set()
        with suppress(asyncio.CancelledError):
            await asyncio.wait_for(task, 20)


def at(seconds: float, start: datetime = NOW) -> str:
    """ISO time, seconds after `start`."""
    return (start + timedelta(seconds=seconds)).isoformat()


async def maintained(city: City, device: str, start: datetime, end: datetime) -> None:
    """A maintenance window of one device."""
    await city.rows(
        "INSERT INTO sensing.maintenance"
        " (id, kind, target, starts_at, ends_at, reason, created_by, created_at)"
        " VALUES (%s, 'device', %s, %s, %s, 'works', %s, %s) RETURNING id",
        new_id(),
        device,
        start,
        end,
        Jsonb({"name": "somebody"}),
        NOW,
    )


async def until(holds: Callable[[], Awaitable[bool]], patience_s: float = 30.0) -> None:
    """Waits for what comes about in its own time."""
    end = monotonic() + patience_s
    while not await holds():
        assert monotonic() < end, "it did not come about in time"
        await asyncio.sleep(0.1)
