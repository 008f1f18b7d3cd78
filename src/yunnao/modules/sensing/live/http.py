"""Doors of the live table: what is now, by device, thing, place and cell, and the net as a whole."""

from collections.abc import Awaitable, Callable
from typing import Annotated

import h3.api.numpy_int as h3
import orjson
from fastapi import APIRouter, Query, Response

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.infra.postgres import Transaction
from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import Text
from yunnao.modules.geography.facade import Geography
from yunnao.modules.identity.contracts import Resource
from yunnao.modules.identity.facade import Identity
from yunnao.modules.sensing.facade import Sensing
from yunnao.modules.sensing.live import http_models as models
from yunnao.modules.sensing.live.contracts import BBox, LiveDevices
from yunnao.modules.sensing.live.domain.cells import FINEST, Cells
from yunnao.modules.sensing.live.domain.grid import Booleans
from yunnao.modules.sensing.live.index import Index
from yunnao.modules.sensing.live.net import hours_max
from yunnao.modules.sensing.live.questions import Live, near_max, resolution_least
from yunnao.modules.sensing.sharing.rights import ReadingRights
from yunnao.modules.twin.facade import Twin

ids_max = 500
Name = Annotated[str | None, Query(max_length=128)]
Names = Annotated[list[str] | None, Query(max_length=ids_max)]
Named = Callable[[Transaction, Principal, LiveDevices], Awaitable[Response]]
Box = Annotated[str | None, Query(max_length=200, description="West, south, east, north; WGS 84.")]


def router(
    sensing: Sensing, twin: Twin, geography: Geography, identity: Identity, rights: ReadingRights
) -> APIRouter:
    """Every door; paths without the API's prefix."""
    routes, live = APIRouter(tags=["live"]), sensing.live

    async def named(tx: Transaction, principal: Principal, found: LiveDevices) -> Response:
        names: dict[str, Text] = await twin.names(tx, [device.entity for device in found.items])
        hidden = await rights.hidden(tx, principal, [device.number for device in found.items])
        return Response(models.devices_json(found, names, hidden), media_type="application/json")

    _devices(routes, live, identity, named)
    _places(routes, live, identity, named)
    _wholes(routes, sensing, geography, identity, rights)
    return routes


def _devices(routes: APIRouter, live: Live, identity: Identity, named: Named) -> None:
    @routes.get("/live/values", response_model=models.LiveDevicesOut)
    async def get_values(
        tx: Tx, principal: CurrentPrincipal, *, device: Names = None, entity: Name = None
    ) -> Response:
        """The newest values of devices, or of every device that watches an entity."""
        identity.authorize(principal, "device:read", Resource("Device"))
        if (device is None) == (entity is None):
            raise InvalidInput("live_device_or_entity")
        if entity is not None:
            identity.authorize(principal, "device:list")
            return await named(tx, principal, await live.of_entity(tx, entity))
        return await named(tx, principal, await live.of_devices(tx, device or []))


def _places(routes: APIRouter, live: Live, identity: Identity, named: Named) -> None:
    @routes.get("/live/box", response_model=models.LiveDevicesOut)
    async def get_box(
        tx: Tx,
        principal: CurrentPrincipal,
        bbox: Annotated[str, Query(max_length=200, description="West, south, east, north; WGS 84.")],
        metric: Name = None,
        product: Name = None,
    ) -> Response:
        identity.authorize(principal, "device:list")
        return await named(tx, principal, await live.in_box(tx, _box(bbox), metric, product))

    @routes.post("/live/within", response_model=models.LiveDevicesOut)
    async def find_within(
        tx: Tx,
        principal: CurrentPrincipal,
        polygon: models.PolygonIn | None = None,
        *,
        district: Name = None,
        metric: Name = None,
        product: Name = None,
    ) -> Response:
        """Devices within a GeoJSON polygon, or in a district by its code."""
        identity.authorize(principal, "device:list")
        if (polygon is None) == (district is None):
            raise InvalidInput("live_polygon_or_district")
        if polygon is None:
            return await named(tx, principal, await live.in_district(tx, district or "", metric, product))
        shape = orjson.dumps({"type": polygon.type, "coordinates": polygon.coordinates}).decode()
        return await named(tx, principal, await live.in_polygon(tx, shape, metric, product))

    @routes.get("/live/nearest", response_model=models.LiveDevicesOut)
    async def find_nearest(
        tx: Tx,
        principal: CurrentPrincipal,
        lon: float,
        lat: float,
        k: Annotated[int, Query(ge=1, le=near_max)] = 10,
        metric: Name = None,
        product: Name = None,
    ) -> Response:
        identity.authorize(principal, "device:list")
        return await named(tx, principal, await live.nearest(tx, lon, lat, k, metric, product))


def _wholes(
    routes: APIRouter, sensing: Sensing, geography: Geography, identity: Identity, rights: ReadingRights
) -> None:
    @routes.get("/live/cells")
    async def get_cells(
        tx: Tx,
        principal: CurrentPrincipal,
        resolution: Annotated[int, Query(ge=resolution_least, le=FINEST)],
        *,
        metric: Name = None,
        product: Name = None,
        bbox: Box = None,
        centre: bool = False,
        boundary: bool = False,
    ) -> models.CellsOut:
        """Devices, and with a metric its newest values, by H3 cell: for a map at any zoom."""
        identity.authorize(principal, "device:list")
        box = _box(bbox) if bbox is not None else None

        async def readable(tx: Transaction, index: Index) -> Booleans | None:
            return await rights.mask(tx, principal, index, metric or "")

        found = await sensing.live.cells(tx, metric, resolution, product, box, readable)
        label = None
        if product is not None and metric is not None:
            spec = (await sensing.product(tx, product)).spec.metrics.get(metric)
            label = spec.unit_label if spec is not None else None
        cells = found.counts.cell
        return models.cells_out(
            found, metric, label, _centres(cells) if centre else None, _outlines(cells) if boundary else None
        )

    @routes.get("/net/overview")
    async def get_overview(tx: Tx, principal: CurrentPrincipal) -> models.NetOverviewOut:
        """How many devices there are and are online: by product, district, department."""
        identity.authorize(principal, "overview:read")
        found = await sensing.net.overview(tx)
        products = {each.product: each.spec.label for each in await sensing.products(tx)}
        districts = {area.code: area.name for area in await geography.areas(tx)}
        departments = {each.id: each.name for each in await identity.departments(tx)}
        return models.overview_out(found, products, districts, departments)

    @routes.get("/net/trend")
    async def get_trend(
        tx: Tx, principal: CurrentPrincipal, hours: Annotated[int, Query(ge=1, le=hours_max)] = 24
    ) -> models.NetTrendOut:
        """Readings taken and refused a second, and devices online, over the last hours."""
        identity.authorize(principal, "overview:read")
        return models.NetTrendOut(**vars(await sensing.net.trend(tx, hours)))


def _box(text: str) -> BBox:
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError as error:
        raise InvalidInput("bbox_invalid") from error
    return west, south, east, north


def _centres(cells: Cells) -> list[tuple[float, float]]:
    return [_rounded(h3.cell_to_latlng(cell)) for cell in cells.tolist()]


def _outlines(cells: Cells) -> list[list[tuple[float, float]]]:
    return [[_rounded(corner) for corner in h3.cell_to_boundary(cell)] for cell in cells.tolist()]


def _rounded(place: tuple[float, float]) -> tuple[float, float]:
    """Latitude and longitude to longitude and latitude, to some 10 cm."""
    return round(place[1], 6), round(place[0], 6)
