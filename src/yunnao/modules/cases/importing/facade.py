"""Imports of sheets: taken in, mapped, previewed, opened chunk by chunk, errors kept row by row."""

import asyncio
import csv
import io
from collections.abc import Sequence
from datetime import timedelta
from itertools import islice
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg import DataError
from psycopg.types.json import Jsonb

from yunnao.infra.postgres import Database, Row, Transaction, load_queries
from yunnao.infra.sheets import harmless
from yunnao.kernel.errors import Conflict, InvalidInput, NotFound, YunnaoError
from yunnao.kernel.ids import new_id
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import Language, say
from yunnao.modules.cases import references, store, views
from yunnao.modules.cases.contracts import OpenedCase
from yunnao.modules.cases.importing import mapping as mappings
from yunnao.modules.cases.importing import reading
from yunnao.modules.cases.importing.contracts import ColumnMapping, Import, SheetRow
from yunnao.modules.cases.importing.working import Importer
from yunnao.modules.cases.intake import open_case
from yunnao.modules.cases.parts import Parts
from yunnao.modules.cases.senders import principal_json, principal_of

QUERIES = load_queries("yunnao.modules.cases.importing")
PREVIEW_ROWS = 20
FILES_KEPT = timedelta(days=30)
FILES_REMOVED_MAX = 100
IMPORTS_ROWS_MAX = 200
MAPPINGS_MAX = 500
NAME_CHARS_MAX = 200
ERRORS_ROWS_MAX = 100_000
PARAM_CHARS_MAX = 300

View = dict[str, Any]


class Imports:
    """Every method but `importer` works in the transaction it is given."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def importer(self, database: Database) -> Importer:
        """A worker that opens what waits; any number may run."""
        return Importer(database, self, self._parts.files)

    async def create(
        self,
        tx: Transaction,
        principal: Principal,
        name: str,
        content: bytes,
        mapping: ColumnMapping | None,
        source: str,
    ) -> tuple[Import, list[str]]:
        """A draft and the sheet's columns; without a mapping they are guessed from the headers.

        Raises InvalidInput and TooLarge as `reading` does.
        """
        self._parts.identity.authorize(principal, "import:manage")
        form = reading.format_of(content)
        columns = await asyncio.to_thread(reading.header, content, form)
        chosen = mapping or mappings.guess(columns)
        if mapping is not None:
            mappings.check(mapping, columns)
        now = self._parts.clock.now()
        row: Row = {
            "id": new_id(),
            "name": _name(name),
            "file_hash": await self._parts.files.put(content),
            "format": form,
            "mapping": Jsonb(chosen.model_dump()),
            "source": _name(source),
            "sender": Jsonb(principal_json(principal)),
            "sender_id": principal.id,
            "now": now,
        }
        await tx.execute(QUERIES["import_insert"], row)
        await self._parts.identity.audit(
            tx, principal, "import:create", f"Import/{row['id']}", name=row["name"]
        )
        return await self.get(tx, row["id"], principal), columns

    async def get(self, tx: Transaction, import_id: UUID, principal: Principal) -> Import:
        """Raises NotFound `import_not_found`."""
        self._parts.identity.authorize(principal, "import:manage")
        return _import(await self._row(tx, import_id, "import_get"))

    async def page(
        self, tx: Transaction, principal: Principal, limit: int, before: UUID | None = None
    ) -> list[Import]:
        """Newest first."""
        self._parts.identity.authorize(principal, "import:manage")
        wanted = {"before": before, "limit": min(limit, IMPORTS_ROWS_MAX)}
        return [_import(row) for row in await (await tx.execute(QUERIES["imports_list"], wanted)).fetchall()]

    async def remap(
        self, tx: Transaction, import_id: UUID, mapping: ColumnMapping, source: str, principal: Principal
    ) -> Import:
        """Corrects a draft. Raises Conflict `import_started`, InvalidInput."""
        self._parts.identity.authorize(principal, "import:manage")
        row = await self._draft(tx, import_id)
        mappings.check(mapping, await self._columns(row))
        await tx.execute(
            QUERIES["import_mapped"],
            {
                "id": import_id,
                "mapping": Jsonb(mapping.model_dump()),
                "source": _name(source),
                "now": self._parts.clock.now(),
            },
        )
        return await self.get(tx, import_id, principal)

    async def start(self, tx: Transaction, import_id: UUID, principal: Principal) -> Import:
        """Hands a draft to the workers. Raises Conflict `import_started`, InvalidInput."""
        self._parts.identity.authorize(principal, "import:manage")
        row = await self._draft(tx, import_id)
        mapping = ColumnMapping.model_validate(row["mapping"])
        mappings.check(mapping, await self._columns(row))
        await tx.execute(
            QUERIES["import_start"],
            {
                "id": import_id,
                "sender": Jsonb(principal_json(principal)),
                "sender_id": principal.id,
                "now": self._parts.clock.now(),
            },
        )
        await self._parts.identity.audit(
            tx, principal, "import:start", f"Import/{import_id}", name=row["name"]
        )
        return await self.get(tx, import_id, principal)

    async def columns_of(self, tx: Transaction, import_id: UUID, principal: Principal) -> list[str]:
        """The names of the sheet's columns."""
        self._parts.identity.authorize(principal, "import:manage")
        row = await self._row(tx, import_id, "import_get")
        return await self._columns(row)

    async def _columns(self, row: Row) -> list[str]:
        content = await self._parts.files.get(row["file_hash"])
        return await asyncio.to_thread(reading.header, content, row["format"])

    async def preview(self, tx: Transaction, import_id: UUID, principal: Principal) -> list[View]:
        """The first rows and what they would become: each is opened and taken back again."""
        self._parts.identity.authorize(principal, "import:manage")
        row = await self._row(tx, import_id, "import_get")
        content = await self._parts.files.get(row["file_hash"])
        first = await asyncio.to_thread(
            lambda: list(islice(reading.rows(content, row["format"]), PREVIEW_ROWS))
        )
        mapping = ColumnMapping.model_validate(row["mapping"])
        return [await self._foreseen(tx, each, mapping, principal) for each in first]

    async def _foreseen(
        self, tx: Transaction, sheet_row: SheetRow, mapping: ColumnMapping, principal: Principal
    ) -> View:
        told: View = {"row": sheet_row.row, "error": None, "case": None, "reference": None}
        known = await views.names(tx, self._parts)
        try:
            reference, new, reported_at = await self._record(tx, sheet_row, mapping)
            told["reference"] = reference
            async with tx.transaction(force_rollback=True):
                opened = await open_case(tx, self._parts, new, principal)
                case = await store.one(tx, "case_get", id=opened.id)
            assert case is not None
            told["case"] = {
                **views.brief(known, case, self._parts.clock.now()),
                "id": None,
                "number": None,
                "reported_at": reported_at,
            }
        except YunnaoError as error:
            told["error"] = {"code": error.code, "params": _params(error)}
        except DataError:
            told["error"] = {"code": "text_unreadable", "params": {}}
        return told

    # --- work ----------------------------------------------------------------------------------

    async def next(self, tx: Transaction) -> Row | None:
        """The import whose turn it is, locked; None where nothing waits."""
        return await (await tx.execute(QUERIES["import_next"])).fetchone()

    async def work(
        self, tx: Transaction, row: Row, chunk: list[SheetRow], *, last: bool, total: int | None
    ) -> None:
        """Opens the cases of a chunk; what a row lacks becomes its error and holds up no other."""
        mapping = ColumnMapping.model_validate(row["mapping"])
        principal = principal_of(row["sender"])
        system = references.system_named(row["source"])
        errors: list[View] = []
        records = []
        for sheet_row in chunk:
            try:
                records.append((sheet_row, await self._record(tx, sheet_row, mapping)))
            except YunnaoError as error:
                errors.append(_error(sheet_row, error.code, _params(error), mapping))
        seen = set(await references.known(tx, system, [record[0] for _, record in records]))
        opened = known = 0
        for sheet_row, (reference, new, reported_at) in records:
            if reference in seen:
                known += 1
                continue
            try:
                async with tx.transaction():
                    case: OpenedCase = await open_case(tx, self._parts, new, principal)
                    await references.keep(tx, system, reference, case.id, reported_at)
                seen.add(reference)
                opened += 1
            except YunnaoError as error:
                errors.append(_error(sheet_row, error.code, _params(error), mapping))
            except DataError:
                errors.append(_error(sheet_row, "text_unreadable", {}, mapping))
        if errors:
            await tx.execute(QUERIES["errors_insert"], {"import_id": row["id"], "errors": Jsonb(errors)})
        await self._progress(
            tx, row, "done" if last else "running", total, len(chunk), opened, known, len(errors)
        )

    async def fail(self, tx: Transaction, row: Row, error: YunnaoError) -> None:
        """Ends an import whose file cannot be read further; what it opened stays, and its number with it."""
        await self._progress(
            tx, row, "failed", None, 0, 0, 0, 0, {"code": error.code, "params": _params(error)}
        )

    async def prune(self, tx: Transaction) -> None:
        """Removes sheets a month after their import; for a timer."""
        wanted = {"before": self._parts.clock.now() - FILES_KEPT, "limit": FILES_REMOVED_MAX}
        for row in await (await tx.execute(QUERIES["files_expired"], wanted)).fetchall():
            if not row["shared"]:
                await self._parts.files.remove(row["file_hash"])

    async def _progress(
        self,
        tx: Transaction,
        row: Row,
        state: str,
        total: int | None,
        done: int,
        opened: int,
        known: int,
        refused: int,
        error: View | None = None,
    ) -> None:
        await tx.execute(
            QUERIES["import_progress"],
            {
                "id": row["id"],
                "state": state,
                "error": Jsonb(error) if error else None,
                "rows_total": total,
                "done": done,
                "opened": opened,
                "known": known,
                "refused": refused,
                "now": self._parts.clock.now(),
            },
        )

    async def _record(self, tx: Transaction, sheet_row: SheetRow, mapping: ColumnMapping) -> Any:
        snapshot = await self._parts.registry.current(tx)
        zone: ZoneInfo = snapshot.city.calendar.zone
        nodes = [node for node in snapshot.categories.values() if not node.retired]
        categories = {name: node.code for node in nodes for name in (node.name.en, node.name.zh, node.code)}
        return mappings.record(sheet_row, mapping, zone, categories)

    # --- errors and mappings -------------------------------------------------------------------

    async def errors_csv(
        self, tx: Transaction, import_id: UUID, principal: Principal, language: Language
    ) -> bytes:
        """Row, number and reason of every refused row, as a spreadsheet opens it (UTF-8 with its mark)."""
        await self.get(tx, import_id, principal)
        wanted = {"id": import_id, "after": 0, "limit": ERRORS_ROWS_MAX}
        rows = await (await tx.execute(QUERIES["errors_list"], wanted)).fetchall()
        out = io.StringIO()
        table = csv.writer(out)
        table.writerow([say(f"import_errors_{name}", language) for name in ("row", "reference", "reason")])
        for row in rows:
            reason = say(row["code"], language, **row["params"])
            table.writerow([row["row"], harmless(row["reference"] or ""), harmless(reason)])
        return out.getvalue().encode("utf-8-sig")

    async def save_mapping(
        self, tx: Transaction, name: str, mapping: ColumnMapping, principal: Principal
    ) -> None:
        """Keeps a mapping by name for the next sheet of its kind. Raises InvalidInput."""
        self._parts.identity.authorize(principal, "import:manage")
        if not mapping.text:
            raise InvalidInput("import_text_unmapped", columns="-")
        kept = {"name": _name(name), "mapping": Jsonb(mapping.model_dump())}
        await tx.execute(QUERIES["mapping_put"], {**kept, "by": principal.id, "now": self._parts.clock.now()})

    async def mapping(self, tx: Transaction, name: str, principal: Principal) -> ColumnMapping:
        """Raises NotFound `import_mapping_unknown`."""
        self._parts.identity.authorize(principal, "import:manage")
        row = await (await tx.execute(QUERIES["mapping_get"], {"name": _name(name)})).fetchone()
        if row is None:
            raise NotFound("import_mapping_unknown", name=name[:60])
        return ColumnMapping.model_validate(row["mapping"])

    async def mappings(self, tx: Transaction, principal: Principal) -> Sequence[View]:
        self._parts.identity.authorize(principal, "import:manage")
        rows = await (await tx.execute(QUERIES["mappings_list"], {"limit": MAPPINGS_MAX})).fetchall()
        return [dict(row) for row in rows]

    async def delete_mapping(self, tx: Transaction, name: str, principal: Principal) -> None:
        self._parts.identity.authorize(principal, "import:manage")
        if await (await tx.execute(QUERIES["mapping_delete"], {"name": _name(name)})).fetchone() is None:
            raise NotFound("import_mapping_unknown", name=name[:60])

    async def _row(self, tx: Transaction, import_id: UUID, query: str) -> Row:
        row = await (await tx.execute(QUERIES[query], {"id": import_id})).fetchone()
        if row is None:
            raise NotFound("import_not_found")
        return row

    async def _draft(self, tx: Transaction, import_id: UUID) -> Row:
        row = await self._row(tx, import_id, "import_lock")
        if row["state"] != "draft":
            raise Conflict("import_started")
        return row


def _import(row: Row) -> Import:
    fields = {name: row[name] for name in Import.__dataclass_fields__ if name != "mapping"}
    return Import(**fields, mapping=ColumnMapping.model_validate(row["mapping"]))


def _name(name: str) -> str:
    plain = "".join(character for character in name if character.isprintable()).strip()
    if not plain or len(plain) > NAME_CHARS_MAX:
        raise InvalidInput("import_name_invalid", limit_chars=NAME_CHARS_MAX)
    return plain


def _params(error: YunnaoError) -> dict[str, str]:
    return {key: str(value).replace("\x00", "")[:PARAM_CHARS_MAX] for key, value in error.params.items()}


def _error(row: SheetRow, code: str, params: dict[str, str], mapping: ColumnMapping) -> View:
    reference = row.cells.get(mapping.reference or "", "").replace("\x00", "")[:PARAM_CHARS_MAX]
    return {"row": row.row, "code": code, "params": params, "reference": reference or None}
