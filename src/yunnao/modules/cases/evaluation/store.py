"""Running this room's named queries in the transaction of the caller."""

from typing import Any

from yunnao.infra.postgres import Row, Transaction, load_queries

QUERIES = load_queries("yunnao.modules.cases.evaluation")
SURVEYS = load_queries("yunnao.modules.cases.evaluation", "surveys.sql")
REPORTS = load_queries("yunnao.modules.cases.evaluation", "reports.sql")


def _text(name: str) -> Any:
    for queries in (QUERIES, SURVEYS, REPORTS):
        if name in queries:
            return queries[name]
    raise KeyError(name)


async def run(tx: Transaction, name: str, **params: Any) -> None:
    await tx.execute(_text(name), params)


async def one(tx: Transaction, name: str, **params: Any) -> Row | None:
    return await (await tx.execute(_text(name), params)).fetchone()


async def rows(tx: Transaction, name: str, **params: Any) -> list[Row]:
    return await (await tx.execute(_text(name), params)).fetchall()
