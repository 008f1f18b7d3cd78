"""The files of a live table: one a column, grown in steps, and a header that tells their length."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from yunnao.kernel.errors import TooLarge
from yunnao.kernel.ids import UUID, new_id
from yunnao.modules.sensing.contracts import Floats, Int64
from yunnao.modules.sensing.domain.times import UNKNOWN_US

UInt32 = NDArray[np.uint32]

rows_step = 1 << 18
rows_max = 1 << 28
lanes_max = 256
FORMAT = 0x59554E_4C495645_02
"""Stands first in the header; its last byte grows with every change of the files' form."""
HEADER_WORDS = 512
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# Words of the header.
FORM, ROWS, CHANGE, BOOT, DATABASE, MACHINE = 0, 1, 2, slice(4, 6), slice(6, 8), slice(8, 10)
APPLIED = slice(16, 16 + lanes_max)

MULTIPLIER = np.uint64(0x9E37_79B9_7F4A_7C15)
"""2^64 divided by the golden ratio (Knuth, multiplicative hashing): spreads a few bits over all."""
HALF = np.uint64(32)


@dataclass(frozen=True)
class Columns:
    """The mapped columns, each of `rows` rows."""

    rows: int
    time_us: Int64
    value: Floats
    seen_us: Int64
    check: UInt32
    change: Int64


def checks(time_us: Int64, value: Floats) -> UInt32:
    """32 bits (n) that tell whether a time and a value were written together."""
    mixed = (time_us.view(np.uint64) * MULTIPLIER ^ value.view(np.uint64)) * MULTIPLIER
    return (mixed >> HALF).astype(np.uint32)


UNKNOWN_CHECK = int(checks(np.array([UNKNOWN_US], np.int64), np.array([np.nan]))[0])
FILES: list[tuple[str, type, Any]] = [
    ("time_us", np.int64, UNKNOWN_US),
    ("value", np.float64, np.nan),
    ("seen_us", np.int64, UNKNOWN_US),
    ("check", np.uint32, UNKNOWN_CHECK),
    ("change", np.int64, 0),
]
"""Name, type, and what stands for nothing."""


class Files:
    """Creates, grows and maps the files; the lock of a process that dies is released by the system."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._header: Int64 | None = None
        self._columns: Columns | None = None

    def columns(self, *, current: bool = False) -> Columns:
        """The columns as last mapped, or with `current` as long as they are now."""
        header = self._opened()
        if self._columns is None or (current and self._columns.rows < int(header[ROWS])):
            self._columns = self._mapped(int(header[ROWS]))
        return self._columns

    @contextmanager
    def writing(self, rows: int) -> Iterator[Columns]:
        """Columns of at least `rows` rows, for one writer at a time. Raises TooLarge `live_table_full`."""
        if rows > rows_max:
            raise TooLarge("live_table_full", rows=rows, limit=rows_max)
        header = self._opened()
        with self._locked():
            if rows > header[ROWS]:
                self._grow(-(-rows // rows_step) * rows_step)
            yield self.columns(current=True)

    def change(self) -> int:
        """The number of the newest change."""
        return int(self._opened()[CHANGE])

    def next_change(self) -> int:
        """Counts a change; for whoever is writing."""
        header = self._opened()
        header[CHANGE] += 1
        return int(header[CHANGE])

    def machine(self) -> UUID:
        """Whose table this is: made with the files."""
        return UUID(bytes=self._opened()[MACHINE].tobytes())

    def applied(self) -> Int64:
        """The last applied batch of each lane, plus one; 0 where there is none."""
        return self._opened()[APPLIED]

    def claim(self, database: UUID) -> None:
        """Notes whose series these are; empties the columns where they were another database's."""
        header = self._opened()
        words = np.frombuffer(database.bytes, np.int64)
        with self.writing(0) as columns:
            if (header[DATABASE] != words).any():
                header[APPLIED] = 0
                for name, _, nothing in FILES:
                    getattr(columns, name)[:] = nothing
                header[DATABASE] = words

    def _opened(self) -> Int64:
        if self._header is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._locked():
                self._header = self._open()
        return self._header

    def _open(self) -> Int64:
        path = self._folder / "header"
        if not path.is_file() or path.stat().st_size < HEADER_WORDS * 8:
            path.write_bytes(bytes(HEADER_WORDS * 8))
        header: Int64 = np.memmap(path, np.int64, "r+", shape=(HEADER_WORDS,))
        boot = np.frombuffer(_boot(), np.int64)
        if header[FORM] != FORMAT or not self._whole(int(header[ROWS])):
            header[:] = 0
            header[MACHINE] = np.frombuffer(new_id().bytes, np.int64)
            header[FORM] = FORMAT
        elif (header[BOOT] != boot).any():
            header[APPLIED] = 0
        header[BOOT] = boot
        self._header = header
        if not header[ROWS]:
            self._grow(rows_step)
        return header

    def _whole(self, rows: int) -> bool:
        """Whether every column has as many rows as the header says."""
        paths = [(self._folder / name, np.dtype(kind).itemsize) for name, kind, _ in FILES]
        return all(path.is_file() and path.stat().st_size >= rows * size for path, size in paths)

    def _grow(self, rows: int) -> None:
        """Lengthens the columns; the header tells of it once there is nothing in the new rows."""
        assert self._header is not None
        start = int(self._header[ROWS])
        for name, kind, nothing in FILES:
            with (self._folder / name).open("ab") as file:
                # Never shorter: another process would fall out of its mapping.
                file.truncate(max(file.tell(), rows * np.dtype(kind).itemsize))
            np.memmap(self._folder / name, kind, "r+", shape=(rows,))[start:] = nothing
        self._header[ROWS] = rows

    def _mapped(self, rows: int) -> Columns:
        # Plain arrays over the mapping: np.memmap would make every result one of its own kind.
        arrays = {
            name: np.asarray(np.memmap(self._folder / name, kind, "r+", shape=(rows,)))
            for name, kind, _ in FILES
        }
        return Columns(rows, **arrays)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _boot() -> bytes:
    """16 bytes that change with every start of the machine."""
    if BOOT_ID.is_file():
        return UUID(BOOT_ID.read_text().strip()).bytes
    return int(psutil.boot_time()).to_bytes(16, "big")
