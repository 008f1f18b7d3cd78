"""Questions to all rows at once, block by block: what belongs together stays in the processor's cache."""

from collections.abc import Iterator
from typing import TypeVar

import numpy as np

from yunnao.modules.sensing.contracts import Floats, Int32, Int64
from yunnao.modules.sensing.domain.times import UNKNOWN_US
from yunnao.modules.sensing.live.contracts import BBox
from yunnao.modules.sensing.live.domain.cells import CellCounts, Counting, block_rows
from yunnao.modules.sensing.live.domain.grid import Booleans
from yunnao.modules.sensing.live.index import Index

Column = TypeVar("Column", Int64, Floats)


def heard(index: Index, seen_us: Int64, now_us: int) -> tuple[Booleans, Booleans]:
    """Whether each device, by number, is online, and whether it was ever heard.

    `seen_us`: arrival of each series' last message.
    """
    product = index.columns.product
    online, ever = np.zeros(len(product), np.bool_), np.zeros(len(product), np.bool_)
    since = now_us - index.patience_us
    for first, last_us in _last_seen(index, seen_us):
        end = first + len(last_us)
        np.not_equal(last_us, UNKNOWN_US, out=ever[first:end])
        # NONE stands last in the list of products.
        np.greater(last_us, since.take(product[first:end], mode="wrap"), out=online[first:end])
    return online, ever


def last_seen(index: Index, seen_us: Int64) -> Int64:
    """Arrival of each device's last message, by number; `UNKNOWN_US` where there is none."""
    blocks = [block for _, block in _last_seen(index, seen_us)]
    return np.concatenate(blocks) if blocks else np.zeros(0, np.int64)


def _last_seen(index: Index, seen_us: Int64) -> Iterator[tuple[int, Int64]]:
    """By blocks of devices: the number of the first, and of each one the latest of its series."""
    order, starts, devices = index.orders.by_device, index.orders.starts, len(index.columns.product)
    for first in range(0, devices, block_rows):
        bounds = starts[first : first + block_rows + 1]
        of_series = taken(seen_us, order[bounds[0] : bounds[-1]], UNKNOWN_US)
        lengths = np.diff(bounds)
        some = lengths > 0
        if (lengths == 1).all():
            yield first, of_series
            continue
        latest = np.full(len(lengths), UNKNOWN_US)
        if len(of_series):
            latest[some] = np.maximum.reduceat(of_series, (bounds[:-1] - bounds[0])[some])
        yield first, latest


def cells(
    index: Index,
    asked: tuple[int | None, int | None, int],
    value: Floats,
    online: Booleans,
    allowed: Booleans | None = None,
    box: BBox | None = None,
) -> tuple[CellCounts, int]:
    """Counts by cell of every device that has a place, and how many values were hidden.

    `asked`: a metric, whose newest `value`s (by series) are counted, or None; a product or None; the
    resolution. `online`, and whose value is `allowed` to be read (None: all): by device.
    """
    metric, product, resolution = asked
    if metric is None:
        series, (found, place) = None, index.cells_of_devices(product, resolution)
        devices = index.devices_placed(product)
    else:
        series, (found, place) = (
            index.series_of_metric(metric, product),
            index.cells_of_metric(metric, product, resolution),
        )
    counting, hidden = Counting(found), 0
    for start in range(0, len(place), block_rows):
        block = slice(start, start + block_rows)
        device = devices[block] if series is None else index.columns.device.take(series[block])
        values = None if series is None else taken(value, series[block], np.nan)
        at, speaking = place[block].astype(np.intp), online.take(device)
        if box is not None:
            inside = _inside(index, device, box)
            at, speaking, device = at[inside], speaking[inside], device[inside]
            values = None if values is None else values[inside]
        if values is not None:
            hidden += hide(values, device, allowed)
        counting.add(at, values, speaking)
    return counting.counts(), hidden


def hide(values: Floats, device: Int32, allowed: Booleans | None) -> int:
    """Takes out the values (n) of devices (n) that are not `allowed`, and tells how many it were."""
    if allowed is None:
        return 0
    closed = ~allowed.take(device) & ~np.isnan(values)
    values[closed] = np.nan
    return int(closed.sum())


def taken(column: Column, rows: Int32, nothing: float) -> Column:
    """`column` at `rows` (n), `nothing` at those that are beyond its end."""
    if not len(rows) or int(rows.max()) < len(column):
        return column.take(rows)
    found = np.full(len(rows), nothing, column.dtype)
    inside = rows < len(column)
    found[inside] = column.take(rows[inside])
    return found


def _inside(index: Index, device: Int32, box: BBox) -> Booleans:
    west, south, east, north = box
    lon, lat = index.columns.lon.take(device), index.columns.lat.take(device)
    found: Booleans = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
    return found
