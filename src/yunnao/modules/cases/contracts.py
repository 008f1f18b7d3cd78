"""What other modules and doors know of cases: frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from yunnao.modules.cases.domain import Source, Status


@dataclass(frozen=True)
class Reporter:
    """Who reported. Personal data: shown by right only, each look audited."""

    name: str | None = None
    phone: str | None = None
    email: str | None = None


@dataclass(frozen=True)
class NewCase:
    """What comes in at any door. `lon`, `lat` in WGS 84, both or neither."""

    text: str
    source: Source
    lon: float | None = None
    lat: float | None = None
    address: str | None = None
    category: str | None = None
    case_type: str | None = None
    photos: tuple[UUID, ...] = ()
    reporter: Reporter | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class OpenedCase:
    """The answer of an intake. The tracking code is told here once; only its hash is kept."""

    id: UUID
    number: str
    tracking_code: str
    status: Status
    automatic: bool
    opened_at: datetime


@dataclass(frozen=True)
class ActionData:
    """What comes with an action."""

    comment: str | None = None
    department: str | None = None
    category: str | None = None
    photos: tuple[UUID, ...] = ()
    score: int | None = None
    departments: tuple[str, ...] = ()
    hours: float | None = None
    until: datetime | None = None
    reason: str | None = None
    about: Literal["responsibility", "check"] | None = None
    party: str | None = None
    text: str | None = None


@dataclass(frozen=True)
class StoredPhoto:
    """A photo as the store keeps it: content hashes, size in pixels, and what its EXIF told."""

    id: UUID
    hash: str
    thumb_hash: str
    media_type: str
    width: int
    height: int
    lon: float | None
    lat: float | None
    taken_at: datetime | None
