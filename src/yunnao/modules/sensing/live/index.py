"""Which device, metric and place a series has, in columns, and orders of them by place, cell and device."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from yunnao.kernel.packs.scene import Product
from yunnao.modules.sensing.contracts import Floats, Int32, Int64
from yunnao.modules.sensing.live.domain.cells import NO_CELL, Cells, ranked
from yunnao.modules.sensing.live.domain.grid import Grid, Squares, squares_of
from yunnao.modules.sensing.live.domain.orders import reordered

NONE = -1
"""No such product, metric, district, owner or device."""
SILENT_INTERVALS = 3
"""A device is online while it has spoken within so many of its product's intervals."""
NEVER_US = -(1 << 62)
orders_max = 4
"""Lists of series, and of their cells at a resolution, that are kept ready; each 4 bytes a series."""

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True)
class Names:
    """What numbers in the columns stand for, by place in these lists."""

    products: list[str]
    specs: list[Product]
    metrics: list[str]
    districts: list[str]
    owners: list[str]


@dataclass
class Columns:
    """Row d of `product` to `cell` is device number d, row s of `device` and `metric` series s."""

    product: Int32
    lon: Floats
    lat: Floats
    district: Int32
    owner: Int32
    cell: Cells
    device: Int32
    metric: Int32

    @classmethod
    def empty(cls) -> "Columns":
        ints, floats = np.zeros(0, np.int32), np.zeros(0)
        return cls(ints, floats, floats, ints, ints, np.zeros(0, np.uint64), ints, ints)


@dataclass
class Orders:
    """Devices that have a place and are not retired by square of the grid (`squares` beside them) and by
    cell; series by device, and where each device's begin in that (one more for the end)."""

    by_square: Int32
    squares: Squares
    by_cell: Int32
    by_device: Int32
    starts: Int32

    @classmethod
    def of(cls, columns: Columns) -> "Orders":
        """Seconds of work for millions of devices."""
        nothing, none = np.zeros(0, np.int32), np.zeros(0, np.uint32)
        devices, series = (np.arange(len(rows), dtype=np.int32) for rows in (columns.product, columns.device))
        return cls(nothing, none, nothing, nothing, nothing).after(columns, devices, series)

    def after(self, columns: Columns, devices: Int32, series: Int32) -> "Orders":
        """The orders of `columns`, of which these `devices` and `series` changed."""
        placed = (columns.product[devices] != NONE) & (columns.cell[devices] != NO_CELL)
        there = devices[placed]
        squares = squares_of(columns.lon[there], columns.lat[there])
        by_square, squares = reordered(self.by_square, self.squares, devices, there, squares)
        # What moved has its new cell in the column, but leaves its place, so the others' are in order.
        cells = columns.cell.take(self.by_cell)
        by_cell, _ = reordered(self.by_cell, cells, devices, there, columns.cell[there])
        owned = series[columns.device[series] != NONE]
        held = columns.device.take(self.by_device)
        by_device, held = reordered(self.by_device, held, series, owned, columns.device[owned])
        starts = np.zeros(len(columns.product) + 1, np.int32)
        np.cumsum(np.bincount(held, minlength=len(columns.product)), out=starts[1:])
        return Orders(by_square, squares, by_cell, by_device, starts)


@dataclass
class Index:
    """Columns and orders of one version of the registry, and lists made when they are first asked for."""

    version: int
    names: Names
    columns: Columns
    orders: Orders
    _series: dict[tuple[int, int | None], Int32] = field(default_factory=dict)
    _cells: dict[tuple[int, int | None, int], tuple[Cells, Int32]] = field(default_factory=dict)

    @cached_property
    def grid(self) -> Grid:
        """Devices by place; those that are retired are in no place."""
        return Grid(self.columns.lon, self.columns.lat, (self.orders.by_square, self.orders.squares))

    @cached_property
    def patience_us(self) -> Int64:
        """How long after its last message a device of each product is online; last, of none: never."""
        seconds = [spec.interval_s for spec in self.names.specs]
        return np.array([*(SILENT_INTERVALS * 1_000_000 * s for s in seconds), NEVER_US], np.int64)

    def patience_of(self, devices: Int32) -> Int64:
        """How long after its last message each of `devices` is online; never one that is retired or was
        registered since."""
        inside = devices < len(self.columns.product)
        products = np.where(inside, self.columns.product.take(devices, mode="clip"), NONE)
        found: Int64 = self.patience_us.take(products, mode="wrap")
        return found

    def series_of(self, devices: Int32, metric: int | None = None) -> tuple[Int32, Int64]:
        """Series of `devices`, of one metric or all, and beside each the place of its device in the list."""
        starts = self.orders.starts
        # A device that was registered since is in no column yet.
        inside = devices < len(starts) - 1
        devices = np.where(inside, devices, 0)
        first = starts[devices].astype(np.int64)
        lengths = np.where(inside, starts[devices + 1] - first, 0)
        place = np.repeat(np.arange(len(devices)), lengths)
        before = np.cumsum(lengths) - lengths
        series = self.orders.by_device.take(np.arange(lengths.sum()) + np.repeat(first - before, lengths))
        if metric is None:
            return series, place
        wanted = self.columns.metric.take(series) == metric
        return series[wanted], place[wanted]

    def series_of_metric(self, metric: int, product: int | None = None) -> Int32:
        """Every series of a metric whose device has a place, in order of number."""

        def find() -> Int32:
            found = np.flatnonzero(self.columns.metric == metric).astype(np.int32)
            device = self.columns.device.take(found)
            products = self.columns.product.take(device)
            wanted = (products != NONE) & (self.columns.cell.take(device) != NO_CELL)
            if product is not None:
                wanted &= products == product
            chosen: Int32 = found[wanted]
            return chosen

        return _kept(self._series, (metric, product), find)

    def devices_placed(self, product: int | None = None) -> Int32:
        """Devices that have a place, in order of number."""

        def find() -> Int32:
            wanted = (self.columns.product != NONE) & (self.columns.cell != NO_CELL)
            if product is not None:
                wanted &= self.columns.product == product
            return np.flatnonzero(wanted).astype(np.int32)

        return _kept(self._series, (NONE, product), find)

    def cells_of_devices(self, product: int | None, resolution: int) -> tuple[Cells, Int32]:
        """The cells of `devices_placed`, and which of them each device is in."""
        return _kept(
            self._cells,
            (NONE, product, resolution),
            lambda: self._ranked(self.devices_placed(product), resolution),
        )

    def cells_of_metric(self, metric: int, product: int | None, resolution: int) -> tuple[Cells, Int32]:
        """The cells of `series_of_metric`, and which of them each series is in."""
        return _kept(
            self._cells,
            (metric, product, resolution),
            lambda: self._ranked(
                self.columns.device.take(self.series_of_metric(metric, product)), resolution
            ),
        )

    def _ranked(self, devices: Int32, resolution: int) -> tuple[Cells, Int32]:
        """The different cells of `devices` and which of them each is in."""
        cells, rank = ranked(self.orders.by_cell, self.columns.cell, resolution, len(self.columns.product))
        place = rank.take(devices)
        used = np.bincount(place, minlength=len(cells)) > 0
        if used.all():
            return cells, place
        return cells[used], (np.cumsum(used, dtype=np.int32) - 1).take(place)


def _kept(kept: dict[Key, Value], key: Key, find: Callable[[], Value]) -> Value:
    """What is kept under `key`, found where it is not; the oldest leave for it."""
    value: Any = kept.get(key)
    if value is None:
        value = find()
        while len(kept) >= orders_max:
            del kept[next(iter(kept))]
        kept[key] = value
    found: Value = value
    return found
