"""Saved views: a filter with a name, one's own or shared with a department or a role."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.kernel.errors import Conflict, InvalidInput, NotFound
from yunnao.kernel.ids import new_id
from yunnao.kernel.principal import Principal
from yunnao.modules.cases.parts import Parts
from yunnao.modules.cases.search.contracts import CaseFilter, Sort, Total
from yunnao.modules.cases.search.facade import Search
from yunnao.modules.identity.contracts import Resource

QUERIES = load_queries("yunnao.modules.cases.search", "saved.sql")
VIEWS_PER_PARTY_MAX = 50
VIEWS_TOLD_MAX = 200
VIEWS_COUNTED_MAX = 20
COUNTED_MAX = 1_000
NAME_CHARS_MAX = 60
COLUMNS_MAX = 30

View = dict[str, Any]


@dataclass(frozen=True)
class ViewDraft:
    """A view as its owner wants it. `filter` are parameters of the list, checked by the door."""

    name: str
    filter: Mapping[str, Any]
    columns: tuple[str, ...] = ()
    sort: Sort = "newest"
    department: str | None = None
    role: str | None = None
    begins: bool = False


class SavedViews:
    """Every method for the signed-in party. Raises Unauthenticated for nobody."""

    def __init__(self, parts: Parts, search: Search) -> None:
        self._parts = parts
        self._search = search

    async def all(self, tx: Transaction, principal: Principal, view_id: UUID | None = None) -> list[View]:
        found = await tx.execute(QUERIES["views"], {**self._whose(principal), "id": view_id})
        return [_view(row, principal) for row in await found.fetchall()]

    async def put(
        self, tx: Transaction, principal: Principal, draft: ViewDraft, view_id: UUID | None = None
    ) -> View:
        """Makes a view, or changes one's own. Raises InvalidInput, Forbidden, NotFound, Conflict."""
        whose = self._whose(principal)
        await self._check(tx, principal, draft)
        if view_id is None:
            counted = await (await tx.execute(QUERIES["views_owned"], whose)).fetchone()
            if counted and counted["n"] >= VIEWS_PER_PARTY_MAX:
                raise Conflict("case_views_too_many", limit=VIEWS_PER_PARTY_MAX)
        elif not any(view["mine"] for view in await self.all(tx, principal, view_id)):
            raise NotFound("case_view_not_found")
        made = view_id or new_id()
        values = {
            **whose,
            "id": made,
            "name": draft.name.strip(),
            "filter": Jsonb(dict(draft.filter)),
            "columns": list(draft.columns),
            "sort": draft.sort,
            "department": draft.department,
            "role": draft.role,
            "now": self._parts.clock.now(),
        }
        await tx.execute(QUERIES["view_put"], values)
        await self.begin_with(tx, principal, made, begins=draft.begins)
        return (await self.all(tx, principal, made))[0]

    async def delete(self, tx: Transaction, principal: Principal, view_id: UUID) -> None:
        values = {**self._whose(principal), "id": view_id}
        if await (await tx.execute(QUERIES["view_delete"], values)).fetchone() is None:
            raise NotFound("case_view_not_found")

    async def begin_with(self, tx: Transaction, principal: Principal, view_id: UUID, *, begins: bool) -> None:
        """Makes it the view that the party begins with, or takes that from it."""
        values = {**self._whose(principal), "id": view_id}
        if not await self.all(tx, principal, view_id):
            raise NotFound("case_view_not_found")
        await tx.execute(QUERIES["default_put" if begins else "default_delete"], values)

    async def counts(
        self, tx: Transaction, principal: Principal, wanted: Sequence[tuple[UUID, CaseFilter]]
    ) -> dict[UUID, Total]:
        """How many cases each view has now, counted up to `COUNTED_MAX`."""
        return {
            view_id: await self._search.count(tx, filtered, principal, COUNTED_MAX)
            for view_id, filtered in wanted[:VIEWS_COUNTED_MAX]
        }

    async def _check(self, tx: Transaction, principal: Principal, draft: ViewDraft) -> None:
        if not draft.name.strip() or len(draft.name) > NAME_CHARS_MAX or not draft.name.isprintable():
            raise InvalidInput("case_view_name_invalid", limit=NAME_CHARS_MAX)
        if len(draft.columns) > COLUMNS_MAX:
            raise InvalidInput("case_view_columns_too_many", limit=COLUMNS_MAX)
        if draft.department is None and draft.role is None:
            return
        identity = self._parts.identity
        if draft.role is not None:
            identity.check_role(draft.role)
        if draft.department is not None:
            await identity.department(tx, draft.department)
        only = draft.department if draft.role is None else None
        identity.authorize(principal, "case:share_view", Resource("Case", department=only))

    def _whose(self, principal: Principal) -> dict[str, Any]:
        if principal.id is None:
            self._parts.identity.authorize(principal, "case:list")
        return {
            "party": principal.id,
            "department": principal.department,
            "roles": sorted(principal.roles),
            "limit": VIEWS_TOLD_MAX,
        }


def _view(row: Row, principal: Principal) -> View:
    return {
        "id": row["id"],
        "name": row["name"],
        "filter": row["filter"],
        "columns": row["columns"],
        "sort": row["sort"],
        "department": row["department"],
        "role": row["role"],
        "mine": row["owner_id"] == principal.id,
        "begins": row["begins"],
        "changed_at": row["changed_at"],
    }
