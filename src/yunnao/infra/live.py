"""Live events for screens: each process listens to NATS once and fans out to its clients."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import orjson
from nats.aio.msg import Msg

from yunnao.infra.nervous import EVENTS_PREFIX, Nervous

CLIENT_QUEUE_EVENTS_MAX = 500
"""A client that falls further behind is let go; it reconnects and reads the present."""
CLIENTS_MAX = 2_000
RECENT_EVENTS_MAX = 40
"""A screen that opens begins with these instead of an empty list."""
UNREMARKABLE = frozenset({"sensing.readings.stored"})


class Live:
    """The fan-out. `stream()` yields event bodies; None marks a quarter of a minute of silence."""

    def __init__(self, nervous: Nervous) -> None:
        self._nervous = nervous
        self._recent: deque[dict[str, Any]] = deque(maxlen=RECENT_EVENTS_MAX)
        self._queues: set[asyncio.Queue[dict[str, Any] | None]] = set()

    async def start(self) -> None:
        await self._nervous.client.subscribe(EVENTS_PREFIX + ">", cb=self._receive)

    async def _receive(self, message: Msg) -> None:
        with suppress(orjson.JSONDecodeError):
            body = orjson.loads(message.data)
            if body["subject"] not in UNREMARKABLE:
                self._recent.append(body)
            for queue in list(self._queues):
                try:
                    queue.put_nowait(body)
                except asyncio.QueueFull:
                    self._queues.discard(queue)

    async def stream(
        self, after: str | None = None, heartbeat_s: float = 15.0
    ) -> AsyncIterator[dict[str, Any] | None]:
        """Recent events younger than the id `after` (UUIDv7), then those that come."""
        queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue(CLIENT_QUEUE_EVENTS_MAX)
        self._queues.add(queue)
        try:
            for body in [body for body in self._recent if body["id"] > (after or "")]:
                yield body
            while queue in self._queues:
                try:
                    yield await asyncio.wait_for(queue.get(), heartbeat_s)
                except TimeoutError:
                    yield None
        finally:
            self._queues.discard(queue)

    @property
    def full(self) -> bool:
        return len(self._queues) >= CLIENTS_MAX
