"""What other modules know of sensing: frozen values, and the port of latest values."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from yunnao.kernel.packs.scene import Product
from yunnao.kernel.text import Text

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Floats = NDArray[np.float64]

DeviceState = Literal["online", "silent"]
ListedState = DeviceState | Literal["never"]
"""Never: of the silent devices, those that were never heard."""
NO_PART = "none"
"""In a filter, the devices of no district or of no department."""
Standing = Literal["active", "quarantined", "blocked", "retired"]


@dataclass(frozen=True)
class DeviceDraft:
    """A device to register, with the entity that it watches (`entity`: local part of the URN).

    `owner`: the id of a department; `gateway`: the id of the device that may speak for it.
    """

    id: str
    product: str
    entity: str
    name: Text
    lon: float | None
    lat: float | None
    attributes: dict[str, float | int | str | bool] = field(default_factory=dict)
    synthetic: bool = False
    owner: str | None = None
    gateway: str | None = None


@dataclass(frozen=True)
class LatestValue:
    """The newest reading of a metric: `value` is a number, a bool or a text."""

    value: Any
    time: datetime


@dataclass(frozen=True)
class Device:
    """A device as lists show it. `last_seen`: arrival of its last message."""

    number: int
    id: str
    product: str
    product_label: Text
    entity: str
    name: Text
    lon: float | None
    lat: float | None
    district: str | None
    owner: str | None
    standing: Standing
    synthetic: bool
    state: DeviceState
    last_seen: datetime | None
    latest: dict[str, LatestValue]


@dataclass(frozen=True)
class DeviceFilter:
    """Which devices to list; `q` is part of the id or name. Without a `standing` all but retired ones."""

    product: str | None = None
    q: str | None = None
    district: str | None = None
    owner: str | None = None
    standing: Standing | None = None


@dataclass(frozen=True)
class DevicePage:
    """`total`: how many there are in all pages; None where counting them would take too long."""

    items: list[Device]
    after: str | None
    total: int | None


@dataclass(frozen=True)
class InstalledProduct:
    product: str
    scene: str
    spec: Product


@dataclass(frozen=True)
class Readings:
    """Readings of one metric in order of time."""

    metric: str
    unit_label: Text | None
    points: list[tuple[datetime, Any]]


@dataclass(frozen=True)
class Overview:
    """Counts for the cockpit; `readings_today` since `today_from`, the rate over the last 20 s."""

    devices: int
    online: int
    readings_today: int
    readings_per_s: float
    alarms_open: int


@dataclass(frozen=True)
class ReadingDraft:
    """One reading that comes without a message around it."""

    device: str
    metric: str
    time: datetime | None
    value: Any


@dataclass(frozen=True)
class MessageDraft:
    """One message that comes by HTTP: what the product's decoder reads."""

    product: str | None
    device: str
    payload: Any


@dataclass(frozen=True)
class Rejected:
    """Why item `index` of a batch was refused."""

    index: int
    code: str
    params: dict[str, Any]


@dataclass(frozen=True)
class Newest:
    """The newest reading of each of n series (ascending) in a batch, and its messages' last arrival."""

    series: Int32
    time_us: Int64
    value: Floats
    text: Sequence[str | None]
    seen_us: Int64
