"""Three machines with a live table each: answers are merged, also after one of them was killed."""

from collections.abc import AsyncIterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from tests.integration.sensing_support import City, city_of, until
from tests.integration.test_crash_ingest import Worker, worker

from yunnao.infra.embedded.nats import EmbeddedNats, ensure_mqtt_stream
from yunnao.infra.nats_subjects import intake_subject
from yunnao.modules.sensing.lanes import LANES, LOCK_CLASS_LANE, ensure_consumers
from yunnao.modules.sensing.live.contracts import LiveDevices
from yunnao.modules.sensing.live.exchange import Exchange
from yunnao.modules.sensing.live.places import Places
from yunnao.modules.sensing.live.questions import Live
from yunnao.modules.sensing.live.table import LiveTable

DEVICES = [f"M-{i}" for i in range(60)]


@pytest.fixture
async def city(database_url: str, nats_server: EmbeddedNats, nats_url: str) -> AsyncIterator[City]:
    async with city_of(database_url, nats_url, datetime.now(UTC)) as made:
        await ensure_mqtt_stream(made.nervous.jetstream, nats_server.platform)
        await ensure_consumers(made.nervous)
        await made.register("level", *DEVICES)
        yield made


async def publish(city: City, level: float) -> None:
    payload = orjson.dumps({"level": level, "t": datetime.now(UTC).isoformat()})
    await city.nervous.publish_stored([(intake_subject("level", d), payload, None) for d in DEVICES])


async def ask(city: City, live: Live) -> LiveDevices:
    async with city.database.transaction() as tx:
        return await live.of_devices(tx, DEVICES)


def all_have(found: LiveDevices, level: float) -> bool:
    values = [device.latest["level"].value for device in found.items if "level" in device.latest]
    return values == [level] * len(DEVICES)


async def owners(city: City) -> int:
    """How many connections hold lanes; 0 unless every lane is held."""
    found = await city.rows(
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objsubid = 2 AND granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        LOCK_CLASS_LANE,
    )
    return len({row["pid"] for row in found}) if len(found) == LANES else 0


async def test_the_answers_of_three_machines_are_merged_and_stay_right_when_one_is_killed(
    city: City, nats_server: EmbeddedNats, database_url: str, tmp_path: Path
) -> None:
    live = city.sensing.live  # on a fourth machine, which owns no lane
    with ExitStack() as stack:
        machines: list[Worker] = [
            stack.enter_context(worker(database_url, nats_server.url, tmp_path / name)) for name in "abc"
        ]

        async def three_own() -> bool:
            return await owners(city) == 3

        await until(three_own)
        await publish(city, 0.1)

        async def complete(level: float, by: Live) -> bool:
            found = await ask(city, by)
            return all_have(found, level) and not found.freshness.lanes_missing

        await until(lambda: complete(0.1, live))
        tables = [LiveTable(tmp_path / name / "live") for name in "abc"]
        assert len({table.machine for table in tables} | {city.table.machine}) == 4

        machines[0].kill()
        assert len((await ask(city, live)).items) == len(DEVICES)
        await publish(city, 0.2)
        await until(lambda: complete(0.2, live))

        # Whoever never heard the killed machine hears all of it from those that took over.
        table = LiveTable(tmp_path / "late" / "live")
        late = Live(city.clock, table, Places(table.folder), Exchange(city.nervous, table))
        await until(lambda: complete(0.2, late))


async def test_a_machine_that_cannot_be_asked_is_named_and_does_not_hold_up_the_answer(
    city: City, nats_server: EmbeddedNats, database_url: str, tmp_path: Path
) -> None:
    with worker(database_url, nats_server.url, tmp_path / "a") as machine:
        await publish(city, 0.1)

        async def answered() -> bool:
            found = await ask(city, city.sensing.live)
            return all_have(found, 0.1) and not found.freshness.lanes_missing

        await until(answered)
        machine.kill()

        async def named() -> bool:
            return (await ask(city, city.sensing.live)).freshness.lanes_missing == tuple(range(LANES))

        await until(named)
        assert all_have(await ask(city, city.sensing.live), 0.1)
