"""Access: what the doors and the command line ask for."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import polars as pl

from yunnao.infra.postgres import Database, Transaction
from yunnao.kernel.errors import TooLarge
from yunnao.kernel.principal import Principal
from yunnao.kernel.time import Clock
from yunnao.modules.identity.facade import Identity
from yunnao.modules.sensing.access.credentials import Credentials
from yunnao.modules.sensing.access.management import Management
from yunnao.modules.sensing.access.provisioning import Provisioned, provision
from yunnao.modules.sensing.access.quarantine import Quarantine
from yunnao.modules.sensing.access.tables import Format, Known, devices_of, parts_of, table_of
from yunnao.modules.sensing.contracts import DeviceDraft
from yunnao.modules.sensing.facade import Sensing
from yunnao.modules.twin.facade import Twin

body_rows_max = 250_000
"""Devices in one request: about 20 s of one transaction."""


class Access:
    """Registering devices in bulk, what they prove themselves with, and the quarantine."""

    def __init__(self, clock: Clock, identity: Identity, twin: Twin, sensing: Sensing) -> None:
        self._clock = clock
        self._identity = identity
        self._twin = twin
        self._sensing = sensing
        self.credentials = Credentials(clock, identity)
        self.quarantine = Quarantine(clock, identity, self.credentials)
        self.management = Management(clock, identity, twin, sensing, self.credentials)

    async def register_drafts(
        self, tx: Transaction, drafts: Sequence[DeviceDraft], principal: Principal
    ) -> Provisioned:
        """Drafts whose rows break no rule; lines are their places in the list."""
        return await self._register(tx, table_of(drafts), await self._known(tx), principal)

    async def register_body(
        self, tx: Transaction, body: bytes, form: Format, product: str | None, principal: Principal
    ) -> Provisioned:
        """A whole table in the caller's transaction. Raises TooLarge `table_too_long`, InvalidInput
        `table_unreadable`, `table_columns_repeated`."""
        known = await self._known(tx)
        table = await asyncio.to_thread(_whole, body, form, known, product)
        return await self._register(tx, table, known, principal)

    async def register_file(
        self, database: Database, file: Path, form: Format, product: str | None, principal: Principal
    ) -> AsyncIterator[Provisioned]:
        """A table of any length, part by part, each in a transaction of its own.

        What was interrupted is begun anew: the parts that are in are found unchanged.
        """
        async with database.transaction() as tx:
            known = await self._known(tx)
        parts = parts_of(file, form)
        while (part := await asyncio.to_thread(next, parts, None)) is not None:
            table = await asyncio.to_thread(devices_of, part, known, product)
            async with database.transaction() as tx:
                found = await self._register(tx, table, known, principal)
            yield found

    async def _known(self, tx: Transaction) -> Known:
        departments = await self._identity.departments(tx)
        return await self._sensing.known(tx, [department.id for department in departments])

    async def _register(
        self, tx: Transaction, table: pl.DataFrame, known: Known, principal: Principal
    ) -> Provisioned:
        found = await provision(tx, self._twin, self._clock.now(), table, known)
        if found.new or found.updated:
            await self._identity.audit(
                tx, principal, "device:register", "Device", registered=found.new, updated=found.updated
            )
        return found


def _whole(body: bytes, form: Format, known: Known, product: str | None) -> pl.DataFrame:
    tables: list[pl.DataFrame] = []
    for part in parts_of(body, form):
        tables.append(devices_of(part, known, product))
        if sum(table.height for table in tables) > body_rows_max:
            raise TooLarge("table_too_long", limit_rows=body_rows_max)
    return pl.concat(tables) if tables else table_of([])
