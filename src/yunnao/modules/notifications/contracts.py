"""What other modules know of notifications: frozen values, and the ports of channels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Literal, Protocol, get_args
from uuid import UUID

from yunnao.kernel.text import DEFAULT_LANGUAGE, Language, Text

Channel = Literal["in_app", "email", "webhook", "sms"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)
Digest = Literal["none", "hourly", "daily"]

ON_DUTY = ("department_staff", "field_worker")
"""Who is told of a department's work."""

Param = str | int | float | Text | datetime | None
"""A Text is told in the reader's language, a datetime in the city's zone."""


@dataclass(frozen=True)
class Address:
    """How somebody without an account is reached; both may be given."""

    email: str | None = None
    phone: str | None = None
    language: Language = DEFAULT_LANGUAGE


@dataclass(frozen=True)
class Recipients:
    """Who is told: the union of accounts, those who hold one of `roles` (in `department`, if one is named),
    and an address."""

    accounts: tuple[UUID, ...] = ()
    department: str | None = None
    roles: tuple[str, ...] = ()
    address: Address | None = None

    @property
    def wanted_roles(self) -> tuple[str, ...]:
        return self.roles or (ON_DUTY if self.department else ())


@dataclass(frozen=True)
class Notice:
    """What is to be told.

    `template` names the messages `notice_<template>` (a line) and `notice_<template>_text`, told with
    `params`. Nobody is told the same `key` twice by the same channel. `subject` is what it is about, as
    `Case/<id>`. An urgent one passes quiet hours and digests.
    """

    template: str
    to: Recipients
    key: str
    params: Mapping[str, Param] = field(default_factory=dict)
    urgent: bool = False
    subject: str | None = None


@dataclass(frozen=True)
class Preferences:
    """How an account wants to be told; `channels` by template, "*" for every other."""

    language: Language = DEFAULT_LANGUAGE
    email: str | None = None
    phone: str | None = None
    webhook_url: str | None = None
    channels: Mapping[str, Sequence[Channel]] = field(default_factory=dict)
    digest: Digest = "none"
    digest_at: time = time(8)
    quiet_from: time | None = None
    quiet_until: time | None = None


@dataclass(frozen=True)
class InboxItem:
    """A notice as its reader sees it."""

    id: UUID
    kind: str
    title: Text
    text: Text
    subject: str | None
    urgent: bool
    made_at: datetime
    read_at: datetime | None


@dataclass(frozen=True)
class Undelivered:
    """A message that was given up, and why. Its address stays inside."""

    id: UUID
    kind: str
    channel: Channel
    account: UUID | None
    error: str
    attempts: int
    made_at: datetime


@dataclass(frozen=True)
class Letter:
    """One message ready to leave. `id` is the same at every attempt."""

    id: UUID
    to: str
    title: str
    text: str
    language: Language
    kind: str
    made_at: datetime
    subject: str | None = None


@dataclass(frozen=True)
class Outcome:
    """`error` None: taken by the other side. `final`: trying again would not help."""

    error: str | None = None
    final: bool = False


class Post(Protocol):
    """A way out of the city: e-mail, SMS. A port: each has adapters of its own."""

    async def send(self, letters: Sequence[Letter]) -> Sequence[Outcome]:
        """Hands over `letters`; one outcome each, in order. Does not raise for what the other side says."""
        ...
