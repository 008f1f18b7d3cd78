"""What the doors to single devices and to the quarantine read and answer."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from yunnao.infra.postgres import Row
from yunnao.kernel.text import Text
from yunnao.modules.sensing.access.quarantine import Reason, State, decisions_max

SAMPLE_CHARS_MAX = 1_000


class DeviceChange(BaseModel):
    """What is left out stays."""

    model_config = ConfigDict(extra="forbid")

    name: Text | None = None
    entity: str | None = Field(None, min_length=1, max_length=128)
    lon: float | None = None
    lat: float | None = None
    owner: str | None = Field(None, max_length=60)
    gateway: str | None = Field(None, max_length=128)
    attributes: dict[str, float | int | str | bool] | None = None


class StrangerIn(BaseModel):
    """An unknown device as it is to be registered; `product` only where its topic names another."""

    product: str | None = Field(None, max_length=60)
    entity: str | None = Field(None, min_length=1, max_length=128)
    name: Text | None = None
    lon: float | None = None
    lat: float | None = None
    owner: str | None = Field(None, max_length=60)
    gateway: str | None = Field(None, max_length=128)


class EntriesIn(BaseModel):
    ids: list[UUID] = Field(min_length=1, max_length=decisions_max)


class QuarantineEntryOut(BaseModel):
    """A sender that is not believed. `sample`: the beginning of its last message; `standing` and
    `name` where it is registered."""

    id: UUID
    product: str
    device: str
    reason: Reason
    state: State
    first_seen: datetime
    last_seen: datetime
    messages: int
    codes: dict[str, int]
    sample: str
    decided_at: datetime | None
    name: Text | None
    standing: str | None
    owner: str | None


class TotalOut(BaseModel):
    state: State
    reason: Reason
    n: int


class QuarantineOut(BaseModel):
    items: list[QuarantineEntryOut]
    next: str | None
    totals: list[TotalOut]


class LimitIn(BaseModel):
    messages_per_minute_max: int = Field(ge=1, le=2_000_000_000)


class LimitOut(BaseModel):
    department: str
    messages_per_minute_max: int
    set_at: datetime


class LimitsOut(BaseModel):
    items: list[LimitOut]


def entry_out(row: Row) -> QuarantineEntryOut:
    sample = bytes(row["sample"]).decode("utf-8", "replace")[:SAMPLE_CHARS_MAX]
    return QuarantineEntryOut(**{**row, "sample": sample})
