"""Notifications: who is told what, by which channel, once."""

import secrets
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from yunnao.infra.postgres import Database, Row, Transaction
from yunnao.infra.webhook_targets import Targets
from yunnao.kernel.errors import InvalidInput, NotFound, Unauthenticated
from yunnao.kernel.ids import UUID
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import Text
from yunnao.kernel.time import Clock
from yunnao.modules.identity.facade import Identity
from yunnao.modules.notifications import addressing, store
from yunnao.modules.notifications.contracts import (
    InboxItem,
    Notice,
    Post,
    Preferences,
    Undelivered,
)
from yunnao.modules.notifications.delivering import Deliverer
from yunnao.modules.notifications.domain import kinds, wording

PAGE_ROWS_MAX = 200
UNREAD_TOLD_MAX = 1_000
KEPT = timedelta(days=90)
"""After that a notice is forgotten, and with it that its key was told."""
PRUNED_ROWS_MAX = 10_000


@dataclass(frozen=True)
class Ways:
    """The ways out of the city; None: the operator configured none."""

    targets: Targets
    email: Post | None = None
    sms: Post | None = None
    public_url: str | None = None
    """Where the console is reached, for links."""


class Notifications:
    """Every method works in the transaction it is given."""

    def __init__(self, clock: Clock, identity: Identity, zone: ZoneInfo, ways: Ways) -> None:
        self._clock = clock
        self._identity = identity
        self.zone = zone
        self._ways = ways

    def deliverer(self, database: Database) -> Deliverer:
        """A worker that addresses and delivers; any number may run."""
        ways = self._ways
        return Deliverer(
            self._clock,
            database,
            self._identity,
            self.zone,
            ways.targets,
            ways.email,
            ways.sms,
            ways.public_url,
        )

    async def send(self, tx: Transaction, *notices: Notice) -> None:
        """Has `notices` told if, and only if, the caller's transaction commits.

        Nobody is told a key twice by a channel, however often it is sent. Raises InvalidInput
        `notice_template_unknown`.
        """
        for notice in notices:
            if notice.template not in kinds():
                raise InvalidInput("notice_template_unknown", template=notice.template)
        if notices:
            await addressing.keep(tx, notices, self._clock.now())

    # --- the inbox -----------------------------------------------------------------------------

    async def inbox(
        self,
        tx: Transaction,
        principal: Principal,
        *,
        unread: bool = False,
        limit: int = 50,
        before: UUID | None = None,
    ) -> tuple[list[InboxItem], UUID | None]:
        """Own notices, newest first, and the key of the next page."""
        limit = min(limit, PAGE_ROWS_MAX)
        found = await store.rows(
            tx, "inbox", account=self._own(principal), unread=unread, before=before, limit=limit + 1
        )
        following = found[limit - 1]["id"] if len(found) > limit else None
        return [self._item(row) for row in found[:limit]], following

    async def unread(self, tx: Transaction, principal: Principal) -> int:
        """How many own notices are unread, counted up to `UNREAD_TOLD_MAX`."""
        row = await store.one(tx, "unread", account=self._own(principal), limit=UNREAD_TOLD_MAX)
        return int(row["unread"]) if row else 0

    async def mark_read(self, tx: Transaction, principal: Principal, ids: Sequence[UUID] | None) -> None:
        """Own notices were read; None: all of them."""
        await store.run(
            tx,
            "read",
            account=self._own(principal),
            ids=list(ids) if ids is not None else None,
            now=self._clock.now(),
        )

    # --- preferences ---------------------------------------------------------------------------

    def available(self) -> dict[str, bool]:
        """Which channels the operator configured."""
        return {
            "in_app": True,
            "email": self._ways.email is not None,
            "webhook": True,
            "sms": self._ways.sms is not None,
        }

    async def preferences(self, tx: Transaction, principal: Principal) -> Preferences:
        account = self._own(principal)
        return (await addressing.preferences(tx, {account})).get(account, Preferences())

    async def set_preferences(self, tx: Transaction, principal: Principal, chosen: Preferences) -> str | None:
        """Replaces them. Returns the secret of a webhook whose address is new, which is shown this once.

        Raises InvalidInput for a kind that there is not, half of the quiet hours, and `webhook_…`.
        """
        account = self._own(principal)
        unknown = set(chosen.channels) - set(kinds()) - {"*"}
        if unknown:
            raise InvalidInput("notice_template_unknown", template=min(unknown)[:60])
        if (chosen.quiet_from is None) != (chosen.quiet_until is None):
            raise InvalidInput("quiet_hours_half")
        old = await store.one(tx, "preferences", accounts=[account])
        secret, new = old["webhook_secret"] if old else None, False
        if chosen.webhook_url is None:
            secret = None
        elif old is None or old["webhook_url"] != chosen.webhook_url:
            await self._ways.targets.check(chosen.webhook_url)
            secret, new = "whsec_" + b64encode(secrets.token_bytes(24)).decode(), True
        await store.run(
            tx,
            "preference_upsert",
            account=account,
            **{**vars(chosen), "channels": Jsonb({k: list(v) for k, v in chosen.channels.items()})},
            webhook_secret=secret,
            now=self._clock.now(),
        )
        return secret if new else None

    # --- what was given up ---------------------------------------------------------------------

    async def undelivered(
        self, tx: Transaction, principal: Principal, limit: int = 50, before: UUID | None = None
    ) -> tuple[list[Undelivered], UUID | None]:
        """Messages that were given up, newest first, and the key of the next page."""
        self._identity.authorize(principal, "notification:manage")
        limit = min(limit, PAGE_ROWS_MAX)
        found = await store.rows(tx, "undelivered", before=before, limit=limit + 1)
        following = found[limit - 1]["id"] if len(found) > limit else None
        return [
            Undelivered(
                row["id"], row["template"], row["channel"], row["account"], row["error"] or "",
                row["attempts"], row["made_at"],
            )
            for row in found[:limit]
        ], following  # fmt: skip

    async def resend(self, tx: Transaction, principal: Principal, message: UUID) -> None:
        """Has a message that was given up tried anew, under its old id. Raises NotFound."""
        self._identity.authorize(principal, "notification:manage")
        if await store.one(tx, "resend", id=message, now=self._clock.now()) is None:
            raise NotFound("notification_not_found")
        await self._identity.audit(tx, principal, "notification:manage", f"Notification/{message}")

    async def prune(self, tx: Transaction) -> None:
        """Forgets what is older than `KEPT`; for an hourly timer."""
        await store.run(tx, "prune", before=self._clock.now() - KEPT, limit=PRUNED_ROWS_MAX)

    def _own(self, principal: Principal) -> UUID:
        self._identity.authorize(principal, "notification:own")
        if principal.id is None:
            raise Unauthenticated("sign_in_required")
        return principal.id

    def _item(self, row: Row) -> InboxItem:
        zh, en = (wording(row["template"], row["params"], language, self.zone) for language in ("zh", "en"))
        return InboxItem(
            row["id"],
            row["template"],
            Text(zh=zh[0], en=en[0]),
            Text(zh=zh[1], en=en[1]),
            row["subject"],
            row["urgent"],
            row["made_at"],
            row["read_at"],
        )
