"""Signing in, sessions and API tokens."""

from datetime import datetime, timedelta

from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.errors import Conflict, InvalidInput, NotFound, TooMany, Unauthenticated
from yunnao.kernel.ids import UUID, new_id
from yunnao.kernel.principal import ANONYMOUS, Principal
from yunnao.modules.identity import store
from yunnao.modules.identity.contracts import ApiToken, Refusal
from yunnao.modules.identity.domain import (
    PASSWORD_CHARACTERS_MAX,
    TOKEN_PREFIX,
    account_key,
    is_account,
    new_secret,
    secret_hash,
    session_limits,
)
from yunnao.modules.identity.passwords import Passwords

FAILURE_WINDOW = timedelta(minutes=15)
ACCOUNT_FAILURES_MAX = 8
ADDRESS_FAILURES_MAX = 100
"""Far above the account's: a whole office may share one address."""

TOUCH_INTERVAL = timedelta(minutes=1)
TOKENS_MAX = 50
"""Living tokens of one party."""
TOKEN_DAYS_MAX = 366
TOKEN_NAME_CHARACTERS_MAX = 100


async def sign_in(
    tx: Transaction, now: datetime, passwords: Passwords, *, account: str, password: str, address: str
) -> Row | Refusal:
    """The party behind `account` and `password`, or why there is none."""
    key = account_key(account)
    hashed = secret_hash(key)
    # Asked twice: without the lock, so that a flood is refused at once, and with it, so that a
    # burst of attempts cannot all be counted as the first.
    for locked in (False, True):
        if locked:
            await store.run(tx, "sign_in_lock", account_hash=hashed)
        refused = await _throttled(tx, now, hashed, address)
        if refused:
            return refused
    party = await store.one(tx, "party_by_account", account=key) if is_account(key) else None
    stored = party["password_hash"] if party else None
    right = await passwords.verify(stored, password[: PASSWORD_CHARACTERS_MAX + 1])
    if not (party and right) or party["disabled_at"] is not None:
        await store.run(tx, "sign_in_failed", id=new_id(), account_hash=hashed, address=address, now=now)
        return Refusal("wrong_credentials", Unauthenticated.status, party=party["id"] if party else None)
    await store.run(tx, "sign_in_succeeded", account_hash=hashed)
    if passwords.outdated(party["password_hash"]):
        await store.run(tx, "party_password", id=party["id"], password_hash=await passwords.hash(password))
    return party


async def open_session(tx: Transaction, now: datetime, party: Row) -> tuple[str, datetime]:
    """A new session's secret, and its end."""
    lasts, idle = session_limits(party["roles"])
    secret = new_secret()
    await store.run(
        tx,
        "session_insert",
        token_hash=secret_hash(secret),
        party_id=party["id"],
        now=now,
        expires_at=now + lasts,
        idle_max=idle,
    )
    return secret, now + lasts


async def by_session(tx: Transaction, now: datetime, secret: str) -> Principal:
    """The session's party; anonymous where the session is unknown or has ended.

    A browser sends its cookie unasked, also to pages that need nobody signed in; what does need
    somebody then says so itself.
    """
    hashed = secret_hash(secret)
    row = await store.one(tx, "principal_by_session", token_hash=hashed, now=now)
    if row is None:
        return ANONYMOUS
    if now - row["last_seen_at"] >= TOUCH_INTERVAL:
        await store.run(tx, "session_touch", token_hash=hashed, now=now)
    return store.principal(row)


async def by_token(tx: Transaction, now: datetime, token: str) -> Principal:
    """The token's holder. Raises Unauthenticated `token_unknown`, `token_expired`, `account_disabled`."""
    row = None
    if token.startswith(TOKEN_PREFIX):
        row = await store.one(tx, "principal_by_token", token_hash=secret_hash(token))
    if row is None:
        raise Unauthenticated("token_unknown")
    if row["expires_at"] <= now:
        raise Unauthenticated("token_expired", expired_at=row["expires_at"].isoformat(timespec="seconds"))
    if row["disabled_at"] is not None:
        raise Unauthenticated("account_disabled")
    if row["last_used_at"] is None or now - row["last_used_at"] >= TOUCH_INTERVAL:
        await store.run(tx, "token_touch", id=row["token_id"], now=now)
    return store.principal(row)


async def make_token(
    tx: Transaction, now: datetime, party: UUID, name: str, lasts: timedelta
) -> tuple[ApiToken, str]:
    """A new token and its secret. Raises InvalidInput, and Conflict `tokens_too_many`."""
    if not timedelta(0) < lasts <= timedelta(days=TOKEN_DAYS_MAX):
        raise InvalidInput("token_days_out_of_range", limit=TOKEN_DAYS_MAX)
    if not name.strip() or len(name) > TOKEN_NAME_CHARACTERS_MAX or not name.isprintable():
        raise InvalidInput("token_name_invalid", limit=TOKEN_NAME_CHARACTERS_MAX)
    counted = await store.one(tx, "tokens_live", party_id=party, now=now)
    if counted and counted["live"] >= TOKENS_MAX:
        raise Conflict("tokens_too_many", limit=TOKENS_MAX)
    secret = TOKEN_PREFIX + new_secret()
    token = ApiToken(new_id(), name.strip(), now + lasts, now, None)
    await store.run(
        tx,
        "token_insert",
        id=token.id,
        token_hash=secret_hash(secret),
        party_id=party,
        name=token.name,
        now=now,
        expires_at=token.expires_at,
    )
    return token, secret


async def drop_token(tx: Transaction, party: UUID, token_id: UUID) -> str:
    """Deletes the party's token; returns its name. Raises NotFound."""
    row = await store.one(tx, "token_delete", id=token_id, party_id=party)
    if row is None:
        raise NotFound("not_found")
    return str(row["name"])


async def _throttled(tx: Transaction, now: datetime, hashed: bytes, address: str) -> Refusal | None:
    row = await store.one(
        tx, "sign_in_failures", account_hash=hashed, address=address, since=now - FAILURE_WINDOW
    )
    if row is None:
        return None
    since = None
    if row["account_failures"] >= ACCOUNT_FAILURES_MAX:
        since = row["account_since"]
    elif row["address_failures"] >= ADDRESS_FAILURES_MAX:
        since = row["address_since"]
    if since is None:
        return None
    left = since + FAILURE_WINDOW - now
    return Refusal(
        "sign_in_throttled",
        TooMany.status,
        {"minutes": int(left.total_seconds() // 60) + 1, "retry_after_s": int(left.total_seconds()) + 1},
    )
