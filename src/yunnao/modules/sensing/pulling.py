"""Pulling one lane: in order, without a gap, so that acknowledging the last means all before it.

Ack-all goes by the sequence in the stream: it would also acknowledge an earlier message that was
delivered to a worker now dead, or lost with a broken connection, and is not stored. So a reader
begins by waiting until everything of that kind has come again, and starts anew when the
deliveries that it counts show a gap.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from time import monotonic

import orjson
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from yunnao.infra.nats_subjects import MQTT_STREAM
from yunnao.infra.nervous import Nervous
from yunnao.kernel.errors import Unavailable
from yunnao.modules.sensing.lanes import ACK_WAIT_S, durable

PULL_ROWS_MAX = 5_000
PULL_BYTES_MAX = 8 * 1024 * 1024
"""Of one request; and so much may wait before another."""
ANSWERED = {"Batch Completed", "Message Size Exceeds MaxBytes"}
"""The server's words for the end of a request with a limit of bytes that has what it may."""
PULL_EXPIRES_S = 5.0
PULL_GRACE_S = 2.0
"""A pull unanswered for so long after its end was lost with its server."""


@dataclass(frozen=True)
class Delivery:
    """A message of the stream: its place there, which delivery of the consumer it is, its arrival."""

    message: Msg
    sequence: int
    number: int
    arrival_ns: int

    @classmethod
    def of(cls, message: Msg) -> "Delivery":
        """Reads the reply subject: `$JS.ACK`, [domain, account,] stream, consumer, deliveries,
        stream sequence, consumer sequence, time, pending [, random]."""
        tokens = message.reply.split(".")
        first = 5 if len(tokens) == 9 else 7
        return cls(message, int(tokens[first]), int(tokens[first + 1]), int(tokens[first + 2]))


@dataclass
class LanePull:
    """Keeps one request open, so that messages come while a batch is stored."""

    lane: int
    nervous: Nervous
    arrived: asyncio.Event
    messages: list[Delivery] = field(default_factory=list)
    bytes: int = 0
    """Of the waiting messages."""
    _subscription: Subscription | None = None
    _open: bool = False
    _until: float = 0.0
    _not_before: float = 0.0
    _connection: int = 0
    _broken: bool = False
    _next_number: int = 1
    # What a former reader left: `_left` messages up to `_left_until` in the stream. Until they have
    # come, everything is held back.
    _left: int = 0
    _left_until: int = 0
    _left_by: float = 0.0
    _come: set[int] = field(default_factory=set)
    _held: list[Delivery] = field(default_factory=list)

    async def open(self) -> None:
        info = await self.nervous.jetstream.consumer_info(MQTT_STREAM, durable(self.lane))
        delivered = info.delivered
        self._next_number = delivered.consumer_seq + 1 if delivered is not None else 1
        self._left = info.num_ack_pending or 0
        if self._left and delivered is not None:
            wait_s = ACK_WAIT_S
            if delivered.last_active is not None:
                ends = delivered.last_active + timedelta(seconds=ACK_WAIT_S)
                wait_s = min(max((ends - datetime.now(UTC)).total_seconds(), 0.0), ACK_WAIT_S)
            self._left_until = delivered.stream_seq
            self._not_before = monotonic() + wait_s
            self._left_by = self._not_before + ACK_WAIT_S + PULL_EXPIRES_S
        self._subscription = await self.nervous.client.subscribe(
            self.nervous.client.new_inbox(), cb=self._receive, pending_msgs_limit=-1, pending_bytes_limit=-1
        )

    async def close(self) -> None:
        if self._subscription is not None:
            await self._subscription.unsubscribe()
            self._subscription = None

    async def pull(self) -> None:
        """Asks for more, unless a request is open or enough is waiting.

        Raises Unavailable where the lane must be opened anew: its consumer is gone, deliveries have
        a gap, or what a former reader left does not come.
        """
        now = monotonic()
        if self._broken or (self._left and now > self._left_by):
            raise Unavailable("unavailable", part="JetStream")
        if self._subscription is None or now < self._not_before or self.listening:
            return
        if self._full and not self._left:
            return
        self._open = True
        self._until = now + PULL_EXPIRES_S + PULL_GRACE_S
        self._connection = self._connections()
        await self.nervous.client.publish(
            f"$JS.API.CONSUMER.MSG.NEXT.{MQTT_STREAM}.{durable(self.lane)}",
            orjson.dumps(
                {
                    "batch": PULL_ROWS_MAX,
                    "max_bytes": PULL_BYTES_MAX,
                    "expires": int(PULL_EXPIRES_S * 1e9),
                }
            ),
            reply=self._subscription.subject,
        )

    @property
    def listening(self) -> bool:
        """A request is open on a living connection: whatever arrives in the stream comes at once."""
        return (
            self._open
            and monotonic() < self._until
            and self.nervous.connected
            and self._connection == self._connections()
        )

    @property
    def current(self) -> bool:
        """Whatever arrived in the stream has been received, and waits in `messages` at most."""
        return self.listening and not self._left

    @property
    def _full(self) -> bool:
        return len(self.messages) >= PULL_ROWS_MAX or self.bytes >= PULL_BYTES_MAX

    def take(self, rows_max: int, bytes_max: int) -> list[Delivery]:
        """The next messages; one at least, whatever its size."""
        ends = list(accumulate(len(delivery.message.data) for delivery in self.messages[:rows_max]))
        rows = max(bisect_right(ends, bytes_max), 1)
        taken, self.messages = self.messages[:rows], self.messages[rows:]
        self.bytes -= ends[len(taken) - 1] if taken else 0
        return taken

    async def acknowledge(self, part: list[Delivery]) -> None:
        """Acknowledges `part`, the next that were taken, and all before it."""
        last = max(part, key=lambda delivery: delivery.sequence)
        await self.nervous.client.publish(last.message.reply, b"+ACK")

    def _connections(self) -> int:
        """Which connection this is: a request ends with the connection that it was sent on."""
        return int(self.nervous.client.stats["reconnects"])

    async def _receive(self, message: Msg) -> None:
        if not message.reply:
            await self._end(message.headers or {})
            return
        delivery = Delivery.of(message)
        if self._broken or delivery.number != self._next_number:
            self._broken = True
            return
        self._next_number += 1
        self.bytes += len(message.data)
        if self._left:
            self._hold(delivery)
        else:
            self.messages.append(delivery)
        if self.messages:
            self.arrived.set()

    async def _end(self, status: Mapping[str, str]) -> None:
        """A status ends the request. Answered, expired or empty, another follows at once."""
        self._open = False
        answered = status.get("Description") in ANSWERED
        self._broken = self._broken or not (answered or status.get("Status") in {"404", "408"})
        if not self._broken:
            await self.pull()

    def _hold(self, delivery: Delivery) -> None:
        """Lets everything go, in the stream's order, once the last of what was left has come."""
        self._held.append(delivery)
        if delivery.sequence > self._left_until:
            return
        self._come.add(delivery.sequence)
        if len(self._come) >= self._left:
            self.messages = sorted(self._held, key=lambda held: held.sequence)
            self._held, self._left = [], 0
