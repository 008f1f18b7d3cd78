"""The embedded NATS server's configuration, and the edge sites that it lets in."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from yunnao.infra.embedded.processes import LOOPBACK, new_secret, read_state, write_state
from yunnao.infra.nats_auth import ACCOUNT, MQTT_CONNECTIONS, PLATFORM_USERS, public_key
from yunnao.infra.nats_subjects import (
    DELIVERY_SUBJECTS,
    DEVICE_PUBLISHES,
    DEVICE_SUBSCRIBES,
    edge_publishes,
    edge_user,
)
from yunnao.kernel.errors import Unavailable

auth_timeout_s = 10
tls_timeout_s = 10
"""The platform may be busy, or start itself; a client that waited is not a client that was refused."""
INTERNAL = ("$MQTT.>", "$JS.>")
"""Of servers among themselves. Named, since an allow list does not keep a leaf from publishing them: what
a device says to a site would reach the centre's stream as if the device had said it there."""
REPLIES = ("_INBOX.>", "_R_.>")
"""Where answers to requests go, `_R_` those that cross from one server to another."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """How a server stands to others: a centre listens for edge sites, a site has a centre."""

    listen_port: int | None = None
    centre_url: str | None = None
    """nats-leaf://user:password@host:port"""
    domain: str | None = None
    """Keeps a site's streams apart from the centre's."""


@dataclass(frozen=True, slots=True)
class MqttTls:
    """How the MQTT listener encrypts. Without a certificate it speaks in the clear, on the loopback only."""

    cert: str | None = None
    """File of the listener's certificate and the chain above it, PEM."""
    key: str | None = None
    ca: str | None = None
    """File of the authorities of which every client must show a certificate; None: none is asked for."""
    host: str = LOOPBACK
    """Where the listener is reached."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What of a server's configuration is wanted from outside."""

    device_shared: bool
    """Whether devices may share one account."""
    leaf: Leaf
    tls: MqttTls


Remembered = TypeVar("Remembered", Leaf, MqttTls)


def remembered(path: Path, kind: type[Remembered], wanted: Remembered | None) -> Remembered:
    """What is wanted, which `path` remembers; None: as it was."""
    known = read_state(path)
    found = kind(**known) if wanted is None else wanted
    if asdict(found) != known:
        write_state(path, asdict(found))
    return found


def configuration(
    folder: Path, ports: Mapping[str, int], credentials: Mapping[str, str], standing: Standing
) -> str:
    """The text of `nats.conf` of the server of `folder`. Raises Unavailable `mqtt_tls_unreadable`."""
    template = files("yunnao.infra.embedded").joinpath("nats.conf.template").read_text(encoding="utf-8")
    device_user = (
        f'{{ user: "device", password: "{credentials["device"]}",'
        f" allowed_connection_types: [{_listed(MQTT_CONNECTIONS)}],"
        f" permissions: {{ publish: {{ allow: [{_listed(DEVICE_PUBLISHES)}] }},"
        f" subscribe: {{ allow: [{_listed((*DEVICE_SUBSCRIBES, DELIVERY_SUBJECTS))}] }} }} }}"
    )
    sites, leaf, tls = edges(folder), standing.leaf, standing.tls
    return template.format(
        host=LOOPBACK,
        folder=_escaped(str(folder)),
        account=ACCOUNT,
        mqtt_host=tls.host if tls.cert else LOOPBACK,
        mqtt_tls=_mqtt_tls(tls),
        # The platform's own clients have no certificate to show.
        websocket=f'websocket {{ host: "{LOOPBACK}", port: {ports["websocket_port"]}, no_tls: true }}'
        if tls.cert
        else "",
        device_user=device_user if standing.device_shared else "",
        platform_password=credentials["platform"],
        system_password=credentials["system"],
        issuer=public_key(credentials["issuer"]),
        auth_users=_listed((*PLATFORM_USERS, *map(edge_user, sites))),
        auth_timeout_s=auth_timeout_s,
        domain=f"domain: {leaf.domain}" if leaf.domain else "",
        leafnodes=_leafnodes(leaf),
        edge_users="\n".join(_edge_user(name, secret) for name, secret in sites.items()),
        **ports,
    )


def edges(folder: Path) -> dict[str, str]:
    """Edge sites that may connect, with their secrets."""
    return {str(name): str(secret) for name, secret in read_state(folder / "edges.json").items()}


def add_edge(folder: Path, name: str) -> str:
    """Lets an edge site in; its secret, a new one where it was known."""
    secret = new_secret()
    write_state(folder / "edges.json", {**edges(folder), name: secret})
    return secret


def remove_edge(folder: Path, name: str) -> None:
    write_state(folder / "edges.json", {n: s for n, s in edges(folder).items() if n != name})


def _mqtt_tls(tls: MqttTls) -> str:
    """The `tls` of the listener. The files' digest stands in it so that a renewed certificate is a change."""
    if tls.cert is None:
        return ""
    named = {"cert_file": tls.cert, "key_file": tls.key, "ca_file": tls.ca}
    told = [f'{name}: "{_escaped(path)}"' for name, path in named.items() if path]
    # NATS cannot ask for a certificate without demanding one.
    told += ["verify: true"] if tls.ca else []
    digest = hashlib.sha256(b"".join(_read(path) for path in named.values() if path)).hexdigest()
    return f"tls {{ {', '.join(told)}, timeout: {tls_timeout_s} }}  # of files with the SHA-256 {digest}"


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise Unavailable("mqtt_tls_unreadable", path=path) from error


def _escaped(path: str) -> str:
    return path.replace("\\", "\\\\").replace('"', '\\"')


def _leafnodes(leaf: Leaf) -> str:
    if leaf.listen_port is not None:
        return f'leafnodes {{ host: "0.0.0.0", port: {leaf.listen_port} }}'
    if leaf.centre_url is not None:
        denied = _listed(INTERNAL)
        return (
            f'leafnodes {{ reconnect: 2, remotes: [ {{ url: "{leaf.centre_url}", account: {ACCOUNT},'
            f" deny_exports: [{denied}], deny_imports: [{denied}] }} ] }}"
        )
    return ""


def _edge_user(name: str, secret: str) -> str:
    publishes, subscribes = _listed((*edge_publishes(name), *REPLIES)), _listed(REPLIES)
    return (
        f'      {{ user: "{edge_user(name)}", password: "{secret}", allowed_connection_types: ["LEAFNODE"],\n'
        f"        permissions: {{ publish: {{ allow: [{publishes}], deny: [{_listed(INTERNAL)}] }},"
        f" subscribe: {{ allow: [{subscribes}] }} }} }}"
    )


def _listed(subjects: Sequence[str]) -> str:
    return ", ".join(f'"{subject}"' for subject in subjects)
