"""Blocked devices and rates hold for batches in columns, for gateways' devices and for what comes again."""

from collections.abc import AsyncIterator, Sequence

import numpy as np
import orjson
import pytest
from tests.integration.sensing_support import PACK, City, at, city_of, until, worker_of

from yunnao.infra.clock import SystemClock
from yunnao.infra.embedded.nats import EmbeddedNats, ensure_mqtt_stream
from yunnao.infra.nats_subjects import COLUMNS_SUBJECTS, intake_subject
from yunnao.kernel.packs.scene import ScenePack
from yunnao.kernel.text import Text
from yunnao.modules.sensing.batches.contracts import Columns
from yunnao.modules.sensing.batches.door import BatchDoor
from yunnao.modules.sensing.contracts import DeviceDraft
from yunnao.modules.sensing.domain.chunks import Part, chunks
from yunnao.modules.sensing.domain.times import to_us
from yunnao.modules.sensing.intake import Heard, Messages
from yunnao.modules.sensing.lanes import LaneHold, ensure_consumers


@pytest.fixture
async def city(database_url: str, nats_url: str, nats_server: EmbeddedNats) -> AsyncIterator[City]:
    """In the middle of a minute, since rates are counted by minutes."""
    async with city_of(database_url, nats_url, SystemClock().now().replace(second=30)) as opened:
        await ensure_mqtt_stream(opened.nervous.jetstream, nats_server.platform)
        await ensure_consumers(opened.nervous)
        await install(opened, 3)
        yield opened


async def install(city: City, messages_per_minute_max: int) -> None:
    """The pack with a rate, and gateways that may speak for level sensors; L-1 does for S-1 and S-2."""
    body = PACK.model_dump(mode="json")
    body["products"]["level"]["messages_per_minute_max"] = messages_per_minute_max
    body["products"]["level"]["decoder"]["device"] = "/device"
    async with city.database.transaction() as tx:
        await city.sensing.install(tx, ScenePack.model_validate(body), demo=False)
        drafts = [
            DeviceDraft(d, "level", d.lower(), Text(zh=d, en=d), None, None, gateway="L-1")
            for d in ("S-1", "S-2")
        ]
        await city.sensing.register_devices(tx, drafts)


async def stand(city: City, device: str, standing: str) -> None:
    async with city.database.transaction() as tx:
        await tx.execute("UPDATE sensing.device SET standing = %s WHERE id = %s", (standing, device))
        await tx.execute("UPDATE sensing.registry SET version = version + 1")


async def series_of(city: City, device: str) -> int:
    query = (
        "SELECT s.series FROM sensing.series s JOIN sensing.device d ON d.number = s.device"
        " WHERE d.id = %s AND s.metric = 'level'"
    )
    return int((await city.rows(query, device))[0]["series"])


async def shown(city: City, device: str) -> float:
    return float(city.table.values(np.array([await series_of(city, device)], np.int32)).value[0])


async def values(city: City, device: str) -> list[float]:
    query = "SELECT value FROM (SELECT * FROM sensing.reading UNION ALL SELECT * FROM {}) r"
    rows = await city.rows(
        query.format("(SELECT series, time, value, NULL::text FROM sensing.reading_run) q")
        + " WHERE series = %s ORDER BY time",
        await series_of(city, device),
    )
    return [row["value"] for row in rows]


async def chunk(city: City, device: str, seconds: Sequence[float]) -> bytes:
    """Readings 0, 1, 2 … of a device at these seconds from now, as they lie in the stream."""
    start = to_us(city.clock.now())
    times = np.array([start + int(s * 1_000_000) for s in seconds], np.int64)
    series = np.full(len(seconds), await series_of(city, device), np.int32)
    return chunks([Part("level", "level", series, times, np.arange(len(seconds)) / 10)])[0]


def columns_message(city: City, *payloads: bytes) -> Messages:
    start = city.sequence + 1
    city.sequence += len(payloads)
    return Messages(
        [COLUMNS_SUBJECTS[0]] * len(payloads),
        list(payloads),
        np.arange(start, start + len(payloads), dtype=np.int64),
        np.full(len(payloads), to_us(city.clock.now()), np.int64),
    )


async def hold_of(city: City) -> LaneHold:
    if city.hold is None:
        async with city.database.transaction() as tx:
            city.hold = await LaneHold.take(tx, 0)
    return city.hold


async def test_a_batch_is_told_of_devices_that_are_held_back(city: City) -> None:
    door = BatchDoor(city.clock, city.nervous)
    await stand(city, "L-2", "blocked")
    devices = Columns(
        ["L-1", "L-2", "ghost"],
        np.array([0, 1, 2, 1], np.int32),
        ["level"],
        np.zeros(4, np.int32),
        np.full(4, to_us(city.clock.now())),
        np.full(4, 0.1),
        np.arange(4),
    )
    async with city.database.transaction() as tx:
        taken = await door.take(tx, devices)
    assert (taken.accepted, taken.refused) == (1, 3)
    assert [(one.index, one.code) for one in taken.rejected] == [
        (1, "device_blocked"),
        (2, "device_unknown"),
        (3, "device_blocked"),
    ]


async def test_columns_of_a_device_that_was_blocked_meanwhile_are_not_stored(city: City) -> None:
    waiting = columns_message(city, await chunk(city, "L-1", [0]), await chunk(city, "L-2", [0]))
    await stand(city, "L-2", "blocked")
    heard = Heard(0, city.lanes, city.clock.now())
    stored = await city.intake.take(city.database, await hold_of(city), waiting, heard)
    assert (stored.readings, dict(stored.refused)) == (1, {"device_blocked": 1})
    assert await values(city, "L-2") == []


async def test_columns_count_in_the_minute_of_their_own_time_so_that_the_past_can_be_handed_in(
    city: City,
) -> None:
    storm, past = await chunk(city, "L-1", [-5, -4, -3, -2, -1]), await chunk(city, "L-2", range(-900, 0, 60))
    heard = Heard(0, city.lanes, city.clock.now())
    stored = await city.intake.take(
        city.database, await hold_of(city), columns_message(city, storm, past), heard
    )
    assert dict(stored.refused) == {"rate_exceeded": 2}
    assert await values(city, "L-1") == [0, 0.1, 0.2]
    assert len(await values(city, "L-2")) == 15
    more = columns_message(city, await chunk(city, "L-1", [-0.5]))
    assert (await city.intake.take(city.database, await hold_of(city), more, heard)).readings == 0
    rows = await city.rows("SELECT over_rate FROM sensing.offence")
    assert [row["over_rate"] for row in rows] == [3]


async def test_a_gateway_cannot_speak_for_a_blocked_device_nor_faster_than_its_rate(city: City) -> None:
    await stand(city, "S-1", "quarantined")
    said = [{"device": "S-1", "level": 0.1, "t": at(-1, city.clock.now())}]
    said += [{"device": "S-2", "level": 0.1, "t": at(-n, city.clock.now())} for n in range(1, 6)]
    async with worker_of(city):
        await city.nervous.publish_stored([(intake_subject("level", "L-1"), orjson.dumps(said), None)])
        await until(lambda: _are(city, "S-2", 3))
    assert await values(city, "S-1") == []
    held = await city.rows("SELECT device, state FROM sensing.quarantine")
    assert [(row["device"], row["state"]) for row in held] == [("S-1", "held")]


async def test_what_was_refused_does_not_show_when_it_comes_again(city: City) -> None:
    messages = [("level", "L-1", {"level": n / 10, "t": at(n - 10, city.clock.now())}) for n in range(5)]
    await city.take(*messages)
    assert await shown(city, "L-1") == 0.2
    city.sequence -= 5
    await city.take(*messages)
    assert await shown(city, "L-1") == 0.2
    assert await values(city, "L-1") == [0, 0.1, 0.2]


async def _are(city: City, device: str, count: int) -> bool:
    return len(await values(city, device)) == count
