"""The life of alarms after rules have opened them: what people do with them, and what time does."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from yunnao.infra import outbox
from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.errors import Conflict, InvalidInput, NotFound
from yunnao.kernel.ids import UUID
from yunnao.kernel.packs.alarming import AlarmDefaults
from yunnao.kernel.principal import Principal
from yunnao.kernel.time import Clock
from yunnao.modules.identity.facade import Identity
from yunnao.modules.sensing.alarming import store
from yunnao.modules.sensing.alarming.contracts import Alarm, AlarmFilter, AlarmPage, TimelineEntry
from yunnao.modules.sensing.alarming.placing import Placer
from yunnao.modules.sensing.alarming.sweeping import Sweeper
from yunnao.modules.sensing.alarming.telling import (
    ACKNOWLEDGED,
    ASSIGNED,
    CLEARED,
    SUPPRESSED,
    events_of,
)
from yunnao.modules.sensing.alarming.timeline import Entry, append
from yunnao.modules.twin.facade import Twin

suppression_max = timedelta(days=30)


class Alarms:
    """What others may ask of alarms; every method runs in the caller's transaction."""

    def __init__(self, clock: Clock, twin: Twin, identity: Identity, defaults: AlarmDefaults) -> None:
        self._clock = clock
        self._twin = twin
        self._identity = identity
        self._placer = Placer(twin, defaults)
        self._sweeper = Sweeper(clock, twin, self._placer)

    async def page(
        self, tx: Transaction, wanted: AlarmFilter, *, limit: int, before: UUID | None = None
    ) -> AlarmPage:
        """Alarms, newest first, with totals over every page."""
        found = await store.rows(tx, wanted, limit=limit + 1, before=before)
        items = await store.alarms(tx, self._twin, found[:limit])
        by_state: dict[str, int] = {}
        by_severity: dict[str, int] = {}
        for row in await store.counts(tx, replace(wanted, state=None)):
            by_state[row["state"]] = by_state.get(row["state"], 0) + row["n"]
            standing = wanted.state == "standing" and row["state"] != "cleared"
            if standing or wanted.state in {None, row["state"]}:
                by_severity[row["severity"]] = by_severity.get(row["severity"], 0) + row["n"]
        after = str(items[-1].id) if len(found) > limit else None
        return AlarmPage(items, after, sum(by_severity.values()), by_state, by_severity)

    async def get(self, tx: Transaction, alarm: UUID) -> Alarm:
        """Raises NotFound `alarm_unknown`."""
        found = await store.rows(tx, AlarmFilter(), limit=1, alarm=alarm)
        if not found:
            raise NotFound("alarm_unknown")
        return (await store.alarms(tx, self._twin, found))[0]

    async def timeline(self, tx: Transaction, alarm: UUID) -> list[TimelineEntry]:
        """In order; of an unknown alarm nothing."""
        return await store.timeline(tx, alarm)

    async def acknowledge(
        self, tx: Transaction, alarm: UUID, by: Principal, comment: str | None = None
    ) -> Alarm:
        """Somebody has seen it; it escalates no further. Acknowledging again changes nothing.

        Raises NotFound `alarm_unknown`, Conflict `alarm_cleared`.
        """
        await self._standing(tx, alarm)
        if await store.run(tx, "acknowledge", id=alarm, by=by.id, now=self._clock.now()):
            await self._note(tx, alarm, "acknowledged", by, comment)
            await self._tell(tx, ACKNOWLEDGED, alarm)
        return await self.get(tx, alarm)

    async def suppress(
        self, tx: Transaction, alarm: UUID, by: Principal, *, until: datetime, reason: str
    ) -> Alarm:
        """Nobody needs to hear of it until then: it does not escalate, and what its rule finds at its
        device meanwhile opens suppressed and raises no case. What still stands then comes back.

        Raises NotFound `alarm_unknown`, Conflict `alarm_cleared`, InvalidInput `suppression_time`.
        """
        now = self._clock.now()
        if not now < until <= now + suppression_max:
            raise InvalidInput("suppression_time", days=suppression_max.days)
        row = await self._standing(tx, alarm)
        await store.run(tx, "suppress", id=alarm, until=until)
        if row["device"] is not None:
            await store.run(tx, "suppression_keep", rule=row["rule"], device=row["device"], until=until)
        await self._note(tx, alarm, "suppressed", by, reason, until=until.isoformat())
        await self._tell(tx, SUPPRESSED, alarm)
        return await self.get(tx, alarm)

    async def unsuppress(
        self, tx: Transaction, alarm: UUID, by: Principal, comment: str | None = None
    ) -> Alarm:
        """Ends a suppression before its time. Raises NotFound `alarm_unknown`, Conflict `alarm_cleared`."""
        row = await self._standing(tx, alarm)
        if row["device"] is not None:
            await store.run(tx, "suppression_end", rule=row["rule"], device=row["device"])
        if row["suppressed_until"] is not None:
            await self._sweeper.come_back(tx, [alarm], by, comment)
        return await self.get(tx, alarm)

    async def assign(
        self,
        tx: Transaction,
        alarm: UUID,
        by: Principal,
        *,
        account: str | None = None,
        department: str | None = None,
        comment: str | None = None,
    ) -> Alarm:
        """Says who looks after it: a person by account, a department, both, or with neither nobody.

        Raises NotFound `alarm_unknown`, or as identity does for what it does not know; Conflict
        `alarm_cleared`.
        """
        await self._standing(tx, alarm)
        person = await self._identity.account(tx, account) if account is not None else None
        office = await self._identity.department(tx, department) if department is not None else None
        name = person.name.model_dump() if person else None
        await store.run(
            tx,
            "assign",
            id=alarm,
            assignee=person.id if person else None,
            assignee_name=Jsonb(name) if name else None,
            department=department,
        )
        await self._note(
            tx,
            alarm,
            "assigned",
            by,
            comment,
            name=name,
            department=office.name.model_dump() if office else None,
        )
        await self._tell(tx, ASSIGNED, alarm)
        return await self.get(tx, alarm)

    async def comment(self, tx: Transaction, alarm: UUID, by: Principal, comment: str) -> Alarm:
        """Adds a note, to a cleared alarm too. Raises NotFound `alarm_unknown`."""
        found = await self.get(tx, alarm)
        await self._note(tx, alarm, "commented", by, comment)
        return found

    async def close(self, tx: Transaction, alarm: UUID, by: Principal, comment: str) -> Alarm:
        """Ends an alarm by hand. Its rule finds it anew only after the condition has ended once.

        Raises NotFound `alarm_unknown`, Conflict `alarm_cleared`.
        """
        await self._standing(tx, alarm)
        await store.run(tx, "close", ids=[alarm], now=self._clock.now())
        await self._note(tx, alarm, "closed", by, comment)
        await self._tell(tx, CLEARED, alarm)
        return await self.get(tx, alarm)

    async def link_case(self, tx: Transaction, alarm: UUID, case_id: UUID) -> None:
        """Notes the case that an alarm opened or joined, also on the cause that shares it."""
        linked = await store.run(tx, "link_case", id=alarm, case_id=case_id)
        now = self._clock.now()
        entries = [Entry(row["id"], now, "case_linked", detail={"case_id": str(case_id)}) for row in linked]
        await append(tx, entries)

    async def sweep(self, tx: Transaction) -> int:
        """What time does to alarms: see `Sweeper`. Answers how many changed."""
        return await self._sweeper.sweep(tx)

    # --- parts ---

    async def _standing(self, tx: Transaction, alarm: UUID) -> Row:
        """The alarm, locked. Raises NotFound `alarm_unknown`, Conflict `alarm_cleared`."""
        found = await store.run(tx, "alarm_lock", id=alarm)
        if not found:
            raise NotFound("alarm_unknown")
        if found[0]["state"] == "cleared":
            raise Conflict("alarm_cleared")
        return found[0]

    async def _note(
        self, tx: Transaction, alarm: UUID, event: str, by: Principal, comment: str | None, **detail: Any
    ) -> None:
        kept = {name: value for name, value in detail.items() if value is not None}
        await append(tx, [Entry(alarm, self._clock.now(), event, by, comment, kept)])

    async def _tell(self, tx: Transaction, subject: str, *alarms: UUID) -> None:
        await tell(tx, self._twin, subject, alarms)


async def tell(tx: Transaction, twin: Twin, subject: str, alarms: Sequence[UUID]) -> None:
    """Publishes `subject` of each alarm."""
    events = [(subject, event) for _, _, event in await events_of(tx, twin, alarms)]
    await outbox.publish_many(tx, events)
