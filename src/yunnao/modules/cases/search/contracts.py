"""What is asked of the store of cases, and how it answers: frozen values."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

Sort = Literal["newest", "due", "risk"]
Flag = Literal[
    "overdue", "amber", "paused", "automatic", "manual", "photos", "rated", "unrated", "placed", "unplaced",
    "merged", "supervised", "suspended", "reminded", "joint", "sub_case", "handed_over", "archived",
]  # fmt: skip
FLAGS: tuple[Flag, ...] = get_args(Flag)


@dataclass(frozen=True)
class Box:
    """A part of the map: degrees, WGS 84."""

    west: float
    south: float
    east: float
    north: float


@dataclass(frozen=True)
class CaseFilter:
    """What a list asks for; None and () leave a column open. `area` is a district's or street's code,
    a category counts with all below it; times are of the opening, `until` excluded."""

    status: tuple[str, ...] = ()
    department: str | None = None
    category: str | None = None
    area: str | None = None
    source: str | None = None
    q: str | None = None
    overdue: bool = False
    since: datetime | None = None
    until: datetime | None = None
    due_before: datetime | None = None
    severity: tuple[str, ...] = ()
    scene: str | None = None
    case_type: str | None = None
    box: Box | None = None
    flags: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Place:
    """The last row of a page: the next begins after it. `key` is its opening, deadline or risk where the
    order goes by that."""

    id: UUID
    key: datetime | float | None = None


@dataclass(frozen=True)
class Page:
    """`following` is None on the last page. A page may be short, even empty, and have one that follows:
    a search looks at so many cases at once and not at more."""

    items: list[dict[str, Any]]
    following: Place | None


@dataclass(frozen=True)
class Total:
    """How many there are: counted, or the planner's estimate where counting would be slow."""

    n: int
    exact: bool
