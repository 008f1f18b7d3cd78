"""Columns out of PostgreSQL, each as one binary array: a driver takes COPY's rows only one by one."""

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

import numpy as np
from numpy.typing import NDArray
from psycopg.sql import Composed

from yunnao.infra.postgres import Transaction
from yunnao.modules.sensing.copying import POSTGRES_EPOCH_US

HEADER_BYTES = 20
"""Of an array of one dimension without NULLs in PostgreSQL's binary format."""
INT2, INT4, INT8, FLOAT8, TIMESTAMP = ">i2", ">i4", ">i8", ">f8", ">M8[us]"


async def arrays(
    tx: Transaction, query: LiteralString | Composed, parameters: Mapping[str, Any], kinds: Sequence[str]
) -> list[NDArray[Any]]:
    """The columns (n each) of a query that answers one row of `array_agg`s without NULLs.

    `kinds`: how PostgreSQL sends each one's elements; `TIMESTAMP` becomes µs since 1970, int64.
    """
    async with tx.cursor(binary=True) as cursor:
        await cursor.execute(query, parameters)
        result: Any = cursor.pgresult
        return [_elements(result.get_value(0, column), kind) for column, kind in enumerate(kinds)]


def _elements(raw: bytes | None, kind: str) -> NDArray[Any]:
    stored = INT8 if kind == TIMESTAMP else kind
    if raw is None:  # nothing was aggregated
        return np.zeros(0, np.dtype(stored).newbyteorder("="))
    each = np.dtype([("length", ">i4"), ("value", stored)])
    values = np.frombuffer(raw, each, offset=HEADER_BYTES)["value"].astype(np.dtype(stored).newbyteorder("="))
    return values + POSTGRES_EPOCH_US if kind == TIMESTAMP else values
