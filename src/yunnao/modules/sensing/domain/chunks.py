"""Readings in columns as they lie in the stream: known series, checked values, little-endian.

A chunk is a header in JSON, filled up with spaces to a multiple of 8 bytes, then all times
(int64, µs since 1970), all values (float64) and all series (int32). Before the header stand four
bytes that name the form, and its length.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import orjson
from numpy.typing import NDArray

from yunnao.kernel.errors import InvalidInput

FORM = b"YNC1"
rows_max = 40_000
"""20 bytes each: a chunk stays below the 1 MB that brokers take by default."""


@dataclass(frozen=True)
class Part:
    """n readings of one metric of a product's devices."""

    product: str
    metric: str
    series: NDArray[np.int32]
    time_us: NDArray[np.int64]
    value: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.series)

    def cut(self, start: int, end: int) -> "Part":
        return Part(
            self.product, self.metric, self.series[start:end], self.time_us[start:end], self.value[start:end]
        )


def chunks(parts: Sequence[Part]) -> list[bytes]:
    """All of `parts` in chunks of at most `rows_max` readings."""
    found: list[bytes] = []
    waiting: list[Part] = []
    room = rows_max
    for part in parts:
        start = 0
        while start < len(part):
            piece = part.cut(start, start + room)
            waiting.append(piece)
            start += len(piece)
            room -= len(piece)
            if not room:
                found.append(_encoded(waiting))
                waiting, room = [], rows_max
    if waiting:
        found.append(_encoded(waiting))
    return found


def _encoded(parts: Sequence[Part]) -> bytes:
    told = orjson.dumps([[part.product, part.metric, len(part)] for part in parts])
    header = told + b" " * (-len(told) % 8)
    return b"".join(
        [
            FORM,
            struct.pack("<I", len(header)),
            header,
            *(part.time_us.astype("<i8", copy=False).tobytes() for part in parts),
            *(part.value.astype("<f8", copy=False).tobytes() for part in parts),
            *(part.series.astype("<i4", copy=False).tobytes() for part in parts),
        ]
    )


def parts_of(chunk: bytes) -> list[Part]:
    """The inverse of `chunks`, without a copy. Raises InvalidInput `chunk_unreadable`."""
    if chunk[:4] != FORM:
        raise InvalidInput("chunk_unreadable")
    start = 8 + struct.unpack_from("<I", chunk, 4)[0]
    told = orjson.loads(chunk[8:start])
    rows = sum(n for _, _, n in told)
    time_us = np.frombuffer(chunk, "<i8", rows, start)
    value = np.frombuffer(chunk, "<f8", rows, start + 8 * rows)
    series = np.frombuffer(chunk, "<i4", rows, start + 16 * rows)
    found: list[Part] = []
    first = 0
    for product, metric, n in told:
        end = first + n
        found.append(Part(product, metric, series[first:end], time_us[first:end], value[first:end]))
        first = end
    return found
