"""Alarms: what rules find in a batch, kept and told."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from yunnao.infra import outbox
from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.infra.telemetry import ALARMS_OPENED
from yunnao.kernel.ids import UUID, new_id
from yunnao.kernel.text import Text, say
from yunnao.modules.sensing.registry import InstalledRule
from yunnao.modules.twin.facade import Twin

QUERIES = load_queries("yunnao.modules.sensing", "intake.sql")

OPENED = "sensing.alarm.opened"
ACKNOWLEDGED = "sensing.alarm.acknowledged"
CLEARED = "sensing.alarm.cleared"


@dataclass(frozen=True)
class Opening:
    """An alarm that a rule opens; `cleared_at` where the same batch clears it again."""

    id: UUID
    rule: InstalledRule
    device: int
    value: float | None
    opened_at: datetime
    since: datetime
    cleared_at: datetime | None = None


@dataclass(frozen=True)
class Clearing:
    id: UUID
    rule: InstalledRule
    device: int
    cleared_at: datetime


@dataclass(frozen=True)
class State:
    """What a rule remembers of a device."""

    since_us: int | None = None
    alarm: UUID | None = None


NOTHING = State()
States = dict[tuple[int, int], State]
"""By device number and rule number; a pair that is not there is `NOTHING`."""


async def load_states(tx: Transaction, devices: Iterable[int]) -> States:
    """States of every rule for `devices`, locked until the end of the transaction."""
    cursor = await tx.execute(QUERIES["states_of_devices"], {"devices": sorted(set(devices))})
    return {
        (row["device"], row["rule"]): State(row["since_us"], row["alarm"]) for row in await cursor.fetchall()
    }


async def save_states(tx: Transaction, before: States, after: States) -> None:
    """Writes what differs."""
    changed = {key: state for key, state in after.items() if state != before.get(key, NOTHING)}
    gone = [key for key, state in changed.items() if state == NOTHING]
    kept = [(key, state) for key, state in changed.items() if state != NOTHING]
    if gone:
        await tx.execute(
            QUERIES["states_delete"], {"devices": [d for d, _ in gone], "rules": [r for _, r in gone]}
        )
    if kept:
        await tx.execute(
            QUERIES["states_upsert"],
            {
                "devices": [device for (device, _), _ in kept],
                "rules": [rule for (_, rule), _ in kept],
                "since_us": [state.since_us for _, state in kept],
                "alarms": [state.alarm for _, state in kept],
            },
        )


class Teller:
    """Keeps alarms and tells of them, with the words that people read."""

    def __init__(self, twin: Twin, zone: ZoneInfo) -> None:
        self._twin = twin
        self._zone = zone

    async def tell(
        self, tx: Transaction, openings: Sequence[Opening], clearings: Sequence[Clearing]
    ) -> dict[UUID, UUID]:
        """Writes both and publishes their events in order of time.

        Answers the kept id for each opening: another's, where an alarm of the same rule and device
        was there already.
        """
        if not openings and not clearings:
            return {}
        things = await self._things(tx, {o.device for o in openings} | {c.device for c in clearings})
        by_number = {clearing.rule.number: clearing.rule for clearing in clearings}
        told: list[tuple[datetime, str, dict[str, Any]]] = []
        for row in await self._clear(tx, clearings):
            data = event_data(row, by_number[row["rule"]], things[row["device"]])
            told.append((row["cleared_at"], CLEARED, data))
        kept: dict[UUID, UUID] = {}
        for opening, row, kept_id in await self._open(tx, openings, things):
            kept[opening.id] = kept_id
            if kept_id != opening.id:
                continue
            ALARMS_OPENED.labels(opening.rule.rule).inc()
            data = event_data(row, opening.rule, things[opening.device])
            told.append((opening.opened_at, OPENED, data))
            if opening.cleared_at is not None:
                told.append((opening.cleared_at, CLEARED, data))
        told.sort(key=lambda event: event[0])
        await outbox.publish_many(tx, [(subject, data) for _, subject, data in told])
        return kept

    async def _things(self, tx: Transaction, numbers: set[int]) -> dict[int, Row]:
        """Devices by number, each with the name of its entity."""
        cursor = await tx.execute(QUERIES["devices_by_number"], {"numbers": list(numbers)})
        rows = await cursor.fetchall()
        names = await self._twin.names(tx, [row["entity"] for row in rows])
        return {row["number"]: {**row, "name": names.get(row["entity"], Text(**row["name"]))} for row in rows}

    async def _clear(self, tx: Transaction, clearings: Sequence[Clearing]) -> list[Row]:
        if not clearings:
            return []
        cursor = await tx.execute(
            QUERIES["alarms_clear"],
            {"ids": [c.id for c in clearings], "cleared_at": [c.cleared_at for c in clearings]},
        )
        return await cursor.fetchall()

    async def _open(
        self, tx: Transaction, openings: Sequence[Opening], things: dict[int, Row]
    ) -> list[tuple[Opening, Row, UUID]]:
        if not openings:
            return []
        rows: list[Row] = [
            {
                "id": o.id,
                "severity": o.rule.spec.severity,
                "value": o.value,
                "message": self._message(o, things[o.device]["name"]).model_dump(),
                "opened_at": o.opened_at,
                "cleared_at": o.cleared_at,
                "trace_id": new_id().hex,
            }
            for o in openings
        ]
        cursor = await tx.execute(
            QUERIES["alarms_insert"],
            {
                "ids": [o.id for o in openings],
                "rules": [o.rule.number for o in openings],
                "devices": [o.device for o in openings],
                "states": ["open" if o.cleared_at is None else "cleared" for o in openings],
                "severities": [row["severity"] for row in rows],
                "values": [o.value for o in openings],
                "messages": [Jsonb(row["message"]) for row in rows],
                "opened_at": [o.opened_at for o in openings],
                "cleared_at": [o.cleared_at for o in openings],
                "traces": [row["trace_id"] for row in rows],
            },
        )
        kept = await cursor.fetchall()
        own = {row["id"] for row in kept}
        other = {(row["rule"], row["device"]): row["id"] for row in kept}
        return [
            (o, row, o.id if o.id in own else other[o.rule.number, o.device])
            for o, row in zip(openings, rows, strict=True)
        ]

    def _message(self, opening: Opening, name: Text) -> Text:
        since = opening.since.astimezone(self._zone)
        value = "" if opening.value is None else format(opening.value, ".6g")
        template = opening.rule.spec.message
        return Text(
            zh=_filled(template.zh, name.zh, value, say("moment_short", "zh", at=since)),
            en=_filled(template.en, name.en, value, say("moment_short", "en", at=since)),
        )


def _filled(template: str, entity: str, value: str, since: str) -> str:
    try:
        return template.format(entity=entity, value=value, since=since)
    except (KeyError, IndexError, ValueError):
        return template  # a pack's misspelt parameter must not stop the readings of the city


def event_data(alarm: Row, rule: InstalledRule, thing: Row) -> dict[str, Any]:
    """What an alarm's event carries: all that the opening of a case needs."""
    case = rule.spec.case
    return {
        "alarm_id": str(alarm["id"]),
        "rule": rule.rule,
        "scene": rule.scene,
        "label": rule.spec.label.model_dump(),
        "device": thing["id"],
        "entity": thing["entity"],
        "entity_name": thing["name"].model_dump(),
        "lon": thing["lon"],
        "lat": thing["lat"],
        "value": alarm["value"],
        "severity": alarm["severity"],
        "message": alarm["message"],
        "case": case.model_dump() if case is not None else None,
        "opened_at": alarm["opened_at"].isoformat(),
        "cleared_at": alarm["cleared_at"].isoformat() if alarm["cleared_at"] else None,
        "trace_id": alarm["trace_id"],
    }
