"""The background work of imports: one chunk a transaction, continued where a stopped worker left off."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from yunnao.infra.files import FileStore
from yunnao.infra.postgres import Database, Row
from yunnao.kernel.errors import YunnaoError
from yunnao.modules.cases.importing import reading
from yunnao.modules.cases.importing.contracts import SheetRow

if TYPE_CHECKING:
    from yunnao.modules.cases.importing.facade import Imports

CHUNK_ROWS = 50
"""About a second of intakes: a stop waits no longer, and a crash repeats no more."""
IDLE_S = 2.0
ERROR_WAIT_S = 10.0

log = structlog.get_logger()


class _Open:
    """A sheet that is being read, and how many records have been taken from it."""

    def __init__(self, import_id: UUID, rows: Iterator[SheetRow], total: int) -> None:
        self.import_id = import_id
        self.rows = rows
        self.total = total
        self.taken = 0


class Importer:
    """Any number may run; each import is worked on by one at a time."""

    def __init__(self, database: Database, imports: "Imports", files: FileStore) -> None:
        self._database = database
        self._imports = imports
        self._files = files
        self._open: _Open | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop`; an outage makes it wait."""
        while not stop.is_set():
            pause = IDLE_S
            try:
                if await self.step():
                    continue
            except Exception as error:
                log.warning("imports_wait", reason=repr(error))
                pause = ERROR_WAIT_S
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)

    async def step(self) -> bool:
        """Opens the next chunk of the oldest import; False where none waits."""
        try:
            return await self._step()
        except BaseException:
            # What was read and not stored must be read again.
            self._open = None
            raise

    async def _step(self) -> bool:
        async with self._database.transaction() as tx:
            row = await self._imports.next(tx)
            if row is None:
                return False
            try:
                chunk, last, total = await self._chunk(row)
            except YunnaoError as error:
                self._open = None
                await self._imports.fail(tx, row, error)
                return True
            await self._imports.work(tx, row, chunk, last=last, total=total)
        if self._open is not None:
            self._open.taken += len(chunk)
            if last:
                self._open = None
        return True

    async def _chunk(self, row: Row) -> tuple[list[SheetRow], bool, int]:
        """The next records, whether they are the last, and how many there are in all."""
        sheet = self._open
        if sheet is None or sheet.import_id != row["id"] or sheet.taken != row["rows_done"]:
            content = await self._files.get(row["file_hash"])
            sheet = self._open = await asyncio.to_thread(_opened, row, content)
        chunk = await asyncio.to_thread(lambda: list(islice(sheet.rows, CHUNK_ROWS)))
        return chunk, sheet.taken + len(chunk) >= sheet.total, sheet.total


def _opened(row: Row, content: bytes) -> _Open:
    """Read once to count, so that progress has a whole, and a file broken further down is known first."""
    total = sum(1 for _ in reading.rows(content, row["format"]))
    sheet = _Open(row["id"], reading.rows(content, row["format"]), total)
    sheet.taken = sum(1 for _ in islice(sheet.rows, row["rows_done"]))
    return sheet
