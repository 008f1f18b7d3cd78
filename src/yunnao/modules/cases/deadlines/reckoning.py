"""Reckoning the deadline of a case anew: from its row and what is declared, pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from yunnao.infra.postgres import Row
from yunnao.modules.cases.deadlines.domain import (
    HOUR,
    PAUSED_HORIZON_H,
    STEPS,
    Event,
    Limits,
    Standing,
    due_at,
    events,
    inherited,
)
from yunnao.modules.cases.registry import Snapshot


def limits_of(snapshot: Snapshot, category: str | None, case_type: str) -> Limits:
    """What is declared: the category's and those above it, then the case type's."""
    chain = [snapshot.categories[code].deadline for code in (snapshot.path(category) if category else ())]
    return inherited([each for each in (*chain, snapshot.case_types[case_type].deadline) if each])


def standing(row: Row) -> Standing:
    """A row of cases.deadline."""
    return Standing(
        row["opened_at"],
        row["limit_h"],
        row["clock"],
        row["amber_share"],
        row["extra_h"],
        tuple((datetime.fromisoformat(a), datetime.fromisoformat(b)) for a, b in row["pauses"]),
        row["paused_at"],
        row["step_due_at"],
    )


def begun(snapshot: Snapshot, case: Row, now: datetime) -> Row:
    """The deadline of a case that has just been opened."""
    limits = limits_of(snapshot, case["category"], case["case_type"])
    row: Row = {
        "case_id": case["id"],
        "opened_at": case["opened_at"],
        "extra_h": 0.0,
        "pauses": [],
        "paused_at": None,
        "told": [],
        **_limit(limits),
    }
    return reckoned(snapshot, {**row, **in_step(limits, case["status"], now)}, case["status"], now)


def _limit(limits: Limits) -> Row:
    return {"limit_h": limits.limit_h, "clock": limits.clock, "amber_share": limits.amber_share}


def in_step(limits: Limits, status: str, now: datetime) -> Row:
    """The step that a case has come to."""
    name = STEPS.get(status)
    step = limits.steps.get(name) if name else None
    return {
        "step": name,
        "step_began_at": now if name else None,
        "step_limit_h": step.limit_h if step else None,
        "step_clock": step.clock if step else None,
    }


def relimited(snapshot: Snapshot, row: Row, category: str | None, case_type: str) -> Row:
    """With the limit of another category; the step keeps its own until the next."""
    return {**row, **_limit(limits_of(snapshot, category, case_type))}


def reckoned(snapshot: Snapshot, row: Row, status: str, now: datetime) -> Row:
    """`row` with its times reckoned by the calendar of now; what lies ahead again is told again."""
    calendar, ladder = snapshot.city.calendar, snapshot.city.escalation
    kept = standing({**row, "step_due_at": None})
    due, amber = kept.due(now, calendar), kept.amber(now, calendar)
    running = status in STEPS
    step_due = None
    if running and row["step_limit_h"] is not None:
        step_due = _step_due(snapshot, row, now)
    ahead = events(amber, due, step_due, ladder, calendar)
    told = [name for name in row["told"] if _past(name, ahead, now)]
    if row["paused_at"] is not None:
        left = kept.left_h(now, calendar)
        if left > 0:
            due = max(due, now + PAUSED_HORIZON_H * HOUR)
        following = due if left > 0 else None
    else:
        following = min((event.at for event in ahead if event.name not in told), default=None)
    return {
        **row,
        "due_at": due,
        "amber_at": amber,
        "step_due_at": step_due,
        "told": told,
        "next_at": following if running else None,
        "calendar": snapshot.city.calendar_hash,
        "running": running,
    }


def _step_due(snapshot: Snapshot, row: Row, now: datetime) -> datetime:
    """A step's limit runs from when the case came to it; time that the case stood does not count."""
    kept = standing({**row, "step_due_at": None})
    began: datetime = row["step_began_at"]
    stood = [(max(a, began), b) for a, b in kept.stood(now) if b > began]
    return due_at(began, row["step_limit_h"], row["step_clock"], snapshot.city.calendar, stood)


def _past(name: str, ahead: Iterable[Event], now: datetime) -> bool:
    """Whether what was told still lies behind; a rung that no ladder has any more does."""
    return next((event.at <= now for event in ahead if event.name == name), name.startswith("rung-"))


def stored(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Rows as JSON for a statement on many."""
    return [
        {
            name: value.isoformat() if isinstance(value, datetime) else _plain(value)
            for name, value in row.items()
        }
        for row in rows
    ]


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float | bool | list) else str(value)
