"""Tables in memory to PostgreSQL by COPY, without a step per row."""

from typing import LiteralString

import polars as pl

from yunnao.infra.postgres import Transaction

SLICE_ROWS_MAX = 50_000
"""So much text is held at once."""


async def copy_frame(tx: Transaction, statement: LiteralString, frame: pl.DataFrame) -> None:
    """Sends `frame` to `statement`, a COPY … FROM STDIN (FORMAT csv) of the same columns in order.

    Nulls become NULL, empty texts stay empty texts.
    """
    async with tx.cursor() as cursor, cursor.copy(statement) as copy:
        for part in frame.iter_slices(SLICE_ROWS_MAX):
            await copy.write(part.write_csv(include_header=False))
