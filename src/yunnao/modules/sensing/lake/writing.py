"""Sorted readings into the lake's files, and the newest of each series into `latest`."""

from contextlib import ExitStack
from datetime import UTC, date
from types import TracebackType
from typing import Any, Self

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from yunnao.infra.lake import FileWriter, LakeTable, Snapshot, WrittenFile
from yunnao.modules.sensing.domain.times import from_us
from yunnao.modules.sensing.lake.tables import READING

file_rows_max = 4 * 1024 * 1024
"""About 16 MB. The log's bounds of a file's series leave out the others of its day; within the file a
question looks at every row group's bounds, 7 µs each, so that larger files make one series slower."""
latest_rows_max = 2_000_000
"""Series of `latest` that are merged at a time."""


class DayWriter:
    """Writes readings that come sorted by (series, time) into files of their days (UTC)."""

    def __init__(self, table: LakeTable, prefix: str) -> None:
        self._table = table
        self._prefix = prefix
        self._open: dict[date, tuple[FileWriter, ExitStack]] = {}
        self._written: list[WrittenFile] = []
        self.rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _, stack in self._open.values():
            stack.__exit__(kind, error, trace)
        self._written += [writer.written for writer, _ in self._open.values()] if kind is None else []
        self._open = {}

    @property
    def written(self) -> list[WrittenFile]:
        """The files, after the end of the block."""
        return self._written

    def write(self, readings: pa.Table) -> None:
        if not readings.num_rows:
            return
        self.rows += readings.num_rows
        bounds = pc.min_max(readings["time"])
        first, last = (bounds[end].as_py().astimezone(UTC).date() for end in ("min", "max"))
        if first == last:
            self._write_day(first, readings)
            return
        days = pc.cast(readings["time"], pa.date32())
        for day in pc.unique(days).sort().to_pylist():
            self._write_day(day, readings.filter(pc.equal(days, pa.scalar(day, pa.date32()))))

    def _write_day(self, day: date, readings: pa.Table) -> None:
        if day not in self._open:
            stack = ExitStack()
            self._open[day] = stack.enter_context(self._table.writer(self._prefix, day)), stack
        writer, stack = self._open[day]
        writer.write(readings)
        if writer.rows >= file_rows_max:
            stack.close()
            self._written.append(self._open.pop(day)[0].written)


def scan(
    table: LakeTable,
    snapshot: Snapshot,
    columns: list[str],
    series: tuple[int, int],
    time_us: tuple[int, int] | None = None,
    day: date | None = None,
) -> pa.Table:
    """Rows of a range of series (first, last) and times (first, last), bounds included, unsorted.

    Reads the row groups whose bounds allow them. `day`: of that partition alone.
    """
    found, where = _selected(table, snapshot, series, time_us, day)
    if found is None:
        return pa.schema([READING.field(name) for name in columns]).empty_table()
    return found.to_table(columns=columns, filter=where)


def count(table: LakeTable, snapshot: Snapshot, series: tuple[int, int], day: date) -> int:
    """How many rows `scan` would find."""
    found, where = _selected(table, snapshot, series, None, day)
    return 0 if found is None else int(found.count_rows(filter=where))


def _selected(
    table: LakeTable,
    snapshot: Snapshot,
    series: tuple[int, int],
    time_us: tuple[int, int] | None,
    day: date | None,
) -> tuple[Any, Any]:
    """A dataset of the files that may hold such rows (None where there is none), and what chooses them."""
    keep = snapshot.overlapping("series", *series)
    where = (pads.field("series") >= series[0]) & (pads.field("series") <= series[1])
    if time_us is not None:
        keep &= snapshot.overlapping("time", *time_us)
        first, last = (pa.scalar(from_us(us), READING.field("time").type) for us in time_us)
        where &= (pads.field("time") >= first) & (pads.field("time") <= last)
    uris = [
        uri
        for uri, kept, of in zip(snapshot.uris, keep, snapshot.partitions, strict=True)
        if kept and day in (None, of)
    ]
    if not uris:
        return None, where
    filesystem, _ = table.filesystem()
    return pads.dataset(uris, schema=READING, format="parquet", filesystem=filesystem), where


def sorted_once(readings: pa.Table) -> pa.Table:
    """Sorted by (series, time), each of them once: the first of those given."""
    frame = pl.DataFrame(readings)
    once = frame.unique(["series", "time"], keep="first", maintain_order=True).sort(["series", "time"])
    return as_readings(once)


def without(readings: pa.Table, known: pa.Table) -> pa.Table:
    """Those of sorted `readings` whose (series, time) is not among `known`."""
    if not known.num_rows:
        return readings
    left = pl.DataFrame(readings).join(
        pl.DataFrame(known), on=["series", "time"], how="anti", maintain_order="left"
    )
    return as_readings(left)


def newest(readings: pa.Table) -> pa.Table:
    """The newest row of each series of sorted `readings`."""
    frame = pl.DataFrame(readings)
    return as_readings(frame.unique(["series"], keep="last", maintain_order=True))


def as_readings(frame: pl.DataFrame) -> pa.Table:
    return frame.to_arrow().cast(READING)


def write_latest(table: LakeTable, found: pa.Table, number: int) -> list[WrittenFile]:
    """Files of a whole new `latest`: what is kept, and `found` (sorted by series) where it is newer."""
    snapshot = table.snapshot()
    last = max([*snapshot.bounds["series"][1].tolist(), pc.max(found["series"]).as_py() or 0])
    with table.writer(f"latest-{number}-") as writer:
        for start in range(0, last + 1, latest_rows_max):
            end = start + latest_rows_max - 1
            kept = scan(table, snapshot, READING.names, (start, end))
            fresh = found.filter((pc.field("series") >= start) & (pc.field("series") <= end))
            both = pl.concat([pl.DataFrame(kept), pl.DataFrame(fresh)]).sort(["series", "time"])
            writer.write(newest(as_readings(both)))
    return [writer.written]
