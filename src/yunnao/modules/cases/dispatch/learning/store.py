"""Running the room's named queries in the transaction of the caller."""

from typing import Any

from yunnao.infra.postgres import Row, Transaction, load_queries

QUERIES = load_queries("yunnao.modules.cases.dispatch.learning")


async def run(tx: Transaction, name: str, **params: Any) -> None:
    await tx.execute(QUERIES[name], params)


async def one(tx: Transaction, name: str, **params: Any) -> Row | None:
    return await (await tx.execute(QUERIES[name], params)).fetchone()


async def rows(tx: Transaction, name: str, **params: Any) -> list[Row]:
    return await (await tx.execute(QUERIES[name], params)).fetchall()
