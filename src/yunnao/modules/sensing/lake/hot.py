"""Hot readings as Arrow columns, out of PostgreSQL without a step per reading.

Each column comes as one binary array: `COPY ... TO` sends a message for every row, which a driver
can only take one by one (0.3 million rows/s measured against 1.7 million).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString

import numpy as np
import pyarrow as pa
from psycopg import sql
from psycopg.rows import tuple_row

from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.modules.sensing.contracts import Floats, Int32, Int64
from yunnao.modules.sensing.copying import POSTGRES_EPOCH_US
from yunnao.modules.sensing.domain.partitions import Span, span_named
from yunnao.modules.sensing.domain.times import from_us
from yunnao.modules.sensing.lake.tables import READING

QUERIES = load_queries("yunnao.modules.sensing.lake")
NUMBERS_ONLY = "reading_run"
"""The table, and how its partitions begin, without a column for texts."""
listed_series_max = 20
"""Series that are named one by one; more of them are found by their range."""
_NUMBER: LiteralString = "coalesce(value, 'NaN')"
_NUMBER_BESIDE_TEXT: LiteralString = "CASE WHEN value_text IS NULL THEN coalesce(value, 'NaN') END"
_ARRAY_HEADER_BYTES = 20
"""Of a one-dimensional array without NULLs in PostgreSQL's binary format."""


@dataclass(frozen=True, order=True)
class HotPartition:
    """A partition of a table of hot readings."""

    span: Span
    parent: str
    name: str
    bytes: int


async def partitions(tx: Transaction) -> list[HotPartition]:
    """Every partition, in order of time."""
    rows = await (await tx.execute(QUERIES["hot_partitions"])).fetchall()
    return sorted(
        HotPartition(_span(row["name"], row["parent"]), row["parent"], row["name"], row["bytes"])
        for row in rows
    )


async def read(
    tx: Transaction,
    tables: Sequence[str],
    series: tuple[int, int] | Sequence[int],
    *,
    start: datetime | None = None,
    until: datetime | None = None,
    limit: int | None = None,
) -> pa.Table:
    """Readings of `tables` (parents or partitions of schema sensing), in the lake's schema.

    Of a range of series (first, last), both included, or of those of a list; `start` <= time < `until`.
    Sorted by series and time within each table and kind of value, of which each has at most `limit`.
    """
    where, parameters = _where(series, start, until)
    found = [READING.empty_table()]
    for table in tables:
        if table.startswith(NUMBERS_ONLY):
            found.append(await _read(tx, table, _NUMBER, where, parameters, limit))
            continue
        numeric, textual = [*where, "value_text IS NULL"], [*where, "value_text IS NOT NULL"]
        found.append(await _read(tx, table, _NUMBER, numeric, parameters, limit))
        found.append(await _read(tx, table, "value_text", textual, parameters, limit))
    return pa.concat_tables(found)


async def _read(
    tx: Transaction,
    table: str,
    value: LiteralString,
    where: list[LiteralString],
    parameters: dict[str, Any],
    limit: int | None,
) -> pa.Table:
    query = sql.SQL(
        "SELECT array_agg(series), array_agg(time), array_agg(v) FROM ("
        "SELECT series, time, {} AS v FROM {} WHERE {} ORDER BY series, time LIMIT {}) AS sorted"
    ).format(
        sql.SQL(value),
        sql.Identifier("sensing", table),
        sql.SQL(" AND ").join(map(sql.SQL, where)),
        sql.Literal(limit),
    )
    async with tx.cursor(binary=True, row_factory=tuple_row) as cursor:
        await cursor.execute(query, parameters)
        result: Any = cursor.pgresult
        raw = [result.get_value(0, column) for column in range(3)]
        if raw[0] is None:
            return READING.empty_table()
        textual = value == "value_text"
        texts = (await cursor.fetchone() or ())[2] if textual else None
    series = _values(raw[0], ">i4").astype(np.int32)
    time_us = _values(raw[1], ">i8").astype(np.int64) + POSTGRES_EPOCH_US
    return readings_table(
        series, time_us, None if textual else _values(raw[2], ">f8").astype(np.float64), texts
    )


async def parts(
    tx: Transaction,
    tables: Sequence[str],
    series: Int32,
    group: Int32,
    span: tuple[datetime, datetime],
    origin_us: int,
    width_us: int,
) -> list[Row]:
    """Readings of [start, until) by group and bucket of equal width: `group`, `bucket`, `n`, `sum`, `min`,
    `max`. They are reduced where they lie, in one statement, so that no number of them is too many to
    hold. `series` and `group` are pairs, `series` ascending; both tables never hold the same reading.
    """
    few = len(series) <= listed_series_max
    asked: tuple[int, int] | list[int] = series.tolist() if few else (int(series[0]), int(series[-1]))
    where, parameters = _where(asked, *span)
    chosen = sql.SQL(" AND ").join(map(sql.SQL, where))
    rows = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT series, time, {} AS v FROM {} WHERE {}").format(
            sql.SQL(_NUMBER if table.startswith(NUMBERS_ONLY) else _NUMBER_BESIDE_TEXT),
            sql.Identifier("sensing", table),
            chosen,
        )
        for table in tables
    )
    parameters |= {
        "numbers": series.tolist(),
        "places": group.tolist(),
        "origin": from_us(origin_us),
        "width": timedelta(microseconds=width_us),
        "origin_us": origin_us,
        "width_us": width_us,
    }
    return await (await tx.execute(sql.SQL(QUERIES["hot_parts"]).format(rows=rows), parameters)).fetchall()


def readings_table(
    series: Int32, time_us: Int64, value: Floats | None, text: list[str] | None = None
) -> pa.Table:
    """Columns of n readings in the lake's schema."""
    n = len(series)
    return pa.table(
        [
            pa.array(series),
            pa.array(time_us).cast(READING.field("time").type),
            pa.nulls(n, pa.float64()) if value is None else pa.array(value),
            pa.nulls(n, pa.string()) if text is None else pa.array(text, pa.string()),
        ],
        schema=READING,
    )


def _where(
    series: tuple[int, int] | Sequence[int], start: datetime | None, until: datetime | None
) -> tuple[list[LiteralString], dict[str, Any]]:
    where: list[LiteralString] = []
    parameters: dict[str, Any] = {"start": start, "until": until}
    if isinstance(series, tuple):
        where.append("series BETWEEN %(first)s AND %(last)s")
        parameters |= {"first": series[0], "last": series[1]}
    else:
        where.append("series = ANY(%(series)s)")
        parameters["series"] = list(series)
    if start is not None:
        where.append("time >= %(start)s")
    if until is not None:
        where.append("time < %(until)s")
    return where, parameters


def _values(raw: bytes, kind: str) -> Any:
    """The elements of a binary array: each its length and its bytes."""
    return np.frombuffer(raw, np.dtype([("length", ">i4"), ("value", kind)]), offset=_ARRAY_HEADER_BYTES)[
        "value"
    ]


def _span(name: str, parent: str) -> Span:
    return span_named("reading_" + name.removeprefix(f"{parent}_"))
