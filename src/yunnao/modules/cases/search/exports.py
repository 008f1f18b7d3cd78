"""Exports of a filter: at once where they are small, else made in the background and fetched."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from psycopg.types.json import Jsonb

from yunnao.infra.postgres import Database, Row, Transaction, load_queries
from yunnao.kernel.errors import Conflict, NotFound, YunnaoError
from yunnao.kernel.ids import new_id
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import Language
from yunnao.modules.cases.parts import Parts
from yunnao.modules.cases.search.contracts import CaseFilter
from yunnao.modules.cases.search.facade import Search
from yunnao.modules.cases.search.sheets import Format, sheet
from yunnao.modules.cases.views import brief, names
from yunnao.modules.identity.contracts import Resource

QUERIES = load_queries("yunnao.modules.cases.search", "exports.sql")
NOW_ROWS_MAX = 2_000
"""In an answer at once; more are made in the background."""
EXPORT_ROWS_MAX = 200_000
BATCH_ROWS = 1_000
OPEN_MAX = 3
"""Exports that one party may wait for."""
TOLD_MAX = 50
LEASE = timedelta(minutes=5)
KEPT = timedelta(days=7)

View = dict[str, Any]
Progress = Callable[[int], Awaitable[None]]
log = structlog.get_logger()


@dataclass(frozen=True)
class Written:
    rows: int
    whole: bool


class Exports:
    """Each is audited; what is in it is masked as in lists, and within what the party may list."""

    def __init__(self, parts: Parts, search: Search) -> None:
        self._parts = parts
        self._search = search

    async def at_once(
        self,
        tx: Transaction,
        wanted: CaseFilter,
        principal: Principal,
        kind: Format,
        language: Language,
        file: Path,
    ) -> Written:
        """Writes the newest `NOW_ROWS_MAX` that match to `file`."""
        self._authorize(principal)
        written = await self._write(tx, wanted, principal, (kind, language), file, NOW_ROWS_MAX)
        await self._audit(tx, principal, wanted, kind, written)
        return written

    async def ask(
        self,
        tx: Transaction,
        given: Mapping[str, Any],
        principal: Principal,
        kind: Format,
        language: Language,
    ) -> View:
        """Asks for a file of the filter `given` (parameters of the list, checked by the door)."""
        self._authorize(principal)
        counted = await (await tx.execute(QUERIES["exports_open"], {"party": principal.id})).fetchone()
        if counted and counted["n"] >= OPEN_MAX:
            raise Conflict("case_exports_too_many", limit=OPEN_MAX)
        made = new_id()
        values = {
            "id": made,
            "party": principal.id,
            "format": kind,
            "language": language,
            "filter": Jsonb(dict(given)),
            "now": self._parts.clock.now(),
        }
        await tx.execute(QUERIES["export_ask"], values)
        return await self.one(tx, made, principal)

    async def all(self, tx: Transaction, principal: Principal, export_id: UUID | None = None) -> list[View]:
        """One's own, newest first."""
        self._authorize(principal)
        values = {"party": principal.id, "id": export_id, "limit": TOLD_MAX}
        found = await (await tx.execute(QUERIES["exports"], values)).fetchall()
        return [{k: v for k, v in row.items() if k != "file_hash"} for row in found]

    async def one(self, tx: Transaction, export_id: UUID, principal: Principal) -> View:
        found = await self.all(tx, principal, export_id)
        if not found:
            raise NotFound("case_export_not_found")
        return found[0]

    async def content(self, tx: Transaction, export_id: UUID, principal: Principal) -> tuple[bytes, Format]:
        """Raises NotFound, Conflict `case_export_not_ready`."""
        self._authorize(principal)
        values = {"party": principal.id, "id": export_id, "limit": 1}
        row = await (await tx.execute(QUERIES["exports"], values)).fetchone()
        if row is None:
            raise NotFound("case_export_not_found")
        if row["file_hash"] is None:
            raise Conflict("case_export_not_ready", state=row["state"])
        return await self._parts.files.get(row["file_hash"]), row["format"]

    async def make_next(self, database: Database, wanted_of: Callable[[View], CaseFilter]) -> bool:
        """Makes the file that waits longest; for a timer. Its progress is seen while it is made."""
        now = self._parts.clock.now()
        async with database.transaction() as tx:
            values = {"now": now, "lost": now - LEASE}
            job = await (await tx.execute(QUERIES["export_claim"], values)).fetchone()
        if job is None:
            return False
        try:
            await self._make(database, job, wanted_of(job["filter"]))
        except YunnaoError as error:
            log.warning("export_failed", export=str(job["id"]), code=error.code)
            failed = {"id": job["id"], "error": error.code, "now": self._parts.clock.now()}
            async with database.transaction() as tx:
                await tx.execute(QUERIES["export_failed"], failed)
        return True

    async def prune(self, tx: Transaction) -> None:
        """Forgets exports a week old; for an hourly timer."""
        values = {"before": self._parts.clock.now() - KEPT}
        for row in await (await tx.execute(QUERIES["exports_prune"], values)).fetchall():
            if row["file_hash"] is not None:
                await self._parts.files.remove(row["file_hash"])

    async def _make(self, database: Database, job: Row, wanted: CaseFilter) -> None:
        async def progress(rows: int) -> None:
            values = {"id": job["id"], "rows": rows, "now": self._parts.clock.now()}
            async with database.transaction() as beside:
                await beside.execute(QUERIES["export_progress"], values)

        with tempfile.TemporaryDirectory(prefix="yunnao-export-") as folder:
            file = Path(folder) / "cases"
            async with database.transaction() as tx:
                principal = await self._principal(tx, job["party_id"])
                self._authorize(principal)
                style = (job["format"], job["language"])
                written = await self._write(tx, wanted, principal, style, file, EXPORT_ROWS_MAX, progress)
                content = await asyncio.to_thread(file.read_bytes)
                done = {
                    "id": job["id"],
                    "rows": written.rows,
                    "whole": written.whole,
                    "file_hash": await self._parts.files.put(content),
                    "now": self._parts.clock.now(),
                }
                await tx.execute(QUERIES["export_done"], done)
                await self._audit(tx, principal, wanted, job["format"], written)

    async def _write(
        self,
        tx: Transaction,
        wanted: CaseFilter,
        principal: Principal,
        style: tuple[Format, Language],
        file: Path,
        most: int,
        progress: Progress | None = None,
    ) -> Written:
        """By a cursor in the server, so that no more than a batch is in memory."""
        ask = await self._search.ask(tx, wanted, principal)
        words = await self._search.words(tx, wanted)
        known, now = await names(tx, self._parts), self._parts.clock.now()
        values = {**ask.values, "window": most + 1, **(words.params if words else {})}
        rows = 0
        with sheet(file, style[0], style[1], known.snapshot.city.calendar.zone) as page:
            async with tx.cursor(name="export") as cursor:
                await cursor.execute(ask.statement("export_said" if words else "page"), values)
                while batch := await cursor.fetchmany(BATCH_ROWS):
                    for row in batch[: most - rows]:
                        page.add(brief(known, row, now))
                    rows += len(batch)
                    if progress is not None:
                        await progress(min(rows, most))
                    await asyncio.sleep(0)
        return Written(min(rows, most), rows <= most)

    async def _audit(
        self, tx: Transaction, principal: Principal, wanted: CaseFilter, kind: str, written: Written
    ) -> None:
        told = {key: str(value) for key, value in vars(wanted).items() if value}
        await self._parts.identity.audit(
            tx, principal, "case:export", "Case/*", format=kind, rows=written.rows, filter=told
        )

    async def _principal(self, tx: Transaction, party: UUID) -> Principal:
        """The party with the rights that it has by now. Raises NotFound."""
        account = await self._parts.identity.account(tx, party)
        if account.disabled_at is not None:
            raise NotFound("account_unknown", account=account.account)
        return Principal(
            account.id,
            account.account,
            account.name,
            account.kind,
            frozenset(account.roles),
            account.department,
        )

    def _authorize(self, principal: Principal) -> None:
        self._parts.identity.authorize(
            principal, "case:export", Resource("Case", department=principal.department)
        )
