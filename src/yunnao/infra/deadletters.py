"""Dead letters: what could not be handled is kept whole, listed, and sent again on request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg.types.json import Jsonb

from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.kernel.errors import NotFound
from yunnao.kernel.ids import UUID, new_id

QUERIES = load_queries("yunnao.infra")
PAGE_ROWS_MAX = 500


@dataclass(frozen=True)
class DeadLetter:
    """A message as it came in, and the error that refused it."""

    source: str
    subject: str
    payload: bytes
    code: str
    params: Mapping[str, Any] = field(default_factory=dict)


async def keep(tx: Transaction, letters: Sequence[DeadLetter]) -> None:
    """Stores letters with one statement."""
    if not letters:
        return
    await tx.execute(
        QUERIES["dead_letters_insert"],
        {
            "ids": [new_id() for _ in letters],
            "sources": [letter.source for letter in letters],
            "subjects": [letter.subject for letter in letters],
            "payloads": [letter.payload for letter in letters],
            "codes": [letter.code for letter in letters],
            "params": [Jsonb({k: str(v) for k, v in letter.params.items()}) for letter in letters],
        },
    )


async def page(
    tx: Transaction, *, waiting: bool = True, limit: int = 50, before: UUID | None = None
) -> list[Row]:
    """Letters, newest first."""
    cursor = await tx.execute(
        QUERIES["dead_letters_list"],
        {"waiting": waiting, "limit": min(limit, PAGE_ROWS_MAX), "before": before},
    )
    return await cursor.fetchall()


async def take(tx: Transaction, letter_id: UUID) -> Row:
    """The letter, locked; the caller sends it again and then calls `mark_replayed`."""
    row = await (await tx.execute(QUERIES["dead_letter_get"], {"id": letter_id})).fetchone()
    if row is None:
        raise NotFound("not_found")
    return row


async def mark_replayed(tx: Transaction, letter_id: UUID) -> None:
    await tx.execute(QUERIES["dead_letter_replayed"], {"id": letter_id})


async def count(tx: Transaction, subject_prefix: str) -> int:
    """Letters whose subject begins so."""
    cursor = await tx.execute(QUERIES["dead_letters_count"], {"prefix": subject_prefix})
    row = await cursor.fetchone()
    return int(row["n"]) if row else 0
