"""What happened to an alarm: who, when, what; appended and never changed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from yunnao.infra.postgres import Transaction, load_queries
from yunnao.kernel.ids import UUID, new_id
from yunnao.kernel.principal import SYSTEM, Principal

QUERIES = load_queries("yunnao.modules.sensing.alarming", "alarming.sql")


@dataclass(frozen=True)
class Entry:
    """One entry: `event` has a label `alarm_event_<event>` in the catalogue."""

    alarm: UUID
    time: datetime
    event: str
    actor: Principal = SYSTEM
    comment: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)


async def append(tx: Transaction, entries: Sequence[Entry]) -> None:
    """Writes all of them with one statement, in order."""
    if not entries:
        return
    await tx.execute(
        QUERIES["events_insert"],
        {
            "ids": [new_id() for _ in entries],
            "alarms": [e.alarm for e in entries],
            "times": [e.time for e in entries],
            "events": [e.event for e in entries],
            "actor_ids": [e.actor.id for e in entries],
            "actor_names": [Jsonb(e.actor.name.model_dump()) for e in entries],
            "actor_kinds": [e.actor.kind for e in entries],
            "comments": [e.comment for e in entries],
            "details": [Jsonb(e.detail) for e in entries],
        },
    )
