"""What Open311's doors hand to the case centre and get back: frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from yunnao.modules.cases.contracts import NewCase


@dataclass(frozen=True)
class RequestQuery:
    """What GET requests asks for; None leaves a column open. Times are aware."""

    numbers: tuple[str, ...] | None = None
    services: tuple[str, ...] | None = None
    start: datetime | None = None
    end: datetime | None = None
    updated_after: datetime | None = None
    updated_before: datetime | None = None
    status: tuple[str, ...] | None = None
    limit: int = 1_000
    offset: int = 0


@dataclass(frozen=True)
class Sent:
    """A checked service request: the case that it asks for, and what only Open311 carries."""

    new: NewCase
    address_id: str | None = None
    media_url: str | None = None


@dataclass(frozen=True)
class Resolved:
    """What became of a token: `number` once its case is open, `error` (a code and its parameters) where it
    could not be, neither while it waits."""

    number: str | None = None
    error: tuple[str, Mapping[str, object]] | None = None
