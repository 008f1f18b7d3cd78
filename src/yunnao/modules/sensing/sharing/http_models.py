"""What the doors of sharing read and answer."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from yunnao.infra.webhook_targets import url_chars_max
from yunnao.kernel.text import Text
from yunnao.modules.sensing.sharing.contracts import Channel, Grade, Mode, ShareState, SubscriptionState
from yunnao.modules.sensing.sharing.shares import devices_per_share_max, purpose_chars_max

Name = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Said = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=purpose_chars_max)]
Url = Annotated[str, StringConstraints(max_length=url_chars_max)]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class CatalogueDeviceOut(_Out):
    id: str
    name: Text
    product: str
    product_label: Text
    metrics: dict[str, Text]
    owner: str | None
    district: str | None
    grade: Grade
    lon: float | None = Field(description="None for important and core devices that are not shared.")
    lat: float | None
    access: Literal["own", "open", "granted", "asked", "none"]


class CatalogueOut(BaseModel):
    items: list[CatalogueDeviceOut]
    next: str | None


class ShareIn(_In):
    """Either `devices`, or every device of `product` (in `area`) that `owner` has, also future ones."""

    purpose: Said
    until: datetime
    devices: list[Name] = Field([], max_length=devices_per_share_max)
    product: Name | None = None
    area: Name | None = None
    owner: Name | None = None
    metrics: list[Name] | None = Field(None, min_length=1, max_length=100, description="None: all.")


class GrantIn(_In):
    reason: Said | None = None
    until: datetime | None = Field(None, description="Earlier than asked for; none: as asked for.")


class ReasonIn(_In):
    reason: Said


class ShareOut(_Out):
    """`names`: of the first devices."""

    id: UUID
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
    valid_until: datetime
    decided_at: datetime | None
    reason: str | None
    valid: bool


class SharesOut(BaseModel):
    items: list[ShareOut]
    next: str | None


class UseOut(_Out):
    share: UUID
    department: str
    purpose: str
    valid_until: datetime
    subscriptions: int


class UsesOut(BaseModel):
    items: list[UseOut]
    next: str | None = None


class SubscriptionIn(_In):
    share: UUID
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
    channel: Channel
    url: Url | None = None
    metrics: list[Name] | None = Field(None, min_length=1, max_length=100, description="None: the share's.")
    mode: Mode = "every"
    interval_s: int | None = Field(None, ge=1, le=86_400)
    change_min: float | None = Field(None, gt=0)


class SubscriptionChangeIn(_In):
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)] | None = None
    url: Url | None = None


class SubscriptionOut(_Out):
    """`backlog`: readings that wait; `oldest_at`: since when the oldest does."""

    id: UUID
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
    delivered: int
    delivered_at: datetime | None
    failures: int
    failing_since: datetime | None
    next_attempt_at: datetime
    last_error: str | None
    last_error_at: datetime | None


class SubscriptionMadeOut(SubscriptionOut):
    secret: str = Field(description="Signs webhooks (Standard Webhooks). Shown this once.")


class SecretOut(BaseModel):
    secret: str


class SubscriptionsOut(BaseModel):
    items: list[SubscriptionOut]
    next: str | None


class ParcelOut(_Out):
    parcel: int | None = Field(description="None: not numbered for sending yet.")
    readings: int
    created_at: datetime


class ParcelsOut(BaseModel):
    items: list[ParcelOut]
    next: str | None = None


class TestOut(BaseModel):
    delivered: bool
    status: int | None
    error: str | None
