"""The audit log: append-only, and linked into one chain of hashes.

A row is written by the transaction that does the action, without a link; `link` puts the committed
rows in order, about every second, under one lock. Linking in the request's own transaction would
need that lock until its commit, so that every audited request in the city would wait for every
other. The price: until it is linked, a row is guarded only by the triggers that refuse UPDATE,
DELETE and TRUNCATE and by its entry in `audit_pending`; somebody who may switch triggers off and
removes both within that second leaves no trace. `verify` counts the rows that wait.

A chain cannot show that its tail was cut off. `AuditReport.head`, kept outside the database, can.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from psycopg.types.json import Jsonb

from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import Text
from yunnao.modules.identity import store
from yunnao.modules.identity.contracts import AuditReport, AuditRow
from yunnao.modules.identity.domain import CHAIN_START, audit_content, chain_hash, json_ready, storable

LINK_ROWS_MAX = 5_000
VERIFY_ROWS_MAX = 5_000

log = structlog.get_logger()


async def write(
    tx: Transaction,
    now: datetime,
    principal: Principal,
    *,
    action: str,
    resource: str,
    detail: Mapping[str, Any],
) -> None:
    await store.run(
        tx,
        "audit_insert",
        time=now,
        actor_id=principal.id,
        actor_name=Jsonb(principal.name.model_dump()),
        action=action,
        resource=storable(resource),
        detail=Jsonb(json_ready(detail)),
    )


async def page(
    tx: Transaction, *, limit: int, before: int | None, action: str | None, actor: UUID | None
) -> list[AuditRow]:
    found = await store.rows(tx, "audit_page", limit=limit, before=before, action=action, actor_id=actor)
    return [AuditRow(**{**row, "actor_name": Text(**row["actor_name"])}) for row in found]


async def link(tx: Transaction) -> int:
    """Links the next rows, at most `LINK_ROWS_MAX`; returns how many."""
    await store.run(tx, "audit_link_lock")
    head = await store.one(tx, "audit_head")
    position, previous = (head["position"], head["hash"]) if head else (0, CHAIN_START)
    waiting = await store.rows(tx, "audit_to_link", limit=LINK_ROWS_MAX)
    if not waiting:
        return 0
    hashes = [previous]
    for row in waiting:
        hashes.append(chain_hash(hashes[-1], _content(row)))
    await store.run(
        tx,
        "audit_link",
        positions=[position + n for n in range(1, len(waiting) + 1)],
        audit_ids=[row["id"] for row in waiting],
        prev_hashes=hashes[:-1],
        hashes=hashes[1:],
    )
    log.debug("audit_linked", rows=len(waiting), position=position + len(waiting), head=hashes[-1].hex())
    return len(waiting)


async def verify(tx: Transaction) -> AuditReport:
    """Recomputes the whole chain, in parts of `VERIFY_ROWS_MAX`, up to the first row that is wrong."""
    position, previous = 0, CHAIN_START
    await store.run(tx, "audit_unhurried")
    state = await store.one(tx, "audit_unlinked") or {"unlinked": 0, "lost": None}
    while part := await store.rows(tx, "audit_chain", after=position, limit=VERIFY_ROWS_MAX):
        for row in part:
            reason = _fault(row, position + 1, previous)
            if reason:
                return AuditReport(
                    position, state["unlinked"], position + 1, row["audit_id"], reason, previous.hex()
                )
            position, previous = row["position"], row["hash"]
    if state["lost"] is not None:
        return AuditReport(
            position, state["unlinked"], position + 1, state["lost"], "audit_row_lost", previous.hex()
        )
    return AuditReport(position, state["unlinked"], None, None, None, previous.hex())


async def contains(tx: Transaction, head: str) -> bool:
    """Whether the chain has this hash. Raises InvalidInput `audit_head_invalid`."""
    try:
        wanted = bytes.fromhex(head)
    except ValueError as error:
        raise InvalidInput("audit_head_invalid", head=head) from error
    return wanted == CHAIN_START or await store.one(tx, "audit_link_by_hash", hash=wanted) is not None


def _fault(row: Row, position: int, previous: bytes) -> str | None:
    if row["position"] != position:
        return "audit_link_missing"
    if row["id"] is None:
        return "audit_row_missing"
    if row["prev_hash"] != previous:
        return "audit_chain_broken"
    if row["hash"] != chain_hash(previous, _content(row)):
        return "audit_row_changed"
    return None


def _content(row: Row) -> bytes:
    return audit_content(
        id=row["id"],
        time=row["time"],
        actor_id=row["actor_id"],
        actor_name=row["actor_name"],
        action=row["action"],
        resource=row["resource"],
        detail_json=row["detail_json"],
    )
