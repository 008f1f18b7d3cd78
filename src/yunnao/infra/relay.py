"""The relay: events leave the outbox for NATS, in order, at least once, with their id."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

import orjson
import structlog

from yunnao.infra.nervous import EVENTS_PREFIX, Nervous
from yunnao.infra.postgres import Database, Transaction, load_queries
from yunnao.infra.telemetry import EVENTS_RELAYED, OUTBOX_LAG_S
from yunnao.kernel.errors import Unavailable

QUERIES = load_queries("yunnao.infra")
LOCK_KEY = 7_201_002
BATCH_ROWS_MAX = 1_000
IDLE_S = 0.5
"""Longest wait without a notification, so that a lost one costs half a second."""
RETRY_S = 1.0

log = structlog.get_logger()


class Relay:
    """One relay works at a time (advisory lock); the others stand by."""

    def __init__(self, database: Database, nervous: Nervous) -> None:
        self._database = database
        self._nervous = nervous

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                async with self._database.connection() as connection:
                    if await self._lead(connection):
                        await self._work(connection, stop)
            except Unavailable as error:
                log.warning("relay_waits", reason=str(error))
            except Exception:
                log.exception("relay_failed")
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), RETRY_S)

    async def _lead(self, connection: Transaction) -> bool:
        row = await (
            await connection.execute("SELECT pg_try_advisory_lock(%s) AS got", (LOCK_KEY,))
        ).fetchone()
        return bool(row and row["got"])

    async def _work(self, connection: Transaction, stop: asyncio.Event) -> None:
        await connection.execute("LISTEN outbox")
        try:
            while not stop.is_set():
                if not await self.relay_batch(connection):
                    OUTBOX_LAG_S.set(0)
                    async for _ in connection.notifies(timeout=IDLE_S, stop_after=1):
                        pass
        finally:
            with suppress(Exception):
                await connection.execute("UNLISTEN *")
                await connection.execute("SELECT pg_advisory_unlock(%s)", (LOCK_KEY,))

    async def relay_batch(self, connection: Transaction) -> int:
        """Sends the next events and forgets them once stored; returns how many."""
        rows = await (await connection.execute(QUERIES["outbox_next"], {"limit": BATCH_ROWS_MAX})).fetchall()
        if not rows:
            return 0
        OUTBOX_LAG_S.set((datetime.now(UTC) - rows[0]["created_at"]).total_seconds())
        await self._nervous.publish_stored(
            [
                (
                    EVENTS_PREFIX + row["subject"],
                    orjson.dumps(
                        {
                            "id": str(row["id"]),
                            "subject": row["subject"],
                            "time": row["created_at"].isoformat(),
                            "data": row["payload"],
                        }
                    ),
                    str(row["id"]),
                )
                for row in rows
            ]
        )
        await connection.execute(QUERIES["outbox_delete"], {"ids": [row["id"] for row in rows]})
        EVENTS_RELAYED.inc(len(rows))
        return len(rows)
