"""Hot readings: what is new by construction is copied straight to its place, the rest compared first.

A reading later than its series' newest one cannot be in the database yet. Everything else, be it
late or sent a second time, takes the way over a staging table past what both tables hold.
"""

from collections.abc import Sequence

import numpy as np
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
    await cursor.execute(QUERIES["staging_create"])
    numeric = [block for block in blocks if block.text is None and len(block.rows)]
    if numeric:
        async with cursor.copy(QUERIES["staging_copy"]) as copy:
            await copy.write(_rows(numeric))
    await _copy_texts(cursor, blocks, "staging_copy_text")
    first = min(int(block.time_us.min()) for block in blocks if len(block.rows))
    last = max(int(block.time_us.max()) for block in blocks if len(block.rows))
    await cursor.execute(QUERIES["late_insert"], {"first": from_us(first), "last": from_us(last)})
    return cursor.rowcount


def _rows(blocks: Sequence[Block]) -> bytes:
    return packed(
        np.concatenate([block.series for block in blocks]),
        timestamps(np.concatenate([block.time_us for block in blocks])),
        np.concatenate([block.value for block in blocks]),
    )
