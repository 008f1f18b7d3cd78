"""The module's tables: its named queries, and rows as contracts."""

from typing import Any

from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import Text
from yunnao.modules.identity.contracts import Account, Department

QUERIES = load_queries("yunnao.modules.identity")


async def run(tx: Transaction, query: str, **params: Any) -> int:
    """Runs a statement; returns how many rows it touched."""
    return (await tx.execute(QUERIES[query], params)).rowcount


async def one(tx: Transaction, query: str, **params: Any) -> Row | None:
    return await (await tx.execute(QUERIES[query], params)).fetchone()


async def rows(tx: Transaction, query: str, **params: Any) -> list[Row]:
    return await (await tx.execute(QUERIES[query], params)).fetchall()


def principal(row: Row) -> Principal:
    return Principal(
        row["id"],
        row["account"],
        Text(**row["name"]),
        row["kind"],
        frozenset(row["roles"]),
        row["department"],
    )


def department(row: Row) -> Department:
    return Department(**{**row, "name": Text(**row["name"])})


def account(row: Row) -> Account:
    of_department = row["department_name"]
    return Account(
        **{
            **row,
            "name": Text(**row["name"]),
            "roles": tuple(row["roles"]),
            "department_name": Text(**of_department) if of_department else None,
        }
    )
