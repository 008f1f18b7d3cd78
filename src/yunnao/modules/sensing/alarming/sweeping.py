"""What time does to alarms: they escalate, come back, are released from a cause that has gone."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, get_args

from yunnao.infra import outbox
from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.ids import UUID
from yunnao.kernel.packs.common import Severity
from yunnao.kernel.principal import SYSTEM, Principal
from yunnao.kernel.time import Clock
from yunnao.modules.sensing.alarming import store
from yunnao.modules.sensing.alarming.placing import Opened, Placer
from yunnao.modules.sensing.alarming.telling import (
    CLEARED,
    ESCALATED,
    NOTHING_OF,
    OPENED,
    RETURNED,
    event_data,
    events_of,
)
from yunnao.modules.sensing.alarming.timeline import Entry, append
from yunnao.modules.twin.facade import Twin

SEVERITIES: tuple[Severity, ...] = get_args(Severity)
sweep_alarms_max = 1_000
"""Of each kind in one sweep; the next goes on."""
release_after = timedelta(minutes=5)
"""What still stands so long after its cause has cleared stands by itself."""
flood_quiet = timedelta(minutes=5)
"""A flood ends when nothing of it has stood for so long."""


class Sweeper:
    """Run by a timer, one at a time over the cluster; a sweep that is late does the same, later."""

    def __init__(self, clock: Clock, twin: Twin, placer: Placer) -> None:
        self._clock = clock
        self._twin = twin
        self._placer = placer

    async def sweep(self, tx: Transaction) -> int:
        now = self._clock.now()
        await self._placer.lock(tx)
        due = {"now": now, "limit": sweep_alarms_max}
        returning = [row["id"] for row in await store.run(tx, "due_returns", **due)]
        await self.come_back(tx, returning, SYSTEM, None)
        await store.run(tx, "suppressions_prune", now=now)
        released = await store.run(tx, "due_releases", **due, after=release_after)
        await self._release(tx, [row["id"] for row in released])
        escalating = await store.run(tx, "due_escalations", **due)
        await self._escalate(tx, [row["id"] for row in escalating])
        ended = await store.run(tx, "floods_ended", **due, after=flood_quiet)
        await self._end(tx, [row["id"] for row in ended])
        return len(returning) + len(released) + len(escalating) + len(ended)

    async def come_back(
        self, tx: Transaction, alarms: Sequence[UUID], by: Principal, comment: str | None
    ) -> None:
        """Ends suppressions. Who was suppressed from the start raises its case now."""
        if not alarms:
            return
        now = self._clock.now()
        found = await events_of(tx, self._twin, alarms)
        raising = {row["id"] for _, row, _ in found if _owes_case(row)}
        await store.run(
            tx,
            "come_back",
            ids=[row["id"] for _, row, _ in found],
            escalate_at=[
                self._placer.escalate_at(rule, row["level"], now) if row["state"] == "open" else None
                for rule, row, _ in found
            ],
            raised=[row["raised"] or row["id"] in raising for _, row, _ in found],
        )
        await append(tx, [Entry(row["id"], now, "returned", by, comment) for _, row, _ in found])
        events: list[tuple[str, dict[str, Any]]] = []
        for _, row, event in await events_of(tx, self._twin, alarms, raising=raising):
            events.append((RETURNED, {**event, "case": None}))
            if row["id"] in raising:
                events.append((OPENED, event))
        await outbox.publish_many(tx, events)

    async def _release(self, tx: Transaction, alarms: Sequence[UUID]) -> None:
        """Places alarms anew whose cause has gone: together they may have another, or be a flood."""
        if not alarms:
            return
        now = self._clock.now()
        found = await events_of(tx, self._twin, alarms)
        unraised = {row["id"] for _, row, _ in found if not row["raised"]}
        await store.run(
            tx,
            "release",
            ids=[row["id"] for _, row, _ in found],
            escalate_at=[
                self._placer.escalate_at(rule, row["level"], now) if row["state"] == "open" else None
                for rule, row, _ in found
            ],
        )
        await append(tx, [Entry(row["id"], now, "released") for _, row, _ in found])
        opened = [
            Opened(
                row["id"], rule, row["device"], row["gateway"], row["entity"], row["opened_at"],
                event["lon"], event["lat"], row["district"],
            )
            for rule, row, event in found
        ]  # fmt: skip
        placed = await self._placer.place(tx, opened, now)
        raising = {alarm for alarm in unraised if placed.raises(alarm)}
        told = await events_of(tx, self._twin, sorted(raising), raising=raising)
        events = [(OPENED, event) for _, _, event in told]
        events += [(OPENED, event_data(f, f["installed"], NOTHING_OF)) for f in placed.floods]
        await outbox.publish_many(tx, events)

    async def _escalate(self, tx: Transaction, alarms: Sequence[UUID]) -> None:
        if not alarms:
            return
        now = self._clock.now()
        ids: list[UUID] = []
        levels: list[int] = []
        severities: list[Severity] = []
        next_at = []
        for rule, row, _ in await events_of(tx, self._twin, alarms):
            steps = self._placer.escalation(rule)
            step = steps[min(row["level"], len(steps) - 1)].severity if steps else None
            ids.append(row["id"])
            levels.append(row["level"] + 1)
            severities.append(max(row["severity"], step or row["severity"], key=SEVERITIES.index))
            next_at.append(self._placer.escalate_at(rule, row["level"] + 1, now))
        await store.run(tx, "escalate", ids=ids, levels=levels, severities=severities, escalate_at=next_at)
        entries = [
            Entry(alarm, now, "escalated", detail={"level": level, "severity": severity})
            for alarm, level, severity in zip(ids, levels, severities, strict=True)
        ]
        await append(tx, entries)
        told = await events_of(tx, self._twin, ids)
        await outbox.publish_many(tx, [(ESCALATED, {**e, "level": row["level"]}) for _, row, e in told])

    async def _end(self, tx: Transaction, floods: Sequence[UUID]) -> None:
        if not floods:
            return
        now = self._clock.now()
        await store.run(tx, "close", ids=list(floods), now=now)
        await append(tx, [Entry(flood, now, "cleared") for flood in floods])
        told = await events_of(tx, self._twin, floods)
        await outbox.publish_many(tx, [(CLEARED, event) for _, _, event in told])


def _owes_case(row: Row) -> bool:
    """Whether an alarm stands by itself and has never asked for its case."""
    if row["raised"] or row["case_from"] is not None:
        return False
    group = row["spec"].get("group")
    return row["parent"] is None or (group is not None and group["case"] == "each")
