"""Deadlines of cases: begun, followed from step to step, stopped, extended, shown."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.kernel.errors import Conflict, InvalidInput, NotFound
from yunnao.modules.cases.deadlines import reckoning
from yunnao.modules.cases.deadlines.domain import STEPS, Standing, level_of, state_of
from yunnao.modules.cases.parts import Parts
from yunnao.modules.cases.registry import Snapshot

QUERIES = load_queries("yunnao.modules.cases.deadlines")
EXTENSION_H_MAX = 10_000.0
PAUSES_MAX = 100

View = dict[str, Any]


async def begin(tx: Transaction, snapshot: Snapshot, case: Row) -> None:
    """Keeps the deadline of a case that has just been stored; `case["due_at"]` is of `first_due`."""
    row = reckoning.begun(snapshot, case, case["opened_at"])
    await tx.execute(QUERIES["deadline_insert"], row)


def first_due(snapshot: Snapshot, category: str | None, case_type: str, opened_at: datetime) -> datetime:
    """When a case that is opened now will be due."""
    limits = reckoning.limits_of(snapshot, category, case_type)
    kept = Standing(opened_at, limits.limit_h, limits.clock, limits.amber_share)
    return kept.due(opened_at, snapshot.city.calendar)


async def follow(tx: Transaction, parts: Parts, before: Row, after: Row) -> None:
    """The deadline follows a case from `before` to `after`, both rows of the case, which is locked.

    Call it before `after` is stored: it sets `after["due_at"]` and `after["overdue_at"]`.
    """
    now = parts.clock.now()
    snapshot = await parts.registry.current(tx)
    row = await _locked(tx, parts, after["id"])
    if row["limit_h"] is None or after["category"] != before["category"]:
        # The limit is the category's, and runs from the opening whoever found the category late.
        row = reckoning.relimited(snapshot, row, after["category"], after["case_type"])
    if after["status"] != before["status"]:
        limits = reckoning.limits_of(snapshot, after["category"], after["case_type"])
        row = {**row, **reckoning.in_step(limits, after["status"], now)}
        row["told"] = [name for name in row["told"] if name != "step"]
    row = reckoning.reckoned(snapshot, row, after["status"], now)
    await _store(tx, row)
    after["due_at"] = row["due_at"]
    after["overdue_at"] = after["overdue_at"] if row["due_at"] < now else None


async def pause(tx: Transaction, parts: Parts, case_id: UUID, at: datetime) -> datetime:
    """Stops the clock; the time until `resume` does not count. Returns the due time to show meanwhile.

    Stopping a clock that stands does nothing. Raises NotFound, Conflict `deadline_not_running`,
    InvalidInput `deadline_pauses_too_many`.
    """
    row = await _locked(tx, parts, case_id)
    if not row["running"]:
        raise Conflict("deadline_not_running")
    if len(row["pauses"]) >= PAUSES_MAX:
        raise InvalidInput("deadline_pauses_too_many", limit=PAUSES_MAX)
    if row["paused_at"] is None:
        row = {**row, "paused_at": at}
    return await _changed(tx, parts, row, at)


async def resume(tx: Transaction, parts: Parts, case_id: UUID, at: datetime) -> datetime:
    """Lets the clock go on; returns when the case is due. A clock that runs is left alone."""
    row = await _locked(tx, parts, case_id)
    if row["paused_at"] is not None:
        stood = [row["paused_at"].isoformat(), max(at, row["paused_at"]).isoformat()]
        row = {**row, "pauses": [*row["pauses"], stood], "paused_at": None}
    return await _changed(tx, parts, row, at)


async def extend(tx: Transaction, parts: Parts, case_id: UUID, hours: float, at: datetime) -> datetime:
    """Adds `hours` of the case's own clock to its limit; returns when it is due.

    Raises InvalidInput `extension_hours_invalid`, Conflict `deadline_not_running`.
    """
    if not 0 < hours <= EXTENSION_H_MAX:
        raise InvalidInput("extension_hours_invalid", limit_h=EXTENSION_H_MAX)
    row = await _locked(tx, parts, case_id)
    if not row["running"]:
        raise Conflict("deadline_not_running")
    return await _changed(tx, parts, {**row, "extra_h": row["extra_h"] + hours}, at)


async def refresh(tx: Transaction, parts: Parts, case_id: UUID) -> None:
    """The deadline takes over the status that its case has come to by another way than an action."""
    now = parts.clock.now()
    row = await _locked(tx, parts, case_id)
    if STEPS.get(row["status"]) != row["step"]:
        snapshot = await parts.registry.current(tx)
        limits = reckoning.limits_of(snapshot, row["category"], row["case_type"])
        row = {**row, **reckoning.in_step(limits, row["status"], now)}
    await _changed(tx, parts, row, now)


async def shown(tx: Transaction, parts: Parts, ids: Sequence[UUID]) -> dict[UUID, View]:
    """The deadlines of cases as they are shown, by case; one query for all."""
    if not ids:
        return {}
    snapshot = await parts.registry.current(tx)
    now = parts.clock.now()
    found = await (await tx.execute(QUERIES["deadlines_shown"], {"ids": list(ids)})).fetchall()
    return {row["case_id"]: _view(snapshot, row, now) for row in found}


async def add_deadlines(tx: Transaction, parts: Parts, items: Sequence[View]) -> None:
    """Puts `deadline` into each of `items`, the `id` of which is a case's."""
    found = await shown(tx, parts, [item["id"] for item in items])
    for item in items:
        item["deadline"] = found.get(item["id"])


def _view(snapshot: Snapshot, row: Row, now: datetime) -> View:
    calendar = snapshot.city.calendar
    running = row["running"]
    left = None
    if running and row["limit_h"] is not None:
        left = round(reckoning.standing(row).left_h(now, calendar) * 3600)
    return {
        "due_at": row["due_at"],
        "amber_at": row["amber_at"],
        "state": state_of(now, row["due_at"], row["amber_at"], row["paused_at"]) if running else None,
        "left_s": left,
        "clock": row["clock"],
        "limit_s": (row["limit_h"] + row["extra_h"]) * 3600 if row["limit_h"] is not None else None,
        "paused_at": row["paused_at"],
        "level": level_of(row["told"]),
        "step": row["step"] if running else None,
        "step_due_at": row["step_due_at"] if running else None,
        "risk": row["risk"] if running else None,
    }


async def _locked(tx: Transaction, parts: Parts, case_id: UUID) -> Row:
    """The case's deadline, locked after its case; made for a case that came in without one."""
    row = await (await tx.execute(QUERIES["deadline_lock"], {"case_id": case_id})).fetchone()
    if row is None:
        await tx.execute(QUERIES["deadline_adopt"], {"case_id": case_id})
        row = await (await tx.execute(QUERIES["deadline_lock"], {"case_id": case_id})).fetchone()
    if row is None:
        raise NotFound("case_not_found")
    if row["limit_h"] is None:
        snapshot = await parts.registry.current(tx)
        row = reckoning.relimited(snapshot, row, row["category"], row["case_type"])
    return row


async def _changed(tx: Transaction, parts: Parts, row: Row, at: datetime) -> datetime:
    snapshot = await parts.registry.current(tx)
    row = reckoning.reckoned(snapshot, row, row["status"], at)
    row["overdue_at"] = row["overdue_at"] if row["due_at"] < at else None
    await _store(tx, row)
    await tx.execute(QUERIES["cases_due"], {"deadlines": Jsonb(reckoning.stored([row]))})
    due: datetime = row["due_at"]
    return due


async def _store(tx: Transaction, row: Row) -> None:
    await tx.execute(QUERIES["deadlines_update"], {"deadlines": Jsonb(reckoning.stored([row]))})
