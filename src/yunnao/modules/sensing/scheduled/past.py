"""Where scheduled operators and forecasts read: one small port, in columns."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import numpy as np

from yunnao.infra.postgres import Transaction
from yunnao.modules.sensing.lake import hot
from yunnao.modules.sensing.scheduled.domain.columns import Int32, Readings

TABLES = ("reading", "reading_run")
series_at_once_max = 50_000
"""Series asked for in one statement."""


class Past(Protocol):
    """Numeric readings of a stretch of time."""

    async def read(self, tx: Transaction, series: Int32, start: datetime, until: datetime) -> Readings:
        """Readings of `series` (ascending) with start <= time < until, in order of series and time."""
        ...


class HotPast:
    """The port on the hot readings in PostgreSQL."""

    async def read(self, tx: Transaction, series: Int32, start: datetime, until: datetime) -> Readings:
        parts: list[Readings] = []
        for first in range(0, len(series), series_at_once_max):
            asked = series[first : first + series_at_once_max].tolist()
            table = await hot.read(tx, TABLES, asked, start=start, until=until)
            value = table.column("value").to_numpy()
            numeric = np.isfinite(value)
            parts.append(
                Readings(
                    table.column("series").to_numpy()[numeric],
                    table.column("time").cast("int64").to_numpy()[numeric],
                    value[numeric],
                )
            )
        return joined(parts)


def joined(parts: Sequence[Readings]) -> Readings:
    """All parts in order of series and time."""
    if not parts:
        return Readings(np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0))
    series = np.concatenate([part.series for part in parts])
    time_us = np.concatenate([part.time_us for part in parts])
    value = np.concatenate([part.value for part in parts])
    order = np.lexsort((time_us, series))
    return Readings(series[order], time_us[order], value[order])
