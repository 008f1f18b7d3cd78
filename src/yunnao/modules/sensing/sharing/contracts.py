"""What sharing hands out: frozen values."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from yunnao.kernel.ids import UUID
from yunnao.kernel.text import Text

Grade = Literal["general", "important", "core"]
"""GB/T 43697-2024: 一般, 重要, 核心."""
ShareState = Literal["asked", "granted", "refused", "withdrawn", "revoked"]
Side = Literal["asking", "owning"]
"""Of a share, the one that a reader stands on."""
Channel = Literal["webhook", "mqtt", "events", "sensorthings"]
Mode = Literal["every", "interval", "change"]
SubscriptionState = Literal["active", "parked", "full", "ended"]


@dataclass(frozen=True)
class CatalogueDevice:
    """A device as another department may know of it: what it is, never what it says.

    Of an important one no position is told. `access`: own, open (no department owns it), granted,
    asked or none.
    """

    id: str
    name: Text
    product: str
    product_label: Text
    metrics: dict[str, Text]
    owner: str | None
    district: str | None
    grade: Grade
    lon: float | None
    lat: float | None
    access: str


@dataclass(frozen=True)
class CataloguePage:
    items: list[CatalogueDevice]
    after: str | None


@dataclass(frozen=True)
class ShareDraft:
    """What is asked for: `devices`, or every device of `product` in `area` that `owner` has."""

    purpose: str
    until: datetime
    devices: Sequence[str] = ()
    product: str | None = None
    area: str | None = None
    owner: str | None = None
    metrics: Sequence[str] | None = None


@dataclass(frozen=True)
class Share:
    """A request and what became of it. `names`: of the first devices. `valid`: granted, and not over."""

    id: UUID
    number: int
    department: str
    owner: str | None
    devices: list[str]
    names: list[Text]
    product: str | None
    product_label: Text | None
    area: str | None
    metrics: list[str] | None
    grade: Grade
    purpose: str
    state: ShareState
    asked_at: datetime
    asked_by: UUID | None
    valid_until: datetime
    decided_at: datetime | None
    reason: str | None
    valid: bool


@dataclass(frozen=True)
class SharePage:
    items: list[Share]
    after: str | None


@dataclass(frozen=True)
class SubscriptionDraft:
    """`interval_s` for mode interval: one reading of a series an interval; `change_min` for mode change."""

    name: str
    channel: Channel
    url: str | None = None
    metrics: Sequence[str] | None = None
    mode: Mode = "every"
    interval_s: int | None = None
    change_min: float | None = None


@dataclass(frozen=True)
class Subscription:
    """A subscription and how its delivery goes. `backlog`: readings that wait. `topic` of channel mqtt."""

    id: UUID
    number: int
    share: UUID
    department: str
    name: str
    channel: Channel
    url: str | None
    topic: str | None
    metrics: list[str] | None
    mode: Mode
    interval_s: int | None
    change_min: float | None
    state: SubscriptionState
    valid: bool
    made_at: datetime
    backlog: int
    oldest_at: datetime | None
    sealed: int
    delivered: int
    delivered_at: datetime | None
    failures: int
    failing_since: datetime | None
    next_attempt_at: datetime
    last_error: str | None
    last_error_at: datetime | None


@dataclass(frozen=True)
class WaitingParcel:
    """Readings that wait together; `parcel` is None before they are numbered for sending."""

    parcel: int | None
    readings: int
    created_at: datetime


@dataclass(frozen=True)
class DeviceUse:
    """Who has a right to a device's readings, and whether they have them sent."""

    share: UUID
    department: str
    purpose: str
    valid_until: datetime
    subscriptions: int


@dataclass(frozen=True)
class Parcel:
    """Readings on their way: `body` is the JSON document, `id` the same at every attempt."""

    id: str
    subscription: UUID
    number: int
    parcel: int
    readings: int
    body: dict[str, Any]
    keys: Sequence[tuple[int, int]] = ()
    """Series and time in µs of each reading of the body."""
