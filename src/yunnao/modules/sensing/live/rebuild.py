"""Brings a machine's live table up to what is committed: after its files or its pages were lost, and
where another machine owned a lane."""

import asyncio
from collections.abc import Iterator, Mapping
from time import perf_counter

import numpy as np
import structlog

from yunnao.infra.postgres import Database
from yunnao.kernel.time import Clock
from yunnao.modules.sensing.contracts import Floats, Int32, Int64, Newest
from yunnao.modules.sensing.domain.times import UNKNOWN_US, to_us
from yunnao.modules.sensing.lake.tables import Lake
from yunnao.modules.sensing.lake.writing import scan
from yunnao.modules.sensing.live import store
from yunnao.modules.sensing.live.table import LiveTable

sealed_series_max = 2_000_000
"""Series of the lake's `latest` that are read at a time."""

log = structlog.get_logger()
Readings = tuple[Int32, Int64, Floats]
"""Series, time, value (n each), in any order."""


class Found:
    """The newest of readings that come in any order and number."""

    def __init__(self) -> None:
        self.time_us: Int64 = np.zeros(0, np.int64)
        self.value: Floats = np.zeros(0)
        self.readings = 0

    def add(self, readings: Readings) -> None:
        series, time_us, value = readings
        if not len(series):
            return
        self._reach(int(series.max()) + 1)
        np.maximum.at(self.time_us, series, time_us)
        newest = self.time_us.take(series) == time_us
        self.value[series[newest]] = value[newest]
        self.readings += len(series)

    def newest(self, now_us: int) -> Newest:
        """As messages that arrived at the time of their readings: a later arrival is not known."""
        series = np.flatnonzero(self.time_us != UNKNOWN_US).astype(np.int32)
        times = self.time_us[series]
        return Newest(series, times, self.value[series], [None] * 0, np.minimum(times, now_us))

    def _reach(self, rows: int) -> None:
        more = max(rows, 2 * len(self.value)) - len(self.value) if rows > len(self.value) else 0
        if more:
            self.time_us = np.concatenate([self.time_us, np.full(more, UNKNOWN_US)])
            self.value = np.concatenate([self.value, np.full(more, np.nan)])


class Rebuild:
    """What ingest asks for when it has taken lanes over."""

    def __init__(self, clock: Clock, table: LiveTable, lake: Lake) -> None:
        self._clock = clock
        self._table = table
        self._lake = lake

    async def ensure(self, database: Database, lanes: Mapping[int, int]) -> bool:
        """Sees to it that the table holds all that is committed of `lanes` (lane to its last batch).

        To be called once they are taken, so that no former owner commits any more, and before anything
        of them is stored. True where it had to read the hot readings and the lake.
        """
        async with database.transaction() as tx:
            self._table.claim(await store.database_id(tx))
        stale = [lane for lane, batch in lanes.items() if self._table.applied(lane) != batch]
        if not stale:
            return False
        began = perf_counter()
        async with database.transaction() as tx:
            found = Found()
            await store.begin_rebuild(tx)
            async for readings in store.hot_readings(tx):
                await asyncio.to_thread(found.add, readings)
            await asyncio.to_thread(self._add_sealed, found)
            now = self._clock.now()
            await asyncio.to_thread(self._table.merge, found.newest(to_us(now)))
            # Who spoke is known only by the times of readings: silence is judged from here on.
            await store.restart_watch(tx, stale, now)
        for lane in stale:
            self._table.note(lane, lanes[lane])
        seconds = round(perf_counter() - began, 2)
        log.info("live_table_rebuilt", lanes=stale, readings=found.readings, seconds=seconds)
        return True

    def _add_sealed(self, found: Found) -> None:
        for readings in sealed_readings(self._lake):
            found.add(readings)


def sealed_readings(lake: Lake) -> Iterator[Readings]:
    """The newest sealed reading of every series."""
    snapshot = lake.latest.snapshot()
    last = max(snapshot.bounds["series"][1].tolist(), default=-1)
    for start in range(0, last + 1, sealed_series_max):
        part = scan(
            lake.latest, snapshot, ["series", "time", "value"], (start, start + sealed_series_max - 1)
        )
        yield (
            part["series"].to_numpy(),
            part["time"].cast("int64").to_numpy(),
            part["value"].fill_null(np.nan).to_numpy(),
        )
