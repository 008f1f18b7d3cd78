"""Columns to PostgreSQL's binary COPY format, without a step per row."""

import struct

import numpy as np
from numpy.typing import NDArray

HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
TRAILER = struct.pack(">h", -1)
POSTGRES_EPOCH_US = 946_684_800_000_000
"""2000-01-01 in µs since 1970: PostgreSQL counts from there."""


def timestamps(time_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """µs since 1970 as PostgreSQL keeps `timestamptz`."""
    return time_us - POSTGRES_EPOCH_US


def packed(*columns: NDArray[np.generic]) -> bytes:
    """Rows of fixed-width columns (int16, int32, int64, float64) of equal length, none NULL."""
    fields: list[tuple[str, str]] = [("count", ">i2")]
    for position, column in enumerate(columns):
        fields += [(f"size{position}", ">i4"), (f"value{position}", column.dtype.newbyteorder(">").str)]
    rows = np.empty(len(columns[0]), dtype=np.dtype(fields))
    rows["count"] = len(columns)
    for position, column in enumerate(columns):
        rows[f"size{position}"] = column.dtype.itemsize
        rows[f"value{position}"] = column
    return HEADER + rows.tobytes() + TRAILER
