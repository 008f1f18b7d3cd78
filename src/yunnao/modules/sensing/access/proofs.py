"""What clients that knock show, held against what is registered: tokens and certificates."""

import hmac
from collections.abc import Sequence
from datetime import datetime

from yunnao.infra.nats_auth import PLATFORM_USERS, AuthRequest
from yunnao.infra.nats_subjects import is_client_of
from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.ids import new_id
from yunnao.modules.sensing.access.certificates import Certificate, read_certificate
from yunnao.modules.sensing.access.credentials import QUERIES, credentials_live_max, token_hash

Shown = list[tuple[AuthRequest, Certificate]]


async def proofs_of(tx: Transaction, asked: Sequence[AuthRequest], now: datetime) -> list[Row | None]:
    """The credential that each request shows, None where it shows none that counts.

    Who names a password is judged by it; a certificate alone stands in its place.
    """
    users = list({request.user for request in asked if "\x00" not in request.user})
    rows = await (await tx.execute(QUERIES["credentials_live"], {"devices": users, "now": now})).fetchall()
    shown: Shown = []
    for request in asked:
        if request.certificate is not None and not request.password:
            try:
                shown.append((request, read_certificate(request.certificate)))
            except InvalidInput:
                continue
    certified = await _certified(tx, shown, now)
    found = [
        certified.get(id(request)) if not request.password else _by_token(request, rows) for request in asked
    ]
    if used := [proof["id"] for proof in found if proof is not None]:
        await tx.execute(QUERIES["credentials_used"], {"ids": used, "now": now})
    return found


def _by_token(request: AuthRequest, rows: Sequence[Row]) -> Row | None:
    if not request.mqtt or not is_client_of(request.client_id, request.user):
        return None
    shown = token_hash(request.password)
    own = [row for row in rows if row["device"] == request.user]
    return next((row for row in own if hmac.compare_digest(bytes(row["hash"]), shown)), None)


async def _certified(tx: Transaction, shown: Shown, now: datetime) -> dict[int, Row]:
    """By identity of the request the credential of its certificate, where it is one.

    A certificate that nobody has registered is taken at its word: the authority that the city trusts has
    named the device in it. It is registered then, so that it is listed and can be revoked.
    """
    if not shown:
        return {}
    hashes = [certificate.fingerprint for _, certificate in shown]
    rows = await (await tx.execute(QUERIES["certificates_known"], {"hashes": hashes, "now": now})).fetchall()
    known = {bytes(row["hash"]): row for row in rows}
    fresh: dict[bytes, tuple[str, Certificate]] = {}
    for request, certificate in shown:
        if certificate.fingerprint not in known and (device := _named(request, certificate)):
            fresh[certificate.fingerprint] = device, certificate
    if fresh:
        values = {
            "ids": [new_id() for _ in fresh],
            "devices": [device for device, _ in fresh.values()],
            "hashes": list(fresh),
            "ends": [certificate.ends_at for _, certificate in fresh.values()],
            "now": now,
            "limit": credentials_live_max,
        }
        rows = await (await tx.execute(QUERIES["certificates_meet"], values)).fetchall()
        known |= {bytes(row["hash"]): row for row in rows}
    found: dict[int, Row] = {}
    for request, certificate in shown:
        row = known.get(certificate.fingerprint)
        if row is not None and row["live"] and _is_of(request, row["device"]):
            found[id(request)] = row
    return found


def _named(request: AuthRequest, certificate: Certificate) -> str | None:
    """The device of the certificate's names as which the client connects."""
    return next((name for name in certificate.names if _is_of(request, name)), None)


def _is_of(request: AuthRequest, device: str) -> bool:
    """Whether the client connects as this device: user, where one is given, and client id are its own."""
    return (
        request.mqtt
        and request.user in ("", device)
        and device not in PLATFORM_USERS
        and is_client_of(request.client_id, device)
    )
