"""What the live table answers: frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from yunnao.kernel.text import Text
from yunnao.modules.sensing.contracts import DeviceState, LatestValue
from yunnao.modules.sensing.live.domain.cells import CellCounts

BBox = tuple[float, float, float, float]
"""West, south, east, north; degrees, WGS 84."""


@dataclass(frozen=True)
class Freshness:
    """As of when an answer is, and the lanes whose owner did not say what it has."""

    time: datetime
    lanes_missing: tuple[int, ...]


@dataclass(frozen=True)
class LiveDevice:
    """A device with its newest readings by metric; `metres` from where was asked."""

    number: int
    id: str
    name: Text
    product: str
    entity: str
    lon: float | None
    lat: float | None
    state: DeviceState
    last_seen: datetime | None
    latest: Mapping[str, LatestValue]
    metres: float | None = None


@dataclass(frozen=True)
class LiveDevices:
    items: list[LiveDevice]
    freshness: Freshness


@dataclass(frozen=True)
class LiveCells:
    """`hidden`: devices whose values were not counted, since they may not be read."""

    counts: CellCounts
    resolution: int
    freshness: Freshness
    hidden: int = 0


@dataclass(frozen=True)
class Part:
    """Devices of one district, product or department (`code` None: of none): how many are online, and how
    many were never heard."""

    code: str | None
    devices: int
    online: int
    never: int


@dataclass(frozen=True)
class SilentDevice:
    """A device that counts as silent from `since` on, whose last message arrived at `seen_at`."""

    device: int
    seen_at: datetime
    since: datetime


@dataclass(frozen=True)
class NetOverview:
    """Every registered device that is not retired, in parts; and senders that wait for a decision, of which
    `strangers` are not registered."""

    devices: int
    online: int
    never: int
    quarantined: int
    strangers: int
    by_product: list[Part]
    by_district: list[Part]
    by_department: list[Part]
    freshness: Freshness


@dataclass(frozen=True)
class NetTrend:
    """Steps of equal length, each from its `time` on, by column; None where nothing is known of one."""

    step_s: int
    time: list[datetime]
    readings_per_s: list[float | None]
    refused_per_s: list[float | None]
    devices: list[float | None]
    online: list[float | None]
    never: list[float | None]


def latest_of(value: float, text: str | None, value_type: str) -> Any:
    """A newest value as its metric's type has it."""
    if value_type == "string":
        return text
    if value_type == "boolean":
        return bool(value)
    return int(value) if value_type == "integer" and value == int(value) else value
