"""The file in which a machine's processes share an index: written by one of them, mapped by all.

A file is never changed: the next version is put in its place as a whole, and who has the former one
mapped goes on reading that. Nothing in it can be half, so readers need no lock.
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Self

import numpy as np
import orjson

from yunnao.kernel.ids import UUID
from yunnao.modules.sensing.live.index import Columns, Orders

FORMAT = b"YNPLACE1"
"""Stands first; its last byte grows with every change of the file's form."""
ALIGNED_BYTES = 64
LENGTH_BYTES = 8
lock_wait_s = 0.05
refresh_share_max = 0.05
"""Of the time that may go into following changes of devices."""
refresh_free_s = 0.2
"""A refresh that takes no longer may follow at once."""


@dataclass(frozen=True)
class Head:
    """Whose index a file holds. `names`: products, metrics, districts, owners by number.

    `made_at` (s) is of the machine's monotonic clock, the same for all its processes.
    """

    database: str
    version: int
    names: Mapping[str, list[str]]
    made_at: float
    took_s: float

    @classmethod
    def of(
        cls, database: UUID, version: int, names: Mapping[str, list[str]], began: float, ended: float
    ) -> Self:
        return cls(str(database), version, names, ended, ended - began)

    def serves(self, version: int) -> bool:
        """Whether it is of `version`, or following it already would take more than its share of the time."""
        if self.version >= version or self.took_s <= refresh_free_s:
            return self.version >= version
        return 0 <= monotonic() - self.made_at < self.took_s / refresh_share_max


@dataclass(frozen=True)
class Held:
    head: Head
    columns: Columns
    orders: Orders


class Shared:
    """The file in `folder`, and the lock of whoever writes it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "places"

    def read(self) -> Held | None:
        """What the file holds, mapped and not to be written; None where there is no whole file."""
        try:
            raw = np.asarray(np.memmap(self._path, np.uint8, "r"))
        except (FileNotFoundError, ValueError):  # the latter: it is empty
            return None
        start = len(FORMAT) + LENGTH_BYTES
        if raw[: len(FORMAT)].tobytes() != FORMAT:
            return None
        end = start + int(raw[len(FORMAT) : start].view(np.int64)[0])
        found: dict[str, Any] = orjson.loads(raw[start:end].tobytes())
        arrays, offset = {}, _aligned(end)
        for name, kind, rows in found.pop("arrays"):
            size = rows * np.dtype(kind).itemsize
            arrays[name] = raw[offset : offset + size].view(kind)
            offset = _aligned(offset + size)
        return Held(
            Head(**found),
            Columns(**{name: arrays[name] for name in Columns.__dataclass_fields__}),
            Orders(**{name: arrays[name] for name in Orders.__dataclass_fields__}),
        )

    def write(self, held: Held) -> None:
        """Puts a new file in place of the one there is; only while `writing`."""
        arrays = vars(held.columns) | vars(held.orders)
        told = [[name, array.dtype.str, len(array)] for name, array in arrays.items()]
        head = orjson.dumps(asdict(held.head) | {"arrays": told})
        new = self._path.with_suffix(".new")
        with new.open("wb") as file:
            file.write(FORMAT + len(head).to_bytes(LENGTH_BYTES, "little") + head)
            for array in arrays.values():
                file.seek(_aligned(file.tell()))
                file.write(np.ascontiguousarray(array).data)
            # A file that is not yet all on the disk must not take the place of one that is.
            file.truncate(_aligned(file.tell()))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """One writer at a time; the system takes the lock back from one that dies."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "places.lock").open("w") as file:
            # Asked again and again: a thread that waits for it could not be told to stop.
            while not _locked(file.fileno()):  # noqa: ASYNC110 - it is a process that is waited for
                await asyncio.sleep(lock_wait_s)
            yield


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _aligned(offset: int) -> int:
    return -(-offset // ALIGNED_BYTES) * ALIGNED_BYTES
