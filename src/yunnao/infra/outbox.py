"""Events leave in the transaction that caused them: none lost, none without its cause."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.types.json import Jsonb

from yunnao.infra.postgres import Transaction, load_queries
from yunnao.infra.telemetry import current_trace_id
from yunnao.kernel.ids import UUID, new_id

QUERIES = load_queries("yunnao.infra")


async def publish(tx: Transaction, subject: str, payload: Mapping[str, Any]) -> UUID:
    """Puts one event (JSON values only) into the outbox; returns its id."""
    return (await publish_many(tx, [(subject, payload)]))[0]


async def publish_many(tx: Transaction, events: Sequence[tuple[str, Mapping[str, Any]]]) -> list[UUID]:
    """Puts (subject, payload) pairs into the outbox with one statement, in order."""
    if not events:
        return []
    ids = [new_id() for _ in events]
    trace = current_trace_id()
    await tx.execute(
        QUERIES["outbox_insert_many"],
        {
            "ids": ids,
            "subjects": [subject for subject, _ in events],
            "payloads": [Jsonb({"trace_id": trace, **payload}) for _, payload in events],
        },
    )
    await tx.execute(QUERIES["outbox_notify"])
    return ids
