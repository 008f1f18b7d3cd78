"""Hot readings: what is new by construction is copied straight to its place, the rest compared first.

A reading later than its series' newest one cannot be in the database yet. Everything else, be it
late or sent a second time, takes the way over a staging table past what both tables hold.
"""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import polars as pl
from psycopg import AsyncCursor

from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.modules.sensing.blocks import Block
from yunnao.modules.sensing.contracts import Int64
from yunnao.modules.sensing.copying import packed, timestamps
from yunnao.modules.sensing.domain.times import from_us

QUERIES = load_queries("yunnao.modules.sensing", "intake.sql")
run_rows_min = 50_000
"""So many numeric readings at a time go into `reading_run`, which has no tree to keep."""


async def store(tx: Transaction, blocks: Sequence[Block], prior_us: Sequence[Int64]) -> int:
    """Stores distinct blocks; answers how many readings are new.

    `prior_us`: beside each block, for each reading (n), the time of its series' newest stored one.
    """
    fresh = [
        block.taken(np.flatnonzero(block.time_us > prior))
        for block, prior in zip(blocks, prior_us, strict=True)
    ]
    late = [
        block.taken(np.flatnonzero(block.time_us <= prior))
        for block, prior in zip(blocks, prior_us, strict=True)
    ]
    async with tx.cursor() as cursor:
        await _copy_numbers(cursor, fresh)
        await _copy_texts(cursor, fresh, "reading_copy_text")
        stored = sum(len(block.rows) for block in fresh)
        if any(len(block.rows) for block in late):
            stored += await _insert_late(cursor, late)
    return stored


async def _copy_numbers(cursor: AsyncCursor[Row], blocks: Sequence[Block]) -> None:
    numeric = [block for block in blocks if block.text is None and len(block.rows)]
    rows = sum(len(block.rows) for block in numeric)
    if rows:
        async with cursor.copy(QUERIES["run_copy" if rows >= run_rows_min else "reading_copy"]) as copy:
            await copy.write(_rows(numeric))


async def _copy_texts(cursor: AsyncCursor[Row], blocks: Sequence[Block], query: str) -> None:
    textual = [block for block in blocks if block.text is not None and len(block.rows)]
    if not textual:
        return
    async with cursor.copy(QUERIES[query]) as copy:
        for block in textual:
            for series, time_us, text in zip(
                block.series.tolist(), block.time_us.tolist(), block.text or (), strict=True
            ):
                await copy.write_row((series, from_us(time_us), text))


async def _insert_late(cursor: AsyncCursor[Row], blocks: Sequence[Block]) -> int:
    """The readings that neither table holds."""
    await cursor.execute(QUERIES["late_insert"], await _stage(cursor, blocks))
    return cursor.rowcount


async def stored_of(tx: Transaction, blocks: Sequence[Block]) -> list[Block]:
    """What of `blocks` is in the hot readings."""
    asked = [block for block in blocks if len(block.rows)]
    if not asked:
        return []
    async with tx.cursor() as cursor:
        await cursor.execute(QUERIES["stored_of"], await _stage(cursor, asked))
        rows = [(row["series"], row["time_us"]) for row in await cursor.fetchall()]
    schema = {"series": pl.Int32, "time_us": pl.Int64}
    found = pl.DataFrame(rows, schema=schema, orient="row")
    kept: list[Block] = []
    for block in asked:
        own = pl.DataFrame({"series": block.series, "time_us": block.time_us}, schema=schema)
        at = own.with_row_index("at").join(found, on=["series", "time_us"], how="semi")["at"].sort()
        kept.append(block.taken(at.to_numpy().astype(np.int64)))
    return [block for block in kept if len(block.rows)]


async def _stage(cursor: AsyncCursor[Row], blocks: Sequence[Block]) -> dict[str, datetime]:
    """Copies `blocks` where queries can compare them; answers their first and last time."""
    await cursor.execute(QUERIES["staging_create"])
    numeric = [block for block in blocks if block.text is None and len(block.rows)]
    if numeric:
        async with cursor.copy(QUERIES["staging_copy"]) as copy:
            await copy.write(_rows(numeric))
    await _copy_texts(cursor, blocks, "staging_copy_text")
    first = min(int(block.time_us.min()) for block in blocks if len(block.rows))
    last = max(int(block.time_us.max()) for block in blocks if len(block.rows))
    return {"first": from_us(first), "last": from_us(last)}


def _rows(blocks: Sequence[Block]) -> bytes:
    return packed(
        np.concatenate([block.series for block in blocks]),
        timestamps(np.concatenate([block.time_us for block in blocks])),
        np.concatenate([block.value for block in blocks]),
    )
