"""Acting: the one way in which parties change open cases."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.errors import YunnaoError
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import say
from yunnao.modules.cases.acting import act as acting
from yunnao.modules.cases.acting import deciding, showing, store, timers
from yunnao.modules.cases.contracts import ActionData
from yunnao.modules.cases.naming import View, names
from yunnao.modules.cases.parts import Parts
from yunnao.modules.identity.contracts import Resource

PAGE_ROWS_MAX = 200
PARTS_ROWS_MAX = 200


class Acting:
    """Every method works in the transaction it is given."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def act(
        self,
        tx: Transaction,
        case_id: UUID,
        action: str,
        data: ActionData,
        principal: Principal,
        *,
        tracked: bool = False,
        version: int | None = None,
    ) -> Row:
        """Does `action`; the case's row afterwards. Raises NotFound, Forbidden, Conflict, InvalidInput."""
        return await acting.act(
            tx, self._parts, case_id, action, data, principal, tracked=tracked, version=version
        )

    async def act_on_many(
        self,
        tx: Transaction,
        wanted: Sequence[tuple[UUID, int | None]],
        action: str,
        data: ActionData,
        principal: Principal,
    ) -> list[View]:
        """Does `action` on each case and version; what fails takes nothing else with it.

        In the order of ids, so that two that name the same cases wait for each other in one direction;
        the results are in the order that was given.
        """
        done: dict[UUID, View] = {}
        for case_id, version in sorted(dict(wanted).items()):
            try:
                async with tx.transaction():
                    row = await self.act(tx, case_id, action, data, principal, version=version)
                    done[case_id] = _success(row, await acting.current_version(tx, case_id))
            except YunnaoError as error:
                done[case_id] = _failure(case_id, error)
        return [done[case_id] for case_id in dict(wanted)]

    async def requests(
        self,
        tx: Transaction,
        principal: Principal,
        *,
        asked: bool = False,
        limit: int = 50,
        after: UUID | None = None,
    ) -> tuple[list[View], UUID | None]:
        """What waits for the party's decision, oldest first; with `asked` also what it or its department
        asks for. Raises Forbidden for who neither decides nor asks."""
        kinds = [
            kind
            for kind in deciding.KINDS
            if self._parts.identity.allowed(principal, "request:decide", Resource("Request", kind=kind))
        ]
        if not kinds:
            self._parts.identity.authorize(principal, "request:list")
            asked = True
        limit = min(limit, PAGE_ROWS_MAX)
        found = await store.rows(
            tx,
            "requests_page",
            kinds=kinds,
            own=principal.id,
            department=principal.department,
            asked=asked,
            after=after,
            limit=limit + 1,
        )
        known = await names(tx, self._parts)
        following = found[limit - 1]["id"] if len(found) > limit else None
        return [showing.waiting(self._parts, known, row, principal) for row in found[:limit]], following

    async def decide(
        self, tx: Transaction, request_id: UUID, granted: bool, comment: str, principal: Principal
    ) -> Row:
        """Grants or refuses a request; the case afterwards."""
        return await deciding.decide(tx, self._parts, request_id, granted, comment, principal)

    async def withdraw(self, tx: Transaction, request_id: UUID, principal: Principal) -> Row:
        return await deciding.withdraw(tx, self._parts, request_id, principal)

    async def parts_waiting(self, tx: Transaction, principal: Principal) -> list[View]:
        """Cases of others that wait for the department's part, oldest first."""
        own = frozenset([principal.department] if principal.department else [])
        self._parts.identity.authorize(principal, "case:feed_back", Resource("Case", parties=own))
        known = await names(tx, self._parts)
        found = await store.rows(tx, "parts_waiting", department=principal.department, limit=PARTS_ROWS_MAX)
        return [showing.part(known, row) for row in found]

    # --- time ----------------------------------------------------------------------------------

    async def resume_due(self, tx: Transaction, now: datetime) -> int:
        """Ends suspensions whose date has come; for a timer. Returns how many."""
        return await timers.resume_due(tx, self._parts, now)

    async def archive(self, tx: Transaction, now: datetime) -> int:
        """Archives what has been closed for long enough; for a timer. Returns how many."""
        return await timers.archive(tx, self._parts, now)


def _success(row: Row, version: int) -> View:
    return {
        "id": row["id"],
        "ok": True,
        "number": row["number"],
        "status": row["status"],
        "version": version,
        "problem": None,
    }


def _failure(case_id: UUID, error: YunnaoError) -> View:
    params: dict[str, Any] = {k: v for k, v in error.params.items() if k != "problem_extra"}
    sentence = {language: say(error.code, language, **params) for language in ("zh", "en")}
    return {
        "id": case_id,
        "ok": False,
        "number": None,
        "status": None,
        "version": None,
        "problem": {"status": error.status, "code": error.code, "detail": sentence},
    }
