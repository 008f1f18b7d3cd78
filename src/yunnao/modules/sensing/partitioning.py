"""Partitions of the hot readings' two tables, made before the readings that need them."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from psycopg import sql

from yunnao.infra.postgres import Database, Transaction, load_queries
from yunnao.kernel.time import Clock
from yunnao.modules.sensing.contracts import Int64
from yunnao.modules.sensing.domain.partitions import Span, plan, span_named
from yunnao.modules.sensing.domain.times import from_us

QUERIES = load_queries("yunnao.modules.sensing", "intake.sql")
HOUR_US = 3_600_000_000


class Partitions:
    """Knows which partitions there are, and makes those that are missing."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: set[Span] = set()

    def missing(self, time_us: Sequence[Int64]) -> list[datetime]:
        """The hours of readings whose partition is not known to exist."""
        if not time_us:
            return []
        hours = np.unique(np.concatenate([column // HOUR_US for column in time_us])) * HOUR_US
        return [hour for hour in map(from_us, hours.tolist()) if not self._covered(hour)]

    def ahead(self, span: timedelta) -> list[datetime]:
        """The hours from now until `span` later whose partition is not known to exist."""
        start = self._clock.now().replace(minute=0, second=0, microsecond=0)
        hours = [start + timedelta(hours=i) for i in range(int(span / timedelta(hours=1)) + 1)]
        return [hour for hour in hours if not self._covered(hour)]

    async def ensure(self, database: Database, hours: Sequence[datetime]) -> None:
        """Creates what is missing in a transaction of its own.

        Attaching an empty table locks out nobody who reads or writes readings; creating it as a
        partition at once would.
        """
        async with database.transaction() as tx:
            await lock_partitions(tx)
            self._known = await create_missing(tx, hours, self._clock.now())

    def forget(self) -> None:
        """Another process dropped partitions: what is known is asked for again."""
        self._known = set()

    def _covered(self, hour: datetime) -> bool:
        return any(span.start <= hour < span.end for span in self._known)


async def lock_partitions(tx: Transaction) -> None:
    """Waits until nobody else makes or drops partitions; held until the end of the transaction."""
    await tx.execute(QUERIES["partition_lock"])


async def create_missing(tx: Transaction, hours: Sequence[datetime], now: datetime) -> set[Span]:
    """Creates the partitions that `hours` lack; answers all that there are. Needs the lock."""
    rows = await (await tx.execute(QUERIES["partitions_list"])).fetchall()
    known = {span_named(row["name"]) for row in rows}
    for span in plan(hours, known, now):
        await _create(tx, span)
        known.add(span)
    return known


async def _create(tx: Transaction, span: Span) -> None:
    for parent, name in (("reading", span.name), ("reading_run", span.run_name)):
        above, table = sql.Identifier("sensing", parent), sql.Identifier("sensing", name)
        await tx.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(table, above))
        await tx.execute(
            sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
                above, table, sql.Literal(span.start.isoformat()), sql.Literal(span.end.isoformat())
            )
        )
