"""When a case is due, pure: the only place where due times are computed.

A limit runs from the opening (受理) on one of two clocks: `working` counts the city's working hours,
`urgent` every hour. Time within a pause counts on neither.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol

from yunnao.kernel.packs.city import Escalation
from yunnao.kernel.packs.scene import Deadline, StepName

Clock = Literal["working", "urgent"]
State = Literal["green", "amber", "red", "paused"]
Pause = tuple[datetime, datetime]

AMBER_SHARE = 0.25
"""Amber while less of the limit is left, where no pack says otherwise."""
HOUR = timedelta(hours=1)
STEPS: dict[str, StepName] = {
    "desk": "dispatch",
    "assigned": "accept",
    "handling": "handle",
    "checking": "check",
}
"""The step that a case stands in, by its status."""
PAUSED_HORIZON_H = 1.0
"""A clock that stands has no due time; the case shows when it would be due if it went on, and never less
ahead than this, so that no list takes it for overdue."""


class WorkingTime(Protocol):
    """What is needed of the city's calendar."""

    def add_working_hours(self, start: datetime, hours: float) -> datetime: ...

    def working_hours_between(self, start: datetime, end: datetime) -> float: ...


@dataclass(frozen=True)
class StepTime:
    """The limit of one step, hours."""

    limit_h: float
    clock: Clock


@dataclass(frozen=True)
class Limits:
    """What is declared for a case: inherited along its category's path, then from its type."""

    limit_h: float
    clock: Clock
    amber_share: float = AMBER_SHARE
    steps: dict[str, StepTime] = field(default_factory=dict)


def inherited(declared: Sequence[Deadline]) -> Limits:
    """The limits of a chain of declarations, nearest first: each part from the first that has it."""
    nearest = declared[0]
    share = next((each.amber_share for each in declared if each.amber_share is not None), AMBER_SHARE)
    steps: dict[str, StepTime] = {}
    for each in declared:
        for name, step in each.steps.items():
            steps.setdefault(name, StepTime(step.limit_h, step.clock or each.clock))
    return Limits(nearest.limit_h, nearest.clock, share, steps)


def add(calendar: WorkingTime, clock: str, start: datetime, hours: float) -> datetime:
    """`hours` of the clock after `start`."""
    if clock == "urgent":
        return start + timedelta(hours=hours)
    return calendar.add_working_hours(start, hours)


def between(calendar: WorkingTime, clock: str, start: datetime, end: datetime) -> float:
    """Hours of the clock from `start` to `end`; 0 where `end` is not later."""
    if clock == "urgent":
        return max(0.0, (end - start) / HOUR)
    return calendar.working_hours_between(start, end)


def due_at(
    opened_at: datetime,
    limit_h: float,
    clock: str,
    calendar: WorkingTime,
    pauses: Sequence[Pause] = (),
) -> datetime:
    """The end of `limit_h` hours that run from `opened_at` outside of `pauses` (in order, apart)."""
    at, left = opened_at, limit_h
    for start, end in pauses:
        used = between(calendar, clock, at, start)
        if used >= left:
            break
        left -= used
        at = max(at, end)
    return add(calendar, clock, at, left)


def used_h(
    opened_at: datetime, until: datetime, clock: str, calendar: WorkingTime, pauses: Sequence[Pause] = ()
) -> float:
    """Hours of the clock that ran from `opened_at` to `until` outside of `pauses`."""
    total = between(calendar, clock, opened_at, until)
    for start, end in pauses:
        total -= between(calendar, clock, min(max(start, opened_at), until), min(end, until))
    return total


@dataclass(frozen=True)
class Standing:
    """The deadline of one case as it is kept."""

    opened_at: datetime
    limit_h: float
    clock: str
    amber_share: float
    extra_h: float = 0.0
    pauses: tuple[Pause, ...] = ()
    paused_at: datetime | None = None
    step_due_at: datetime | None = None

    @property
    def whole_h(self) -> float:
        return self.limit_h + self.extra_h

    def due(self, now: datetime, calendar: WorkingTime) -> datetime:
        """While the clock stands: as if it went on at once."""
        return due_at(self.opened_at, self.whole_h, self.clock, calendar, self.stood(now))

    def amber(self, now: datetime, calendar: WorkingTime) -> datetime:
        hours = self.whole_h * (1 - self.amber_share)
        return due_at(self.opened_at, hours, self.clock, calendar, self.stood(now))

    def stood(self, now: datetime) -> tuple[Pause, ...]:
        if self.paused_at is None or now <= self.paused_at:
            return self.pauses
        return (*self.pauses, (self.paused_at, now))

    def left_h(self, now: datetime, calendar: WorkingTime) -> float:
        """Hours of the case's own clock until it is due; below zero: since it was."""
        until = now if self.paused_at is None else min(now, self.paused_at)
        return self.whole_h - used_h(self.opened_at, until, self.clock, calendar, self.pauses)


def state_of(now: datetime, due: datetime, amber: datetime, paused_at: datetime | None) -> State:
    if paused_at is not None:
        return "paused"
    return "red" if now > due else "amber" if now >= amber else "green"


@dataclass(frozen=True)
class Event:
    """Something to tell of a case: `name` is amber, red, step or rung-<n> (from 1)."""

    at: datetime
    name: str


def rung_name(number: int) -> str:
    return f"rung-{number}"


def events(
    amber: datetime,
    due: datetime,
    step_due: datetime | None,
    ladder: Sequence[Escalation],
    calendar: WorkingTime,
) -> list[Event]:
    """Everything that will be told of a running case unless it ends before."""
    found = [Event(amber, "amber"), Event(due, "red")]
    if step_due is not None and step_due < due:
        found.append(Event(step_due, "step"))
    for number, rung in enumerate(ladder, 1):
        anchor = amber if rung.on == "amber" else due
        found.append(Event(add(calendar, rung.clock, anchor, rung.after_h), rung_name(number)))
    return found


def level_of(told: Sequence[str]) -> int:
    """The highest rung of the ladder that has been told."""
    return max((int(name.removeprefix("rung-")) for name in told if name.startswith("rung-")), default=0)
