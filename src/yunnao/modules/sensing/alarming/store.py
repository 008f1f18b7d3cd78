"""The tables of alarms, read as the contracts show them."""

from dataclasses import asdict
from typing import Any

from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.kernel.ids import UUID
from yunnao.kernel.text import Text
from yunnao.modules.sensing.alarming.contracts import Alarm, AlarmFilter, TimelineEntry
from yunnao.modules.twin.facade import Twin

QUERIES = load_queries("yunnao.modules.sensing.alarming", "alarming.sql")
timeline_entries_max = 1_000


async def rows(
    tx: Transaction,
    wanted: AlarmFilter,
    *,
    limit: int,
    before: UUID | None = None,
    alarm: UUID | None = None,
) -> list[Row]:
    parameters = {**asdict(wanted), "limit": limit, "before": before, "id": alarm}
    return await (await tx.execute(QUERIES["page"], parameters)).fetchall()


async def counts(tx: Transaction, wanted: AlarmFilter) -> list[Row]:
    """Rows of state, severity and n."""
    return await (await tx.execute(QUERIES["counts"], asdict(wanted))).fetchall()


async def run(tx: Transaction, query: str, **parameters: Any) -> list[Row]:
    """The rows that a statement answers; none where it answers nothing."""
    cursor = await tx.execute(QUERIES[query], parameters)
    return await cursor.fetchall() if cursor.description is not None else []


async def timeline(tx: Transaction, alarm: UUID) -> list[TimelineEntry]:
    found = await run(tx, "events_of", alarm=alarm, limit=timeline_entries_max)
    return [TimelineEntry(**{**row, "actor": Text(**row["actor"])}) for row in found]


async def alarms(tx: Transaction, twin: Twin, found: list[Row]) -> list[Alarm]:
    names = await twin.names(tx, [row["entity"] for row in found if row["entity"] is not None])
    return [
        _alarm(row, names.get(row["entity"]) or (Text(**row["name"]) if row["name"] else None))
        for row in found
    ]


def _alarm(row: Row, entity_name: Text | None) -> Alarm:
    suppressed = row["state"] != "cleared" and row["suppressed_until"] is not None
    return Alarm(
        id=row["id"],
        kind=row["kind"],
        scene=row["scene"],
        rule=row["rule"],
        label=Text(**row["spec"]["label"]),
        severity=row["severity"],
        state="suppressed" if suppressed else row["state"],
        message=Text(**row["message"]),
        device=row["device"],
        entity=row["entity"],
        entity_name=entity_name,
        lon=row["lon"],
        lat=row["lat"],
        district=row["district"],
        value=row["value"],
        opened_at=row["opened_at"],
        acknowledged_at=row["acknowledged_at"],
        cleared_at=row["cleared_at"],
        suppressed_until=row["suppressed_until"],
        level=row["level"],
        escalates_at=row["escalate_at"],
        assignee=row["assignee"],
        assignee_name=Text(**row["assignee_name"]) if row["assignee_name"] else None,
        department=row["department"],
        parent=row["parent"],
        members=row["members"],
        case_id=row["case_id"],
        trace_id=row["trace_id"],
    )
