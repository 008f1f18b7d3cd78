"""Lanes of the intake: which worker reads which, and how the messages of one lane are pulled.

A lane is a partition of the stream of device messages, or the lane of strays, whose topics name
no product and device. One durable consumer stands for each; one worker at a time reads it, since
ack-all would acknowledge another's messages.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic

import orjson
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from yunnao.infra.nats_subjects import MQTT_STREAM, PARTITIONS, STRAY_FILTER, partition_filter
from yunnao.infra.nervous import Nervous
from yunnao.infra.postgres import Transaction
from yunnao.kernel.errors import Unavailable

LANES = PARTITIONS + 1
STRAYS = PARTITIONS
ACK_WAIT_S = 8.0
"""After it a dead worker's messages are delivered again; whoever takes over waits as long."""
ACK_PENDING_MAX = 200_000
PULL_ROWS_MAX = 5_000
PULL_EXPIRES_S = 5.0
PULL_GRACE_S = 2.0
"""A pull unanswered for so long after its end was lost with its server."""
LOCK_CLASS_WORKER = 7_201_010
LOCK_CLASS_LANE = 7_201_011


def durable(lane: int) -> str:
    """The name of a lane's consumer."""
    return "ingest-strays" if lane == STRAYS else f"ingest-{lane}"


async def ensure_consumers(nervous: Nervous) -> None:
    """Creates every lane's consumer. Before it nothing may be published: the stream keeps a
    message only for consumers that exist when it arrives."""
    for lane in range(LANES):
        await nervous.jetstream.add_consumer(
            MQTT_STREAM,
            ConsumerConfig(
                durable_name=durable(lane),
                filter_subject=STRAY_FILTER if lane == STRAYS else partition_filter(lane),
                ack_policy=AckPolicy.ALL,
                deliver_policy=DeliverPolicy.ALL,
                ack_wait=ACK_WAIT_S,
                max_ack_pending=ACK_PENDING_MAX,
            ),
        )


class LaneLocks:
    """Shares the lanes among the workers that live, by advisory locks of one connection.

    PostgreSQL releases the locks of a killed worker as soon as its connection is gone.
    """

    def __init__(self, connection: Transaction) -> None:
        self._connection = connection
        self._held: set[int] = set()

    @property
    def held(self) -> frozenset[int]:
        return frozenset(self._held)

    async def join(self) -> None:
        """Announces this worker, so that the others leave it its share."""
        await self._connection.execute("SELECT pg_advisory_lock(%s, pg_backend_pid())", (LOCK_CLASS_WORKER,))

    async def surplus(self) -> list[int]:
        """Lanes held beyond this worker's share: to be released once their messages are stored."""
        return sorted(self._held)[await self._share() :]

    async def take(self) -> list[int]:
        """Locks free lanes up to this worker's share; answers the new ones."""
        wanted = await self._share() - len(self._held)
        taken: list[int] = []
        for lane in range(LANES):
            if len(taken) >= wanted:
                break
            if lane not in self._held and await self._ask("pg_try_advisory_lock", lane):
                taken.append(lane)
        self._held |= set(taken)
        return taken

    async def release(self, lane: int) -> None:
        await self._ask("pg_advisory_unlock", lane)
        self._held.discard(lane)

    async def confirm(self) -> None:
        """Raises psycopg's error where the connection, and with it every lock, is gone."""
        await self._connection.execute("SELECT")

    async def leave(self) -> None:
        await self._connection.execute("SELECT pg_advisory_unlock_all()")
        self._held.clear()

    async def _share(self) -> int:
        """How many lanes are this worker's: equal shares, the first in order of backend one more."""
        rows = await (
            await self._connection.execute(
                "SELECT objid::bigint AS backend, objid::bigint = pg_backend_pid() AS own"
                " FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objsubid = 2 AND granted"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                " ORDER BY objid",
                (LOCK_CLASS_WORKER,),
            )
        ).fetchall()
        place = next((i for i, row in enumerate(rows) if row["own"]), 0)
        each, rest = divmod(LANES, max(len(rows), 1))
        return each + (1 if place < rest else 0)

    async def _ask(self, function: str, lane: int) -> bool:
        cursor = await self._connection.execute(
            f"SELECT {function}(%s, %s) AS answer".encode(), (LOCK_CLASS_LANE, lane)
        )
        row = await cursor.fetchone()
        return bool(row and row["answer"])


@dataclass
class LanePull:
    """Pulls one lane: keeps one request open, so that messages come while a batch is stored."""

    lane: int
    nervous: Nervous
    arrived: asyncio.Event
    messages: list[Msg] = field(default_factory=list)
    _subscription: Subscription | None = None
    _wanted: int = 0
    _until: float = 0.0
    _not_before: float = 0.0
    _connection: int = 0
    _broken: bool = False

    async def open(self) -> None:
        """Waits out what a former reader has not acknowledged, so that it comes first and in order."""
        info = await self.nervous.jetstream.consumer_info(MQTT_STREAM, durable(self.lane))
        if info.num_ack_pending:
            left = ACK_WAIT_S
            if info.delivered is not None and info.delivered.last_active is not None:
                ends = info.delivered.last_active + timedelta(seconds=ACK_WAIT_S)
                left = min(max((ends - datetime.now(UTC)).total_seconds(), 0.0), ACK_WAIT_S)
            self._not_before = monotonic() + left + 0.1
        self._subscription = await self.nervous.client.subscribe(
            self.nervous.client.new_inbox(), cb=self._receive, pending_msgs_limit=-1, pending_bytes_limit=-1
        )

    async def close(self) -> None:
        if self._subscription is not None:
            await self._subscription.unsubscribe()
            self._subscription = None

    async def pull(self) -> None:
        """Asks for more, unless a request is open or enough is waiting.

        Raises Unavailable where the consumer is gone, so that it is made anew.
        """
        if self._broken:
            raise Unavailable("unavailable", part="JetStream")
        now = monotonic()
        if self._subscription is None or now < self._not_before or len(self.messages) >= PULL_ROWS_MAX:
            return
        if self.listening:
            return
        self._wanted = PULL_ROWS_MAX
        self._until = now + PULL_EXPIRES_S + PULL_GRACE_S
        self._connection = self._connections()
        await self.nervous.client.publish(
            f"$JS.API.CONSUMER.MSG.NEXT.{MQTT_STREAM}.{durable(self.lane)}",
            orjson.dumps({"batch": PULL_ROWS_MAX, "expires": int(PULL_EXPIRES_S * 1e9)}),
            reply=self._subscription.subject,
        )

    @property
    def listening(self) -> bool:
        """A request is open on a living connection: whatever arrives in the stream comes at once."""
        return (
            self._wanted > 0
            and monotonic() < self._until
            and self.nervous.connected
            and self._connection == self._connections()
        )

    def _connections(self) -> int:
        """Which connection this is: a request ends with the connection that it was sent on."""
        return int(self.nervous.client.stats["reconnects"])

    async def _receive(self, message: Msg) -> None:
        if message.reply:
            self.messages.append(message)
            self._wanted -= 1
            self.arrived.set()
            return
        # A status ends the request. Expired or empty, the next round asks again.
        self._wanted = 0
        status = (message.headers or {}).get("Status")
        self._broken = self._broken or status not in {"404", "408"}

    def take(self, rows_max: int) -> list[Msg]:
        taken, self.messages = self.messages[:rows_max], self.messages[rows_max:]
        return taken

    async def acknowledge(self, last: Msg) -> None:
        """Acknowledges `last` and all before it."""
        await self.nervous.client.publish(last.reply, b"+ACK")
