"""Where scheduled operators and forecasts read: one small port, in columns."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import numpy as np
import pyarrow as pa

from yunnao.infra.postgres import Transaction
from yunnao.modules.sensing.domain.times import from_us
from yunnao.modules.sensing.history.history import History
from yunnao.modules.sensing.scheduled.domain.columns import Floats, Int32, Readings

series_at_once_max = 20_000
"""Series of one question to the history."""


class Past(Protocol):
    """Numeric readings of `series` (n, ascending) over a stretch of time."""

    async def read(self, tx: Transaction, series: Int32, start: datetime, until: datetime) -> Readings:
        """Those of start <= time < until, in order of series and time."""
        ...

    async def steps(self, tx: Transaction, series: Int32, start_us: int, step_us: int, count: int) -> Floats:
        """Means (n, count) over equal steps from `start_us` on, NaN where there is no reading."""
        ...


class WholePast:
    """The port on hot and sealed readings together."""

    def __init__(self, history: History) -> None:
        self._history = history

    async def read(self, tx: Transaction, series: Int32, start: datetime, until: datetime) -> Readings:
        tables = [await self._history.columns(tx, part, start, until) for part in _parts(series)]
        return _readings(tables)

    async def steps(self, tx: Transaction, series: Int32, start_us: int, step_us: int, count: int) -> Floats:
        means = np.full((len(series), count), np.nan)
        until = from_us(start_us + count * step_us)
        for part in _parts(series):
            table = await self._history.steps(tx, part, from_us(start_us), until, step_us)
            row = np.searchsorted(series, table.column("series").to_numpy())
            means[row, table.column("step").to_numpy()] = table.column("mean").to_numpy()
        return means


def _parts(series: Int32) -> list[Int32]:
    return [series[i : i + series_at_once_max] for i in range(0, len(series), series_at_once_max)]


def _readings(tables: Sequence[pa.Table]) -> Readings:
    """Those that are numbers; parts are in order of series already."""
    if not tables:
        return Readings(np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0))
    table = pa.concat_tables(tables)
    value = table.column("value").to_numpy()
    numeric = np.isfinite(value)
    return Readings(
        table.column("series").to_numpy()[numeric],
        table.column("time").cast("int64").to_numpy()[numeric],
        value[numeric],
    )
