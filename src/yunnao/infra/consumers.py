"""Consumers of events: durable, idempotent, and with an end to patience.

An event is handled in one transaction together with its row in the inbox, and acknowledged
after the commit. One that keeps failing becomes a dead letter.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import nats.errors
import orjson
import structlog
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from yunnao.infra import deadletters
from yunnao.infra.nervous import EVENTS_PREFIX, EVENTS_STREAM, Nervous
from yunnao.infra.postgres import Database, Transaction, load_queries
from yunnao.infra.telemetry import DEAD_LETTERS, EVENTS_HANDLED, span
from yunnao.kernel.errors import Unavailable, YunnaoError

QUERIES = load_queries("yunnao.infra")
FETCH_ROWS_MAX = 100
FETCH_WAIT_S = 1.0
ACK_WAIT_S = 60
DELIVERIES_MAX = 6
RETRY_DELAYS_S = (0.2, 1, 5, 15, 30)

log = structlog.get_logger()


@dataclass(frozen=True)
class Event:
    """An event as it travels: its id (UUIDv7), subject, time (ISO 8601), data (JSON)."""

    id: UUID
    subject: str
    time: str
    data: dict[str, Any]


Handler = Callable[[Transaction, Event], Awaitable[None]]


@dataclass(frozen=True)
class Consumer:
    """A named reader of some subjects (`sensing.alarm.opened`, `cases.>`)."""

    name: str
    subjects: Sequence[str]
    handle: Handler


class ConsumerRunner:
    """Runs one consumer; several processes share its work."""

    def __init__(self, consumer: Consumer, database: Database, nervous: Nervous) -> None:
        self._consumer = consumer
        self._database = database
        self._nervous = nervous

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                subscription = await self._nervous.jetstream.pull_subscribe(
                    "",
                    durable=self._consumer.name,
                    stream=EVENTS_STREAM,
                    config=ConsumerConfig(
                        durable_name=self._consumer.name,
                        filter_subjects=[EVENTS_PREFIX + s for s in self._consumer.subjects],
                        ack_policy=AckPolicy.EXPLICIT,
                        deliver_policy=DeliverPolicy.ALL,
                        ack_wait=ACK_WAIT_S,
                        max_ack_pending=FETCH_ROWS_MAX * 10,
                    ),
                )
                while not stop.is_set():
                    with suppress(TimeoutError, nats.errors.TimeoutError):
                        for message in await subscription.fetch(FETCH_ROWS_MAX, timeout=FETCH_WAIT_S):
                            await self._deliver(message)
            except Exception:
                log.exception("consumer_failed", consumer=self._consumer.name)
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), RETRY_DELAYS_S[1])

    async def _deliver(self, message: Msg) -> None:
        name = self._consumer.name
        try:
            body = orjson.loads(message.data)
            event = Event(UUID(body["id"]), body["subject"], body["time"], body["data"])
            with span(f"consume {name}", event.data.get("trace_id"), subject=event.subject):
                await self._handle_once(event)
        except Exception as error:
            deliveries = message.metadata.num_delivered or 1
            if deliveries < DELIVERIES_MAX or isinstance(error, Unavailable):
                delay = RETRY_DELAYS_S[min(deliveries, len(RETRY_DELAYS_S)) - 1]
                log.warning("event_retried", consumer=name, deliveries=deliveries, error=repr(error))
                EVENTS_HANDLED.labels(name, "retried").inc()
                await message.nak(delay=delay)
                return
            await self._give_up(message, error)
        await message.ack()

    async def _handle_once(self, event: Event) -> None:
        async with self._database.transaction() as tx:
            new = await (
                await tx.execute(
                    QUERIES["inbox_insert"], {"consumer": self._consumer.name, "event_id": event.id}
                )
            ).fetchone()
            if new is None:
                EVENTS_HANDLED.labels(self._consumer.name, "known").inc()
                return
            await self._consumer.handle(tx, event)
        EVENTS_HANDLED.labels(self._consumer.name, "handled").inc()

    async def _give_up(self, message: Msg, error: Exception) -> None:
        code = error.code if isinstance(error, YunnaoError) else type(error).__name__
        letter = deadletters.DeadLetter(
            self._consumer.name, message.subject, message.data, code, {"error": str(error)}
        )
        async with self._database.transaction() as tx:
            await deadletters.keep(tx, [letter])
        DEAD_LETTERS.labels(self._consumer.name).inc()
        log.error("event_given_up", consumer=self._consumer.name, code=code, error=repr(error))
