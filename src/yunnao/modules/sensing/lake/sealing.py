"""Closed spans of hot readings go to the lake, exactly once, and their partitions are dropped.

1. In one transaction the sealing gets its number and a trigger on each partition, for which no
   writer may be under way: what was written before is all there, what comes later is noted in
   `sensing.late_reading` besides.
2. The partitions are read in ranges of series and written to files that no reader sees.
3. The files are committed under the sealing's number, then the newest readings to `latest`.
4. In one short transaction, with both locked, the partitions are dropped and what came late goes
   into new ones.

A keeper that is killed leaves an open row; the next one does steps 2 to 4 again. Step 3 does nothing
where the lake has the number, step 4 nothing where the row is closed. Until step 4 readers find
everything among the hot readings, afterwards in the lake.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import pyarrow as pa
import structlog
from psycopg import sql
from psycopg.errors import DeadlockDetected, LockNotAvailable

from yunnao.infra.lake import Snapshot
from yunnao.infra.postgres import Database, Row, Transaction, load_queries
from yunnao.kernel.time import Clock
from yunnao.modules.sensing.domain.partitions import Span
from yunnao.modules.sensing.domain.times import to_us
from yunnao.modules.sensing.lake import hot, writing
from yunnao.modules.sensing.lake.tables import APPLICATION, READING, Lake
from yunnao.modules.sensing.partitioning import create_missing, lock_partitions

QUERIES = load_queries("yunnao.modules.sensing.lake")
range_rows_max = 2_000_000
"""Rows of one range of series in memory; about 150 MB while they are sorted."""
row_bytes_min = 48
"""A hot reading's least room in its table: for a first guess of how many there are."""
lock_wait_ms = 500
"""Below PostgreSQL's deadlock_timeout, so that it is always the sealing that gives way."""
lock_tries_max = 40
lock_retry_s = 0.5

T = TypeVar("T")

log = structlog.get_logger()


@dataclass(frozen=True)
class Sealing:
    """An open sealing."""

    number: int
    span: Span
    partitions: list[str]

    @property
    def prefix(self) -> str:
        """How the names of its files begin."""
        return f"seal-{self.number}-"


def _nothing(_: str) -> None:
    return None


class Sealer:
    """Seals one span at a time; whoever has one holds the keeper's lock. `on_step` hears of each step."""

    def __init__(
        self, clock: Clock, database: Database, lake: Lake, on_step: Callable[[str], None] = _nothing
    ) -> None:
        self._clock = clock
        self._database = database
        self._lake = lake
        self._on_step = on_step

    async def resume(self) -> bool:
        """Finishes what was interrupted; answers whether there was something."""
        async with self._database.transaction() as tx:
            row = await (await tx.execute(QUERIES["sealed_open"])).fetchone()
        if row is None:
            return False
        span = Span(row["starts_at"], row["ends_at"])
        await self._finish(Sealing(row["number"], span, row["partitions"]))
        return True

    async def seal(self, span: Span, partitions: list[hot.HotPartition]) -> int:
        """Seals the partitions of one span; answers how many readings are new in the lake."""
        sealing = await self._patiently(lambda tx: self._begin(tx, span, partitions))
        self._on_step("begun")
        return await self._finish(sealing)

    async def _begin(self, tx: Transaction, span: Span, partitions: list[hot.HotPartition]) -> Sealing:
        names = [each.name for each in partitions]
        row = await (
            await tx.execute(
                QUERIES["sealed_begin"],
                {"starts_at": span.start, "ends_at": span.end, "partitions": names, "now": self._clock.now()},
            )
        ).fetchone()
        for each in partitions:
            keep = "keep_late_number" if each.parent == hot.NUMBERS_ONLY else "keep_late_reading"
            await tx.execute(
                sql.SQL("CREATE TRIGGER late AFTER INSERT ON {} FOR EACH ROW EXECUTE FUNCTION {}()").format(
                    sql.Identifier("sensing", each.name), sql.Identifier("sensing", keep)
                )
            )
        return Sealing(_first(row, "number"), span, names)

    async def _finish(self, sealing: Sealing) -> int:
        await self._to_lake(sealing)
        snapshot = await asyncio.to_thread(self._lake.readings.snapshot)
        readings = await self._patiently(lambda tx: self._drop(tx, sealing, snapshot))
        self._on_step("dropped")
        log.info("span_sealed", span=sealing.span.name, readings=readings)
        return readings

    async def _to_lake(self, sealing: Sealing) -> None:
        """Steps 2 and 3."""
        newest = [READING.empty_table()]
        with writing.DayWriter(self._lake.readings, sealing.prefix) as writer:
            async for part in self._parts(sealing.partitions):
                newest.append(await asyncio.to_thread(self._write, sealing, writer, part))
                self._on_step("part")
        self._on_step("written")
        await asyncio.to_thread(self._lake.readings.commit, writer.written, APPLICATION, sealing.number)
        self._on_step("committed")
        found = pa.concat_tables(newest)
        if found.num_rows and self._lake.latest.applied(APPLICATION) < sealing.number:
            latest = await asyncio.to_thread(writing.write_latest, self._lake.latest, found, sealing.number)
            await asyncio.to_thread(self._lake.latest.commit, latest, APPLICATION, sealing.number, whole=True)
        self._on_step("latest")

    def _write(self, sealing: Sealing, writer: writing.DayWriter, part: pa.Table) -> pa.Table:
        """Writes what the lake lacks of a range of series; answers the newest of each series."""
        readings = writing.sorted_once(part)
        first, last = readings["series"][0].as_py(), readings["series"][-1].as_py()
        span_us = to_us(sealing.span.start), to_us(sealing.span.end) - 1
        table = self._lake.readings
        known = writing.scan(table, table.snapshot(), ["series", "time"], (first, last), span_us)
        writer.write(writing.without(readings, known))
        return writing.newest(readings)

    async def _parts(self, partitions: list[str]) -> AsyncIterator[pa.Table]:
        """The readings of ascending ranges of series, each at most `range_rows_max` unless of one series."""
        async with self._database.transaction() as tx:
            top = _first(await (await tx.execute(QUERIES["series_newest_number"])).fetchone(), "series")
            there = [each for each in await hot.partitions(tx) if each.name in partitions]
        guess = sum(each.bytes for each in there) // row_bytes_min // range_rows_max + 1
        width = top // guess + 1
        ranges = [(start, min(start + width - 1, top)) for start in range(0, top + 1, width)][::-1]
        while ranges:
            first, last = ranges.pop()
            limit = range_rows_max + 1 if first < last else None
            async with self._database.transaction() as tx:
                part = await hot.read(tx, [each.name for each in there], (first, last), limit=limit)
            if limit is not None and part.num_rows > range_rows_max:
                middle = (first + last) // 2
                ranges += [(middle + 1, last), (first, middle)]
            elif part.num_rows:
                yield part

    async def _drop(self, tx: Transaction, sealing: Sealing, snapshot: Snapshot) -> int:
        """Step 4; answers how many readings the sealing brought to the lake."""
        mine = [sealing.prefix in uri for uri in snapshot.uris]
        readings = int(snapshot.rows[mine].sum())
        cursor = await tx.execute(
            QUERIES["sealed_finish"],
            {"number": sealing.number, "readings": readings, "now": self._clock.now()},
        )
        if await cursor.fetchone() is None:
            return readings
        await lock_partitions(tx)
        for each in await hot.partitions(tx):
            if each.name in sealing.partitions:
                table = sql.Identifier("sensing", each.name)
                parent = sql.Identifier("sensing", each.parent)
                await tx.execute(sql.SQL("ALTER TABLE {} DETACH PARTITION {}").format(parent, table))
                await tx.execute(sql.SQL("DROP TABLE {}").format(table))
        hours = [row["hour"] for row in await (await tx.execute(QUERIES["late_hours"])).fetchall()]
        if hours:
            await create_missing(tx, hours, self._clock.now())
            await tx.execute(QUERIES["late_restore"])
        days = {day for day, own in zip(snapshot.partitions, mine, strict=True) if own and day}
        await tx.execute(QUERIES["day_sealed"], {"days": sorted(days), "number": sealing.number})
        return readings

    async def _patiently(self, act: Callable[[Transaction], Awaitable[T]]) -> T:
        """Runs `act` in a transaction; one that waits too long for a lock gives way and tries again."""
        for _ in range(lock_tries_max - 1):
            try:
                return await self._once(act)
            except (LockNotAvailable, DeadlockDetected):
                await asyncio.sleep(lock_retry_s)
        return await self._once(act)

    async def _once(self, act: Callable[[Transaction], Awaitable[T]]) -> T:
        async with self._database.transaction() as tx:
            await tx.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(f"{lock_wait_ms}ms")))
            return await act(tx)


def _first(row: Row | None, column: str) -> int:
    return int(row[column]) if row else 0
