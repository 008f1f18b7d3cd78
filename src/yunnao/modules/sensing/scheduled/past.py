"""Where scheduled operators and forecasts read: one small port, in columns."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np
import pyarrow as pa

from yunnao.infra.postgres import Transaction
from yunnao.kernel.errors import TooLarge
from yunnao.modules.sensing.domain.times import from_us, to_us
from yunnao.modules.sensing.history.history import History
from yunnao.modules.sensing.scheduled.domain.columns import Floats, Int32, Readings

series_at_once_max = 20_000
"""Series of one question to the history."""
spans_kept_max = 32
"""Stretches that are read ahead of: an operator looks at up to 27 of them."""


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


class ReadAhead:
    """The port on another one, for moments that follow each other: reads further than asked, and
    answers from that. `readings`: how many were read. Raises TooLarge `dry_run_too_large`.
    """

    def __init__(self, past: Past, ahead: timedelta, readings_max: int) -> None:
        self._past = past
        self._ahead = ahead
        self._readings_max = readings_max
        self._spans: list[tuple[bytes, int, int, Readings]] = []
        self._steps: list[tuple[bytes, int, int, Floats]] = []
        self.readings = 0

    async def read(self, tx: Transaction, series: Int32, start: datetime, until: datetime) -> Readings:
        key, start_us, until_us = series.tobytes(), to_us(start), to_us(until)
        for known, first_us, last_us, readings in self._spans:
            if known == key and first_us <= start_us and until_us <= last_us:
                return readings.between(start_us, until_us)
        last = until + self._ahead
        readings = await self._past.read(tx, series, start, last)
        self._count(len(readings.value))
        self._spans = [(key, start_us, to_us(last), readings), *self._spans[: spans_kept_max - 1]]
        return readings.between(start_us, until_us)

    async def steps(self, tx: Transaction, series: Int32, start_us: int, step_us: int, count: int) -> Floats:
        key = series.tobytes()
        for known, first_us, known_step_us, means in self._steps:
            column, rest = divmod(start_us - first_us, step_us)
            if known == key and step_us == known_step_us and rest == 0 <= column <= means.shape[1] - count:
                return means[:, column : column + count]
        more = count + self._ahead // timedelta(microseconds=step_us)
        means = await self._past.steps(tx, series, start_us, step_us, more)
        self._count(means.size)
        self._steps = [(key, start_us, step_us, means), *self._steps[: spans_kept_max - 1]]
        return means[:, :count]

    def _count(self, readings: int) -> None:
        self.readings += readings
        if self.readings > self._readings_max:
            raise TooLarge("dry_run_too_large", devices=series_at_once_max, readings=self._readings_max)


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
