"""The way from a publish over MQTT or HTTP to the database, through the durable stream."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from tests.integration import sensing_support
from tests.integration.sensing_support import City, NoAreas, city_of, until, worker_of

from yunnao.infra.embedded.nats import EmbeddedNats, ensure_mqtt_stream
from yunnao.infra.gateway import Gateway
from yunnao.infra.nats_subjects import MQTT_STREAM
from yunnao.infra.postgres import Transaction
from yunnao.kernel.errors import Conflict
from yunnao.modules.sensing.contracts import MessageDraft, ReadingDraft
from yunnao.modules.sensing.facade import Sensing
from yunnao.modules.sensing.lanes import ensure_consumers
from yunnao.modules.twin.contracts import ObservedAttributes
from yunnao.modules.twin.facade import Twin

PATIENCE_S = 30.0
START = datetime.now(UTC)


def at(seconds: float) -> str:
    return sensing_support.at(seconds, START)


@pytest.fixture
async def city(database_url: str, nats_server: EmbeddedNats, nats_url: str) -> AsyncIterator[City]:
    async with city_of(database_url, nats_url, START) as made:
        await ensure_mqtt_stream(made.nervous.jetstream, nats_server.platform)
        await ensure_consumers(made.nervous)
        yield made


async def stored(city: City) -> int:
    return int((await city.rows("SELECT count(*) AS n FROM sensing.reading"))[0]["n"])


async def in_stream(city: City) -> int:
    return int((await city.nervous.jetstream.stream_info(MQTT_STREAM)).state.messages)


async def test_readings_over_mqtt_are_stored_and_leave_the_stream(
    city: City, nats_server: EmbeddedNats
) -> None:
    with Gateway(nats_server.device) as gateway:
        for i in range(500):
            for device in ("L-1", "L-2"):
                gateway.publish("level", device, {"level": 0.1, "t": at(100 * i - 25_000)})
        gateway.publish_raw("yunnao/v1/too/many/levels", b"{}")
        await asyncio.to_thread(gateway.wait_acknowledged, PATIENCE_S)
    async with worker_of(city):
        await until(lambda: _are(in_stream(city), 0))
    codes = [code for code, _ in await city.letters()]
    assert codes.count("topic_level_invalid") == 1
    assert 0 < codes.count("time_in_future") == 1_001 - 1 - await stored(city)


async def _are(count: Awaitable[int], expected: int) -> bool:
    return await count == expected


async def test_a_batch_by_http_is_told_item_by_item_what_is_wrong(city: City) -> None:
    drafts = [
        MessageDraft("level", "L-1", {"level": 0.1, "t": at(0)}),
        MessageDraft(None, "L-2", {"level": 0.1, "t": at(0)}),
        MessageDraft("level", "nobody", {"level": 0.1, "t": at(0)}),
        MessageDraft("level", "L-1", {"level": float("nan"), "t": at(1)}),
        MessageDraft("level", "L-1", {"level": 0.3, "t": at(999)}),
        MessageDraft("level", "a/b", {"level": 0.3, "t": at(9)}),
        MessageDraft(None, "ghost", {"level": 0.3, "t": at(9)}),
    ]
    async with city.database.transaction() as tx:
        rejected = await city.sensing.take_messages(tx, drafts)
    assert [(r.index, r.code) for r in rejected] == [
        (2, "device_unknown"),
        (3, "value_not_finite"),
        (4, "time_in_future"),
        (5, "topic_level_invalid"),
        (6, "device_unknown"),
    ]
    assert len(await city.letters()) == 5
    assert await in_stream(city) == 2
    async with worker_of(city):
        await until(lambda: _are(stored(city), 2))


async def test_plain_readings_enter_as_the_messages_of_their_product(city: City) -> None:
    now = city.clock.now()
    drafts = [
        ReadingDraft("L-1", "level", now, 0.25),
        ReadingDraft("L-1", "closed", now, True),
        ReadingDraft("L-1", "depth", now, 1),
        ReadingDraft("P-1", "free", None, 12),
        ReadingDraft("P-1", "free", now.replace(tzinfo=None), 12),
    ]
    async with city.database.transaction() as tx:
        rejected = await city.sensing.take_readings(tx, drafts)
    assert [(r.index, r.code) for r in rejected] == [(2, "metric_unknown"), (4, "time_without_zone")]
    async with worker_of(city):
        await until(lambda: _are(stored(city), 3))


async def test_a_dead_letter_is_replayed_once_its_device_is_registered(city: City) -> None:
    async with worker_of(city):
        async with city.database.transaction() as tx:
            await city.sensing.take_messages(tx, [MessageDraft("level", "L-9", {"level": 0.1, "t": at(0)})])
        await city.register("level", "L-9")
        (letter,) = await city.rows("SELECT id FROM infra.dead_letter")
        async with city.database.transaction() as tx:
            await city.sensing.replay_dead_letter(tx, letter["id"])
        await until(lambda: _are(stored(city), 1))
    assert (await city.rows("SELECT replayed_at IS NOT NULL AS done FROM infra.dead_letter"))[0]["done"]


async def test_a_letter_without_product_and_device_cannot_be_replayed(city: City) -> None:
    async with city.database.transaction() as tx:
        await city.sensing.take_messages(tx, [MessageDraft(None, "a/b", {})])
    (letter,) = await city.rows("SELECT id FROM infra.dead_letter")
    with pytest.raises(Conflict, match="dead_letter_final"):
        async with city.database.transaction() as tx:
            await city.sensing.replay_dead_letter(tx, letter["id"])


async def test_two_workers_share_the_lanes_and_a_leaving_one_hands_its_over(
    city: City, nats_server: EmbeddedNats
) -> None:
    devices = [f"S-{i}" for i in range(20)]
    await city.register("level", *devices)
    with Gateway(nats_server.device) as gateway:
        async with worker_of(city):
            async with worker_of(city):
                for turn in range(30):
                    for device in devices:
                        gateway.publish("level", device, {"level": 0.1, "t": at(-turn)})
                    await asyncio.sleep(0.1)
                held = await city.rows(
                    "SELECT pid, count(*) AS n FROM pg_locks WHERE locktype = 'advisory'"
                    " AND classid = 7201011 GROUP BY pid ORDER BY n"
                )
                assert [row["n"] for row in held] == [2, 3]
            for device in devices:
                gateway.publish("level", device, {"level": 0.1, "t": at(100)})
            await until(lambda: _are(stored(city), gateway.sent))


async def test_a_worker_whose_database_went_away_takes_up_its_work(
    city: City, nats_server: EmbeddedNats
) -> None:
    with Gateway(nats_server.device) as gateway:
        async with worker_of(city):
            for turn in range(3):
                for i in range(200):
                    gateway.publish("level", "L-1", {"level": 0.1, "t": at(-1_000 * turn - i)})
                await asyncio.sleep(0.3)
                # Until they have ended: one that is about to is no connection for the test's own questions.
                await city.rows(
                    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            await until(lambda: _are(stored(city), 600), 3 * PATIENCE_S)
            await until(lambda: _are(in_stream(city), 0), 3 * PATIENCE_S)


class Brittle(Twin):
    """Breaks on one value."""

    async def apply_attributes(self, tx: Transaction, observed: ObservedAttributes) -> None:
        if 0.666 in observed.value:
            raise ZeroDivisionError
        await super().apply_attributes(tx, observed)


async def test_a_message_that_breaks_our_own_code_is_kept_and_holds_up_nobody(city: City) -> None:
    zone = ZoneInfo("Asia/Shanghai")
    sensing = Sensing(city.clock, Brittle(city.clock, NoAreas()), city.nervous, city.table, zone)
    levels = [0.1] * 20
    levels[0] = 0.666
    drafts = [MessageDraft("level", "L-1", {"level": v, "t": at(-i)}) for i, v in enumerate(levels)]
    async with city.database.transaction() as tx:
        await sensing.take_messages(tx, drafts)
    city.sensing = sensing
    async with worker_of(city):
        await until(lambda: _are(stored(city), 19))
        await until(lambda: _are(in_stream(city), 0))
    assert [code for code, _ in await city.letters()] == ["internal_error"]
