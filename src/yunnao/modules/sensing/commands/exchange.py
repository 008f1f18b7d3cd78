"""Commands out to devices, their answers in: at least once each way, under the command's id.

A command is published while its row is locked, and marked as sent in the same transaction: a worker
that dies in between leaves it due, and it goes out again. Answers wait in the broker's stream until
they are written down.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import nats.errors
import orjson
import structlog
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from psycopg.types.json import Jsonb

from yunnao.infra import deadletters, outbox
from yunnao.infra.deadletters import DeadLetter
from yunnao.infra.nats_subjects import (
    ACKS_FILTER,
    MQTT_QOS1,
    MQTT_STREAM,
    command_subject,
    read_ack_subject,
)
from yunnao.infra.nervous import Nervous
from yunnao.infra.postgres import Database, Row, Transaction, load_queries
from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.time import Clock
from yunnao.modules.sensing.commands.domain import next_send

QUERIES = load_queries("yunnao.modules.sensing.commands")
DURABLE = "command-answers"
SOURCE = "commands"
"""Of this part's dead letters."""
batch_rows_max = 500
answer_bytes_max = 16_384
ACK_WAIT_S = 30.0
LOOK_S = 0.5
FETCH_S = 1.0
RETRY_S = 1.0
STATUSES = frozenset({"accepted", "done", "failed"})

log = structlog.get_logger()


async def ensure_answers(nervous: Nervous) -> None:
    """The consumer of answers; without it the stream would keep none."""
    await nervous.jetstream.add_consumer(
        MQTT_STREAM,
        ConsumerConfig(
            durable_name=DURABLE,
            filter_subject=ACKS_FILTER,
            ack_policy=AckPolicy.EXPLICIT,
            deliver_policy=DeliverPolicy.ALL,
            ack_wait=ACK_WAIT_S,
            max_ack_pending=batch_rows_max * 10,
        ),
    )


@dataclass(frozen=True)
class Answer:
    """What a device said: of a command, of itself, or both."""

    product: str
    device: str
    id: UUID | None
    status: str | None
    result: Any
    reported: dict[str, Any] | None


def read_answer(subject: str, payload: bytes) -> Answer:
    """Raises InvalidInput `command_answer_invalid`, `topic_level_invalid`."""
    product, device = read_ack_subject(subject)
    if len(payload) > answer_bytes_max:
        raise InvalidInput("command_answer_invalid")
    try:
        body: Any = orjson.loads(payload)
        command = UUID(body["id"]) if body.get("id") is not None else None
        status, reported = body.get("status"), body.get("reported")
    except (orjson.JSONDecodeError, AttributeError, TypeError, ValueError) as error:
        raise InvalidInput("command_answer_invalid") from error
    fits = (status in STATUSES) if command is not None else reported is not None
    if not fits or not (reported is None or isinstance(reported, dict)) or b"\\u0000" in payload:
        raise InvalidInput("command_answer_invalid")
    return Answer(product, device, command, status, body.get("result"), reported)


class Exchange:
    """One worker; any number may run."""

    def __init__(self, clock: Clock, database: Database, nervous: Nervous) -> None:
        self._clock = clock
        self._database = database
        self._nervous = nervous

    async def run(self, stop: asyncio.Event) -> None:
        """Sends and hears until `stop`. Outages are waited out."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._repeat(self._send, stop))
            group.create_task(self._repeat(self._hear, stop))

    async def _repeat(self, work: Any, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await work(stop)
            except Exception as error:
                log.warning("commands_wait", reason=repr(error))
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), RETRY_S)

    async def _send(self, stop: asyncio.Event) -> None:
        async with self._database.connection() as listening:
            await listening.execute("LISTEN command")
            try:
                while not stop.is_set():
                    if await self.send_due() == 0:
                        async for _ in listening.notifies(timeout=LOOK_S, stop_after=1):
                            pass
            finally:
                with suppress(Exception):
                    await listening.execute("UNLISTEN *")

    async def send_due(self) -> int:
        """Ends what is overdue, sends what is due; returns how many were sent."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            over = await (await tx.execute(QUERIES["end_overdue"], {"now": now})).fetchall()
            await _tell(tx, over)
            rows = await (await tx.execute(QUERIES["due"], {"now": now, "limit": batch_rows_max})).fetchall()
            if not rows:
                return 0
            futures = [
                await self._nervous.jetstream.publish_async(
                    command_subject(row["product"], row["device"]), _message(row), headers=dict(MQTT_QOS1)
                )
                for row in rows
            ]
            await asyncio.gather(*futures)
            await tx.execute(
                QUERIES["mark_sent"],
                {
                    "ids": [row["id"] for row in rows],
                    "next": [next_send(now, row["timeout_s"], row["sends"] + 1) for row in rows],
                },
            )
        return len(rows)

    async def _hear(self, stop: asyncio.Event) -> None:
        subscription = await self._nervous.jetstream.pull_subscribe_bind(DURABLE, MQTT_STREAM)
        try:
            while not stop.is_set():
                with suppress(TimeoutError, nats.errors.TimeoutError):
                    await self.take(await subscription.fetch(batch_rows_max, timeout=FETCH_S))
        finally:
            with suppress(nats.errors.Error):
                await subscription.unsubscribe()

    async def take(self, messages: list[Msg]) -> None:
        """Writes answers down in one transaction, then acknowledges them."""
        answers: list[Answer] = []
        letters: list[DeadLetter] = []
        for message in messages:
            try:
                answers.append(read_answer(message.subject, message.data))
            except InvalidInput as error:
                letters.append(DeadLetter(SOURCE, message.subject, message.data, error.code, error.params))
        async with self._database.transaction() as tx:
            await self._apply(tx, answers)
            await deadletters.keep(tx, letters)
        for message in messages:
            await message.ack()

    async def _apply(self, tx: Transaction, answers: list[Answer]) -> None:
        now = self._clock.now()
        # Of one command the furthest answer counts, whatever the order in which they came.
        last: dict[tuple[UUID, str], Answer] = {}
        reported: dict[tuple[str, str], dict[str, Any]] = {}
        for answer in answers:
            if answer.id is not None:
                key = (answer.id, answer.device)
                if key not in last or last[key].status == "accepted":
                    last[key] = answer
            if answer.reported is not None:
                reported.setdefault((answer.product, answer.device), {}).update(answer.reported)
        if last:
            said = list(last.values())
            rows = await (
                await tx.execute(
                    QUERIES["answers_apply"],
                    {
                        "now": now,
                        "ids": [one.id for one in said],
                        "products": [one.product for one in said],
                        "devices": [one.device for one in said],
                        "statuses": [one.status for one in said],
                        "results": [None if one.result is None else Jsonb(one.result) for one in said],
                    },
                )
            ).fetchall()
            await _tell(tx, [row for row in rows if row["state"] != "accepted"])
        if reported:
            await tx.execute(
                QUERIES["reported_apply"],
                {
                    "now": now,
                    "products": [product for product, _ in reported],
                    "devices": [device for _, device in reported],
                    "reported": [Jsonb(state) for state in reported.values()],
                },
            )


async def _tell(tx: Transaction, rows: list[Row]) -> None:
    await outbox.publish_many(
        tx,
        [
            (
                "sensing.command.ended",
                {
                    "command_id": str(row["id"]),
                    "command": row["command"],
                    "device": row["device"],
                    "status": row["state"],
                },
            )
            for row in rows
        ],
    )


def _message(row: Row) -> bytes:
    return orjson.dumps(
        {
            "id": str(row["id"]),
            "command": row["command"],
            "parameters": row["parameters"],
            "expires_at": row["expires_at"].isoformat(),
        }
    )
