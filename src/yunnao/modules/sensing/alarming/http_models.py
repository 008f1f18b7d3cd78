"""What the doors of alarms read and answer."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from yunnao.kernel.text import Text, catalogue
from yunnao.modules.sensing.alarming.contracts import Alarm, AlarmPage, TimelineEntry

COMMENT_CHARACTERS_MAX = 2_000


class ActionIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    comment: str | None = Field(None, max_length=COMMENT_CHARACTERS_MAX)


class CommentIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    comment: str = Field(min_length=1, max_length=COMMENT_CHARACTERS_MAX)


class SuppressIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    until: AwareDatetime
    reason: str = Field(min_length=1, max_length=COMMENT_CHARACTERS_MAX)


class AssignIn(BaseModel):
    """Neither: nobody looks after it any more."""

    model_config = ConfigDict(extra="forbid")

    account: str | None = Field(None, max_length=128)
    department: str | None = Field(None, max_length=60)
    comment: str | None = Field(None, max_length=COMMENT_CHARACTERS_MAX)


class NamedOut(BaseModel):
    id: str
    name: Text


class AssigneeOut(BaseModel):
    id: UUID
    name: Text


class AlarmOut(BaseModel):
    """`parent`: the cause or summary that it lies beneath; `members`: how many lie beneath it."""

    id: UUID
    kind: str
    scene: str
    rule: str
    label: Text
    severity: str
    state: str
    message: Text
    device: str | None
    entity: NamedOut | None
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
    assignee: AssigneeOut | None
    department: str | None
    parent: UUID | None
    members: int
    case_id: UUID | None
    trace_id: str


class AlarmsOut(BaseModel):
    """`total` of the filter; `by_state` of the filter without its state."""

    items: list[AlarmOut]
    next: str | None
    total: int
    by_state: dict[str, int]
    by_severity: dict[str, int]


class ActorOut(BaseModel):
    name: Text
    kind: str


class EntryOut(BaseModel):
    time: datetime
    event: str
    label: Text
    actor: ActorOut
    comment: str | None
    detail: dict[str, Any]


class TimelineOut(BaseModel):
    items: list[EntryOut]


class AlarmDetailOut(AlarmOut):
    """`beneath`: the newest of what lies beneath it."""

    timeline: list[EntryOut]
    beneath: list[AlarmOut]


def alarm_out(alarm: Alarm) -> AlarmOut:
    return AlarmOut.model_validate(_shown(alarm))


def alarms_out(page: AlarmPage, following: str | None) -> AlarmsOut:
    return AlarmsOut(
        items=[alarm_out(alarm) for alarm in page.items],
        next=following,
        total=page.total,
        by_state=page.by_state,
        by_severity=page.by_severity,
    )


def detail_out(alarm: Alarm, timeline: list[TimelineEntry], beneath: list[Alarm]) -> AlarmDetailOut:
    return AlarmDetailOut.model_validate(
        {
            **_shown(alarm),
            "timeline": [entry_out(entry) for entry in timeline],
            "beneath": [alarm_out(member) for member in beneath],
        }
    )


def entry_out(entry: TimelineEntry) -> EntryOut:
    return EntryOut(
        time=entry.time,
        event=entry.event,
        label=catalogue()[f"alarm_event_{entry.event}"],
        actor=ActorOut(name=entry.actor, kind=entry.actor_kind),
        comment=entry.comment,
        detail=entry.detail,
    )


def _shown(alarm: Alarm) -> dict[str, Any]:
    entity = None
    if alarm.entity is not None and alarm.entity_name is not None:
        entity = NamedOut(id=alarm.entity, name=alarm.entity_name)
    assignee = None
    if alarm.assignee is not None and alarm.assignee_name is not None:
        assignee = AssigneeOut(id=alarm.assignee, name=alarm.assignee_name)
    return {**vars(alarm), "entity": entity, "assignee": assignee}
