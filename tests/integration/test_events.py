"""Events: out of the outbox in order, handled once, given up as dead letters that can be replayed."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from yunnao.infra import deadletters, outbox
from yunnao.infra.consumers import DELIVERIES_MAX, Consumer, ConsumerRunner, Event
from yunnao.infra.nervous import Nervous
from yunnao.infra.postgres import Database, Transaction
from yunnao.infra.relay import Relay


async def until(found: Callable[[], Awaitable[bool]], timeout_s: float = 20) -> None:
    deadline = asyncio.get_running_loop().time() + timeout_s
    while not await found():
        assert asyncio.get_running_loop().time() < deadline, "waited in vain"
        await asyncio.sleep(0.05)


@pytest.fixture
async def parts(database_url: str, nats_url: str):  # type: ignore[no-untyped-def]
    async with Database(database_url) as database, Nervous(nats_url, "test") as nervous:
        await nervous.ensure_stream()
        yield database, nervous


async def test_events_arrive_in_order_and_a_consumer_handles_each_once(parts) -> None:  # type: ignore[no-untyped-def]
    database, nervous = parts
    seen: list[int] = []

    async def handle(tx: Transaction, event: Event) -> None:
        seen.append(event.data["n"])

    consumer = Consumer("test-order", ["test.order"], handle)
    stop = asyncio.Event()
    tasks = [
        asyncio.create_task(Relay(database, nervous).run(stop)),
        asyncio.create_task(ConsumerRunner(consumer, database, nervous).run(stop)),
    ]
    for start in range(0, 200, 50):
        async with database.transaction() as tx:
            await outbox.publish_many(tx, [("test.order", {"n": n}) for n in range(start, start + 50)])

    async def arrived() -> bool:
        return len(seen) >= 200

    await until(arrived)
    await asyncio.sleep(0.3)
    stop.set()
    await asyncio.gather(*tasks)
    assert seen == list(range(200))


async def test_a_rolled_back_transaction_sends_nothing(parts) -> None:  # type: ignore[no-untyped-def]
    database, _ = parts

    async def publish_and_fail() -> None:
        async with database.transaction() as tx:
            await outbox.publish(tx, "test.never", {})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await publish_and_fail()
    async with database.transaction() as tx:
        row = await (await tx.execute("SELECT count(*) AS n FROM infra.outbox")).fetchone()
    assert row == {"n": 0}


async def test_an_event_that_keeps_failing_becomes_a_dead_letter(
    parts,
    monkeypatch: pytest.MonkeyPatch,  # type: ignore[no-untyped-def]
) -> None:
    database, nervous = parts
    monkeypatch.setattr("yunnao.infra.consumers.RETRY_DELAYS_S", (0.05,))
    tries = 0

    async def handle(tx: Transaction, event: Event) -> None:
        nonlocal tries
        tries += 1
        raise ValueError("never right")

    stop = asyncio.Event()
    tasks = [
        asyncio.create_task(Relay(database, nervous).run(stop)),
        asyncio.create_task(
            ConsumerRunner(Consumer("test-failing", ["test.failing"], handle), database, nervous).run(stop)
        ),
    ]
    async with database.transaction() as tx:
        await outbox.publish(tx, "test.failing", {"n": 1})

    async def given_up() -> bool:
        async with database.transaction() as tx:
            return bool(await deadletters.page(tx))

    await until(given_up)
    stop.set()
    await asyncio.gather(*tasks)
    assert tries == DELIVERIES_MAX
    async with database.transaction() as tx:
        [letter] = await deadletters.page(tx)
    assert letter["source"] == "test-failing"
    assert letter["code"] == "ValueError"
