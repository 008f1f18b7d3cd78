"""Idempotency-Key: a request that is sent again gets the answer of the first, once.

The key is kept as a hash: whoever reads the table cannot send the request again.
"""

import hashlib
from typing import Any

import orjson
from psycopg.types.json import Jsonb

from yunnao.infra.postgres import Transaction, load_queries
from yunnao.kernel.errors import Conflict, InvalidInput

QUERIES = load_queries("yunnao.infra")
KEY_CHARS_MAX = 200


class Remembered:
    """One keyed request within the transaction `tx`. Without a key nothing is remembered.

    `answer()` is the first request's answer or None; `keep()` stores the answer of this one.
    """

    def __init__(self, tx: Transaction, principal: str, key: str | None, request: Any) -> None:
        if key is not None and not 0 < len(key) <= KEY_CHARS_MAX:
            raise InvalidInput("idempotency_key_invalid", limit_chars=KEY_CHARS_MAX)
        self._tx = tx
        self._principal = principal
        self._key = hashlib.sha256(key.encode()).hexdigest() if key else None
        try:
            content = orjson.dumps(request, option=orjson.OPT_SORT_KEYS)
        except (TypeError, orjson.JSONEncodeError) as error:
            # A lone surrogate, which JSON can escape but no text can hold.
            raise InvalidInput("text_unreadable") from error
        self._request = hashlib.sha256(content).digest()

    async def answer(self) -> Any | None:
        """Raises Conflict `idempotency_key_reused` when the key came with another request."""
        if self._key is None:
            return None
        keys = {"principal": self._principal, "key": self._key}
        await self._tx.execute(QUERIES["idempotency_lock"], keys)
        row = await (await self._tx.execute(QUERIES["idempotency_get"], keys)).fetchone()
        if row is None:
            return None
        if bytes(row["request"]) != self._request:
            raise Conflict("idempotency_key_reused")
        return row["response"]

    async def keep(self, response: Any) -> None:
        if self._key is None:
            return
        await self._tx.execute(
            QUERIES["idempotency_insert"],
            {
                "principal": self._principal,
                "key": self._key,
                "request": self._request,
                "response": Jsonb(response),
            },
        )


async def prune(tx: Transaction) -> None:
    """Forgets the answers of requests a week old; for a timer."""
    await tx.execute(QUERIES["idempotency_prune"])


def seal(secret: str, key: str) -> str:
    """`secret` (≤ 32 ASCII characters) so that only who knows `key` reads it; `unseal` inverts it.

    A one-time pad from the hash of the caller's key: the answer to a repeated request may hold a
    secret which the database itself must not know.
    """
    pad = hashlib.sha256(b"seal:" + key.encode()).digest()
    return bytes(a ^ b for a, b in zip(secret.encode("ascii"), pad, strict=False)).hex()


def unseal(sealed: str, key: str) -> str:
    pad = hashlib.sha256(b"seal:" + key.encode()).digest()
    return bytes(a ^ b for a, b in zip(bytes.fromhex(sealed), pad, strict=False)).decode("ascii")
