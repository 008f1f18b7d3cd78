"""kill -9 of ingest, NATS, PostgreSQL and the sealer of the lake in turns, at random moments: every
acknowledged reading is there once. `yunnao bench crash` plays twenty rounds with a whole city."""

import asyncio
import os
import random
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import psycopg
import pytest
from tests.integration.lake_support import cold, lake_in
from tests.integration.sensing_support import City, city_of
from tests.integration.test_crash_ingest import DEVICES, PATIENCE_S, Traffic, Worker, running, worker

from yunnao.infra.embedded.nats import EmbeddedNats, ensure_mqtt_stream, ensure_nats, stop_nats
from yunnao.infra.embedded.postgres import EmbeddedPostgres, ensure_postgres, remove_postgres
from yunnao.infra.embedded.processes import pick_port
from yunnao.infra.migrations import migrate
from yunnao.kernel.errors import Unavailable
from yunnao.modules.sensing.lanes import ensure_consumers
from yunnao.testing.servers import fast_folder

MESSAGES = 12_000
SEED = 3
PAUSE_S = (0.5, 2.0)
SEALER = "tests.integration.sealer_process"
HOT = "SELECT series, time FROM sensing.reading UNION ALL SELECT series, time FROM sensing.reading_run"


@dataclass
class Servers:
    """Servers of this test alone. PostgreSQL is durable: what it committed survives its end."""

    home: Path
    postgres: EmbeddedPostgres
    nats: EmbeddedNats

    def kill_postgres(self) -> None:
        os.kill(self.postgres.pid, signal.SIGKILL)
        self.postgres = ensure_postgres(self.home)

    def kill_nats(self) -> None:
        os.kill(self.nats.pid, signal.SIGKILL)
        self.nats = ensure_nats(self.home, mqtt_port=self.nats.device.port)


@pytest.fixture
def servers() -> Iterator[Servers]:
    folder = Path(tempfile.mkdtemp(prefix="yunnao-crash-", dir=fast_folder()))
    folder.chmod(0o711)
    home = folder / "home"
    try:
        yield Servers(home, ensure_postgres(home), ensure_nats(home, mqtt_port=pick_port()))
    finally:
        stop_nats(home)
        remove_postgres(home)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def city(servers: Servers) -> AsyncIterator[City]:
    await migrate(servers.postgres.url)
    async with city_of(servers.postgres.url, servers.nats.url, datetime.now(UTC)) as made:
        await ensure_mqtt_stream(made.nervous.jetstream, servers.nats.platform)
        await ensure_consumers(made.nervous)
        await made.register("level", *(f"C-{i}" for i in range(DEVICES)))
        yield made


def again(process: Worker) -> Callable[[], None]:
    def kill() -> None:
        process.kill()
        process.start()

    return kill


async def test_whatever_is_killed_every_acknowledged_reading_is_there_once(
    city: City, servers: Servers, tmp_path: Path
) -> None:
    chance = random.Random(SEED)
    traffic = Traffic(servers.nats.device, city.clock.now() - timedelta(days=2), MESSAGES)
    url, nats_url = servers.postgres.url, servers.nats.url
    with worker(url, nats_url, tmp_path) as ingest, running(SEALER, url, str(tmp_path)) as sealer:
        victims = [again(ingest), servers.kill_nats, again(sealer), servers.kill_postgres]
        chance.shuffle(victims)
        await asyncio.to_thread(traffic.begin)
        for kill in victims:
            await asyncio.sleep(chance.uniform(*PAUSE_S))
            await asyncio.to_thread(kill)
        assert await asyncio.to_thread(traffic.finish) == MESSAGES
        found = await settled(city, tmp_path)
    assert len(found) == len(set(found)) == MESSAGES
    assert await city.letters() == []


async def settled(city: City, home: Path) -> list[tuple[int, datetime]]:
    """Every stored reading, once all that was sent is sealed."""
    end, lake = monotonic() + PATIENCE_S, lake_in(home)
    while True:
        try:
            hot = [(row["series"], row["time"]) for row in await city.rows(HOT)]
        except (psycopg.OperationalError, Unavailable):
            hot = []
        sealed = int(lake.readings.snapshot().rows.sum())
        if not hot and sealed >= MESSAGES:
            return [(series, time) for series, time, _ in cold(lake)]
        assert monotonic() < end, f"{len(hot)} hot and {sealed} sealed of {MESSAGES}"
        await asyncio.sleep(0.5)
