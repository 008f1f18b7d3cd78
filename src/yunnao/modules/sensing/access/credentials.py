"""What devices prove themselves with: issued once in the clear, kept as a hash, revoked at once."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from yunnao.infra import outbox
from yunnao.infra.copying import copy_frame
from yunnao.infra.nats_auth import PLATFORM_USERS
from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.kernel.errors import Conflict, InvalidInput, NotFound
from yunnao.kernel.ids import UUID, new_id
from yunnao.kernel.principal import Principal
from yunnao.kernel.time import Clock
from yunnao.modules.identity.facade import Identity
from yunnao.modules.sensing.access.certificates import read_certificate

QUERIES = load_queries("yunnao.modules.sensing.access", "credentials.sql")
TOKEN_PREFIX = "ynd_"  # noqa: S105 (public by design)
TOKEN_BYTES = 32
credentials_live_max = 8
"""Of one device."""
credentials_listed_max = 100
certificates_kept = timedelta(days=30)
"""After their end."""
bulk_rows_max = 50_000
CUT = "sensing.device.cut"
"""Event: whoever is connected as this device is to be cut off."""


@dataclass(frozen=True)
class Issued:
    """A new credential; `token` is told this once."""

    id: UUID
    device: str
    product: str
    token: str
    expires_at: datetime | None


def token_hash(token: str) -> bytes:
    """SHA-256: a token is 256 random bits, which no dictionary holds."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


class Credentials:
    """Tokens of devices, the password that goes with the device's id as the user of MQTT, and
    certificates, which stand in a token's place."""

    def __init__(self, clock: Clock, identity: Identity) -> None:
        self._clock = clock
        self._identity = identity

    def now(self) -> datetime:
        return self._clock.now()

    async def issue(
        self,
        tx: Transaction,
        device: str,
        principal: Principal,
        *,
        expires_at: datetime | None = None,
        overlap: timedelta | None = None,
    ) -> Issued:
        """A new token. With `overlap` the device's others end that much later: a rotation.

        Raises NotFound `device_not_found`; Conflict `device_not_active`, `credentials_too_many`;
        InvalidInput `credential_name_reserved`, `credential_expires_past`.
        """
        token = _new_token()
        credential, row = await self._add(tx, device, "token", token_hash(token), expires_at, principal)
        if overlap is not None:
            ends = {"number": row["number"], "until": self._clock.now() + overlap, "besides": credential}
            await tx.execute(QUERIES["credentials_end"], ends)
        return Issued(credential, device, row["product"], token, expires_at)

    async def register_certificate(
        self, tx: Transaction, device: str, pem: str, principal: Principal
    ) -> UUID:
        """Lets a certificate stand for a device, whatever it names. A certificate that names the device's
        id needs no registration.

        Raises InvalidInput `certificate_unreadable`, Conflict `certificate_known`, and as `issue` does.
        """
        certificate = read_certificate(pem)
        known = await self._one(tx, "certificate_of", hash=certificate.fingerprint)
        if known is not None:
            raise Conflict("certificate_known", device=known["device"])
        credential, _ = await self._add(
            tx, device, "certificate", certificate.fingerprint, certificate.ends_at, principal
        )
        return credential

    async def revoke_certificate(self, tx: Transaction, device: str, pem: str, principal: Principal) -> None:
        """Refuses a certificate from now on, whether it has been seen before or not.

        Raises NotFound `device_not_found`, `credential_unknown` where it is revoked or another device's;
        else as `register_certificate` does.
        """
        known = await self._one(tx, "certificate_of", hash=read_certificate(pem).fingerprint)
        if known is not None and known["device"] != device:
            raise NotFound("credential_unknown")
        found = known["id"] if known else await self.register_certificate(tx, device, pem, principal)
        await self.revoke(tx, device, found, principal)

    async def _add(
        self,
        tx: Transaction,
        device: str,
        kind: str,
        digest: bytes,
        expires_at: datetime | None,
        principal: Principal,
    ) -> tuple[UUID, Row]:
        """A new credential's id, and the device."""
        if device in PLATFORM_USERS:
            raise InvalidInput("credential_name_reserved", device=device)
        now = self._clock.now()
        if expires_at is not None and expires_at <= now:
            raise InvalidInput("credential_expires_past")
        row = await self._locked(tx, device)
        if row["standing"] in {"blocked", "retired"}:
            raise Conflict("device_not_active", device=device)
        live = await self._one(tx, "live_count", number=row["number"], now=now)
        if live and live["n"] >= credentials_live_max:
            raise Conflict("credentials_too_many", limit=credentials_live_max)
        credential = new_id()
        values = {"id": credential, "kind": kind, "hash": digest, "now": now, "by": principal.id}
        await tx.execute(
            QUERIES["credential_insert"], {**values, "number": row["number"], "expires_at": expires_at}
        )
        await self._identity.audit(
            tx, principal, "credential:issue", f"Device/{device}", credential=str(credential), kind=kind
        )
        return credential, row

    async def issue_missing(
        self, tx: Transaction, principal: Principal, *, product: str | None, owner: str | None, limit: int
    ) -> list[Issued]:
        """A token for each of the first `limit` devices (at most `bulk_rows_max`) that has none."""
        now = self._clock.now()
        values = {"product": product, "owner": owner, "now": now, "reserved": list(PLATFORM_USERS)}
        cursor = await tx.execute(QUERIES["devices_without"], {**values, "limit": min(limit, bulk_rows_max)})
        rows = await cursor.fetchall()
        if not rows:
            return []
        issued = [Issued(new_id(), row["id"], row["product"], _new_token(), None) for row in rows]
        table = pl.DataFrame(
            {
                "id": [str(one.id) for one in issued],
                "device": [row["number"] for row in rows],
                "kind": ["token"] * len(rows),
                "hash": [f"\\x{token_hash(one.token).hex()}" for one in issued],
                "issued_at": [now.isoformat()] * len(rows),
                "issued_by": [None if principal.id is None else str(principal.id)] * len(rows),
            },
            schema_overrides={"issued_by": pl.String},
        )
        await copy_frame(tx, QUERIES["credentials_copy"], table)
        await self._identity.audit(tx, principal, "credential:issue", "Device", issued=len(issued))
        return issued

    async def of_device(self, tx: Transaction, device: str) -> list[Row]:
        """A device's credentials, newest first; the secrets are nowhere."""
        cursor = await tx.execute(
            QUERIES["credentials_of"], {"device": device, "limit": credentials_listed_max}
        )
        return await cursor.fetchall()

    async def revoke(self, tx: Transaction, device: str, credential: UUID, principal: Principal) -> None:
        """Ends a credential; whoever is connected as the device is cut off after the commit.

        Raises NotFound `device_not_found`, `credential_unknown`.
        """
        row = await self._locked(tx, device)
        values = {"id": credential, "number": row["number"], "now": self._clock.now(), "by": principal.id}
        if await self._one(tx, "credential_revoke", **values) is None:
            raise NotFound("credential_unknown")
        await self._identity.audit(
            tx, principal, "credential:revoke", f"Device/{device}", credential=str(credential)
        )
        await outbox.publish(tx, CUT, {"device": device})

    async def revoke_all(
        self, tx: Transaction, devices: Sequence[tuple[int, str]], principal: Principal
    ) -> None:
        """Ends every credential of these devices (number, id) and cuts them off."""
        numbers = [number for number, _ in devices]
        values = {"numbers": numbers, "now": self._clock.now(), "by": principal.id}
        await tx.execute(QUERIES["credentials_revoke_all"], values)
        for _, device in devices:
            await outbox.publish(tx, CUT, {"device": device})

    async def expire(self, tx: Transaction) -> None:
        """Cuts off whoever is connected with a credential that has expired."""
        now = self._clock.now()
        cursor = await tx.execute(QUERIES["credentials_expire"], {"now": now})
        for device in {row["device"] for row in await cursor.fetchall()}:
            await outbox.publish(tx, CUT, {"device": device})
        await tx.execute(QUERIES["certificates_forget"], {"before": now - certificates_kept})

    async def _locked(self, tx: Transaction, device: str) -> Row:
        row = await self._one(tx, "devices_lock", device=device)
        if row is None:
            raise NotFound("device_not_found", device=device)
        return row

    async def _one(self, tx: Transaction, query: str, **values: Any) -> Row | None:
        return await (await tx.execute(QUERIES[query], values)).fetchone()


def csv_of(issued: Sequence[Issued], *, header: bool = True) -> str:
    """device, product, token: what is given to whoever sets the devices up."""
    rows = [(one.device, one.product, one.token) for one in issued]
    table = (
        pl.DataFrame(rows, ["device", "product", "token"], orient="row")
        if rows
        else pl.DataFrame(schema=dict.fromkeys(("device", "product", "token"), pl.String))
    )
    return table.write_csv(include_header=header)


def _new_token() -> str:
    return TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
