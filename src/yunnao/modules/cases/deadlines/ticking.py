"""What happens by the clock: amber, red, late steps, the ladder; and reckoning anew by another calendar."""

from datetime import datetime
from typing import Any

import structlog
from psycopg.types.json import Jsonb

from yunnao.infra import outbox
from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.ids import new_id
from yunnao.kernel.principal import SYSTEM
from yunnao.modules.cases.deadlines import reckoning
from yunnao.modules.cases.deadlines.domain import STEPS, Event, events
from yunnao.modules.cases.deadlines.facade import QUERIES
from yunnao.modules.cases.noticing.telling import Entry, tell
from yunnao.modules.cases.parts import Parts, announcement
from yunnao.modules.cases.registry import Snapshot

DUE_ROWS_MAX = 500
"""In one transaction: a long stop of the worker must not make one huge one."""
RESCHEDULED_ROWS_MAX = 1_000
ADOPTED_ROWS_MAX = 5_000
ROUNDS_MAX = 4
CHANGED = "cases.case.changed"

log = structlog.get_logger()


async def tick(tx: Transaction, parts: Parts, now: datetime) -> int:
    """Tells what is due, each thing once; for a timer. Returns how many cases turned red."""
    snapshot = await parts.registry.current(tx)
    await reschedule(tx, parts, snapshot, now)
    red = 0
    for _ in range(ROUNDS_MAX):
        asked = {"now": now, "limit": DUE_ROWS_MAX}
        found = await (await tx.execute(QUERIES["deadlines_due"], asked)).fetchall()
        if not found:
            break
        red += await _tell(tx, parts, snapshot, found, now)
    return red


async def adopt(tx: Transaction, parts: Parts) -> int:
    """Gives running cases that came in without a deadline of their own one; for a slow timer."""
    return (await tx.execute(QUERIES["deadlines_adopt"], {"limit": ADOPTED_ROWS_MAX})).rowcount


async def reschedule(tx: Transaction, parts: Parts, snapshot: Snapshot, now: datetime) -> int:
    """Reckons running cases anew that were reckoned by another calendar or ladder; returns how many."""
    asked = {"calendar": snapshot.city.calendar_hash, "limit": RESCHEDULED_ROWS_MAX}
    found = await (await tx.execute(QUERIES["deadlines_of_old_calendar"], asked)).fetchall()
    if not found:
        return 0
    changed = []
    for row in found:
        new = row if row["limit_h"] is not None else _found_limit(snapshot, row)
        new = reckoning.reckoned(snapshot, new, row["status"], now)
        new["overdue_at"] = row["overdue_at"] if new["due_at"] < now else None
        changed.append(new)
    await _store(tx, changed)
    moved = [
        (old, "rescheduled", {"before": old["due_at"].isoformat(), "after": new["due_at"].isoformat()})
        for old, new in zip(found, changed, strict=True)
        if old["due_at"] != new["due_at"] and old["calendar"]
    ]
    await _note(tx, parts, moved, now)
    log.info("deadlines_rescheduled", cases=len(found), moved=len(moved))
    return len(found)


def _found_limit(snapshot: Snapshot, row: Row) -> Row:
    """The limit of a case that came in without one, and the step that it stands in, as of its opening."""
    limits = reckoning.limits_of(snapshot, row["category"], row["case_type"])
    limited = reckoning.relimited(snapshot, row, row["category"], row["case_type"])
    step = reckoning.in_step(limits, row["status"], row["opened_at"])
    # When it came to its step is not known, so nobody is blamed for it.
    return {**limited, **step, "step_limit_h": None, "step_clock": None}


async def _tell(tx: Transaction, parts: Parts, snapshot: Snapshot, found: list[Row], now: datetime) -> int:
    entries: list[tuple[Row, str, dict[str, Any]]] = []
    changed, red = [], []
    for row in found:
        due = [] if row["paused_at"] is not None or row["status"] not in STEPS else _due(snapshot, row, now)
        new = reckoning.reckoned(
            snapshot, {**row, "told": [*row["told"], *(event.name for event in due)]}, row["status"], now
        )
        names = {event.name for event in due}
        if "red" in names and row["overdue_at"] is None:
            new["overdue_at"] = now
            red.append(row)
        changed.append(new)
        entries += [
            (row, *_entry(event, row)) for event in due if not (event.name == "amber" and "red" in names)
        ]
    await _store(tx, changed)
    await _note(tx, parts, entries, now)
    await outbox.publish_many(
        tx, [(CHANGED, {**announcement(snapshot, CHANGED, row), "overdue": True}) for row in red]
    )
    return len(red)


def _due(snapshot: Snapshot, row: Row, now: datetime) -> list[Event]:
    """What is to be told by now and has not been, earliest first."""
    ladder, calendar = snapshot.city.escalation, snapshot.city.calendar
    ahead = events(row["amber_at"], row["due_at"], row["step_due_at"], ladder, calendar)
    return sorted(
        (event for event in ahead if event.at <= now and event.name not in row["told"]),
        key=lambda event: event.at,
    )


def _entry(event: Event, row: Row) -> tuple[str, dict[str, Any]]:
    """The timeline's entry of an event."""
    if event.name == "red":
        return "overdue", {"due_at": row["due_at"].isoformat()}
    if event.name == "step":
        return "step_overdue", {"step": row["step"], "due_at": event.at.isoformat()}
    if event.name == "amber":
        return "amber", {"due_at": row["due_at"].isoformat()}
    return "escalated", {"level": int(event.name.removeprefix("rung-")), "due_at": row["due_at"].isoformat()}


async def _note(
    tx: Transaction, parts: Parts, entries: list[tuple[Row, str, dict[str, Any]]], now: datetime
) -> None:
    if not entries:
        return
    ids = [new_id() for _ in entries]
    await tx.execute(
        QUERIES["timeline_insert_many"],
        {
            "ids": ids,
            "case_ids": [row["case_id"] for row, _, _ in entries],
            "events": [event for _, event, _ in entries],
            "departments": [row["department"] for row, _, _ in entries],
            "details": [Jsonb(detail) for _, _, detail in entries],
            "actor_name": Jsonb(SYSTEM.name.model_dump()),
            "now": now,
        },
    )
    told = zip(ids, entries, strict=True)
    await tell(
        tx,
        parts,
        [Entry(id, row["case_id"], event, row["department"], detail) for id, (row, event, detail) in told],
    )


async def _store(tx: Transaction, rows: list[Row]) -> None:
    kept = Jsonb(reckoning.stored(rows))
    await tx.execute(QUERIES["deadlines_update"], {"deadlines": kept})
    await tx.execute(QUERIES["cases_due"], {"deadlines": kept})
