"""Batches in columns reach the database through the stream, each reading in its device's lane."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from tests.integration.sensing_support import PACK, City, city_of, until, worker_of

from yunnao.infra.embedded.nats import EmbeddedNats, ensure_mqtt_stream
from yunnao.infra.gateway import Gateway
from yunnao.infra.nats_subjects import MQTT_STREAM, intake_subject, partition_of
from yunnao.kernel.packs.scene import ScenePack
from yunnao.kernel.text import Text
from yunnao.modules.sensing.batches import arrow
from yunnao.modules.sensing.batches.door import BatchDoor
from yunnao.modules.sensing.contracts import DeviceDraft
from yunnao.modules.sensing.lanes import ensure_consumers

START = datetime.now(UTC)


@pytest.fixture
async def city(database_url: str, nats_server: EmbeddedNats, nats_url: str) -> AsyncIterator[City]:
    async with city_of(database_url, nats_url, START) as made:
        await ensure_mqtt_stream(made.nervous.jetstream, nats_server.platform)
        await ensure_consumers(made.nervous)
        yield made


def body(devices: list[str], seconds: list[float], values: list[float], metric: str = "level") -> bytes:
    times = pa.array([START + timedelta(seconds=s) for s in seconds], pa.timestamp("us", "UTC"))
    table = pa.table({"device": devices, "metric": [metric] * len(devices), "time": times, "value": values})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


async def stored(city: City) -> int:
    return int((await city.rows("SELECT count(*) AS n FROM sensing.reading"))[0]["n"])


async def test_the_lane_of_a_device_is_the_one_that_the_server_computes(city: City) -> None:
    for device in ("L-1", "a.b", "雨量-3", "x" * 60, "P_9"):
        (confirmed,) = [await city.nervous.jetstream.publish(intake_subject("level", device), b"{}")]
        message = await city.nervous.jetstream.get_msg(MQTT_STREAM, confirmed.seq)
        assert str(message.subject).split(".")[4] == str(partition_of("level", device)), device


async def test_an_arrow_batch_is_stored_judged_and_shown_and_its_faults_are_told(city: City) -> None:
    door = BatchDoor(city.clock, city.nervous)
    devices = [f"S-{i}" for i in range(40)]
    await city.register("level", *devices)
    good = body(devices * 2, [-120.0] * 40 + [0.0] * 40, [0.5] * 80)
    bad = body(["L-1", "ghost", "L-2", "L-1", "L-1"], [0, 0, 0, 900, -1], [9.0, 1, float("nan"), 1, 0.2])
    async with city.database.transaction() as tx:
        taken = await door.read(tx, good, arrow.columns)
        told = await door.read(tx, bad, arrow.columns)
        wrong = await door.read(tx, body(["L-1", "P-1"], [0, 0], [1, 1.5], "free"), arrow.columns)
    assert (taken.accepted, taken.refused) == (80, 0)
    assert (told.accepted, told.refused) == (1, 4)
    assert [(one.index, one.code) for one in told.rejected] == [
        (0, "value_out_of_range"),
        (1, "device_unknown"),
        (2, "value_not_finite"),
        (3, "time_in_future"),
    ]
    assert [(one.index, one.code) for one in wrong.rejected] == [
        (0, "metric_unknown"),
        (1, "value_not_integer"),
    ]
    async with worker_of(city):
        await until(lambda: _are(city, 81))
    assert len(await city.rows("SELECT 1 FROM sensing.alarm WHERE state = 'open'")) == 40
    series = await city.rows("SELECT series FROM sensing.series WHERE metric = 'level' ORDER BY series")
    numbers = np.array([row["series"] for row in series], np.int32)
    assert (city.table.values(numbers).value == 0.5).sum() == 40


async def test_a_batch_that_is_sent_again_is_stored_once(city: City) -> None:
    door = BatchDoor(city.clock, city.nervous)
    async with worker_of(city):
        for _ in range(2):
            async with city.database.transaction() as tx:
                await door.read(tx, body(["L-1", "L-2"], [-1, -1], [0.1, 0.1]), arrow.columns)
        async with city.database.transaction() as tx:
            await door.read(tx, body(["L-1", "L-2"], [0, 0], [0.1, 0.1]), arrow.columns)
        await until(lambda: _are(city, 4))


async def test_lines_of_influxdb_enter_by_their_measurement(city: City) -> None:
    door = BatchDoor(city.clock, city.nervous)
    async with city.database.transaction() as tx:
        taken = await door.read_influx(
            tx, b"level,device=L-1 level=0.2,closed=f\nnone,device=L-1 level=1\nlevel,device=P-1 free=1", "ns"
        )
    assert (taken.accepted, [(one.index, one.code) for one in taken.rejected]) == (
        2,
        [(1, "device_unknown"), (2, "device_unknown")],
    )
    async with worker_of(city):
        await until(lambda: _are(city, 2))


async def test_a_device_that_changes_is_renewed_and_not_forgotten(city: City) -> None:
    intake = city.intake
    await city.register("car-park", "P-2", capacity=100)
    await city.take(("car-park", "P-2", {"free": 50, "t": START.isoformat()}))
    product = intake._registry.product("car-park")
    assert product is not None
    await city.register("car-park", "P-2", capacity=1_000)
    later = (START + timedelta(seconds=1)).isoformat()
    await city.take(("car-park", "P-2", {"free": 50, "t": later}))
    assert intake._registry.product("car-park") is product
    assert [data["device"] for _, data in await city.events()] == ["P-2"]


def gathered() -> ScenePack:
    """The city's pack, where gateways may speak for level sensors."""
    level = PACK.products["level"]
    decoder = level.decoder.model_copy(update={"device": "/device"})
    return PACK.model_copy(
        update={"products": {**PACK.products, "level": level.model_copy(update={"decoder": decoder})}}
    )


async def test_a_gateway_speaks_for_its_devices_each_stored_in_its_own_lane(
    city: City, nats_server: EmbeddedNats
) -> None:
    devices = [f"S-{i}" for i in range(20)]
    async with city.database.transaction() as tx:
        await city.sensing.install(tx, gathered(), demo=False)
        await city.sensing.register_devices(
            tx,
            [
                DeviceDraft(d, "level", d.lower(), Text(zh=d, en=d), None, None, gateway="L-1")
                for d in devices
            ],
        )
    rows = [{"device": d, "level": 0.1, "note": "雨", "t": at(-2)} for d in devices]
    columns = {"device": devices, "level": [0.2] * 20, "t": at(-1)}
    with Gateway(nats_server.device) as gateway:
        gateway.publish("level", "L-1", rows)
        gateway.publish("level", "L-1", columns)
        gateway.publish("level", "L-1", {"level": 0.3, "t": at(0)})
        gateway.publish("level", devices[0], {"level": 0.3, "t": at(0)})
        async with worker_of(city):
            await until(lambda: _are(city, 62))
    assert await city.letters() == []
    assert (await city.rows("SELECT count(*) AS n FROM sensing.reading WHERE value_text = '雨'"))[0][
        "n"
    ] == 20


async def test_a_gateway_is_refused_for_whom_it_may_not_speak_and_the_rest_is_kept(city: City) -> None:
    async with city.database.transaction() as tx:
        await city.sensing.install(tx, gathered(), demo=False)
    await city.take(("level", "L-1", [{"device": d, "level": 0.1, "t": at(0)} for d in ("L-1", "L-2")]))
    await city.take(("level", "L-1", [{"device": d, "level": 0.1, "t": at(1)} for d in ("ghost", 7)]))
    await city.take(("level", "L-1", [{"device": "L-1", "level": v, "t": at(2)} for v in (9, 0.1)]))
    await city.take(("level", "L-1", {"device": ["L-1"], "level": [1, 2], "t": at(3)}))
    assert [code for code, _ in await city.letters()] == [
        "device_of_other_gateway",
        "device_unknown",
        "value_out_of_range",
        "columns_unequal",
    ]


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat()


async def _are(city: City, expected: int) -> bool:
    return await stored(city) == expected
