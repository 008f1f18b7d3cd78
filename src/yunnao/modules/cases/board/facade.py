"""What waits, for whom and how long: the queue of the desk and of departments, and the wall's figures."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.kernel.principal import Principal
from yunnao.modules.cases.deadlines.facade import add_deadlines
from yunnao.modules.cases.dispatch.decision import Matrix
from yunnao.modules.cases.dispatch.duty import responsible
from yunnao.modules.cases.intake import matrix
from yunnao.modules.cases.parts import Parts
from yunnao.modules.cases.views import Names, brief, names
from yunnao.modules.identity.contracts import CaseScope

QUERIES = load_queries("yunnao.modules.cases.board")
QUEUE_ROWS_MAX = 200
LOADS_TOLD_MAX = 40
AGE_BOUNDS_H = (0.0, 1.0, 4.0, 24.0, 72.0)
OVERDUE_BOUNDS_H = (0.0, 4.0, 24.0, 72.0, 168.0)

View = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """After which case the next page begins."""

    due_at: datetime
    id: UUID


class Board:
    """Reads running cases; every method within what the party may list."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def queue(
        self,
        tx: Transaction,
        principal: Principal,
        status: tuple[str, ...],
        department: str | None = None,
        limit: int = 50,
        after: Place | None = None,
    ) -> tuple[list[View], Place | None]:
        """Running cases by deadline, each with the ways it could be dispatched, likeliest first."""
        scope = self._parts.identity.scope(principal, "case:list")
        known, now = await names(tx, self._parts), self._parts.clock.now()
        by = await matrix(tx, self._parts, known.snapshot, await self._parts.areas(tx))
        limit = min(limit, QUEUE_ROWS_MAX)
        found = await _rows(
            tx, "queue", scope, status=list(status), department=department, limit=limit + 1,
            after_due=after.due_at if after else None, after_id=after.id if after else None,
        )  # fmt: skip
        items = [
            {**brief(known, row, now), "photos": row["photos"], "options": _options(known, by, row)}
            for row in found[:limit]
        ]
        await add_deadlines(tx, self._parts, items)
        last = found[limit - 1] if len(found) > limit else None
        return items, Place(last["due_at"], last["id"]) if last else None

    async def counts(self, tx: Transaction, principal: Principal) -> View:
        scope = self._parts.identity.scope(principal, "case:list")
        now = self._parts.clock.now()
        return dict((await _rows(tx, "counts", scope, now=now))[0])

    async def wall(self, tx: Transaction, principal: Principal) -> View:
        """How old the queues are, how late cases are, and each department's load."""
        scope = self._parts.identity.scope(principal, "case:list")
        known, now = await names(tx, self._parts), self._parts.clock.now()
        ages = await _rows(tx, "ages", scope, now=now, bounds_s=_seconds(AGE_BOUNDS_H))
        late = await _rows(tx, "overdue_bands", scope, now=now, bounds_s=_seconds(OVERDUE_BOUNDS_H))
        loads = await _rows(tx, "loads", scope, now=now, limit=LOADS_TOLD_MAX)
        ladder = await _rows(tx, "ladder", scope)
        steps = ("desk", "assigned", "handling", "checking")
        return {
            "counts": await self.counts(tx, principal),
            "ages": [_step(step, [row for row in ages if row["status"] == step]) for step in steps],
            "overdue": _bands(OVERDUE_BOUNDS_H, {row["band"]: row["n"] for row in late}),
            "ladder": ladder,
            "departments": [{**row, "department": known.department(row["department"])} for row in loads],
        }


async def _rows(tx: Transaction, name: str, scope: CaseScope, **params: Any) -> list[Row]:
    within = {
        "everything": scope.everything,
        "own_department": scope.department,
        "own_reporter": scope.reporter,
    }
    return await (await tx.execute(QUERIES[name], {**within, **params})).fetchall()


def _options(known: Names, by: Matrix, row: Row) -> list[View]:
    """The suggestion, then what else it could be, each with whom the duty matrix names for it here."""
    told = row["dispatch"]
    chosen = {
        "category": known.category(told["category"]),
        "department": known.department(told["department"]),
        "confidence": told["confidence"],
    }
    others = []
    for each in told["alternatives"]:
        found = responsible(
            by.rows, by.path(each["category"]), row["district"], row["street"], by.offices, by.fallback
        )
        others.append(
            {
                "category": known.category(each["category"]),
                "department": known.department(found.department),
                "confidence": each["confidence"],
            }
        )
    return [chosen, *others] if told["department"] else others


def _seconds(bounds_h: tuple[float, ...]) -> list[float]:
    return [hours * 3600 for hours in bounds_h]


def _step(status: str, found: list[Row]) -> View:
    return {
        "status": status,
        "oldest_at": min((row["oldest_at"] for row in found), default=None),
        "bands": _bands(AGE_BOUNDS_H, {row["band"]: row["n"] for row in found}),
    }


def _bands(bounds_h: tuple[float, ...], n: dict[int, int]) -> list[View]:
    """Each from its bound to the next; what is a hair younger than none (clocks differ) is in the first."""
    first = n.get(0, 0)
    return [
        {
            "from_h": bounds_h[i],
            "to_h": bounds_h[i + 1] if i + 1 < len(bounds_h) else None,
            "n": n.get(i + 1, 0) + (first if i == 0 else 0),
        }
        for i in range(len(bounds_h))
    ]
