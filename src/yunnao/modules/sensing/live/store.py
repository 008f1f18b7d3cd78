"""What belongs to the live table and is kept in PostgreSQL."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from psycopg import sql

from yunnao.infra.postgres import Transaction, load_queries
from yunnao.kernel.ids import UUID
from yunnao.modules.sensing.contracts import Floats, Int32, Int64, Newest
from yunnao.modules.sensing.live.arrays import FLOAT8, INT4, TIMESTAMP, arrays

QUERIES = load_queries("yunnao.modules.sensing.live")
pages_read_max = 4_096
"""Of hot readings at a time; some 600,000 rows."""


async def database_id(tx: Transaction) -> UUID:
    """Tells this database's series from another's, for `LiveTable.claim`."""
    row = await (await tx.execute(QUERIES["database_id"])).fetchone()
    assert row is not None  # its migration inserts it
    found: UUID = row["id"]
    return found


async def keep_texts(tx: Transaction, newest: Newest) -> None:
    """Takes over the newest readings that are texts, in the batch's transaction."""
    textual = [i for i, text in enumerate(newest.text) if text is not None]
    if not textual:
        return
    await tx.execute(
        QUERIES["texts_upsert"],
        {
            "series": newest.series[textual].tolist(),
            "time_us": newest.time_us[textual].tolist(),
            "texts": [newest.text[i] for i in textual],
        },
    )


async def begin_rebuild(tx: Transaction) -> None:
    """First in its transaction."""
    await tx.execute(QUERIES["rebuild_begin"])


async def hot_readings(tx: Transaction) -> AsyncIterator[tuple[Int32, Int64, Floats]]:
    """Series, time and value (n each) of every hot reading, in parts and in no order."""
    parts = await (await tx.execute(QUERIES["hot_parts"])).fetchall()
    for part in parts:
        query = sql.SQL(QUERIES["hot_readings"]).format(part=sql.SQL(part["name"]))
        for page in range(0, part["pages"], pages_read_max):
            pages = {"first": f"({page},0)", "end": f"({page + pages_read_max},0)"}
            series, time_us, value = await arrays(tx, query, pages, (INT4, TIMESTAMP, FLOAT8))
            yield series, time_us, value


async def restart_watch(tx: Transaction, lanes: Sequence[int], now: datetime) -> None:
    """Silence of what comes by `lanes` counts from `now`."""
    await tx.execute(QUERIES["watch_restart"], {"lanes": list(lanes), "now": now})
