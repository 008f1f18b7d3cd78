"""Latest values in PostgreSQL: one row a series, changed on its page."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from psycopg.rows import tuple_row

from yunnao.infra.postgres import Transaction, load_queries
from yunnao.modules.sensing.contracts import Int32, Int64, LatestValue, Newest
from yunnao.modules.sensing.copying import packed, timestamps
from yunnao.modules.sensing.domain.times import UNKNOWN_US, from_us

QUERIES = load_queries("yunnao.modules.sensing", "intake.sql")


class PostgresLatestValues:
    """The port `LatestValues` on the table `sensing.latest`."""

    async def times_us(self, tx: Transaction, series: Int32) -> Int64:
        times = np.full(len(series), UNKNOWN_US, np.int64)
        async with tx.cursor(row_factory=tuple_row) as cursor:
            await cursor.execute(QUERIES["latest_times"], {"series": series.tolist()})
            rows = await cursor.fetchall()
        if rows:
            found = np.array(rows, np.int64)
            times[np.searchsorted(series, found[:, 0])] = found[:, 1]
        return times

    async def keep(self, tx: Transaction, newest: Newest) -> None:
        if not len(newest.series):
            return
        textual = np.array([text is not None for text in newest.text], np.bool_)
        numeric = ~textual
        async with tx.cursor() as cursor:
            await cursor.execute(QUERIES["latest_staging_create"])
            async with cursor.copy(QUERIES["latest_staging_copy"]) as copy:
                await copy.write(
                    packed(
                        newest.series[numeric],
                        timestamps(newest.time_us[numeric]),
                        newest.value[numeric],
                        timestamps(newest.seen_us[numeric]),
                    )
                )
            if textual.any():
                async with cursor.copy(QUERIES["latest_staging_copy_text"]) as copy:
                    for i in np.flatnonzero(textual).tolist():
                        await copy.write_row(
                            (
                                int(newest.series[i]),
                                from_us(newest.time_us[i]),
                                from_us(newest.seen_us[i]),
                                newest.text[i],
                            )
                        )
            await cursor.execute(QUERIES["latest_upsert"])

    async def of_devices(self, tx: Transaction, devices: Sequence[int]) -> dict[int, dict[str, LatestValue]]:
        rows = await (await tx.execute(QUERIES["latest_of_devices"], {"devices": list(devices)})).fetchall()
        found: dict[int, dict[str, LatestValue]] = {device: {} for device in devices}
        for row in rows:
            value: Any = row["value"] if row["value_text"] is None else row["value_text"]
            found[row["device"]][row["metric"]] = LatestValue(value, row["time"])
        return found
