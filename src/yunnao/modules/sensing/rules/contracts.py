"""What the doors of rules answer: rules, dry runs, maintenance windows."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from yunnao.kernel.ids import UUID
from yunnao.kernel.packs.rules import Rule
from yunnao.kernel.packs.scene import Product
from yunnao.kernel.text import Text

MaintenanceKind = Literal["device", "entity", "product", "area"]
CITY = "city"
"""The scene of rules that the city makes itself."""


@dataclass(frozen=True)
class Change:
    """A version of a rule of the city's own; `spec` is None where it was ended."""

    revision: int
    changed_at: datetime
    changed_by: dict[str, Any]
    spec: dict[str, Any] | None = None


@dataclass(frozen=True)
class ListedRule:
    """An active rule. `words`: its condition as a person says it."""

    scene: str
    rule: str
    spec: Rule
    product_label: Text | None
    words: Text
    alarms_open: int
    change: Change | None


@dataclass(frozen=True)
class PastAlarm:
    opened_at: datetime
    cleared_at: datetime | None
    value: float | None


@dataclass(frozen=True)
class DeviceReview:
    """A device of a dry run: `share` of the span in alarm, its first alarms."""

    device: str
    entity: str
    name: Text
    opened: int
    share: float
    alarms: list[PastAlarm]


@dataclass(frozen=True)
class DryRun:
    """What a rule would have done from `start` to `until`."""

    start: datetime
    until: datetime
    devices: int
    readings: int
    opened: int
    cleared: int
    open_at_end: int
    devices_in_alarm: int
    share: float
    per_day: list[tuple[date, int]]
    worst: list[DeviceReview]


@dataclass(frozen=True)
class Maintenance:
    """A window in which no rule opens an alarm for its devices."""

    id: UUID
    kind: MaintenanceKind
    target: str
    starts_at: datetime
    ends_at: datetime
    reason: str
    created_at: datetime
    created_by: dict[str, Any]
    ended_by: dict[str, Any] | None


@dataclass(frozen=True)
class Judgeable:
    """A rule with what it needs of its product, checked."""

    rule: Rule
    product: Product
