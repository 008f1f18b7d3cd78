"""Notifications as the API states them."""

from datetime import datetime, time
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from yunnao.kernel.text import DEFAULT_LANGUAGE, Language, Text
from yunnao.modules.notifications.contracts import Channel, Digest

IDS_MAX = 500
Email = Annotated[str, Field(max_length=254, pattern=r"^[^@\s,;<>\"\x00-\x1f]+@[^@\s,;<>\"\x00-\x1f]+$")]
Phone = Annotated[str, Field(pattern=r"^\+?[0-9][0-9 -]{4,19}$")]
Url = Annotated[str, Field(max_length=2_000)]


LocalTime = Annotated[
    time, WithJsonSchema({"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$"})
]
"""Of the city's clock; JSON Schema's own `time` carries an offset (RFC 3339)."""


class NotificationOut(BaseModel):
    """A notice in the inbox; `subject` is what it is about, as `Case/<id>`."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    kind: str
    title: Text
    text: Text
    subject: str | None
    urgent: bool
    made_at: datetime
    read_at: datetime | None


class InboxOut(BaseModel):
    """`unread` counts all unread notices, up to 1,000."""

    items: list[NotificationOut]
    next: str | None
    unread: int


class UnreadOut(BaseModel):
    unread: int


class ReadBody(BaseModel):
    """What was read; without ids everything."""

    model_config = ConfigDict(extra="forbid")

    ids: Annotated[list[UUID], Field(max_length=IDS_MAX)] | None = None


class PreferencesBody(BaseModel):
    """How an account wants to be told; times of day in the city's zone.

    `channels` by kind of notice, "*" for every other; none: the defaults. `digest` gathers e-mails that
    are not urgent; quiet hours hold e-mail and SMS back, urgent ones pass.
    """

    model_config = ConfigDict(extra="forbid", from_attributes=True)

    language: Language = DEFAULT_LANGUAGE
    email: Email | None = None
    phone: Phone | None = None
    webhook_url: Url | None = None
    channels: dict[str, list[Channel]] = {}
    digest: Digest = "none"
    digest_at: LocalTime = time(8)
    quiet_from: LocalTime | None = None
    quiet_until: LocalTime | None = None


class KindOut(BaseModel):
    kind: str
    label: Text


class PreferencesOut(PreferencesBody):
    """`available` says which channels the operator configured, `time_zone` where times of day are meant.
    `webhook_secret` is shown only when the address of the webhook has just been set."""

    kinds: list[KindOut]
    available: dict[Channel, bool]
    time_zone: str
    webhook_secret: str | None = None


class UndeliveredOut(BaseModel):
    """A message that was given up; `account` none: somebody without an account."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    kind: str
    label: Text
    channel: Channel
    account: UUID | None
    account_name: Text | None
    error: str
    attempts: int
    made_at: datetime


class UndeliveredPage(BaseModel):
    items: list[UndeliveredOut]
    next: str | None
