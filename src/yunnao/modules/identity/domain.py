"""Rules of identity that need no database: secrets, accounts' names, sessions' limits, the chain."""

import hashlib
import json
import re
import secrets
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any, get_args
from uuid import UUID

from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.packs.city import RoleName

ROLES: tuple[str, ...] = get_args(RoleName)

TOKEN_PREFIX = "ynk_"  # noqa: S105 (public by design)
"""Marks an API token, so that scanners of leaked secrets recognise it."""
SECRET_BYTES = 32

ACCOUNT_CHARACTERS_MAX = 60
PASSWORD_CHARACTERS_MIN = 12
PASSWORD_CHARACTERS_MAX = 200

STAFF_SESSION_MAX = timedelta(hours=12)
STAFF_IDLE_MAX = timedelta(hours=2)
CITIZEN_SESSION_MAX = timedelta(days=30)
"""A citizen tracks a report over weeks on a phone of their own; staff share screens."""

CHAIN_START = bytes(32)
"""What stands in for the hash before the first row."""

_ACCOUNT = re.compile(r"[a-z0-9][a-z0-9._-]*")
_CONSONANTS = "bdfghklmnprstvz"
_VOWELS = "aeiou"


def new_secret() -> str:
    """256 random bits, in characters that a cookie and a header may hold."""
    return secrets.token_urlsafe(SECRET_BYTES)


def secret_hash(secret: str) -> bytes:
    """SHA-256: enough for a secret of 256 random bits, which no dictionary holds."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def readable_password() -> str:
    """About 44 random bits that can be read out and typed: `kufa-remi-tolu-27`."""
    words = [
        "".join(secrets.choice(_CONSONANTS) + secrets.choice(_VOWELS) for _ in range(2)) for _ in range(3)
    ]
    return "-".join([*words, f"{secrets.randbelow(100):02d}"])


def account_key(account: str) -> str:
    """The form in which accounts are compared: without outer spaces, lower case."""
    return account.strip().lower()


def is_account(account: str) -> bool:
    return len(account) <= ACCOUNT_CHARACTERS_MAX and _ACCOUNT.fullmatch(account) is not None


def require_account(account: str) -> str:
    """`account` as it is stored. Raises InvalidInput `account_name_invalid`."""
    key = account_key(account)
    if not is_account(key):
        raise InvalidInput("account_name_invalid", account=account, limit=ACCOUNT_CHARACTERS_MAX)
    return key


def require_password(account: str, password: str) -> None:
    """Length over composition, as NIST SP 800-63B, 3.1.1.2 advises; never the account's own name."""
    if not PASSWORD_CHARACTERS_MIN <= len(password) <= PASSWORD_CHARACTERS_MAX:
        raise InvalidInput(
            "password_length", minimum=PASSWORD_CHARACTERS_MIN, maximum=PASSWORD_CHARACTERS_MAX
        )
    if account in password.lower() or len(set(password)) < 5:
        raise InvalidInput("password_guessable")


def require_roles(roles: Collection[str]) -> list[str]:
    """`roles`, sorted, each once. Raises InvalidInput `role_unknown`."""
    for role in roles:
        if role not in ROLES:
            raise InvalidInput("role_unknown", role=role, roles=", ".join(ROLES))
    return sorted(set(roles))


def session_limits(roles: Collection[str]) -> tuple[timedelta, timedelta]:
    """How long a session lasts at most, and how long without a request."""
    if set(roles) <= {"citizen"}:
        return CITIZEN_SESSION_MAX, CITIZEN_SESSION_MAX
    return STAFF_SESSION_MAX, STAFF_IDLE_MAX


def audit_content(
    *,
    id: int,
    time: datetime,
    actor_id: UUID | None,
    actor_name: Mapping[str, str],
    action: str,
    resource: str,
    detail_json: str,
) -> bytes:
    """The canonical form of a row of the audit log: JSON, sorted keys, no spaces, UTF-8.

    `detail_json` is JSON text; its fractions stay as they are written, since a float would hide a
    change behind its last digit.
    """
    return json.dumps(
        {
            "id": id,
            "time": time.astimezone(UTC).isoformat(timespec="microseconds"),
            "actor_id": str(actor_id) if actor_id else None,
            "actor_name": dict(actor_name),
            "action": action,
            "resource": resource,
            "detail": json.loads(detail_json, parse_float=str),
        },
        ensure_ascii=False,
        sort_keys=True,
        separators=(",", ":"),
    ).encode()


def chain_hash(previous: bytes, content: bytes) -> bytes:
    """SHA-256 of the hash before and the row."""
    return hashlib.sha256(previous + content).digest()


def json_ready(value: Any) -> Any:
    """`value` as PostgreSQL's jsonb takes it: ids, times and numbers that are none as text, and no
    character that it refuses, since a row of the audit log must not fail for its detail."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {storable(str(key)): json_ready(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [json_ready(each) for each in value]
    return storable(str(value))


def storable(text: str) -> str:
    """`text` without NUL and lone surrogates, which PostgreSQL does not store."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
