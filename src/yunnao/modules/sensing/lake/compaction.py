"""Days of the lake are rewritten: small files into few, sorted by series, without what has expired.

A rewrite is one commit that puts new files in the place of a day's; a reader that has begun goes on
with the old ones, which stay for `files_kept`. A keeper that is killed before the commit has changed
nothing; one that is killed after it rewrites the day once more.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import structlog

from yunnao.infra.lake import Snapshot, WrittenFile
from yunnao.infra.postgres import Database, load_queries
from yunnao.kernel.time import Clock
from yunnao.modules.sensing.contracts import Int32
from yunnao.modules.sensing.lake import writing
from yunnao.modules.sensing.lake.tables import APPLICATION, READING, Lake

QUERIES = load_queries("yunnao.modules.sensing.lake")
PREFIX = "day-"
day_grace = timedelta(hours=2)
"""After the end of a day (UTC): its last hours are sealed by then."""
loose_files_max = 8
"""Files that late readings may add to a compacted day before it is compacted again."""
range_rows_max = 4_000_000
days_per_round_max = 31
files_kept = timedelta(hours=24)
"""Files that are no longer part of the lake, for those who still read them."""

log = structlog.get_logger()


class Compactor:
    """Rewrites days; only the keeper of the lake may."""

    def __init__(self, clock: Clock, database: Database, lake: Lake, on_step: Callable[[str], None]) -> None:
        self._clock = clock
        self._database = database
        self._lake = lake
        self._on_step = on_step

    async def compact(self) -> list[date]:
        """Rewrites closed days that lie in many files; answers which."""
        before = (self._clock.now() - day_grace).astimezone(UTC).date()
        async with self._database.transaction() as tx:
            cursor = await tx.execute(QUERIES["days_loose"], {"before": before, "limit": days_per_round_max})
            days = await cursor.fetchall()
        snapshot = await asyncio.to_thread(self._lake.readings.snapshot)
        loose = [
            row["day"]
            for row in days
            if not row["compacted"] or _loose_files(snapshot, row["day"]) > loose_files_max
        ]
        for day in loose:
            await self._rewrite(day, [])
        return loose

    async def expire(self) -> list[date]:
        """Removes readings older than their product's retention, whole days at a time; answers which."""
        today = self._clock.now().astimezone(UTC).date()
        async with self._database.transaction() as tx:
            kept = await (await tx.execute(QUERIES["products_with_retention"])).fetchall()
            cursor = await tx.execute(
                QUERIES["days_expiring"],
                {
                    "products": [row["product"] for row in kept],
                    "oldest": [today - timedelta(days=row["days"]) for row in kept],
                    "limit": days_per_round_max,
                },
            )
            days = await cursor.fetchall()
        for row in days:
            await self._rewrite(row["day"], row["products"])
        return [row["day"] for row in days]

    async def vacuum(self) -> int:
        """Deletes files that nobody reads any more; answers how many."""
        tables = (self._lake.readings, self._lake.latest)
        return sum([await asyncio.to_thread(table.vacuum, files_kept) for table in tables])

    async def _rewrite(self, day: date, expired: Sequence[str]) -> None:
        async with self._database.transaction() as tx:
            number = (await (await tx.execute(QUERIES["change_number"])).fetchall())[0]["number"]
            cursor = await tx.execute(QUERIES["series_of_products"], {"products": list(expired)})
            gone = np.array([row["series"] for row in await cursor.fetchall()], np.int32)
        began = datetime.now(UTC)
        written = await asyncio.to_thread(self._write, day, number, gone)
        self._on_step("rewritten")
        await asyncio.to_thread(self._lake.readings.commit, written, APPLICATION, number, replacing=day)
        self._on_step("replaced")
        async with self._database.transaction() as tx:
            await tx.execute(
                QUERIES["day_rewritten"], {"day": day, "number": number, "expired": list(expired)}
            )
        log.info(
            "day_rewritten",
            day=str(day),
            rows=sum(each.rows for each in written),
            bytes=sum(each.bytes for each in written),
            seconds=(datetime.now(UTC) - began).total_seconds(),
        )

    def _write(self, day: date, number: int, gone: Int32) -> list[WrittenFile]:
        with writing.DayWriter(self._lake.readings, f"{PREFIX}{number}-") as writer:
            for part in self._parts(day):
                stays = pa.array(~np.isin(part["series"].to_numpy(), gone))
                writer.write(part.filter(stays) if len(gone) else part)
        return writer.written

    def _parts(self, day: date) -> Iterator[pa.Table]:
        """The day's readings sorted, in ranges of series of at most `range_rows_max` unless of one series."""
        table, snapshot = self._lake.readings, self._lake.readings.snapshot()
        own = np.array([each == day for each in snapshot.partitions], np.bool_)
        if not own.any():
            return
        first = int(snapshot.bounds["series"][0][own].min())
        last = int(snapshot.bounds["series"][1][own].max())
        width = (last - first) // (int(snapshot.rows[own].sum()) // range_rows_max + 1) + 1
        ranges = [(start, min(start + width - 1, last)) for start in range(first, last + 1, width)][::-1]
        while ranges:
            start, end = ranges.pop()
            if start < end and writing.count(table, snapshot, (start, end), day) > range_rows_max:
                middle = (start + end) // 2
                ranges += [(middle + 1, end), (start, middle)]
                continue
            yield writing.sorted_once(writing.scan(table, snapshot, READING.names, (start, end), day=day))


def _loose_files(snapshot: Snapshot, day: date) -> int:
    return sum(
        of == day and f"/{PREFIX}" not in uri
        for uri, of in zip(snapshot.uris, snapshot.partitions, strict=True)
    )
