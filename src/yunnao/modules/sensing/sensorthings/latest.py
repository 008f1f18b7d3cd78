"""The newest reading of many series at once, so that "the latest of everything" reads no history."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import numpy as np

from yunnao.infra.postgres import Transaction, load_queries
from yunnao.modules.sensing.domain.times import UNKNOWN_US, from_us
from yunnao.modules.sensing.live.table import LiveTable

QUERIES = load_queries("yunnao.modules.sensing.sensorthings")


@dataclass
class NewestReadings:
    """Column by column, of those series that have a reading."""

    series: list[int] = field(default_factory=list)
    time: list[datetime] = field(default_factory=list)
    value: list[float | None] = field(default_factory=list)
    text: list[str | None] = field(default_factory=list)


class Newest(Protocol):
    """The port to the newest readings."""

    async def of_series(self, tx: Transaction, series: Sequence[int]) -> NewestReadings: ...


class LiveNewest:
    """The port on the machine's live table; for texts, and series that it does not know, on PostgreSQL."""

    def __init__(self, table: LiveTable) -> None:
        self._table = table

    async def of_series(self, tx: Transaction, series: Sequence[int]) -> NewestReadings:
        asked = np.array(series, np.int32)
        live = self._table.values(asked)
        known = (live.time_us != UNKNOWN_US) & ~np.isnan(live.value)
        found = NewestReadings(
            asked[known].tolist(),
            [from_us(time) for time in live.time_us[known].tolist()],
            live.value[known].tolist(),
            [None] * int(known.sum()),
        )
        if known.all():
            return found
        others = {"series": asked[~known].tolist()}
        for row in await (await tx.execute(QUERIES["newest"], others)).fetchall():
            found.series.append(row["series"])
            found.time.append(row["time"])
            found.value.append(row["value"])
            found.text.append(row["value_text"])
        return found
