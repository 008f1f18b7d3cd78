"""H3 cells (Uber's hexagonal hierarchical index) as columns: places to cells, cells to parents, counts."""

from dataclasses import dataclass

import h3.api.numpy_int as h3
import numpy as np
import polars as pl
from numpy.typing import NDArray

from yunnao.modules.sensing.contracts import Floats, Int64
from yunnao.modules.sensing.live.domain.grid import Booleans

Cells = NDArray[np.uint64]
FINEST = 12
"""Edges of some 10 m: as fine as a device's place is known."""
NO_CELL = np.uint64(0)
_RESOLUTION_BIT = 52
_DIGIT_BITS, _DIGITS = 3, 15


@dataclass(frozen=True)
class CellCounts:
    """m cells: how many values, their mean, least and greatest (NaN without a value); how many devices,
    with a value or without, and of them online."""

    cell: Cells
    count: Int64
    mean: Floats
    minimum: Floats
    maximum: Floats
    online: Int64
    devices: Int64


def cells_of(lon: Floats, lat: Floats) -> Cells:
    """The cell of each of n places at `FINEST`; `NO_CELL` where there is no place."""
    found = np.full(len(lon), NO_CELL)
    placed = np.flatnonzero(np.isfinite(lon) & np.isfinite(lat))
    pairs = zip(lat[placed].tolist(), lon[placed].tolist(), strict=True)
    # The library takes one place at a time, 0.8 µs each.
    found[placed] = np.fromiter((h3.latlng_to_cell(*pair, FINEST) for pair in pairs), np.uint64, len(placed))
    return found


def parents(cells: Cells, resolution: int) -> Cells:
    """The cells of `resolution` above n cells: its four bits are set, and every finer digit to 7."""
    unused = np.uint64((1 << _DIGIT_BITS * (_DIGITS - resolution)) - 1)
    bits = np.uint64(0xF << _RESOLUTION_BIT)
    level = np.uint64(resolution << _RESOLUTION_BIT)
    return np.where(cells == NO_CELL, NO_CELL, (cells & ~bits) | level | unused)


def numbered(cells: Cells) -> tuple[Cells, Int64]:
    """The different cells (m) and beside each of n which of them it is.

    Counting by 64 bits, as NumPy does inside, takes two thirds of the time that 32 take.
    """
    different = np.sort(pl.Series(cells).unique().to_numpy())
    return different, np.searchsorted(different, cells).astype(np.int64)


def count(cells: Cells, place: Int64, value: Floats, online: Booleans) -> CellCounts:
    """Counts by cell of n values (NaN: none), each in `cells[place]`."""
    m = len(cells)
    has = ~np.isnan(value)
    if not has.all():
        counted, value = place[has], value[has]
    else:
        counted = place
    n = np.bincount(counted, minlength=m)
    minimum, maximum = np.full(m, np.inf), np.full(m, -np.inf)
    np.minimum.at(minimum, counted, value)
    np.maximum.at(maximum, counted, value)
    nothing = n == 0
    minimum[nothing] = maximum[nothing] = np.nan
    with np.errstate(invalid="ignore"):
        mean = np.bincount(counted, value, m) / n
    speaking = np.bincount(place, online, m).astype(np.int64)
    return CellCounts(cells, n, mean, minimum, maximum, speaking, np.bincount(place, minlength=m))
