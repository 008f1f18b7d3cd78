"""Readings of a subscription as server-sent events (HTML, 9.2), resumed by Last-Event-ID.

The id of an event is its parcel's number, which has no gaps: a client that comes back names the last
one that it has, and goes on after it. What has been pruned in the meantime is told as a gap.
"""

import asyncio
from collections.abc import AsyncIterator

import orjson

from yunnao.infra.postgres import Database, load_queries
from yunnao.kernel.errors import TooMany
from yunnao.kernel.ids import UUID
from yunnao.kernel.time import Clock
from yunnao.modules.sensing.sharing.parcels import heads, seal

QUERIES = load_queries("yunnao.modules.sensing.sharing", "deliveries.sql")
streams_max = 200
LOOK_S = 0.5
HEARTBEAT_S = 15.0


class Streams:
    """The streams of one process."""

    def __init__(self, clock: Clock, database: Database) -> None:
        self._clock = clock
        self._database = database
        self._open = 0

    def reserve(self) -> None:
        """Raises TooMany `too_many_streams`."""
        if self._open >= streams_max:
            raise TooMany("too_many_streams")

    async def frames(self, subscription: UUID, after: int | None) -> AsyncIterator[bytes]:
        """Frames of the parcels after `after`, None: of all that are kept; ends with the share."""
        self._open += 1
        try:
            yield b"retry: 2000\n\n"
            last, quiet_s = after, 0.0
            while True:
                frame, last = await self._next(subscription, last)
                if frame is None:
                    yield b"event: ended\ndata: {}\n\n"
                    return
                if frame:
                    quiet_s = 0.0
                    yield frame
                    continue
                await asyncio.sleep(LOOK_S)
                quiet_s += LOOK_S
                if quiet_s >= HEARTBEAT_S:
                    quiet_s = 0.0
                    yield b": still here\n\n"
        finally:
            self._open -= 1

    async def _next(self, subscription: UUID, last: int | None) -> tuple[bytes | None, int | None]:
        """The next frame (empty: nothing yet; None: over) and the position after it."""
        async with self._database.transaction() as tx:
            row = await (
                await tx.execute(QUERIES["stream_of"], {"id": subscription, "now": self._clock.now()})
            ).fetchone()
            if row is None or not row["valid"]:
                return None, last
            number = row["number"]
            found = await heads(tx, {number: subscription}, after=last or 0)
            if not found:
                await seal(tx, [number], several=True)
                found = await heads(tx, {number: subscription}, after=last or 0)
        if not found:
            return b"", last
        parcel = found[number]
        gap = b""
        if last is not None and parcel.parcel > last + 1:
            missed = {"first": last + 1, "last": parcel.parcel - 1}
            gap = b"event: gap\ndata: %s\n\n" % orjson.dumps(missed)
        event = b"id: %d\nevent: readings\ndata: %s\n\n" % (parcel.parcel, orjson.dumps(parcel.body))
        return gap + event, parcel.parcel
