"""What belongs to the live table and is kept in PostgreSQL."""

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from numpy.typing import NDArray
from psycopg import sql

from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.kernel.ids import UUID
from yunnao.modules.sensing.contracts import Floats, Int32, Int64, Newest
from yunnao.modules.sensing.live.arrays import FLOAT8, INT4, TIMESTAMP, arrays

QUERIES = load_queries("yunnao.modules.sensing.live")
pages_read_max = 4_096
"""Of hot readings at a time; some 600,000 rows."""
numbers_read_max = 500_000
"""Of devices or series at a time."""


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


async def registry_version(tx: Transaction) -> tuple[int, bool]:
    """The version, and whether this transaction made it, so that nobody else knows it yet."""
    row = await (await tx.execute(QUERIES["registry_version"])).fetchone()
    return (int(row["version"]), row["own"]) if row else (0, False)


async def products(tx: Transaction) -> list[Row]:
    return await (await tx.execute(QUERIES["products_list"])).fetchall()


async def districts_and_owners(tx: Transaction) -> tuple[list[str], list[str]]:
    """Codes of the districts and departments that devices are in."""
    row = await (await tx.execute(QUERIES["districts_and_owners"])).fetchone()
    return (row["districts"], row["owners"]) if row else ([], [])


async def numbers_last(tx: Transaction) -> tuple[int, int]:
    """The greatest numbers of a device and of a series."""
    row = await (await tx.execute(QUERIES["numbers_last"])).fetchone()
    return (row["device"], row["series"]) if row else (0, 0)


async def devices_changed(
    tx: Transaction, products: list[str], districts: list[str], owners: list[str], last: int, version: int
) -> AsyncIterator[list[NDArray[Any]]]:
    """Number, product, longitude, latitude, district, owner (places in the lists) and whether it is not
    retired, of every device up to number `last` that changed after `version`."""
    lists = {"products": products, "districts": districts, "owners": owners, "version": version}
    kinds = (INT4, INT4, FLOAT8, FLOAT8, INT4, INT4, INT4)
    for numbers in _ranges(last, version):
        yield await arrays(tx, QUERIES["devices_changed"], lists | numbers, kinds)


async def series_of_changed(
    tx: Transaction, metrics: list[str], last: int, version: int
) -> AsyncIterator[list[NDArray[Any]]]:
    """Series, device, metric (place in the list) of the devices that changed after `version`."""
    for numbers in _ranges(last, version):
        parameters = {"metrics": metrics, "version": version} | numbers
        yield await arrays(tx, QUERIES["series_of_changed"], parameters, (INT4, INT4, INT4))


def _ranges(last: int, version: int) -> Iterator[dict[str, int]]:
    """By ranges of numbers where everything is read; what changed since a version is read at once."""
    step = numbers_read_max if version < 0 else last
    for first in range(1, last + 1, max(step, 1)):
        yield {"first": first, "last": min(first + step - 1, last)}


async def devices_by_id(tx: Transaction, ids: Sequence[str]) -> list[Row]:
    return await (await tx.execute(QUERIES["devices_by_id"], {"ids": list(ids)})).fetchall()


async def devices_of_entity(tx: Transaction, entity: str, limit: int) -> list[Row]:
    parameters = {"entity": entity, "limit": limit}
    return await (await tx.execute(QUERIES["devices_of_entity"], parameters)).fetchall()


async def devices_by_number(tx: Transaction, numbers: Sequence[int]) -> list[Row]:
    return await (await tx.execute(QUERIES["devices_by_number"], {"numbers": list(numbers)})).fetchall()


async def texts(tx: Transaction, series: Sequence[int]) -> dict[int, str]:
    """The newest texts by series."""
    rows = await (await tx.execute(QUERIES["texts"], {"series": list(series)})).fetchall()
    return {row["series"]: row["value_text"] for row in rows}


async def quarantined(tx: Transaction) -> tuple[int, int]:
    """Senders that wait for a decision, and how many of them are not registered."""
    row = await (await tx.execute(QUERIES["quarantined"])).fetchone()
    assert row is not None  # a query of aggregates always has its row
    return int(row["held"]), int(row["strangers"])


async def keep_net_count(tx: Transaction, now: datetime, devices: int, online: int, never: int) -> None:
    values = {"now": now, "devices": devices, "online": online, "never": never}
    await tx.execute(QUERIES["net_count_keep"], values)


async def prune_net_counts(tx: Transaction, before: datetime) -> None:
    await tx.execute(QUERIES["net_count_prune"], {"before": before})


async def trend(tx: Transaction, now: datetime, span: timedelta, step: timedelta) -> list[Row]:
    """Steps of `span` up to the last that is over, oldest first."""
    return await (await tx.execute(QUERIES["trend"], {"now": now, "span": span, "step": step})).fetchall()
