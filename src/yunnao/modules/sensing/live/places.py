"""What does not change with every reading: which device, metric and place a series has, in columns.

Read whole from PostgreSQL once, then only what changed after the version of the registry that is known.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from time import monotonic
from typing import Any

import numpy as np

from yunnao.infra.postgres import Transaction
from yunnao.kernel.packs.scene import Product
from yunnao.modules.sensing.contracts import Floats, Int32, Int64
from yunnao.modules.sensing.live import store
from yunnao.modules.sensing.live.domain.cells import Cells, cells_of, numbered, parents
from yunnao.modules.sensing.live.domain.grid import Grid

NONE = -1
"""No such product, metric, district, owner or device."""
SILENT_INTERVALS = 3
"""A device is online while it has spoken within so many of its product's intervals."""
NEVER_US = -(1 << 62)
refresh_share_max = 0.05
"""Of the time that may go into following changes of devices."""
refresh_free_s = 0.2
"""A refresh that takes no longer may follow at once."""
orders_max = 4
"""Metrics whose series, and cells at one resolution, are kept ready; 12 bytes a series."""


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
class Index:
    """Columns of one version of the registry, and orders of them made when they are first asked for."""

    version: int
    names: Names
    columns: Columns
    _series: dict[tuple[int, int | None], Int32] = field(default_factory=dict)
    _cells: dict[tuple[int, int | None, int], tuple[Cells, Int64]] = field(default_factory=dict)

    @cached_property
    def grid(self) -> Grid:
        """Devices by place; those that are retired are in no place."""
        there = self.columns.product != NONE
        return Grid(np.where(there, self.columns.lon, np.nan), self.columns.lat)

    @cached_property
    def series_order(self) -> tuple[Int32, Int64]:
        """Series by device, and where each device's begin in that order; one more for the end."""
        known = np.flatnonzero(self.columns.device != NONE).astype(np.int32)
        order = known[np.argsort(self.columns.device[known], kind="stable")]
        starts = np.searchsorted(self.columns.device[order], np.arange(len(self.columns.product) + 1))
        return order, starts

    @cached_property
    def patience_us(self) -> Int64:
        """How long after its last message each device is online; never one that is retired."""
        seconds = [spec.interval_s for spec in self.names.specs]
        each = np.array([*(SILENT_INTERVALS * 1_000_000 * s for s in seconds), NEVER_US], np.int64)
        return each[self.columns.product]

    def prepare(self) -> None:
        """Makes every order that questions need; seconds of work for millions of devices."""
        _ = self.grid, self.series_order, self.patience_us

    def series_of(self, devices: Int32, metric: int | None = None) -> tuple[Int32, Int64]:
        """Series of `devices`, of one metric or all, and beside each the place of its device in the list."""
        order, starts = self.series_order
        # A device that was registered since is in no column yet.
        inside = devices < len(starts) - 1
        devices = np.where(inside, devices, 0)
        lengths = np.where(inside, starts[devices + 1] - starts[devices], 0)
        place = np.repeat(np.arange(len(devices)), lengths)
        before = np.cumsum(lengths) - lengths
        series = order.take(np.arange(lengths.sum()) + np.repeat(starts[devices] - before, lengths))
        if metric is None:
            return series, place
        wanted = self.columns.metric.take(series) == metric
        return series[wanted], place[wanted]

    def series_of_metric(self, metric: int, product: int | None = None) -> Int32:
        """Every series of a metric whose device has a place, in order of number."""
        key = metric, product
        if key not in self._series:
            found = np.flatnonzero(self.columns.metric == metric).astype(np.int32)
            device = self.columns.device.take(found)
            products = self.columns.product.take(device)
            wanted = (products != NONE) & (self.columns.cell.take(device) != 0)
            if product is not None:
                wanted &= products == product
            _make_room(self._series)
            self._series[key] = found[wanted]
        return self._series[key]

    def devices_placed(self, product: int | None = None) -> Int32:
        """Devices that have a place, in order of number."""
        wanted = (self.columns.product != NONE) & (self.columns.cell != 0)
        if product is not None:
            wanted &= self.columns.product == product
        return np.flatnonzero(wanted).astype(np.int32)

    def cells_of_devices(self, product: int | None, resolution: int) -> tuple[Cells, Int64]:
        """The cells of `devices_placed`, and which of them each device is in."""
        key = NONE, product, resolution
        if key not in self._cells:
            cell = self.columns.cell.take(self.devices_placed(product))
            _make_room(self._cells)
            self._cells[key] = numbered(parents(cell, resolution))
        return self._cells[key]

    def cells_of_metric(self, metric: int, product: int | None, resolution: int) -> tuple[Cells, Int64]:
        """The cells of `series_of_metric`, and which of them each series is in."""
        key = metric, product, resolution
        if key not in self._cells:
            device = self.columns.device.take(self.series_of_metric(metric, product))
            _make_room(self._cells)
            self._cells[key] = numbered(parents(self.columns.cell.take(device), resolution))
        return self._cells[key]


class Places:
    """The index of now; one of each process."""

    def __init__(self) -> None:
        self._index: Index | None = None
        self._lock = asyncio.Lock()
        self._took_s = 0.0
        self._made_at = 0.0

    async def index(self, tx: Transaction) -> Index:
        """The index as of the registry's version; shortly behind it where following costs too much."""
        version = await store.registry_version(tx)
        known = self._index
        if known is not None and (known.version == version or self._too_soon()):
            return known
        async with self._lock:
            if self._index is None or self._index.version != version:
                began = monotonic()
                self._index = await self._load(tx, self._index, version)
                self._made_at = monotonic()
                self._took_s = self._made_at - began
            return self._index

    def _too_soon(self) -> bool:
        if self._took_s <= refresh_free_s:
            return False
        return monotonic() - self._made_at < self._took_s / refresh_share_max

    async def _load(self, tx: Transaction, known: Index | None, version: int) -> Index:
        names = await _names(tx, known.names if known else None)
        columns, since = (known.columns, known.version) if known else (Columns.empty(), NONE)
        device_last, series_last = await store.numbers_last(tx)
        columns = Columns(
            product=_longer(columns.product, device_last, NONE),
            lon=_longer(columns.lon, device_last, np.nan),
            lat=_longer(columns.lat, device_last, np.nan),
            district=_longer(columns.district, device_last, NONE),
            owner=_longer(columns.owner, device_last, NONE),
            cell=_longer(columns.cell, device_last, 0),
            device=_longer(columns.device, series_last, NONE),
            metric=_longer(columns.metric, series_last, NONE),
        )
        lists = names.products, names.districts, names.owners
        async for devices in store.devices_changed(tx, *lists, device_last, since):
            await asyncio.to_thread(_take_devices, columns, devices)
        async for series, device, metric in store.series_of_changed(tx, names.metrics, series_last, since):
            columns.device[series], columns.metric[series] = device, metric
        index = Index(version, names, columns)
        await asyncio.to_thread(index.prepare)
        return index


def _take_devices(columns: Columns, found: Sequence[Any]) -> None:
    number, product, lon, lat, district, owner, there = found
    columns.product[number] = np.where(there == 1, product, NONE)
    columns.lon[number], columns.lat[number] = lon, lat
    columns.district[number], columns.owner[number] = district, owner
    columns.cell[number] = cells_of(lon, lat)


async def _names(tx: Transaction, known: Names | None) -> Names:
    """What is there is numbered on after what is known, whose numbers are in the columns."""
    specs = {row["product"]: Product.model_validate(row["spec"]) for row in await store.products(tx)}
    districts, owners = await store.districts_and_owners(tx)
    before = known or Names([], [], [], [], [])
    products = _joined(before.products, specs)
    return Names(
        products,
        [specs[product] for product in products],
        _joined(before.metrics, sorted({metric for spec in specs.values() for metric in spec.metrics})),
        _joined(before.districts, districts),
        _joined(before.owners, owners),
    )


def _joined(known: list[str], found: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*known, *found]))


def _longer(column: Any, last: int, nothing: Any) -> Any:
    """A copy with rows up to number `last`: an index in use is not changed under its readers."""
    longer = np.full(last + 1, nothing, column.dtype)
    longer[: len(column)] = column[: last + 1]
    return longer


def _make_room(kept: dict[Any, Any]) -> None:
    while len(kept) >= orders_max:
        del kept[next(iter(kept))]
