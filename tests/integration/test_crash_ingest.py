"""kill -9 of the ingest worker, and of NATS itself, during 50,000 messages at QoS 1: every reading
whose publisher got its acknowledgement is in the database, none twice, and no alarm is missed."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest
from tests.integration.sensing_support import City, city_of, until

from yunnao.infra.embedded.nats import EmbeddedNats, ensure_mqtt_stream, ensure_nats
from yunnao.infra.gateway import Gateway
from yunnao.modules.sensing.lanes import LOCK_CLASS_LANE, ensure_consumers

MESSAGES = 50_000
PUBLISHERS = 2
DEVICES = 200
PATIENCE_S = 80.0
TAKEOVER_S = 15.0
ROOT = Path(__file__).parents[2]


@pytest.fixture
async def city(database_url: str, nats_server: EmbeddedNats, nats_url: str) -> AsyncIterator[City]:
    async with city_of(database_url, nats_url, datetime.now(UTC)) as made:
        await ensure_mqtt_stream(made.nervous.jetstream, nats_server.platform)
        await ensure_consumers(made.nervous)
        await made.register("level", *(f"C-{i}" for i in range(DEVICES)))
        yield made


@dataclass
class Worker:
    """A process that can be killed and started again: of a module, with its arguments."""

    command: list[str]
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", *self.command]
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def worker(database_url: str, nats_url: str, home: Path) -> AbstractContextManager[Worker]:
    """An ingest worker."""
    return running("tests.integration.ingest_process", database_url, nats_url, str(home))


@contextmanager
def running(*command: str) -> Iterator[Worker]:
    """`python -m` of a module with its arguments, killed at the end."""
    made = Worker(list(command))
    made.start()
    try:
        yield made
    finally:
        made.kill()


@dataclass
class Traffic:
    """Publishers in threads; each device's messages go over one connection, in order of time.

    Every device goes up for 100 s and down again, so the rule opens and clears a known number of
    alarms; a lost or doubled reading would change it.
    """

    address: object
    start: datetime
    messages: int = MESSAGES
    gateways: list[Gateway] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def begin(self) -> None:
        for number in range(PUBLISHERS):
            gateway = Gateway(self.address, f"crash-{number}")  # type: ignore[arg-type]
            gateway.__enter__()
            self.gateways.append(gateway)
            thread = threading.Thread(target=self._publish, args=(gateway, number))
            thread.start()
            self.threads.append(thread)

    def _publish(self, gateway: Gateway, number: int) -> None:
        for turn in range(self.messages // DEVICES):
            time = (self.start + timedelta(seconds=20 * turn)).isoformat()
            level = 0.5 if turn % 10 < 5 else 0.1
            for device in range(number, DEVICES, PUBLISHERS):
                gateway.wait_room(PATIENCE_S)
                gateway.publish("level", f"C-{device}", {"level": level, "t": time})

    def finish(self) -> int:
        for thread in self.threads:
            thread.join()
        for gateway in self.gateways:
            gateway.wait_acknowledged(PATIENCE_S)
            gateway.__exit__()
        return sum(gateway.acknowledged for gateway in self.gateways)


async def everything_is_there_once(city: City, acknowledged: int) -> None:
    assert acknowledged == MESSAGES
    end = monotonic() + PATIENCE_S
    stored = 0
    while stored < MESSAGES:
        assert monotonic() < end, f"{stored} of {MESSAGES} are stored"
        await asyncio.sleep(0.5)
        stored = (await city.rows("SELECT count(*) AS n FROM sensing.reading"))[0]["n"]
    (found,) = await city.rows(
        "SELECT count(*) AS n, count(DISTINCT (series, time)) AS different FROM sensing.reading"
    )
    assert found == {"n": MESSAGES, "different": MESSAGES}
    assert await city.letters() == []
    # Five of ten readings, 20 s apart, are over the bound: each device opens once in ten and clears.
    alarms = (await city.rows("SELECT count(*) AS n FROM sensing.alarm WHERE state = 'cleared'"))[0]["n"]
    assert alarms == DEVICES * (MESSAGES // DEVICES // 10)


async def test_a_killed_ingest_worker_loses_and_doubles_nothing(
    city: City, nats_server: EmbeddedNats, database_url: str, tmp_path: Path
) -> None:
    chance = random.Random(1)
    traffic = Traffic(nats_server.device, city.clock.now() - timedelta(days=2))
    with worker(database_url, nats_server.url, tmp_path) as killed:
        await asyncio.to_thread(traffic.begin)
        for _ in range(2):
            await asyncio.sleep(chance.uniform(1.5, 3))
            killed.kill()
            killed.start()
        acknowledged = await asyncio.to_thread(traffic.finish)
        await everything_is_there_once(city, acknowledged)


async def test_a_killed_nats_server_loses_and_doubles_nothing(
    city: City, nats_server: EmbeddedNats, servers_home: Path, database_url: str, tmp_path: Path
) -> None:
    chance = random.Random(2)
    traffic = Traffic(nats_server.device, city.clock.now() - timedelta(days=2))
    server = nats_server
    with worker(database_url, nats_server.url, tmp_path):
        await asyncio.to_thread(traffic.begin)
        for _ in range(2):
            await asyncio.sleep(chance.uniform(1.5, 3))
            os.kill(server.pid, signal.SIGKILL)
            await asyncio.sleep(0.2)
            port = nats_server.device.port
            server = await asyncio.to_thread(ensure_nats, servers_home, mqtt_port=port)
        acknowledged = await asyncio.to_thread(traffic.finish)
        await everything_is_there_once(city, acknowledged)


async def test_the_lanes_of_a_killed_worker_are_taken_over_within_seconds(
    city: City, nats_server: EmbeddedNats, database_url: str, tmp_path: Path
) -> None:
    with (
        worker(database_url, nats_server.url, tmp_path) as first,
        worker(database_url, nats_server.url, tmp_path),
        Gateway(nats_server.device) as gateway,
    ):
        await until(lambda: two_work(city))
        time = city.clock.now().isoformat()
        first.kill()
        for device in range(DEVICES):
            gateway.publish("level", f"C-{device}", {"level": 0.1, "t": time})
        await until(lambda: all_spoke(city), TAKEOVER_S)


async def two_work(city: City) -> bool:
    """Whether two workers hold lanes."""
    (row,) = await city.rows(
        "SELECT count(DISTINCT pid) AS n FROM pg_locks WHERE locktype = 'advisory' AND classid = %s",
        LOCK_CLASS_LANE,
    )
    return int(row["n"]) == 2


async def all_spoke(city: City) -> bool:
    return bool((await city.rows("SELECT count(*) = %s AS all FROM sensing.reading", DEVICES))[0]["all"])
