"""`yunnao edge new|list|pin|remove|run|release|roll-out`."""

import asyncio
import re
from pathlib import Path

import typer

import yunnao
from yunnao.bootstrap import open_platform
from yunnao.entrypoints.cli.run import settings, tell
from yunnao.entrypoints.edge_site import Launcher, broker_of
from yunnao.infra.embedded.nats import ensure_nats, stop_nats
from yunnao.infra.embedded.nats_config import add_edge, remove_edge
from yunnao.infra.embedded.processes import write_private
from yunnao.infra.settings import Settings
from yunnao.infra.signing import public_half, signing_key
from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.principal import SYSTEM
from yunnao.kernel.text import Text, say
from yunnao.modules.sensing.edge.centre import EdgeCentre
from yunnao.modules.sensing.edge.programs import packed
from yunnao.modules.sensing.edge.site import EdgeKey

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
    program_key = public_half(signing_key(_program_key(own)))
    given = EdgeKey(edge=name, centre=centre, secret=secret, program_key=program_key)
    write_private(to, given.model_dump_json(indent=2))
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
    found = EdgeKey.model_validate_json(key.read_text(encoding="utf-8"))
    own.home.mkdir(parents=True, exist_ok=True)
    broker = broker_of(own, found)
    tell(own, "edge_serving", edge=found.edge, host=broker.device.host, port=broker.device.port)
    print(broker.device.password, flush=True)
    try:
        Launcher(own.home.resolve(), key.resolve()).run()
    finally:
        stop_nats(own.home)


@group.command("release")
def release() -> None:
    """Release this program for edge sites; roll it out with `edge roll-out`."""
    own = settings()
    tell(own, "edge_program_released", version=asyncio.run(_release(own)))


@group.command("roll-out")
def roll_out(
    version: str | None = typer.Argument(None, help="A released program; none: what is installed there."),
    site: str | None = typer.Option(None, help="One site; none: all."),
) -> None:
    """Have sites run a program: they fetch it, try it, and go back where it does not reach the centre."""
    own = settings()
    count = asyncio.run(_roll_out(own, version, site))
    tell(own, "edge_program_rolled_out", version=version or "–", count=count)


async def _release(own: Settings) -> str:
    content = packed(Path(yunnao.__file__).parent)
    async with open_platform(own, "cli") as platform, platform.database.transaction() as tx:
        program = await platform.edge_programs.release(tx, content, signing_key(_program_key(own)))
        await platform.identity.audit(tx, SYSTEM, "edge:release", "EdgeProgram", version=program.version)
    return program.version


async def _roll_out(own: Settings, version: str | None, site: str | None) -> int:
    async with open_platform(own, "cli") as platform, platform.database.transaction() as tx:
        count = await platform.edge_programs.roll_out(tx, version, site)
        await platform.identity.audit(tx, SYSTEM, "edge:roll-out", "EdgeSite", edge=site, version=version)
    return count


def _program_key(own: Settings) -> Path:
    return own.home / "edge-program.key"


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
            program=site.report.program if site.report else "–",
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
