"""The NATS server's auth callout (ADR-26): what it asks about a client that connects, and the answer.

Both are JSON Web Tokens signed with Ed25519 (`alg` ed25519-nkey, NATS JWT version 2). The request's
signature is the server's own; that it comes on the server's subject, which no client may publish
to, is what makes it credible. The answer is believed for the issuer's key, whose public half stands
in the server's configuration.
"""

import base64
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import nkeys

CALLOUT_SUBJECT = "$SYS.REQ.USER.AUTH"
ACCOUNT = "YUNNAO"
"""The account in which devices and the platform meet."""
MQTT_CONNECTIONS = ("MQTT", "MQTT_WS")
"""The second: over WebSocket, which is how a proxy in front hands devices on."""
PLATFORM_USERS = ("platform", "device", "system")
"""Users of the configuration itself, which the callout is not asked about."""


@dataclass(frozen=True)
class AuthRequest:
    """A client that wants to connect. `user_key` and `server` go back in the answer."""

    user_key: str
    server: str
    user: str
    password: str
    client_id: str
    mqtt: bool
    certificate: str | None = None
    """PEM of the certificate that the client showed, once the server has verified it."""


@dataclass(frozen=True)
class Permit:
    """What a client may do; `expires_at` in seconds since 1970: it is cut off then."""

    name: str
    publish: Sequence[str]
    subscribe: Sequence[str]
    issued_at: int
    expires_at: int


def new_issuer() -> str:
    """The seed of a new key to sign answers with."""
    return str(nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_ACCOUNT).decode())


def public_key(seed: str) -> str:
    """The public half of the key, as the server's configuration names it."""
    return str(nkeys.from_seed(seed.encode()).public_key.decode().rstrip("="))


def read_request(token: bytes) -> AuthRequest:
    """Raises ValueError where it is no request."""
    try:
        asked = json.loads(_unpacked(token.split(b".")[1]))["nats"]
        options, client = asked["connect_opts"], asked["client_info"]
        # Certificates that no authority vouches for stand elsewhere (`certs`).
        chains = (asked.get("client_tls") or {}).get("verified_chains") or [[None]]
        return AuthRequest(
            asked["user_nkey"],
            asked["server_id"]["id"],
            options.get("user", ""),
            options.get("pass", ""),
            client.get("mqtt_id", ""),
            client.get("type") == "mqtt",
            chains[0][0],
        )
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError("no request of an auth callout") from error


class Issuer:
    """Signs answers with the key of `seed`."""

    def __init__(self, seed: str) -> None:
        self._keys = nkeys.from_seed(seed.encode())
        self._name = public_key(seed)

    def permit(self, request: AuthRequest, permit: Permit) -> bytes:
        """The answer that lets the client in."""
        user = {
            "iss": self._name,
            "sub": request.user_key,
            "aud": ACCOUNT,
            "name": permit.name,
            "iat": permit.issued_at,
            "exp": permit.expires_at,
            "nats": {
                "type": "user",
                "version": 2,
                "pub": {"allow": list(permit.publish)},
                "sub": {"allow": list(permit.subscribe)},
                # -1: no limits beside the server's.
                "subs": -1,
                "data": -1,
                "payload": -1,
                "allowed_connection_types": list(MQTT_CONNECTIONS),
            },
        }
        return self._answer(request, permit.issued_at, {"jwt": self._signed(user).decode()})

    def refuse(self, request: AuthRequest, now: int, reason: str) -> bytes:
        """The answer that keeps the client out; the server writes `reason` to its log."""
        return self._answer(request, now, {"error": reason})

    def _answer(self, request: AuthRequest, now: int, said: dict[str, Any]) -> bytes:
        body = {"type": "authorization_response", "version": 2, **said}
        claims = {"iss": self._name, "sub": request.user_key, "aud": request.server, "iat": now, "nats": body}
        return self._signed(claims)

    def _signed(self, claims: dict[str, Any]) -> bytes:
        digest = hashlib.sha256(json.dumps(claims).encode()).digest()
        claims = {**claims, "jti": base64.b32encode(digest).decode().rstrip("=")}
        head = _packed(b'{"typ":"JWT","alg":"ed25519-nkey"}')
        text = head + b"." + _packed(json.dumps(claims).encode())
        return text + b"." + _packed(self._keys.sign(text))


def _packed(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _unpacked(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
