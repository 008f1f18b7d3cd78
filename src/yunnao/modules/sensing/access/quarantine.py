"""The quarantine: who is not believed, and what an operator decides of it."""

from collections.abc import Sequence
from typing import Literal

from yunnao.infra.pages import like_pattern
from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.kernel.errors import Conflict, NotFound
from yunnao.kernel.ids import UUID
from yunnao.kernel.principal import Principal
from yunnao.kernel.time import Clock
from yunnao.modules.identity.facade import Identity
from yunnao.modules.sensing import store
from yunnao.modules.sensing.access.credentials import Credentials

QUERIES = load_queries("yunnao.modules.sensing.access", "quarantine.sql")
decisions_max = 1_000
"""Entries that are decided on in one go."""

State = Literal["held", "registered", "released", "blocked"]
Reason = Literal["unknown", "other_product", "refusals", "over_rate", "value_storm"]


class Quarantine:
    """What the guard of the intake has listed."""

    def __init__(self, clock: Clock, identity: Identity, credentials: Credentials) -> None:
        self._clock = clock
        self._identity = identity
        self._credentials = credentials

    async def page(
        self,
        tx: Transaction,
        *,
        limit: int,
        state: State | None = None,
        reason: Reason | None = None,
        product: str | None = None,
        q: str | None = None,
        before: UUID | None = None,
    ) -> list[Row]:
        """Entries, newest first."""
        values = {"limit": limit, "state": state, "reason": reason, "product": product, "before": before}
        return await (await tx.execute(QUERIES["page"], {**values, "q": like_pattern(q)})).fetchall()

    async def totals(self, tx: Transaction) -> list[Row]:
        """Entries by state and reason."""
        return await (await tx.execute(QUERIES["totals"])).fetchall()

    async def entry(self, tx: Transaction, entry: UUID) -> Row:
        """Raises NotFound `quarantine_unknown`."""
        return (await self._locked(tx, [entry]))[0]

    async def release(self, tx: Transaction, entries: Sequence[UUID], principal: Principal) -> None:
        """Believed again; of an unknown device the block is lifted, and it is listed anew when it speaks.

        Raises NotFound `quarantine_unknown`.
        """
        rows = await self._locked(tx, entries)
        await self._stand(tx, rows, "active")
        await self._decide(tx, rows, "released", principal)

    async def block(self, tx: Transaction, entries: Sequence[UUID], principal: Principal) -> None:
        """Not taken any more: messages are dropped, credentials revoked, connections cut.

        Raises NotFound `quarantine_unknown`.
        """
        rows = await self._locked(tx, entries)
        await self._stand(tx, rows, "blocked")
        known = [(row["number"], row["device"]) for row in rows if row["number"] is not None]
        await self._credentials.revoke_all(tx, known, principal)
        await self._decide(tx, rows, "blocked", principal)

    async def registered(self, tx: Transaction, entry: UUID, principal: Principal) -> None:
        """The device of an entry has been registered."""
        await self._decide(tx, await self._locked(tx, [entry]), "registered", principal)

    async def registrable(self, tx: Transaction, entry: UUID) -> Row:
        """An entry whose device can be registered. Raises NotFound `quarantine_unknown`, Conflict
        `quarantine_of_known`."""
        row = await self.entry(tx, entry)
        if row["reason"] != "unknown" or row["number"] is not None:
            raise Conflict("quarantine_of_known", device=row["device"])
        return row

    async def _locked(self, tx: Transaction, entries: Sequence[UUID]) -> list[Row]:
        rows = await (await tx.execute(QUERIES["entries_lock"], {"ids": list(entries)})).fetchall()
        if len(rows) < len(set(entries)):
            raise NotFound("quarantine_unknown")
        return rows

    async def _stand(self, tx: Transaction, rows: Sequence[Row], standing: str) -> None:
        numbers = sorted(row["number"] for row in rows if row["number"] is not None)
        if numbers:
            values = {"numbers": numbers, "standing": standing, "changed": await store.bump(tx)}
            await tx.execute(QUERIES["devices_stand"], values)
            await tx.execute(QUERIES["offences_forget"], {"numbers": numbers})

    async def _decide(self, tx: Transaction, rows: Sequence[Row], state: State, principal: Principal) -> None:
        values = {"ids": [row["id"] for row in rows], "state": state, "now": self._clock.now()}
        await tx.execute(QUERIES["entries_decide"], {**values, "by": principal.id})
        for row in rows:
            await self._identity.audit(tx, principal, f"quarantine:{state}", f"Device/{row['device']}")
