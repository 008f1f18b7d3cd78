"""NATS: one connection a process, the stream of events, and publishing with the stream's confirmation."""

import asyncio
from collections.abc import Sequence
from typing import Any

import nats
import structlog
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import StorageType, StreamConfig
from nats.js.errors import NotFoundError

from yunnao.infra.telemetry import current_trace_id
from yunnao.kernel.errors import Unavailable

EVENTS_STREAM = "EVENTS"
EVENTS_PREFIX = "yunnao.event."
EVENTS_AGE_MAX_S = 3 * 24 * 3600
DUPLICATE_WINDOW_S = 120
PUBLISH_TIMEOUT_S = 5.0
PUBLISH_PENDING_MAX = 4_096
PENDING_BYTES_MAX = 32 * 1024 * 1024

log = structlog.get_logger()


class Nervous:
    """The connection to NATS and what every role needs of it."""

    def __init__(self, url: str, name: str) -> None:
        self.url = url
        self.name = name
        self._client: Client | None = None
        self._jetstream: JetStreamContext | None = None

    async def open(self) -> None:
        """Connects (and keeps reconnecting for as long as the process lives)."""
        self._client = await nats.connect(
            self.url,
            name=self.name,
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.5,
            connect_timeout=5,
            pending_size=PENDING_BYTES_MAX,
            error_cb=_tell,
        )
        # One context for the connection's life: confirmations come back on its own inbox.
        self._jetstream = self._client.jetstream(
            timeout=PUBLISH_TIMEOUT_S, publish_async_max_pending=PUBLISH_PENDING_MAX
        )

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    async def __aenter__(self) -> "Nervous":
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def client(self) -> Client:
        if self._client is None:
            raise RuntimeError("NATS is not open")
        return self._client

    @property
    def connected(self) -> bool:
        return self._client is not None and self._client.is_connected

    @property
    def jetstream(self) -> JetStreamContext:
        if self._jetstream is None:
            raise RuntimeError("NATS is not open")
        return self._jetstream

    async def ensure_stream(self) -> None:
        """Creates or updates the platform's own stream."""
        config = StreamConfig(
            name=EVENTS_STREAM,
            subjects=[EVENTS_PREFIX + ">"],
            storage=StorageType.FILE,
            max_age=EVENTS_AGE_MAX_S,
            duplicate_window=DUPLICATE_WINDOW_S,
        )
        try:
            await self.jetstream.update_stream(config)
        except NotFoundError:
            await self.jetstream.add_stream(config)

    async def publish_stored(self, messages: Sequence[tuple[str, bytes, str | None]]) -> None:
        """Publishes (subject, payload, message id) and returns when the stream has stored them all.

        Raises Unavailable when any was not confirmed; the message id makes sending again safe.
        """
        trace = current_trace_id()
        jetstream = self.jetstream
        try:
            futures = [
                await jetstream.publish_async(subject, payload, headers=_headers(message_id, trace))
                for subject, payload, message_id in messages
            ]
            await asyncio.wait_for(asyncio.gather(*futures), PUBLISH_TIMEOUT_S)
        except (TimeoutError, nats.errors.Error) as error:
            raise Unavailable("unavailable", part="NATS") from error


async def _tell(error: Exception) -> None:
    """One line an outage and not a traceback: the client connects again by itself."""
    log.warning("nats_trouble", reason=repr(error))


def _headers(message_id: str | None, trace: str | None) -> dict[str, Any] | None:
    headers: dict[str, Any] = {}
    if message_id:
        headers["Nats-Msg-Id"] = message_id
    if trace:
        headers["traceparent"] = f"00-{trace}-{trace[:16]}-01"
    return headers or None
