"""Notices become messages: one for each recipient and channel, many notices at once."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from yunnao.infra import outbox
from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.ids import UUID, new_id
from yunnao.kernel.text import Text
from yunnao.modules.identity.contracts import Members
from yunnao.modules.identity.facade import Identity
from yunnao.modules.notifications import store
from yunnao.modules.notifications.contracts import Notice, Preferences, Recipients
from yunnao.modules.notifications.domain import address_key, channels_of, digest_due, encode, wording

NOTICES_MAX = 200
"""Addressed in one transaction."""
MADE = "notifications.notice.made"
"""Tells screens that a bell may ring; `to` holds the accounts, which the event stream keeps to itself."""


async def keep(tx: Transaction, notices: tuple[Notice, ...], now: datetime) -> None:
    """Writes `notices` with the caller's transaction, in one statement."""
    await store.run(
        tx,
        "notices_insert",
        ids=[new_id() for _ in notices],
        keys=[each.key for each in notices],
        templates=[each.template for each in notices],
        params=[Jsonb(encode(each.params)) for each in notices],
        recipients=[Jsonb(_recipients(each.to)) for each in notices],
        urgent=[each.urgent for each in notices],
        subjects=[each.subject for each in notices],
        now=now,
    )


def _recipients(to: Recipients) -> dict[str, Any]:
    told: dict[str, Any] = {
        "accounts": [str(account) for account in to.accounts],
        "department": to.department,
        "roles": list(to.wanted_roles),
    }
    if to.address is not None:
        told["address"] = {
            "email": to.address.email,
            "phone": to.address.phone,
            "language": to.address.language,
        }
    return told


async def address(tx: Transaction, identity: Identity, now: datetime, zone: ZoneInfo) -> int:
    """Addresses the oldest notices that wait; returns how many."""
    notices = await store.rows(tx, "notices_to_address", limit=NOTICES_MAX)
    if not notices:
        return 0
    wishes = [
        Members(tuple(map(UUID, to["accounts"])), to["department"], tuple(to["roles"]))
        for to in (row["recipients"] for row in notices)
    ]
    members = await identity.members(tx, wishes)
    known = await preferences(tx, {account for found in members for account in found})
    messages = []
    for notice, accounts in zip(notices, members, strict=True):
        messages += _to_accounts(notice, accounts, known, now, zone)
        messages += _to_address(notice, accounts, known, now)
    made = await store.rows(
        tx,
        "messages_insert",
        ids=[new_id() for _ in messages],
        now=now,
        **{name: [message[name] for message in messages] for name in COLUMNS},
    )
    await _ring(tx, notices, made, zone)
    await store.run(tx, "notices_addressed", ids=[row["id"] for row in notices], now=now)
    return len(notices)


COLUMNS = (
    "notices", "keys", "recipients", "channels", "accounts", "addresses", "languages", "states", "due",
)  # fmt: skip


async def preferences(tx: Transaction, accounts: set[UUID]) -> dict[UUID, Preferences]:
    """Of those who chose some; the others have the defaults."""
    found = await store.rows(tx, "preferences", accounts=list(accounts)) if accounts else []
    return {row["account"]: preferences_of(row) for row in found}


def preferences_of(row: Row) -> Preferences:
    return Preferences(**{k: v for k, v in row.items() if k not in {"account", "webhook_secret"}})


def _to_accounts(
    notice: Row, accounts: list[UUID], known: dict[UUID, Preferences], now: datetime, zone: ZoneInfo
) -> list[dict[str, Any]]:
    messages = []
    for account in accounts:
        chosen = known.get(account, Preferences())
        for channel in channels_of(notice["template"], chosen, urgent=notice["urgent"]):
            gathered = (
                digest_due(chosen.digest, chosen.digest_at, now, zone)
                if channel == "email" and not notice["urgent"]
                else None
            )
            state = "sent" if channel == "in_app" else "gathering" if gathered else "waiting"
            recipient = f"account:{account}"
            messages.append(
                _message(notice, recipient, channel, account, None, chosen.language, state, gathered or now)
            )
    return messages


def _to_address(
    notice: Row, accounts: list[UUID], known: dict[UUID, Preferences], now: datetime
) -> list[dict[str, Any]]:
    """To an address that an account of the same notice is not told at anyway."""
    given = notice["recipients"].get("address") or {}
    own = {known[account].email for account in accounts if account in known}
    return [
        _message(notice, address_key(channel, at), channel, None, at, given["language"], "waiting", now)
        for channel, at in (("email", given.get("email")), ("sms", given.get("phone")))
        if at and at not in own
    ]


def _message(
    notice: Row,
    recipient: str,
    channel: str,
    account: UUID | None,
    at: str | None,
    language: str,
    state: str,
    due: datetime,
) -> dict[str, Any]:
    values = (notice["id"], notice["key"], recipient, channel, account, at, language, state, due)
    return dict(zip(COLUMNS, values, strict=True))


async def _ring(tx: Transaction, notices: list[Row], made: list[Row], zone: ZoneInfo) -> None:
    """One event a notice, for the screens of those who have it in their inbox."""
    to: dict[UUID, list[str]] = {}
    for row in made:
        if row["channel"] == "in_app":
            to.setdefault(row["notice_id"], []).append(str(row["account"]))
    events = []
    for notice in notices:
        if notice["id"] in to:
            line = Text(
                zh=wording(notice["template"], notice["params"], "zh", zone)[0],
                en=wording(notice["template"], notice["params"], "en", zone)[0],
            )
            body = {
                "to": to[notice["id"]],
                "title": line.model_dump(),
                "kind": notice["template"],
                "about": notice["subject"],
            }
            events.append((MADE, body))
    await outbox.publish_many(tx, events)
