"""What others know of alarms: frozen values."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from yunnao.kernel.ids import UUID
from yunnao.kernel.packs.common import Severity
from yunnao.kernel.text import Text

AlarmState = Literal["open", "acknowledged", "suppressed", "cleared"]
StateFilter = Literal[AlarmState, "standing"]
AlarmKind = Literal["single", "flood"]


@dataclass(frozen=True)
class Alarm:
    """What a rule found. Times are those of readings; for silence those of the platform's clock.

    `kind` flood: the summary of many, of no device. `parent`: the probable cause or the summary that
    it lies beneath; `members`: how many lie beneath it. `level`: steps of escalation taken.
    """

    id: UUID
    kind: AlarmKind
    scene: str
    rule: str
    label: Text
    severity: Severity
    state: AlarmState
    message: Text
    device: str | None
    entity: str | None
    entity_name: Text | None
    lon: float | None
    lat: float | None
    district: str | None
    value: float | None
    opened_at: datetime
    acknowledged_at: datetime | None
    cleared_at: datetime | None
    suppressed_until: datetime | None
    level: int
    escalates_at: datetime | None
    assignee: UUID | None
    assignee_name: Text | None
    department: str | None
    parent: UUID | None
    members: int
    case_id: UUID | None
    trace_id: str


@dataclass(frozen=True)
class AlarmFilter:
    """Which alarms a list holds; None: whichever. `roots`: only what lies beneath nothing.

    `state` standing: whatever is not cleared.
    """

    state: StateFilter | None = None
    severity: Severity | None = None
    scene: str | None = None
    rule: str | None = None
    district: str | None = None
    device: str | None = None
    since: datetime | None = None
    roots: bool | None = None
    parent: UUID | None = None


@dataclass(frozen=True)
class AlarmPage:
    """Newest first. `total` is of the filter; `by_state` of the filter without its state."""

    items: list[Alarm]
    after: str | None
    total: int
    by_state: dict[str, int]
    by_severity: dict[str, int]


@dataclass(frozen=True)
class TimelineEntry:
    """Something that happened to an alarm."""

    time: datetime
    event: str
    actor: Text
    actor_kind: str
    comment: str | None
    detail: dict[str, Any]
