"""`yunnao edge new|list|pin|remove|run`."""

import asyncio
import re
import signal
from pathlib import Path

import typer

from yunnao.bootstrap import open_platform
from yunnao.entrypoints.cli.run import settings, tell
from yunnao.infra import telemetry
from yunnao.infra.clock import SystemClock
from yunnao.infra.embedded.nats import EmbeddedNats, ensure_mqtt_stream, ensure_nats, stop_nats
from yunnao.infra.embedded.nats_config import Leaf, add_edge, remove_edge
from yunnao.infra.embedded.processes import write_private
from yunnao.infra.nats_subjects import edge_user
from yunnao.infra.nervous import Nervous
from yunnao.infra.settings import Settings
from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.principal import SYSTEM
from yunnao.kernel.text import Text, say
from yunnao.modules.sensing.edge.centre import EdgeCentre
from yunnao.modules.sensing.edge.site import EdgeKey, EdgeSite

group = typer.Typer(help="Edge sites: gateways that work with the centre or without.", no_args_is_help=True)
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="edge")


@group.command("new")
def new(
    name: str = typer.Argument(..., help="Lower case, parts joined by hyphens."),
    label_zh: str = typer.Option(..., help="Its name in Chinese."),
    label_en: str = typer.Option(..., help="Its name in English."),
    centre: str = typer.Option(..., help="host:port at which the site reaches the centre."),
    to: Path = typer.Option(..., help="The file for the site; whoever has it is the site."),
) -> None:
    """Register an edge site and write the key that it runs with. Run again, it gets a new secret."""
    own = settings()
    if not NAME.fullmatch(name):
        raise InvalidInput("edge_name_invalid", name=name)
    _needs_embedded(own)
    asyncio.run(_register(own, name, Text(zh=label_zh, en=label_en)))
    secret = add_edge(own.home / "nats", name)
    ensure_nats(own.home, mqtt_port=own.mqtt_port)
    write_private(to, EdgeKey(edge=name, centre=centre, secret=secret).model_dump_json(indent=2))
    tell(own, "edge_registered", edge=name, file=to)


@group.command("list")
def listing() -> None:
    """Every edge site, and how it last said it was."""
    own = settings()
    for line in asyncio.run(_list(own)):
        print(line)


@group.command("pin")
def pin(
    name: str,
    version: str | None = typer.Argument(None, help="A version of products and rules; none: the newest."),
) -> None:
    """Keep a site at a version of products and rules, or let it follow the newest again."""
    asyncio.run(_pin(settings(), name, version))


@group.command("remove")
def remove(name: str) -> None:
    """Take an edge site out; its connection ends at once."""
    own = settings()
    _needs_embedded(own)
    asyncio.run(_remove(own, name))
    remove_edge(own.home / "nats", name)
    ensure_nats(own.home, mqtt_port=own.mqtt_port)


@group.command("run")
def run(
    key: Path = typer.Argument(..., exists=True, dir_okay=False, help="The file that `edge new` wrote."),
) -> None:
    """Run an edge site on this machine, in YUNNAO_HOME; devices connect at YUNNAO_MQTT_PORT."""
    own = settings()
    telemetry.configure("edge", own.log_format, own.otlp_url)
    found = EdgeKey.model_validate_json(key.read_text(encoding="utf-8"))
    own.home.mkdir(parents=True, exist_ok=True)
    leaf = Leaf(
        centre_url=f"nats-leaf://{edge_user(found.edge)}:{found.secret}@{found.centre}",
        domain=edge_user(found.edge),
    )
    broker = ensure_nats(own.home, mqtt_port=own.mqtt_port, leaf=leaf)
    tell(own, "edge_serving", edge=found.edge, host=broker.device.host, port=broker.device.port)
    print(broker.device.password)
    try:
        asyncio.run(_run(own, found, broker))
    finally:
        stop_nats(own.home)


async def _run(own: Settings, key: EdgeKey, broker: EmbeddedNats) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Nervous(broker.url, "edge") as nervous:
        await ensure_mqtt_stream(nervous.jetstream, broker.platform, partitioned=False)
        await EdgeSite(key.edge, own.home, SystemClock(), nervous).run(stop)


async def _register(own: Settings, name: str, label: Text) -> None:
    async with open_platform(own, "cli") as platform, platform.database.transaction() as tx:
        await EdgeCentre(platform.clock).register(tx, name, label)
        await platform.identity.audit(tx, SYSTEM, "edge:register", "EdgeSite", edge=name)


async def _list(own: Settings) -> list[str]:
    async with open_platform(own, "cli") as platform, platform.database.transaction() as tx:
        sites = await EdgeCentre(platform.clock).sites(tx)
    return [
        say(
            "edge_line",
            own.language,
            edge=site.edge,
            label=site.label.to(own.language),
            state=say("edge_online" if site.online else "edge_offline", own.language),
            bundle=(site.report.bundle if site.report else None) or "–",
            waiting=site.report.waiting if site.report else 0,
            forwarded=site.report.forwarded if site.report else 0,
        )
        for site in sites
    ]


async def _pin(own: Settings, name: str, version: str | None) -> None:
    async with open_platform(own, "cli") as platform, platform.database.transaction() as tx:
        await EdgeCentre(platform.clock).pin(tx, name, version)
        await platform.identity.audit(tx, SYSTEM, "edge:pin", "EdgeSite", edge=name, version=version)


async def _remove(own: Settings, name: str) -> None:
    async with open_platform(own, "cli") as platform, platform.database.transaction() as tx:
        await EdgeCentre(platform.clock).remove(tx, name)
        await platform.identity.audit(tx, SYSTEM, "edge:remove", "EdgeSite", edge=name)


def _needs_embedded(own: Settings) -> None:
    """With a NATS server of its own a city lets edge sites in by that server's configuration."""
    if own.nats_url:
        raise InvalidInput("edge_needs_own_server", user="edge-NAME")
