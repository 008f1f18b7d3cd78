"""The keeper of the lake, a part of the worker role: seals, compacts, removes; one in the whole city."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import structlog
from psycopg import OperationalError

from yunnao.infra.postgres import Database, Transaction, load_queries
from yunnao.kernel.time import Clock
from yunnao.modules.sensing.domain.partitions import Span
from yunnao.modules.sensing.lake import hot
from yunnao.modules.sensing.lake.compaction import Compactor
from yunnao.modules.sensing.lake.schedule import due, late_rest
from yunnao.modules.sensing.lake.sealing import Sealer
from yunnao.modules.sensing.lake.tables import Lake

QUERIES = load_queries("yunnao.modules.sensing.lake")
round_s = 20.0
vacuum_every = timedelta(hours=6)
sealed_kept = timedelta(days=90)
"""Rows of `sensing.sealed`, for whoever asks when an hour was sealed."""

log = structlog.get_logger()


def _nothing(_: str) -> None:
    return None


class LakeKeeper:
    """Works in rounds while it has the keeper's lock; others stand by. `on_step` hears of each step."""

    def __init__(
        self, clock: Clock, database: Database, lake: Lake, on_step: Callable[[str], None] = _nothing
    ) -> None:
        self._clock = clock
        self._database = database
        self._sealer = Sealer(clock, database, lake, on_step)
        self._compactor = Compactor(clock, database, lake, on_step)
        self._seen: dict[str, datetime] = {}
        self._vacuumed: datetime | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set, then ends after the span that is under way."""
        while not stop.is_set():
            try:
                async with self._database.connection() as connection:
                    cursor = await connection.execute(QUERIES["keeper_lock"])
                    row = await cursor.fetchone()
                    if row and row["taken"]:
                        await self._keep(connection, stop)
            except Exception as error:
                log.warning("lake_waits", reason=repr(error))
            await _rest(stop)

    async def _keep(self, connection: Transaction, stop: asyncio.Event) -> None:
        """Rounds, as long as the connection lives that has the lock."""
        try:
            while not stop.is_set():
                await self.round(stop)
                await _rest(stop)
                await connection.execute("SELECT")
        finally:
            with suppress(OperationalError):
                await connection.execute(QUERIES["keeper_unlock"])

    async def round(self, stop: asyncio.Event | None = None) -> int:
        """Seals, compacts and removes everything that is due; answers how many readings came to the lake."""
        readings = 0
        await self._sealer.resume()
        for span, partitions in (await self._due()).items():
            if stop is not None and stop.is_set():
                break
            readings += await self._sealer.seal(span, partitions)
        await self._compactor.compact()
        await self._compactor.expire()
        await self._clean()
        return readings

    async def _clean(self) -> None:
        now = self._clock.now()
        if self._vacuumed is not None and now < self._vacuumed + vacuum_every:
            return
        await self._compactor.vacuum()
        async with self._database.transaction() as tx:
            await tx.execute(QUERIES["sealed_prune"], {"before": now - sealed_kept})
        self._vacuumed = now

    async def _due(self) -> dict[Span, list[hot.HotPartition]]:
        now = self._clock.now()
        async with self._database.transaction() as tx:
            partitions = await hot.partitions(tx)
            cursor = await tx.execute(QUERIES["sealed_recently"], {"since": now - late_rest})
            recent = [Span(row["starts_at"], row["ends_at"]) for row in await cursor.fetchall()]
        self._seen = {each.name: self._seen.get(each.name, now) for each in partitions}
        return due(partitions, now, self._seen, recent)


async def _rest(stop: asyncio.Event) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), round_s)
