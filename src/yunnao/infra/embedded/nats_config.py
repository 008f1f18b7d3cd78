"""The embedded NATS server's configuration, and the edge sites that it lets in."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path

from yunnao.infra.embedded.processes import LOOPBACK, new_secret, read_state, write_state
from yunnao.infra.nats_auth import ACCOUNT, PLATFORM_USERS, public_key
from yunnao.infra.nats_subjects import (
    DELIVERY_SUBJECTS,
    DEVICE_PUBLISHES,
    DEVICE_SUBSCRIBES,
    edge_publishes,
    edge_user,
)

auth_timeout_s = 10
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


def remembered_leaf(folder: Path, wanted: Leaf | None) -> Leaf:
    """How the server of `folder` stands to others: as wanted, or, None, as it was."""
    known = read_state(folder / "leaf.json")
    leaf = Leaf(**known) if wanted is None else wanted
    if asdict(leaf) != known:
        write_state(folder / "leaf.json", asdict(leaf))
    return leaf


def configuration(
    folder: Path, ports: Mapping[str, int], credentials: Mapping[str, str], shared: bool, leaf: Leaf
) -> str:
    """The text of `nats.conf` of the server of `folder`; `shared`: devices may share one account."""
    template = files("yunnao.infra.embedded").joinpath("nats.conf.template").read_text(encoding="utf-8")
    device_user = (
        f'{{ user: "device", password: "{credentials["device"]}", allowed_connection_types: ["MQTT"],'
        f" permissions: {{ publish: {{ allow: [{_listed(DEVICE_PUBLISHES)}] }},"
        f" subscribe: {{ allow: [{_listed((*DEVICE_SUBSCRIBES, DELIVERY_SUBJECTS))}] }} }} }}"
    )
    sites = edges(folder)
    return template.format(
        host=LOOPBACK,
        folder=str(folder).replace("\\", "\\\\").replace('"', '\\"'),
        account=ACCOUNT,
        device_user=device_user if shared else "",
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
