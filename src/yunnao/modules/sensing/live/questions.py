"""What is now: questions to the live table by device, thing, place and cell."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from time import monotonic

import numpy as np
import shapely

from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.errors import InvalidInput, NotFound, TooLarge
from yunnao.kernel.text import Text
from yunnao.kernel.time import Clock
from yunnao.modules.sensing.contracts import DeviceState, Int32, Int64, LatestValue
from yunnao.modules.sensing.domain.times import UNKNOWN_US, from_us, to_us
from yunnao.modules.sensing.live import store, whole
from yunnao.modules.sensing.live.contracts import (
    BBox,
    Freshness,
    LiveCells,
    LiveDevice,
    LiveDevices,
    SilentDevice,
    latest_of,
)
from yunnao.modules.sensing.live.domain.cells import FINEST, CellCounts, Counting, numbered, parents
from yunnao.modules.sensing.live.domain.grid import Booleans
from yunnao.modules.sensing.live.exchange import Exchange
from yunnao.modules.sensing.live.index import NONE, Index
from yunnao.modules.sensing.live.places import Places
from yunnao.modules.sensing.live.table import LiveTable

devices_max = 10_000
"""In one answer."""
near_max = 500
cells_max = 50_000
resolution_least = 4
polygon_points_max = 10_000
silence_memory = timedelta(days=7)
heard_kept_s = 1.0
"""Who is online, where there are more than `heard_free_rows` series: of fewer it is told in milliseconds."""
heard_free_rows = 500_000
few_share = 10
"""Where a box has less than one in so many of the devices, they are looked at one by one."""
Readable = Callable[[Transaction, Index], Awaitable[Booleans | None]]
"""Tells by device number whose values may be read; None: all."""


class Live:
    """Questions to the live table of this machine, into which those of the others are merged."""

    def __init__(self, clock: Clock, table: LiveTable, places: Places, exchange: Exchange) -> None:
        self._clock = clock
        self._table = table
        self._places = places
        self._exchange = exchange
        self._heard: tuple[float, int, tuple[Booleans, Booleans]] | None = None

    # --- devices ---

    async def of_devices(self, tx: Transaction, ids: Sequence[str]) -> LiveDevices:
        """Devices by id with every newest reading. Raises NotFound `device_not_found`."""
        rows = await store.devices_by_id(tx, ids[: devices_max + 1])
        missing = set(ids) - {row["id"] for row in rows}
        if missing:
            raise NotFound("device_not_found", device=min(missing))
        return await self._answer(tx, rows)

    async def of_entity(self, tx: Transaction, entity: str) -> LiveDevices:
        """Every device that watches the entity."""
        return await self._answer(tx, await store.devices_of_entity(tx, entity, devices_max))

    async def in_box(
        self, tx: Transaction, box: BBox, metric: str | None = None, product: str | None = None
    ) -> LiveDevices:
        """Devices in a box. Raises InvalidInput `bbox_invalid`, TooLarge `live_devices_too_many`."""
        west, south, east, north = _checked(box)
        index = await self._places.index(tx)
        devices = index.grid.box(west, south, east, north)
        return await self._selected(tx, index, devices, metric, product)

    async def in_polygon(
        self, tx: Transaction, polygon: str, metric: str | None = None, product: str | None = None
    ) -> LiveDevices:
        """Devices in a GeoJSON Polygon or MultiPolygon (RFC 7946). Raises as `in_box`, `polygon_invalid`."""
        shape = _shape(polygon)
        index = await self._places.index(tx)
        return await self._selected(tx, index, index.grid.within(shape), metric, product)

    async def in_district(
        self, tx: Transaction, district: str, metric: str | None = None, product: str | None = None
    ) -> LiveDevices:
        """Devices in a district by its code. Raises as `in_box`."""
        index = await self._places.index(tx)
        number = _number(index.names.districts, district)
        found = index.columns.district == number if number is not None else np.zeros(0, np.bool_)
        return await self._selected(tx, index, np.flatnonzero(found).astype(np.int32), metric, product)

    async def nearest(
        self,
        tx: Transaction,
        lon: float,
        lat: float,
        number: int,
        metric: str | None = None,
        product: str | None = None,
    ) -> LiveDevices:
        """The nearest devices, nearest first, within some 1,100 km."""
        _checked((lon, lat, lon, lat))
        index = await self._places.index(tx)
        devices, metres = index.grid.nearest(
            lon, lat, min(number, near_max), self._wanted(index, metric, product)
        )
        rows = {row["number"]: row for row in await store.devices_by_number(tx, devices.tolist())}
        away = dict(zip(devices.tolist(), metres.tolist(), strict=True))
        found = [rows[device] for device in devices.tolist() if device in rows]
        return await self._answer(tx, found, metric, away)

    async def _selected(
        self, tx: Transaction, index: Index, devices: Int32, metric: str | None, product: str | None
    ) -> LiveDevices:
        devices = np.sort(devices[self._wanted(index, metric, product)(devices)])
        if len(devices) > devices_max:
            raise TooLarge("live_devices_too_many", devices=len(devices), limit=devices_max)
        return await self._answer(tx, await store.devices_by_number(tx, devices.tolist()), metric)

    def _wanted(self, index: Index, metric: str | None, product: str | None) -> Callable[[Int32], Booleans]:
        """Which devices are there, of the product, and have the metric. Raises NotFound."""
        number = _metric(index, metric)
        of = None if product is None else _product(index, product)

        def keep(devices: Int32) -> Booleans:
            products = index.columns.product.take(devices)
            kept: Booleans = products != NONE if of is None else products == of
            if number is not None:
                has = np.zeros(len(devices), np.bool_)
                has[index.series_of(devices, number)[1]] = True
                kept &= has
            return kept

        return keep

    async def _answer(
        self,
        tx: Transaction,
        rows: Sequence[Row],
        metric: str | None = None,
        metres: Mapping[int, float] | None = None,
    ) -> LiveDevices:
        fresh = await self._exchange.refresh(tx)
        latest = await self.latest(tx, [row["number"] for row in rows], metric)
        states = await self.states(tx, [row["number"] for row in rows])
        items = [
            LiveDevice(
                number=row["number"],
                id=row["id"],
                name=Text(**row["name"]),
                product=row["product"],
                entity=row["entity"],
                lon=row["lon"],
                lat=row["lat"],
                state=states[row["number"]][0],
                last_seen=states[row["number"]][1],
                latest=latest[row["number"]],
                metres=metres.get(row["number"]) if metres else None,
            )
            for row in rows
        ]
        return LiveDevices(items, self._freshness(fresh))

    async def latest(
        self, tx: Transaction, devices: Sequence[int], metric: str | None = None
    ) -> dict[int, dict[str, LatestValue]]:
        """Newest readings by device number and metric."""
        index = await self._places.index(tx)
        numbers = np.array(devices, np.int32)
        series, place = index.series_of(numbers, _metric(index, metric))
        held = self._table.values(series)
        known = held.time_us != UNKNOWN_US
        series, place = series[known], place[known]
        metrics, products = index.columns.metric.take(series), index.columns.product.take(numbers[place])
        names, specs = index.names.metrics, index.names.specs
        textual = [
            specs[p].metrics[names[m]].value_type == "string" if names[m] in specs[p].metrics else False
            for m, p in zip(metrics.tolist(), products.tolist(), strict=True)
        ]
        texts = await store.texts(tx, series[np.array(textual, np.bool_)].tolist()) if any(textual) else {}
        found: dict[int, dict[str, LatestValue]] = {device: {} for device in devices}
        rows = zip(
            series.tolist(),
            numbers[place].tolist(),
            metrics.tolist(),
            products.tolist(),
            held.time_us[known].tolist(),
            held.value[known].tolist(),
            strict=True,
        )
        for one, device, m, p, time_us, value in rows:
            spec = specs[p].metrics.get(names[m])
            if spec is not None:
                shown = latest_of(value, texts.get(one), spec.value_type)
                found[device][names[m]] = LatestValue(shown, from_us(time_us))
        return found

    async def states(
        self, tx: Transaction, devices: Sequence[int]
    ) -> dict[int, tuple[DeviceState, datetime | None]]:
        """State and arrival of the last message, by device number."""
        index = await self._places.index(tx)
        numbers = np.array(devices, np.int32)
        series, place = index.series_of(numbers)
        seen_us = np.full(len(numbers), UNKNOWN_US)
        np.maximum.at(seen_us, place, self._table.values(series).seen_us)
        online = self._speaks(seen_us, index.patience_of(numbers))
        return {
            device: ("online" if on else "silent", None if seen == UNKNOWN_US else from_us(seen))
            for device, on, seen in zip(devices, online.tolist(), seen_us.tolist(), strict=True)
        }

    # --- all ---

    async def fresh(self, tx: Transaction) -> Freshness:
        """Brings what other machines have into the table; as of when that is."""
        return self._freshness(await self._exchange.refresh(tx))

    async def online(self, tx: Transaction) -> tuple[Index, Booleans]:
        """Whether each device, by number, is online; a device that is retired is not."""
        index, online, _ = await self.heard(tx)
        return index, online

    async def heard(self, tx: Transaction) -> tuple[Index, Booleans, Booleans]:
        """Whether each device, by number, is online, and whether it was ever heard."""
        await self._exchange.refresh(tx)
        index = await self._places.index(tx)
        if self._heard and self._heard[1] == index.version and monotonic() < self._heard[0]:
            return index, *self._heard[2]
        now_us, seen_us = to_us(self._clock.now()), self._table.scan().seen_us
        found = await asyncio.to_thread(whole.heard, index, seen_us, now_us)
        if len(index.columns.device) > heard_free_rows:
            self._heard = monotonic() + heard_kept_s, index.version, found
        return index, *found

    async def cells(
        self,
        tx: Transaction,
        metric: str | None,
        resolution: int,
        product: str | None = None,
        box: BBox | None = None,
        readable: Readable | None = None,
    ) -> LiveCells:
        """The newest values of a metric by H3 cell, or without one devices, which then have no values.

        Values of devices that are not `readable` (None: all are) are left out and counted as hidden.
        Raises TooLarge `live_cells_too_many`.
        """
        if not resolution_least <= resolution <= FINEST:
            raise InvalidInput(
                "live_resolution_invalid", resolution=resolution, least=resolution_least, most=FINEST
            )
        fresh = await self._exchange.refresh(tx)
        index, online = await self.online(tx)
        asked = _metric(index, metric), None if product is None else _product(index, product), resolution
        allowed = None if readable is None or metric is None else await readable(tx, index)
        few = box is not None and index.grid.at_most(*_checked(box)) * few_share < len(online)
        if box is not None and few:
            devices = index.grid.box(*box)
            devices = np.sort(devices[self._wanted(index, metric, product)(devices)])
            counts, hidden = await asyncio.to_thread(self._few, index, devices, asked, online, allowed)
        else:
            value = self._table.scan().value
            counts, hidden = await asyncio.to_thread(whole.cells, index, asked, value, online, allowed, box)
        if len(counts.cell) > cells_max:
            raise TooLarge("live_cells_too_many", cells=len(counts.cell), limit=cells_max)
        return LiveCells(counts, resolution, self._freshness(fresh), hidden)

    def _few(
        self,
        index: Index,
        devices: Int32,
        asked: tuple[int | None, int | None, int],
        online: Booleans,
        allowed: Booleans | None,
    ) -> tuple[CellCounts, int]:
        """Counts by cell of a few devices, and how many values were left out for not being `allowed`."""
        metric, _, resolution = asked
        values, hidden = None, 0
        if metric is not None:
            series, place = index.series_of(devices, metric)
            devices, values = devices[place], whole.taken(self._table.scan().value, series, np.nan)
            hidden = whole.hide(values, devices, allowed)
        cells, at = numbered(parents(index.columns.cell.take(devices), resolution))
        counting = Counting(cells)
        counting.add(at.astype(np.intp), values, online.take(devices))
        return counting.counts(), hidden

    async def fell_silent(
        self, tx: Transaction, product: str, after_s: float, since: datetime, until: datetime
    ) -> list[SilentDevice]:
        """Devices of a product that spoke and then said nothing for `after_s` of the time from `since` to
        `until`, in order of number.

        One whose newest reading was already old when it came handed in history: it is not live, so not
        silent. Nor is one judged that had not spoken for `silence_memory` when the listening began: it
        has its alarm, or after a rebuild all that is known of it is the time of an old reading.
        """
        await self._exchange.refresh(tx)
        index = await self._places.index(tx)
        if product not in index.names.products:
            return []
        after_us, since_us = int(after_s * 1_000_000), to_us(since)
        seen_us = await asyncio.to_thread(whole.last_seen, index, self._table.scan().seen_us)
        opened_us = np.maximum(seen_us, since_us) + after_us
        silent = (index.columns.product == _product(index, product)) & (opened_us < to_us(until))
        silent &= seen_us > since_us - silence_memory // timedelta(microseconds=1)
        devices = np.flatnonzero(silent).astype(np.int32)
        series, place = index.series_of(devices)
        newest_us = np.full(len(devices), UNKNOWN_US)
        np.maximum.at(newest_us, place, self._table.times_us(series))
        live = newest_us > seen_us[devices] - after_us
        return [
            SilentDevice(device, from_us(seen), from_us(opened))
            for device, seen, opened in zip(
                devices[live].tolist(),
                seen_us[devices[live]].tolist(),
                opened_us[devices[live]].tolist(),
                strict=True,
            )
        ]

    def _speaks(self, seen_us: Int64, patience_us: Int64) -> Booleans:
        speaks: Booleans = seen_us > to_us(self._clock.now()) - patience_us
        return speaks

    def _freshness(self, missing: tuple[int, ...]) -> Freshness:
        return Freshness(self._clock.now(), missing)


def _metric(index: Index, metric: str | None) -> int | None:
    if metric is None:
        return None
    number = _number(index.names.metrics, metric)
    if number is None:
        raise NotFound("live_metric_unknown", metric=metric)
    return number


def _product(index: Index, product: str) -> int:
    number = _number(index.names.products, product)
    if number is None:
        raise NotFound("product_unknown", product=product)
    return number


def _number(names: Sequence[str], name: str) -> int | None:
    return names.index(name) if name in names else None


def _checked(box: BBox) -> BBox:
    west, south, east, north = box
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise InvalidInput("bbox_invalid")
    return box


def _shape(polygon: str) -> shapely.Geometry:
    try:
        shape = shapely.from_geojson(polygon)
    except shapely.errors.GEOSException as error:
        raise InvalidInput("polygon_invalid") from error
    if shape.geom_type not in {"Polygon", "MultiPolygon"} or shape.is_empty or not shape.is_valid:
        raise InvalidInput("polygon_invalid")
    if shapely.get_num_coordinates(shape) > polygon_points_max:
        raise TooLarge("polygon_too_large", limit=polygon_points_max)
    _checked(shape.bounds)
    return shape
