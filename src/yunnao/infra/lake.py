"""Delta tables of sorted Parquet files, in a folder or an object store by its URL.

The files are written here and then committed, instead of by the Delta library's own writer, so that
their row groups and encodings are ours and a table of any size is written in bounded memory.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pafs
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.transaction import AddAction
from numpy.typing import NDArray

from yunnao.kernel.ids import new_id

dictionary_bytes_max = 1024 * 1024
row_group_rows = 131_072
"""Reading one series decodes one row group a day; smaller ones compress and scan worse."""
sample_rows_max = 20_000


@dataclass(frozen=True)
class Layout:
    """How the files of a table are written. Rows come sorted by `ordered`, whose bounds the log keeps.

    `schema` is without `partition`, a date in the path. `encodings` are of columns that never take a
    dictionary, `plain_encodings` of those that take one where their values repeat.
    """

    schema: pa.Schema
    ordered: tuple[str, ...]
    encodings: Mapping[str, str]
    plain_encodings: Mapping[str, str]
    partition: str | None = None

    @property
    def table_schema(self) -> pa.Schema:
        if self.partition is None:
            return self.schema
        return self.schema.append(pa.field(self.partition, pa.date32()))


@dataclass(frozen=True)
class WrittenFile:
    """A file that no reader sees until it is committed; bounds are of the layout's `ordered`."""

    path: str
    bytes: int
    rows: int
    minimum: dict[str, Any]
    maximum: dict[str, Any]
    partition: date | None


@dataclass(frozen=True)
class Snapshot:
    """The files of one version of a table, n of each column; `bounds` by column: (minima, maxima)."""

    version: int
    uris: list[str]
    rows: NDArray[np.int64]
    bytes: NDArray[np.int64]
    partitions: list[date | None]
    bounds: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]

    def overlapping(self, column: str, first: int, last: int) -> NDArray[np.bool_]:
        """Which files may hold values of `column` from `first` to `last`, both included."""
        minima, maxima = self.bounds[column]
        return (minima <= last) & (maxima >= first)


class LakeTable:
    """One Delta table. May be used by several threads; writers are the caller's to keep apart."""

    def __init__(self, url: str, layout: Layout) -> None:
        self.layout = layout
        self._url = url.rstrip("/")
        self._lock = Lock()
        self._table: DeltaTable | None = None
        self._known: Snapshot | None = None

    @property
    def scheme(self) -> str:
        """Of the URL: file, s3, ..."""
        return urlsplit(self._url).scheme or "file"

    @property
    def local(self) -> bool:
        """Whether the files lie in a folder of this machine."""
        return self.scheme == "file"

    def filesystem(self) -> tuple[pafs.FileSystem, str]:
        """The file system of the table and its folder there."""
        if self.local:
            return pafs.LocalFileSystem(), str(Path(unquote(urlsplit(self._url).path)))
        filesystem, root = pafs.FileSystem.from_uri(self._url)
        return filesystem, root

    def snapshot(self) -> Snapshot:
        """The newest version; empty where the table has not been created."""
        with self._lock:
            table = self._opened()
            if table is None:
                return _snapshot(None, -1, self.layout, "")
            if self._known is None or self._known.version != table.version():
                actions = pa.table(table.get_add_actions(flatten=True))
                self._known = _snapshot(actions, table.version(), self.layout, self.filesystem()[1])
            return self._known

    def applied(self, application: str) -> int:
        """The newest transaction of `application`, -1 before the first."""
        with self._lock:
            table = self._opened()
            version = table.transaction_version(application) if table else None
            return -1 if version is None else version

    def commit(
        self,
        written: Sequence[WrittenFile],
        application: str,
        transaction: int,
        *,
        replacing: date | None = None,
        whole: bool = False,
    ) -> bool:
        """Makes files visible as transaction number `transaction`; False where it, or a later one, is there.

        They are added, or put in the place of the partition `replacing`, or of the `whole` table. Raises
        deltalake's CommitFailedError where somebody else committed in between: nothing has changed then.
        """
        with self._lock:
            table = self._opened() or self._created()
            if (table.transaction_version(application) or -1) >= transaction:
                return False
            column = self.layout.partition
            table.create_write_transaction(
                [_action(each, column) for each in written],
                "overwrite" if whole or replacing else "append",
                table.schema(),
                [column] if column else None,
                [(column, "=", replacing.isoformat())] if replacing and column else None,
                commit_properties=CommitProperties(app_transactions=[Transaction(application, transaction)]),
            )
            return True

    def vacuum(self, kept: timedelta) -> int:
        """Deletes files that no version younger than `kept` refers to, also those never committed."""
        with self._lock:
            table = self._opened()
            if table is None:
                return 0
            hours = int(kept / timedelta(hours=1))
            return len(table.vacuum(hours, dry_run=False, enforce_retention_duration=False, full=True))

    @contextmanager
    def writer(self, prefix: str, partition: date | None = None) -> Iterator["FileWriter"]:
        """A new file; when the block raises, what was written stays behind for the vacuum."""
        filesystem, root = self.filesystem()
        folder = "" if partition is None else f"{self.layout.partition}={partition.isoformat()}/"
        path = f"{folder}{prefix}{new_id().hex}.parquet"
        if folder or self.local:
            filesystem.create_dir(f"{root}/{folder}".rstrip("/"), recursive=True)
        with filesystem.open_output_stream(f"{root}/{path}") as stream:
            yield (writer := FileWriter(stream, self.layout, path, partition))
            writer.close()

    def _opened(self) -> DeltaTable | None:
        if self._table is None:
            if not DeltaTable.is_deltatable(self._url):
                return None
            self._table = DeltaTable(self._url)
        else:
            self._table.update_incremental()
        return self._table

    def _created(self) -> DeltaTable:
        if self.local:
            Path(self.filesystem()[1]).mkdir(parents=True, exist_ok=True)
        self._table = DeltaTable.create(
            self._url,
            self.layout.table_schema,
            mode="ignore",
            partition_by=[self.layout.partition] if self.layout.partition else None,
        )
        return self._table


@dataclass
class FileWriter:
    """Gathers sorted rows into whole row groups of one Parquet file."""

    stream: Any
    layout: Layout
    path: str
    partition: date | None
    rows: int = 0
    _minimum: dict[str, Any] = field(default_factory=dict)
    _maximum: dict[str, Any] = field(default_factory=dict)
    _waiting: list[pa.Table] = field(default_factory=list)
    _waiting_rows: int = 0
    _parquet: Any = None
    _closed: WrittenFile | None = None

    def write(self, table: pa.Table) -> None:
        """Appends rows, sorted, that follow all rows before them."""
        if not table.num_rows:
            return
        for name in self.layout.ordered:
            bounds = pc.min_max(table[name]).as_py()
            self._minimum[name] = min(self._minimum.get(name, bounds["min"]), bounds["min"])
            self._maximum[name] = max(self._maximum.get(name, bounds["max"]), bounds["max"])
        self.rows += table.num_rows
        self._waiting.append(table.select(self.layout.schema.names).cast(self.layout.schema))
        self._waiting_rows += table.num_rows
        if self._waiting_rows >= row_group_rows:
            self._flush(self._waiting_rows // row_group_rows * row_group_rows)

    def close(self) -> None:
        self._flush(self._waiting_rows)
        if self._parquet is None:
            self._parquet = self._opened(self.layout.schema.empty_table())
        self._parquet.close()
        self._closed = WrittenFile(
            self.path, self.stream.tell(), self.rows, self._minimum, self._maximum, self.partition
        )

    @property
    def written(self) -> WrittenFile:
        if self._closed is None:
            raise ValueError("the file is still open")
        return self._closed

    def _flush(self, rows: int) -> None:
        if not rows:
            return
        waiting = pa.concat_tables(self._waiting)
        if self._parquet is None:
            self._parquet = self._opened(waiting)
        self._parquet.write_table(waiting.slice(0, rows), row_group_size=row_group_rows)
        self._waiting, self._waiting_rows = [waiting.slice(rows)], self._waiting_rows - rows

    def _opened(self, first: pa.Table) -> pq.ParquetWriter:
        """Values that repeat, as those of an instrument with few digits do, are smallest in a
        dictionary (1.7 bytes each, measured with two decimals); others with their bytes apart (6.3).
        A dictionary of series is as small as their differences, and finding one decodes less."""
        sample = first.slice(0, sample_rows_max)
        plain = {
            name: encoding
            for name, encoding in self.layout.plain_encodings.items()
            if pc.count_distinct(sample[name]).as_py() * 2 > len(sample)
        }
        encodings = {**self.layout.encodings, **plain}
        return pq.ParquetWriter(
            self.stream,
            self.layout.schema,
            compression="zstd",
            use_dictionary=[name for name in self.layout.schema.names if name not in encodings],
            column_encoding=encodings,
            dictionary_pagesize_limit=dictionary_bytes_max,
            store_schema=False,
        )


def _action(written: WrittenFile, partition: str | None) -> AddAction:
    stats = {
        "numRecords": written.rows,
        "minValues": {name: _told(value) for name, value in written.minimum.items()},
        "maxValues": {name: _told(value) for name, value in written.maximum.items()},
        "nullCount": dict.fromkeys(written.minimum, 0),
    }
    values = {partition: written.partition.isoformat()} if partition and written.partition else {}
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    return AddAction(written.path, written.bytes, values, now_ms, True, json.dumps(stats))


def _told(value: Any) -> Any:
    """A bound as Delta's log writes it (protocol, Per-file Statistics)."""
    return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if isinstance(value, datetime) else value


def _snapshot(actions: pa.Table | None, version: int, layout: Layout, root: str) -> Snapshot:
    none = np.zeros(0, np.int64)
    if actions is None or not actions.num_rows:
        return Snapshot(version, [], none, none, [], dict.fromkeys(layout.ordered, (none, none)))
    n = actions.num_rows
    return Snapshot(
        version=version,
        uris=[f"{root}/{unquote(path)}" for path in actions["path"].to_pylist()],
        rows=_ints(actions["num_records"]),
        bytes=_ints(actions["size_bytes"]),
        partitions=actions[f"partition.{layout.partition}"].to_pylist() if layout.partition else [None] * n,
        bounds={
            name: (_ints(actions[f"min.{name}"]), _ints(actions[f"max.{name}"])) for name in layout.ordered
        },
    )


def _ints(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """Integers, or times in microseconds since 1970."""
    found: NDArray[np.int64] = column.cast(pa.int64()).to_numpy().astype(np.int64)
    return found
