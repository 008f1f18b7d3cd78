"""Numbers that other systems gave cases: one case for each system and number, whoever asks at once."""

from collections.abc import Collection
from datetime import datetime
from uuid import NAMESPACE_URL, UUID, uuid5

from yunnao.infra.postgres import Transaction, load_queries

QUERIES = load_queries("yunnao.modules.cases", "references.sql")


def system_named(name: str) -> UUID:
    """The id of a system that has no account here, such as a hotline whose sheets are imported."""
    return uuid5(NAMESPACE_URL, f"yunnao:system:{name}")


async def known(tx: Transaction, system: UUID, references: Collection[str]) -> dict[str, UUID]:
    """The cases that have these numbers. Until the transaction ends nobody else opens one for them."""
    if not references:
        return {}
    wanted = {"system": system, "references": sorted(set(references))}
    await tx.execute(QUERIES["references_lock"], wanted)
    rows = await (await tx.execute(QUERIES["references_known"], wanted)).fetchall()
    return {row["reference"]: row["case_id"] for row in rows}


async def keep(
    tx: Transaction, system: UUID, reference: str, case_id: UUID, reported_at: datetime | None = None
) -> None:
    """Call `known` first, in the same transaction."""
    await tx.execute(
        QUERIES["reference_insert"],
        {"system": system, "reference": reference, "case_id": case_id, "reported_at": reported_at},
    )
