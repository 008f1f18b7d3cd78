"""Cases that other systems bring: one for each of their numbers, and word back when something changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from psycopg import DataError

from yunnao.infra.consumers import Event
from yunnao.infra.postgres import Transaction, load_queries
from yunnao.kernel.errors import InvalidInput, NotFound, Unauthenticated, YunnaoError
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import catalogue
from yunnao.modules.cases import references, views
from yunnao.modules.cases.contracts import NewCase
from yunnao.modules.cases.intake import open_case
from yunnao.modules.cases.parts import Parts
from yunnao.modules.notifications.contracts import Notice, Recipients

QUERIES = load_queries("yunnao.modules.cases.partners")
REFERENCE_CHARS_MAX = 200
BATCH_MAX = 100


@dataclass(frozen=True)
class Brought:
    """What became of one case of a batch; `code` and `params` say why one was refused."""

    outcome: Literal["opened", "known", "refused"]
    case_id: UUID | None = None
    code: str | None = None
    params: dict[str, Any] | None = None


class Partners:
    """Every method works in the transaction it is given; the caller has checked the right to bring cases."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def bring(
        self, tx: Transaction, new: NewCase, reference: str | None, principal: Principal
    ) -> Brought:
        """Opens a case, or finds the one that this party's number has already. Raises as the intake does."""
        if reference is None:
            return Brought("opened", (await open_case(tx, self._parts, new, principal)).id)
        system, number = self._system(principal), _reference(reference)
        known = await references.known(tx, system, [number])
        if number in known:
            return Brought("known", known[number])
        opened = await open_case(tx, self._parts, new, principal)
        await references.keep(tx, system, number, opened.id)
        return Brought("opened", opened.id)

    async def bring_many(
        self, tx: Transaction, items: Sequence[tuple[NewCase, str | None]], principal: Principal
    ) -> list[Brought]:
        """Each by itself: one that is refused holds up no other. Raises `case_batch_too_large`."""
        if not 0 < len(items) <= BATCH_MAX:
            raise InvalidInput("case_batch_too_large", limit=BATCH_MAX)
        found: list[Brought] = []
        for new, reference in items:
            try:
                async with tx.transaction():
                    found.append(await self.bring(tx, new, reference, principal))
            except DataError:
                found.append(Brought("refused", code="text_unreadable", params={}))
            except YunnaoError as error:
                found.append(Brought("refused", code=error.code, params=dict(error.params)))
        return found

    async def status(self, tx: Transaction, reference: str, principal: Principal) -> dict[str, Any]:
        """Where the case of one's own number stands. Raises NotFound `case_not_found`."""
        wanted = {"system": self._system(principal), "reference": _reference(reference)}
        row = await (await tx.execute(QUERIES["case_by_reference"], wanted)).fetchone()
        if row is None:
            raise NotFound("case_not_found")
        known = await views.names(tx, self._parts)
        return {
            **{
                name: row[name]
                for name in ("number", "status", "opened_at", "due_at", "closed_at", "reference")
            },
            "status_label": catalogue()[f"case_status_{row['status']}"],
            "department": known.department(row["department"]),
            "category": known.category(row["category"]),
        }

    async def tell(self, tx: Transaction, event: Event) -> None:
        """Consumer of `cases.case.changed`: who brought the case is told, as it chose to be (webhook)."""
        wanted = {"case_id": UUID(str(event.data["case_id"]))}
        rows = await (await tx.execute(QUERIES["references_of_case"], wanted)).fetchall()
        await self._parts.notifications.send(
            tx,
            *(
                Notice(
                    "partner_case",
                    Recipients(accounts=(row["system"],)),
                    key=f"partner:{event.id}:{row['system']}",
                    params={
                        "reference": row["reference"],
                        "number": row["number"],
                        "status": catalogue()[f"case_status_{row['status']}"],
                        "state": row["status"],
                    },
                    subject=f"Case/{event.data['case_id']}",
                )
                for row in rows
            ),
        )

    def _system(self, principal: Principal) -> UUID:
        if principal.id is None:
            raise Unauthenticated("sign_in_required")
        return principal.id


def _reference(reference: str) -> str:
    plain = reference.strip()
    if not plain or len(plain) > REFERENCE_CHARS_MAX or not plain.isprintable():
        raise InvalidInput("external_reference_invalid", limit_chars=REFERENCE_CHARS_MAX)
    return plain
