"""Who may read the MQTT topics of a subscription: whoever shows the subscription's secret."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from yunnao.infra import outbox
from yunnao.infra.postgres import Transaction, load_queries
from yunnao.kernel.ids import UUID
from yunnao.modules.sensing.access.credentials import CUT

QUERIES = load_queries("yunnao.modules.sensing.sharing")
USER_PREFIX = "subscription:"
datastreams_max = 500
"""That one MQTT client may be permitted."""


@dataclass(frozen=True)
class Subscriber:
    """A subscription by MQTT whose share is valid until `valid_until`."""

    subscription: UUID
    secret: str
    valid_until: datetime
    series: Sequence[int] | None = None
    """Of one to SensorThings' Observations: its Datastreams, `datastreams_max` of them."""


async def subscribers_of(tx: Transaction, users: Sequence[str], now: datetime) -> dict[str, Subscriber]:
    """By the name that the client gives, `subscription:{id}`; names of anything else are left out."""
    ids: list[UUID] = []
    for user in users:
        if user.startswith(USER_PREFIX):
            with suppress(ValueError):
                ids.append(UUID(user.removeprefix(USER_PREFIX)))
    if not ids:
        return {}
    rows = await (
        await tx.execute(QUERIES["subscribers"], {"ids": ids, "now": now, "limit": datastreams_max})
    ).fetchall()
    return {
        f"{USER_PREFIX}{row['id']}": Subscriber(row["id"], row["secret"], row["valid_until"], row["series"])
        for row in rows
    }


async def cut_off(tx: Transaction, *, id: UUID | None = None, share: int | None = None) -> None:
    """Whoever is connected for a subscription, or for those of a share, is to be cut off: its topics may
    be others' too, so that they would go on telling."""
    rows = await (await tx.execute(QUERIES["subscriptions_connected"], {"id": id, "share": share})).fetchall()
    events = [(CUT, {"device": f"{USER_PREFIX}{row['id']}"}) for row in rows]
    await outbox.publish_many(tx, events)
