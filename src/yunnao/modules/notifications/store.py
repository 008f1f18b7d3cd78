"""The module's tables: its named queries."""

from typing import Any

from yunnao.infra.postgres import Row, Transaction, load_queries

QUERIES = load_queries("yunnao.modules.notifications")


async def run(tx: Transaction, query: str, **params: Any) -> int:
    """Runs a statement; returns how many rows it touched."""
    return (await tx.execute(QUERIES[query], params)).rowcount


async def one(tx: Transaction, query: str, **params: Any) -> Row | None:
    return await (await tx.execute(QUERIES[query], params)).fetchone()


async def rows(tx: Transaction, query: str, **params: Any) -> list[Row]:
    return await (await tx.execute(QUERIES[query], params)).fetchall()
