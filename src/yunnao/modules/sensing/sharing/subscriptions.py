"""Having the readings of a share sent: subscriptions and what waits for them."""

import base64
import secrets
from dataclasses import dataclass
from typing import Any

from yunnao.infra.nats_subjects import shared_topic
from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.infra.webhook_targets import Targets
from yunnao.kernel.errors import Conflict, InvalidInput, NotFound, TooMany
from yunnao.kernel.ids import UUID, new_id
from yunnao.kernel.principal import Principal
from yunnao.kernel.time import Clock
from yunnao.modules.identity.contracts import Resource
from yunnao.modules.identity.facade import Identity
from yunnao.modules.sensing.sharing.contracts import Subscription, SubscriptionDraft, WaitingParcel
from yunnao.modules.sensing.sharing.shares import MANAGERS, Shares
from yunnao.modules.sensing.sharing.subscribers import cut_off

QUERIES = load_queries("yunnao.modules.sensing.sharing")
subscriptions_per_department_max = 100
SECRET_BYTES = 32
SECRET_PREFIX = "whsec_"  # noqa: S105 (public: Standard Webhooks names it)
parcels_listed_max = 200


@dataclass(frozen=True)
class SubscriptionPage:
    items: list[Subscription]
    after: str | None


class Subscriptions:
    """Subscriptions of departments to their shares."""

    def __init__(self, clock: Clock, identity: Identity, shares: Shares, targets: Targets) -> None:
        self._clock = clock
        self._identity = identity
        self._shares = shares
        self._targets = targets

    async def make(
        self, tx: Transaction, principal: Principal, share: UUID, draft: SubscriptionDraft
    ) -> tuple[Subscription, str]:
        """A subscription and its secret, which is shown this once. Readings are kept for it from now on.

        Raises Conflict `share_not_valid`, InvalidInput for options that do not fit, TooMany.
        """
        found = await self._shares.share(tx, principal, share)
        self._authorize(principal, found.department)
        if not found.valid:
            raise Conflict("share_not_valid")
        _check(draft)
        if draft.url is not None:
            await self._targets.check(draft.url)
        row = await (
            await tx.execute(QUERIES["subscriptions_count"], {"department": found.department})
        ).fetchone()
        if row is not None and row["n"] >= subscriptions_per_department_max:
            raise TooMany("subscriptions_too_many", limit=subscriptions_per_department_max)
        subscription, secret = new_id(), new_secret()
        await tx.execute(
            QUERIES["subscription_insert"],
            {
                "id": subscription,
                "share": found.number,
                "name": draft.name,
                "channel": draft.channel,
                "url": draft.url,
                "secret": secret,
                "metrics": list(draft.metrics) if draft.metrics else None,
                "mode": draft.mode,
                "interval_s": draft.interval_s,
                "change_min": draft.change_min,
                "now": self._clock.now(),
                "by": principal.id,
            },
        )
        await tx.execute(QUERIES["sharing_bump"])
        await self._identity.audit(
            tx,
            principal,
            "subscription:create",
            f"Subscription/{subscription}",
            channel=draft.channel,
            url=draft.url,
        )
        return await self.get(tx, principal, subscription), secret

    async def get(self, tx: Transaction, principal: Principal, subscription: UUID) -> Subscription:
        """Raises NotFound also for another department's."""
        return _subscription(await self._row(tx, principal, subscription))

    async def page(
        self,
        tx: Transaction,
        principal: Principal,
        *,
        limit: int,
        share: UUID | None = None,
        before: UUID | None = None,
    ) -> SubscriptionPage:
        """The department's subscriptions, newest first; an administrator sees everybody's."""
        self._identity.authorize(principal, "share:read")
        rows = await self._rows(tx, principal, limit=limit + 1, share=share, before=before)
        items = [_subscription(row) for row in rows[:limit]]
        return SubscriptionPage(items, str(items[-1].id) if len(rows) > limit else None)

    async def change(
        self, tx: Transaction, principal: Principal, subscription: UUID, name: str | None, url: str | None
    ) -> Subscription:
        """Another name or target; what waits goes to the new one."""
        row = await self._own(tx, principal, subscription)
        if url is not None:
            if row["channel"] != "webhook":
                raise InvalidInput("subscription_url_unfit")
            await self._targets.check(url)
        await tx.execute(QUERIES["subscription_change"], {"id": subscription, "name": name, "url": url})
        await self._audit(tx, principal, "change", subscription, name=name, url=url)
        return await self.get(tx, principal, subscription)

    async def resume(self, tx: Transaction, principal: Principal, subscription: UUID) -> Subscription:
        """Sends what waits, from the oldest on; also before the next attempt is due."""
        row = await self._own(tx, principal, subscription)
        if row["state"] == "ended" or not row["valid"]:
            raise Conflict("share_not_valid")
        await tx.execute(QUERIES["subscription_resume"], {"id": subscription, "now": self._clock.now()})
        await tx.execute(QUERIES["sharing_bump"])
        await tx.execute("SELECT pg_notify('delivery', '')")
        await self._audit(tx, principal, "resume", subscription)
        return await self.get(tx, principal, subscription)

    async def renew_secret(self, tx: Transaction, principal: Principal, subscription: UUID) -> str:
        """A new secret; the former one signs nothing from the next attempt on."""
        await self._own(tx, principal, subscription)
        secret = new_secret()
        await tx.execute(QUERIES["subscription_secret"], {"id": subscription, "secret": secret})
        await self._audit(tx, principal, "secret", subscription)
        return secret

    async def end(self, tx: Transaction, principal: Principal, subscription: UUID) -> None:
        """Ends it; what waits is dropped."""
        await self._own(tx, principal, subscription)
        await cut_off(tx, id=subscription)
        await tx.execute(QUERIES["subscription_end"], {"id": subscription, "now": self._clock.now()})
        await tx.execute(QUERIES["sharing_bump"])
        await self._audit(tx, principal, "end", subscription)

    async def waiting(self, tx: Transaction, principal: Principal, subscription: UUID) -> list[WaitingParcel]:
        """What waits: numbered parcels first, then all that has no number yet as one."""
        row = await self._row(tx, principal, subscription)
        rows = await (
            await tx.execute(
                QUERIES["waiting_parcels"], {"subscription": row["number"], "limit": parcels_listed_max}
            )
        ).fetchall()
        return [WaitingParcel(**found) for found in rows]

    async def target(self, tx: Transaction, principal: Principal, subscription: UUID) -> Row:
        """The row of one's own subscription, for a test or a stream."""
        return await self._own(tx, principal, subscription)

    async def _own(self, tx: Transaction, principal: Principal, subscription: UUID) -> Row:
        row = await self._row(tx, principal, subscription)
        self._authorize(principal, row["department"])
        return row

    async def _row(self, tx: Transaction, principal: Principal, subscription: UUID) -> Row:
        self._identity.authorize(principal, "share:read")
        rows = await self._rows(tx, principal, limit=1, id=subscription)
        if not rows:
            raise NotFound("subscription_not_found")
        return rows[0]

    async def _rows(
        self,
        tx: Transaction,
        principal: Principal,
        *,
        limit: int,
        id: UUID | None = None,
        share: UUID | None = None,
        before: UUID | None = None,
    ) -> list[Row]:
        parameters = {
            "id": id,
            "share": share,
            "before": before,
            "limit": limit,
            "now": self._clock.now(),
            "department": principal.department,
            "everything": bool(principal.roles & MANAGERS),
        }
        return await (await tx.execute(QUERIES["subscriptions"], parameters)).fetchall()

    def _authorize(self, principal: Principal, department: str) -> None:
        self._identity.authorize(principal, "share:subscribe", Resource("Share", department=department))

    async def _audit(
        self, tx: Transaction, principal: Principal, what: str, subscription: UUID, **detail: Any
    ) -> None:
        await self._identity.audit(
            tx, principal, f"subscription:{what}", f"Subscription/{subscription}", **detail
        )


def new_secret() -> str:
    """A key of 256 bits in the form of Standard Webhooks."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def _check(draft: SubscriptionDraft) -> None:
    if (draft.channel == "webhook") != (draft.url is not None):
        raise InvalidInput("subscription_url_unfit")
    if draft.channel == "sensorthings" and draft.mode != "every":
        raise InvalidInput("subscription_observations_all")
    if (draft.mode == "interval") != (draft.interval_s is not None) or (draft.mode == "change") != (
        draft.change_min is not None
    ):
        raise InvalidInput("subscription_mode_unfit")


def _subscription(row: Row) -> Subscription:
    fields = (
        "id", "number", "department", "name", "channel", "url", "metrics", "mode", "interval_s", "change_min",
        "state", "valid", "made_at", "backlog", "oldest_at", "sealed", "delivered", "delivered_at",
        "failures", "failing_since", "next_attempt_at", "last_error", "last_error_at",
    )  # fmt: skip
    return Subscription(
        share=row["share_id"],
        topic=shared_topic(str(row["id"])) if row["channel"] == "mqtt" else None,
        **{name: row[name] for name in fields},
    )
