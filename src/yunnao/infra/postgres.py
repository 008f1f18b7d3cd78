"""PostgreSQL: a pool, transactions at the edge, and named queries from `.sql` files."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any, LiteralString, cast

from psycopg import AsyncConnection, OperationalError
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from yunnao.kernel.errors import Unavailable

Row = dict[str, Any]
Transaction = AsyncConnection[Row]
"""A connection inside an open transaction, rows as dicts. Whoever holds one never commits."""

POOL_CONNECTIONS_MAX = 16
POOL_WAIT_S = 10.0
STATEMENT_TIMEOUT_S = 60

_NAME = re.compile(r"^-- name: *(\w+) *$", re.MULTILINE)


class Queries:
    """The named queries of one `.sql` file; an unknown name fails at once."""

    def __init__(self, source: str, origin: str) -> None:
        parts = _NAME.split(source)
        self._origin = origin
        self._queries = {name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}

    def __getitem__(self, name: str) -> LiteralString:
        # Text of a file in the package: as constant as a literal, which the type checker cannot see.
        return cast("LiteralString", self._queries[name])

    def __iter__(self) -> Any:
        return iter(self._queries)


def load_queries(package: str, file: str = "queries.sql") -> Queries:
    """The queries of `file` in `package`; each begins with a line `-- name: x`."""
    return Queries(files(package).joinpath(file).read_text(encoding="utf-8"), f"{package}/{file}")


class Database:
    """A pool of connections to one database."""

    def __init__(self, url: str, *, connections_max: int = POOL_CONNECTIONS_MAX) -> None:
        self.url = url
        self._pool: AsyncConnectionPool[Transaction] = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=connections_max,
            timeout=POOL_WAIT_S,
            open=False,
            check=AsyncConnectionPool.check_connection,
            kwargs={
                "row_factory": dict_row,
                "autocommit": True,
                "options": f"-c timezone=UTC -c statement_timeout={STATEMENT_TIMEOUT_S}s",
            },
        )

    async def open(self) -> None:
        await self._pool.open(wait=True, timeout=POOL_WAIT_S)

    async def close(self) -> None:
        await self._pool.close()

    async def __aenter__(self) -> "Database":
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Transaction]:
        """A connection in autocommit, for what must not be a transaction (LISTEN, advisory locks)."""
        try:
            connection = await self._pool.getconn()
        except (PoolTimeout, OperationalError) as error:
            raise Unavailable("unavailable", part="PostgreSQL") from error
        try:
            yield connection
        finally:
            await self._pool.putconn(connection)
