"""Where webhooks may go: to public addresses, and to networks that the operator allowed.

The name is resolved here, every address is checked, and the connection goes to a checked address: a
name that is resolved once more by the client could by then lead elsewhere (DNS rebinding).
"""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from yunnao.infra.settings import Network
from yunnao.kernel.errors import InvalidInput

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
"""NAT64 (RFC 6052): an address that leads to whatever IPv4 address it holds."""
url_chars_max = 2_000


@dataclass(frozen=True)
class Target:
    """A checked address: connect to `address`, name `host` in TLS and in the request."""

    url: str
    host: str
    address: str


class Targets:
    """The rule on targets. `allowed`: networks that are reached although they are not public."""

    def __init__(self, allowed: Sequence[Network] = ()) -> None:
        self._allowed = tuple(allowed)

    async def check(self, url: str) -> Target:
        """Raises InvalidInput `webhook_url_invalid`, `webhook_target_unknown`, `webhook_target_refused`,
        `webhook_needs_https`: a public address is reached by https only."""
        scheme, host, port = _parts(url)
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise InvalidInput("webhook_target_unknown", host=host) from error
        addresses = [ipaddress.ip_address(entry[4][0]) for entry in found]
        inside = [self._is_allowed(address) for address in addresses]
        for address, allowed in zip(addresses, inside, strict=True):
            if not allowed and not _is_public(address):
                raise InvalidInput("webhook_target_refused", host=host, address=str(address))
        if scheme == "http" and not all(inside):
            raise InvalidInput("webhook_needs_https", host=host)
        return Target(url, host, str(addresses[0]))

    def _is_allowed(self, address: Address) -> bool:
        return any(address in network for network in self._allowed)


def _parts(url: str) -> tuple[str, str, int]:
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise InvalidInput("webhook_url_invalid") from error
    refused = parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.password
    if refused or parts.fragment or len(url) > url_chars_max or not url.isprintable():
        raise InvalidInput("webhook_url_invalid")
    return parts.scheme, parts.hostname or "", port


def _is_public(address: Address) -> bool:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    if mapped is not None:
        return _is_public(mapped)
    return address.is_global and not address.is_multicast and address not in TRANSLATED
