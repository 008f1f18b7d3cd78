"""What the doors of the live table read and answer."""

from collections.abc import Mapping
from datetime import datetime
from math import isnan
from typing import Any, Literal

import numpy as np
import orjson
from pydantic import BaseModel, ConfigDict, Field

from yunnao.kernel.text import Text
from yunnao.modules.sensing.live.contracts import (
    Freshness,
    LiveCells,
    LiveDevice,
    LiveDevices,
    NetOverview,
    Part,
)
from yunnao.modules.sensing.sharing.rights import Hidden, seen


class PolygonIn(BaseModel):
    """A GeoJSON geometry (RFC 7946), WGS 84."""

    model_config = ConfigDict(extra="allow")

    type: Literal["Polygon", "MultiPolygon"]
    coordinates: list[Any]


class LatestOut(BaseModel):
    value: Any
    time: datetime


class ThingOut(BaseModel):
    id: str
    name: Text


class LiveDeviceOut(BaseModel):
    device: str
    name: Text
    product: str
    entity: ThingOut
    lon: float | None
    lat: float | None
    state: str
    last_seen: datetime | None
    latest: dict[str, LatestOut]
    metres: float | None = Field(description="From the place that was asked about.")


class FreshnessOut(BaseModel):
    time: datetime
    lanes_missing: list[int] = Field(
        description="Parts of the intake whose owner did not answer: of their devices older values show."
    )


class LiveDevicesOut(FreshnessOut):
    items: list[LiveDeviceOut]
    hidden: int = Field(description="Devices some of whose values you may not read; they are left out.")


class CellsOut(FreshnessOut):
    """Cells by column: place i of every list is one cell. `cell`: its H3 index in hexadecimal; `n`: how
    many devices have a value, of which are mean, minimum and maximum; `devices`: with one or without."""

    metric: str | None
    unit_label: Text | None
    resolution: int
    cell: list[str]
    n: list[int]
    mean: list[float | None]
    minimum: list[float | None]
    maximum: list[float | None]
    online: list[int]
    devices: list[int]
    centre: list[tuple[float, float]] | None = Field(description="Longitude, latitude, WGS 84.")
    boundary: list[list[tuple[float, float]]] | None
    hidden: int = Field(description="Devices whose values you may not read; they are not in n.")


class PartOut(BaseModel):
    code: str | None = Field(description="None: devices of none.")
    label: Text | None
    devices: int
    online: int
    silent: int
    never: int = Field(description="Of the silent, those that were never heard.")


class NetOverviewOut(FreshnessOut):
    devices: int
    online: int
    silent: int
    never: int = Field(description="Of the silent, those that were never heard.")
    quarantined: int = Field(description="Senders that are held until somebody decides.")
    strangers: int = Field(description="Of the quarantined, those that are not registered.")
    by_product: list[PartOut]
    by_district: list[PartOut]
    by_department: list[PartOut]


class NetTrendOut(BaseModel):
    """Steps by column, oldest first, the last one complete. Null: nothing is known of that step."""

    step_s: int
    time: list[datetime]
    readings_per_s: list[float | None]
    refused_per_s: list[float | None]
    devices: list[float | None]
    online: list[float | None]
    never: list[float | None]


def devices_json(found: LiveDevices, names: Mapping[str, Text], hidden: Hidden) -> bytes:
    """A `LiveDevicesOut` as JSON.

    Written without models: for ten thousand devices they would take most of the answer's time.
    """
    return orjson.dumps(
        {
            "items": [_device(device, names, hidden) for device in found.items],
            "hidden": len(hidden),
            **_freshness(found.freshness),
        },
        default=_words,
        option=orjson.OPT_UTC_Z,
    )


def _device(device: LiveDevice, names: Mapping[str, Text], hidden: Hidden) -> dict[str, Any]:
    return {
        "device": device.id,
        "name": device.name,
        "product": device.product,
        "entity": {"id": device.entity, "name": names.get(device.entity, device.name)},
        "lon": device.lon,
        "lat": device.lat,
        "state": device.state,
        "last_seen": device.last_seen,
        "latest": {
            name: {"value": held.value, "time": held.time}
            for name, held in seen(device.latest, device.number, hidden).items()
        },
        "metres": None if device.metres is None else round(device.metres, 1),
    }


def _words(text: Any) -> dict[str, Any]:
    if not isinstance(text, Text):
        raise TypeError(type(text).__name__)
    return {"zh": text.zh, "en": text.en}


def cells_out(
    found: LiveCells,
    metric: str | None,
    unit_label: Text | None,
    centre: list[tuple[float, float]] | None,
    boundary: list[list[tuple[float, float]]] | None,
) -> CellsOut:
    counts = found.counts
    return CellsOut(
        metric=metric,
        unit_label=unit_label,
        resolution=found.resolution,
        cell=[f"{cell:x}" for cell in counts.cell.tolist()],
        n=counts.count.tolist(),
        mean=_numbers(counts.mean),
        minimum=_numbers(counts.minimum),
        maximum=_numbers(counts.maximum),
        online=counts.online.tolist(),
        devices=counts.devices.tolist(),
        centre=centre,
        boundary=boundary,
        hidden=found.hidden,
        **_freshness(found.freshness),
    )


def overview_out(
    found: NetOverview,
    products: Mapping[str, Text],
    districts: Mapping[str, Text],
    departments: Mapping[str, Text],
) -> NetOverviewOut:
    return NetOverviewOut(
        devices=found.devices,
        online=found.online,
        silent=found.devices - found.online,
        never=found.never,
        quarantined=found.quarantined,
        strangers=found.strangers,
        by_product=[_part(part, products) for part in found.by_product],
        by_district=[_part(part, districts) for part in found.by_district],
        by_department=[_part(part, departments) for part in found.by_department],
        **_freshness(found.freshness),
    )


def _part(part: Part, labels: Mapping[str, Text]) -> PartOut:
    return PartOut(
        code=part.code,
        label=labels.get(part.code) if part.code is not None else None,
        devices=part.devices,
        online=part.online,
        silent=part.devices - part.online,
        never=part.never,
    )


def _freshness(found: Freshness) -> dict[str, Any]:
    return {"time": found.time, "lanes_missing": list(found.lanes_missing)}


def _numbers(column: "np.ndarray[Any, np.dtype[np.float64]]") -> list[float | None]:
    """NaN, which JSON has not, as null."""
    return [None if isnan(value) else value for value in column.tolist()]
