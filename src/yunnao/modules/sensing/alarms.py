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
from yunnao.kernel.packs.alarming import AlarmDefaults
from yunnao.kernel.text import Text, say
from yunnao.kernel.time import Clock
from yunnao.modules.sensing.alarming.placing import Opened, Placed, Placer
from yunnao.modules.sensing.alarming.telling import CLEARED, NOTHING_OF, OPENED, event_data, thing_of
from yunnao.modules.sensing.alarming.timeline import Entry, append
from yunnao.modules.sensing.registry import InstalledRule
from yunnao.modules.sensing.rules.states import bump, changes_followed_max
from yunnao.modules.twin.facade import Twin

QUERIES = load_queries("yunnao.modules.sensing", "intake.sql")


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
    """Writes what differs, for whoever does not own the devices' lanes, and tells those who do.

    A state of nothing stays a row for a while, so that it is found among what changed.
    """
    changed = [(key, state) for key, state in after.items() if state != before.get(key, NOTHING)]
    if not changed:
        return
    version = await bump(tx)
    await tx.execute(
        QUERIES["states_upsert"],
        {
            "devices": [device for (device, _), _ in changed],
            "rules": [rule for (_, rule), _ in changed],
            "since_us": [state.since_us for _, state in changed],
            "alarms": [state.alarm for _, state in changed],
            "version": version,
        },
    )
    await tx.execute(QUERIES["states_prune"], {"before": version - changes_followed_max})


class Teller:
    """Keeps alarms and tells of them, with the words that people read.

    `zone` is the city's, for the times in messages.
    """

    def __init__(self, clock: Clock, twin: Twin, zone: ZoneInfo, defaults: AlarmDefaults) -> None:
        self._clock = clock
        self._twin = twin
        self._zone = zone
        self._placer = Placer(twin, defaults)

    async def lock(self, tx: Transaction) -> None:
        """Taken by `tell` where something opens; before it by who locks states that a batch writes."""
        await self._placer.lock(tx)

    async def tell(
        self, tx: Transaction, openings: Sequence[Opening], clearings: Sequence[Clearing]
    ) -> dict[UUID, UUID]:
        """Writes both and publishes their events in order of time.

        Answers the kept id for each opening: another's, where an alarm of the same rule and device
        was there already. An alarm that is suppressed, beneath its cause or within a flood is told
        without a case; a flood with the rule's.
        """
        if not openings and not clearings:
            return {}
        if openings:
            await self.lock(tx)
        things = await self._things(tx, {o.device for o in openings} | {c.device for c in clearings})
        by_number = {clearing.rule.number: clearing.rule for clearing in clearings}
        told: list[tuple[datetime, str, dict[str, Any]]] = []
        cleared = await self._clear(tx, clearings)
        for row in cleared:
            data = event_data(row, by_number[row["rule"]], things[row["device"]])
            told.append((row["cleared_at"], CLEARED, data))
        entries = [Entry(row["id"], row["cleared_at"], "cleared") for row in cleared]
        rows = await self._open(tx, openings, things)
        kept = {opening.id: kept_id for opening, _, kept_id in rows}
        fresh = [(opening, row) for opening, row, kept_id in rows if kept_id == opening.id]
        for opening, _ in fresh:
            ALARMS_OPENED.labels(opening.rule.rule).inc()
            entries.append(Entry(opening.id, opening.opened_at, "opened"))
            if opening.cleared_at is not None:
                entries.append(Entry(opening.id, opening.cleared_at, "cleared"))
        await append(tx, sorted(entries, key=lambda entry: entry.time))
        placed = await self._place(tx, [opening for opening, _ in fresh], things)
        for opening, row in fresh:
            data = event_data(row | _standing(opening.id, placed), opening.rule, things[opening.device])
            told.append((opening.opened_at, OPENED, data))
            if opening.cleared_at is not None:
                told.append((opening.cleared_at, CLEARED, data))
        told += [(f["opened_at"], OPENED, event_data(f, f["installed"], NOTHING_OF)) for f in placed.floods]
        told.sort(key=lambda event: event[0])
        await outbox.publish_many(tx, [(subject, data) for _, subject, data in told])
        return kept

    async def _place(self, tx: Transaction, openings: Sequence[Opening], things: dict[int, Row]) -> Placed:
        opened = [
            Opened(
                o.id, o.rule, o.device, thing["gateway"], thing["entity"], o.opened_at, thing["lon"],
                thing["lat"], thing["district"],
            )
            for o, thing in ((o, things[o.device]) for o in openings)
        ]  # fmt: skip
        return await self._placer.place(tx, opened, self._clock.now())

    async def _things(self, tx: Transaction, numbers: set[int]) -> dict[int, Row]:
        """Devices by number, as `thing_of` shows them."""
        cursor = await tx.execute(QUERIES["devices_by_number"], {"numbers": list(numbers)})
        rows = await cursor.fetchall()
        places = await self._twin.places(tx, [row["entity"] for row in rows])
        return {row["number"]: thing_of(row, places.get(row["entity"])) for row in rows}

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
        now = self._clock.now()
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
                "lons": [things[o.device]["lon"] for o in openings],
                "lats": [things[o.device]["lat"] for o in openings],
                "districts": [things[o.device]["district"] for o in openings],
                "escalate_at": [self._placer.escalate_at(o.rule, 0, now) for o in openings],
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


def _standing(alarm: UUID, placed: Placed) -> Row:
    """Where an opening stands, as its event tells it."""
    return {
        "raises": placed.raises(alarm),
        "parent": placed.parent.get(alarm),
        "suppressed_until": placed.suppressed.get(alarm),
    }


def _filled(template: str, entity: str, value: str, since: str) -> str:
    try:
        return template.format(entity=entity, value=value, since=since)
    except (KeyError, IndexError, ValueError):
        return template  # a pack's misspelt parameter must not stop the readings of the city
