"""The live table: every series' newest reading, in memory-mapped columns that a machine's processes share.

Row s of every column is series s. Writers take turns by a lock that the system releases when one of
them dies. Readers take none: each row carries a check of its time and value, so that a reader that
met a writer half way notices it and reads that row again.
"""

import time as system_time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from yunnao.kernel.ids import UUID
from yunnao.modules.sensing.contracts import Floats, Int32, Int64, Newest
from yunnao.modules.sensing.domain.times import UNKNOWN_US
from yunnao.modules.sensing.live.files import Columns, Files, checks

UNAPPLIED = -1
"""Stands for the batch of a lane of which nothing is known to be in the table."""
torn_reads_max = 8
torn_wait_s = 0.000_5
scan_rows = 1 << 20


@dataclass(frozen=True)
class LatestColumns:
    """The newest readings of n series, and the arrival of each one's last message.

    `UNKNOWN_US` and NaN where there is none; the value of a textual reading is NaN.
    """

    time_us: Int64
    value: Floats
    seen_us: Int64


@dataclass(frozen=True)
class Changes:
    """Rows that changed up to change `number`, and the row to go on from; None where that is all."""

    number: int
    row: int | None
    series: Int32
    columns: LatestColumns


class LiveTable:
    """One machine's live table in `folder`; opened, and created where it is missing, at first use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files = Files(folder)

    def claim(self, database: UUID) -> None:
        """Empties the table where it is of another database, in which series have other numbers."""
        self._files.claim(database)

    def times_us(self, series: Int32) -> Int64:
        """Times of the newest readings of `series` (n), `UNKNOWN_US` where there is none."""
        columns = self._reaching(series)
        inside = series < columns.rows
        if inside.all():
            return columns.time_us.take(series)
        times = np.full(len(series), UNKNOWN_US, np.int64)
        times[inside] = columns.time_us.take(series[inside])
        return times

    def values(self, series: Int32) -> LatestColumns:
        """The newest readings of `series` (n), each time with its own value.

        A row that stays torn is that of a writer that died; it is unknown until its message, which
        was not acknowledged, comes again.
        """
        columns = self._reaching(series)
        inside = np.flatnonzero(series < columns.rows)
        found = LatestColumns(
            np.full(len(series), UNKNOWN_US, np.int64),
            np.full(len(series), np.nan),
            np.full(len(series), UNKNOWN_US, np.int64),
        )
        found.seen_us[inside] = columns.seen_us.take(series[inside])
        missing = inside
        for attempt in range(torn_reads_max):
            rows = series[missing]
            times, values = columns.time_us.take(rows), columns.value.take(rows)
            whole = checks(times, values) == columns.check.take(rows)
            found.time_us[missing[whole]], found.value[missing[whole]] = times[whole], values[whole]
            missing = missing[~whole]
            if not len(missing):
                break
            system_time.sleep(torn_wait_s * attempt)
        return found

    def scan(self) -> LatestColumns:
        """Every row as views without a copy, for counts over all: each number is one that the series
        had, but a time may be of another reading than the value beside it."""
        columns = self._files.columns()
        return LatestColumns(columns.time_us, columns.value, columns.seen_us)

    @property
    def machine(self) -> UUID:
        """Tells the tables of several machines apart."""
        return self._files.machine()

    def changes(self, since: int, row: int, rows_most: int) -> "Changes":
        """Rows from number `row` on that this machine's owners wrote after change `since`."""
        number, columns = self._files.change(), self._files.columns(current=True)
        found: list[Int32] = []
        missing, end = rows_most, row
        while end < columns.rows and missing > 0:
            part = np.flatnonzero(columns.change[end : end + scan_rows] > since)[:missing]
            found.append((part + end).astype(np.int32))
            missing -= len(part)
            end = end + scan_rows if missing else int(found[-1][-1]) + 1
        series = np.concatenate(found) if found else np.zeros(0, np.int32)
        return Changes(number, None if end >= columns.rows else end, series, self.values(series))

    def apply(self, lane: int, batch: int, newest: Newest) -> None:
        """Takes over what is newer than, or as new as, what is there, and notes `batch` of `lane`.

        Called by the lane's owner after the batch's commit. Doing it again changes nothing.
        Raises TooLarge `live_table_full`.
        """
        self.merge(newest)
        self.note(lane, batch)

    def merge(self, newest: Newest, *, own: bool = True) -> None:
        """As `apply` does, without a batch; `newest.series` without repetition.

        Not `own` is what another machine said: it is not told on.
        """
        if not len(newest.series):
            return
        with self._files.writing(int(newest.series.max()) + 1) as columns:
            if own:
                columns.change[newest.series] = self._files.next_change()
            wins = newest.time_us >= columns.time_us.take(newest.series)
            rows, times, values = newest.series[wins], newest.time_us[wins], newest.value[wins]
            # The time last: a row whose writer dies here has its former time, so that the same reading
            # wins when its message comes again.
            columns.value[rows] = values
            columns.check[rows] = checks(times, values)
            columns.time_us[rows] = times
            seen_us = columns.seen_us.take(newest.series)
            columns.seen_us[newest.series] = np.maximum(seen_us, newest.seen_us)

    def note(self, lane: int, batch: int) -> None:
        """From here on the table holds `lane` up to its `batch`."""
        self._files.applied()[lane] = batch + 1

    def applied(self, lane: int) -> int:
        """The last batch of `lane` that was applied here; `UNAPPLIED` where none was, or the machine
        has been started since, which may have lost pages."""
        return int(self._files.applied()[lane]) - 1

    def _reaching(self, series: Int32) -> Columns:
        """The columns, mapped anew where another process made them longer for `series`."""
        columns = self._files.columns()
        if len(series) and int(series.max()) >= columns.rows:
            columns = self._files.columns(current=True)
        return columns
