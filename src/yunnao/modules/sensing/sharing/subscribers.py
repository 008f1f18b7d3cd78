"""Who may read the MQTT topic of a subscription: whoever shows the subscription's secret."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from yunnao.infra.postgres import Transaction, load_queries
from yunnao.kernel.ids import UUID

QUERIES = load_queries("yunnao.modules.sensing.sharing")
USER_PREFIX = "subscription:"


@dataclass(frozen=True)
class Subscriber:
    """A subscription by MQTT whose share is valid until `valid_until`."""

    subscription: UUID
    secret: str
    valid_until: datetime


async def subscribers_of(tx: Transaction, users: Sequence[str], now: datetime) -> dict[str, Subscriber]:
    """By the name that the client gives, `subscription:{id}`; names of anything else are left out."""
    ids: list[UUID] = []
    for user in users:
        if user.startswith(USER_PREFIX):
            with suppress(ValueError):
                ids.append(UUID(user.removeprefix(USER_PREFIX)))
    if not ids:
        return {}
    rows = await (await tx.execute(QUERIES["subscribers"], {"ids": ids, "now": now})).fetchall()
    return {
        f"{USER_PREFIX}{row['id']}": Subscriber(row["id"], row["secret"], row["valid_until"]) for row in rows
    }
