"""Attributes of entities that readings keep up to date: at once for few, by and by for many.

An attribute is a row of PostgreSQL rewritten, a hundred times what storing a reading costs. So a
batch writes a limited number in its transaction; what a larger one touches is marked, and written
from the live table a limited number at a time. What is marked when a process dies is brought up
by the device's next reading.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from yunnao.infra.postgres import Database, Transaction
from yunnao.modules.sensing.blocks import Block, last_rows
from yunnao.modules.sensing.contracts import Int64
from yunnao.modules.sensing.domain.times import UNKNOWN_US, from_us
from yunnao.modules.sensing.live.table import LiveTable
from yunnao.modules.sensing.registry import NO_SERIES, ProductDevices
from yunnao.modules.twin.contracts import ObservedAttributes
from yunnao.modules.twin.facade import Twin

at_once_rows_max = 1_000
"""In one transaction."""
CATCH_UP_S = 0.5
"""Between two transactions for marked ones."""


@dataclass
class _Behind:
    """Devices (rows) of a product whose entities do not show the newest value of a metric."""

    product: ProductDevices
    metric: str
    marked: NDArray[np.bool_]

    def mark(self, rows: Int64) -> None:
        more = len(self.product.rows) - len(self.marked)
        if more > 0:
            self.marked = np.concatenate([self.marked, np.zeros(more, np.bool_)])
        self.marked[rows] = True

    def take(self, rows_max: int) -> Int64:
        rows = np.flatnonzero(self.marked)[:rows_max]
        self.marked[rows] = False
        return rows


class Attributes:
    """Keeps the twin's attributes for the lanes of one process."""

    def __init__(self, twin: Twin, table: LiveTable) -> None:
        self._twin = twin
        self._table = table
        self._behind: dict[tuple[int, str], _Behind] = {}
        self._next_at = 0.0

    async def apply(self, tx: Transaction, blocks: Sequence[Block]) -> None:
        """Writes what distinct `blocks` say of attributes, or marks it where it is too much."""
        found = [
            (block, last_rows(block))
            for block in blocks
            if block.product.spec.metrics[block.metric].attribute is not None
        ]
        many = sum(len(last) for block, last in found if block.text is None) > at_once_rows_max
        written = [one for one in found if one[0].text is not None or not many]
        if written:
            await self._twin.apply_attributes(tx, _observed(written))
        for block, last in found:
            if many and block.text is None:
                self._mark(block.product, block.metric, block.rows[last])

    async def catch_up(self, database: Database) -> None:
        """Writes some of what is marked, unless it has just been done."""
        if not self._behind or monotonic() < self._next_at:
            return
        self._next_at = monotonic() + CATCH_UP_S
        room = at_once_rows_max
        taken: list[tuple[_Behind, Int64]] = []
        for key, behind in list(self._behind.items()):
            rows = behind.take(room)
            room -= len(rows)
            if len(rows):
                taken.append((behind, rows))
            elif room:
                del self._behind[key]
        try:
            async with database.transaction() as tx:
                for behind, rows in taken:
                    await self._twin.apply_attributes(tx, self._newest(behind, rows))
        except BaseException:
            for behind, rows in taken:
                self._mark(behind.product, behind.metric, rows)
            raise

    def _mark(self, product: ProductDevices, metric: str, rows: Int64) -> None:
        nothing = np.zeros(0, np.bool_)
        self._behind.setdefault((id(product), metric), _Behind(product, metric, nothing)).mark(rows)

    def _newest(self, behind: _Behind, rows: Int64) -> ObservedAttributes:
        metric = behind.product.spec.metrics[behind.metric]
        series = behind.product.series[behind.metric][rows]
        rows, series = rows[series != NO_SERIES], series[series != NO_SERIES]
        newest = self._table.values(series)
        known = np.flatnonzero(newest.time_us != UNKNOWN_US)
        n = len(known)
        return ObservedAttributes(
            [behind.product.entities[row] for row in rows[known].tolist()],
            [metric.attribute or ""] * n,
            newest.value[known].tolist(),
            [None] * n,
            [metric.value_type == "boolean"] * n,
            [metric.unit] * n,
            [from_us(time_us) for time_us in newest.time_us[known].tolist()],
        )


def _observed(found: Sequence[tuple[Block, Int64]]) -> ObservedAttributes:
    """The newest values of blocks, at the rows beside each."""
    entity: list[str] = []
    attribute: list[str] = []
    value: list[float | None] = []
    text: list[str | None] = []
    boolean: list[bool] = []
    unit: list[str | None] = []
    observed_at: list[datetime] = []
    for block, last in found:
        metric = block.product.spec.metrics[block.metric]
        entity += [block.product.entities[row] for row in block.rows[last].tolist()]
        attribute += [metric.attribute or ""] * len(last)
        value += block.value[last].tolist() if block.text is None else [None] * len(last)
        text += [None] * len(last) if block.text is None else [block.text[i] for i in last.tolist()]
        boolean += [metric.value_type == "boolean"] * len(last)
        unit += [metric.unit] * len(last)
        observed_at += map(from_us, block.time_us[last].tolist())
    return ObservedAttributes(entity, attribute, value, text, boolean, unit, observed_at)
