"""From nothing to a city that can serve: servers, structure, packs, demo accounts."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from yunnao.bootstrap.wiring import Platform, assemble, ensure_servers, mqtt_tls
from yunnao.infra import packs
from yunnao.infra.embedded.nats_config import Leaf
from yunnao.infra.embedded.processes import Progress, silent
from yunnao.infra.migrations import migrate
from yunnao.infra.postgres import Database, Transaction
from yunnao.infra.settings import Settings
from yunnao.kernel.errors import Unavailable
from yunnao.kernel.packs.city import CityPack
from yunnao.kernel.packs.scene import ScenePack
from yunnao.modules.identity.contracts import DemoAccount
from yunnao.scenes import load_city, load_scenes, pack_digest, with_requirements
from yunnao.scenes.street_shapes import streets_path


@dataclass(frozen=True)
class InstallReport:
    """What an installation did: names of packs by outcome, and the demo accounts."""

    installed: list[str]
    unchanged: list[str]
    demo_accounts: list[DemoAccount]


async def prepare(settings: Settings, tell: Progress = silent) -> InstallReport:
    """From nothing to a city that can serve: servers, structure, packs, demo accounts."""
    tell("up_servers")
    servers = await asyncio.to_thread(
        ensure_servers,
        settings,
        tell,
        device_shared=settings.shared_device_account,
        leaf=Leaf(listen_port=settings.edge_port),
        tls=mqtt_tls(settings),
    )
    ran = await migrate(servers.database_url)
    if ran:
        tell("up_migrated", count=len(ran))
    root = settings.root
    report = await install_packs(
        settings, root / "cities" / settings.city, [root / "scenes" / name for name in settings.scenes]
    )
    if report.installed:
        tell("up_packs", names=", ".join(report.installed))
    else:
        tell("up_packs_current")
    return report


async def install_packs(settings: Settings, city: Path | None, scenes: Sequence[Path]) -> InstallReport:
    """Checks and installs packs in one transaction: all of them or nothing.

    Where no file of any pack changed since its installation, none is read. Raises PackRefused with
    every problem, Unavailable `city_missing`.
    """
    servers = await asyncio.to_thread(ensure_servers, settings)
    await migrate(servers.database_url)
    scenes = await asyncio.to_thread(with_requirements, scenes)
    marks = await asyncio.to_thread(_marks, settings, city, scenes)
    async with Database(servers.database_url) as database, database.transaction() as tx:
        await packs.lock(tx)
        known = {(row["kind"], row["name"]): row["content_hash"] for row in await packs.installed(tx)}
        changed = {key for key, mark in marks.items() if known.get(key) != mark}
        city_pack = scene_packs = None
        if city and ("city", city.name) in changed:
            city_pack = load_city(city, streets=streets_path(settings.home, city.name))
        if any(kind == "scene" for kind, _ in changed):
            scene_packs = load_scenes(scenes)
        standing = city_pack or await packs.city(tx)
        if standing is None:
            raise Unavailable("city_missing")
        platform = assemble(settings, servers, standing, scene_packs or [], "install")
        accounts = await platform.identity.install(tx, standing, settings.demo) if city else []
        if city_pack:
            await _install_city(platform, tx, city_pack, marks["city", city_pack.manifest.city])
        await platform.geography.refresh(tx)
        for position, pack in enumerate(scene_packs or []):
            key = ("scene", pack.manifest.scene)
            if key in changed:
                await _install_scene(platform, tx, pack, position, marks[key])
        if scene_packs:
            await platform.cases.ensure_trained(tx)
    return InstallReport(
        [name for kind, name in marks if (kind, name) in changed],
        [name for kind, name in marks if (kind, name) not in changed],
        accounts,
    )


def _marks(settings: Settings, city: Path | None, scenes: Sequence[Path]) -> dict[tuple[str, str], str]:
    """By kind and name: what changes when a pack must be installed again."""
    release = f"{version('yunnao')}{':demo' if settings.demo else ''}"
    marks: dict[tuple[str, str], str] = {}
    if city:
        streets = streets_path(settings.home, city.name)
        shapes = hashlib.sha256(streets.read_bytes()).hexdigest() if streets.is_file() else ""
        marks["city", city.name] = f"{pack_digest(city)}:{shapes}:{release}"
    return marks | {("scene", folder.name): f"{pack_digest(folder)}:{release}" for folder in scenes}


async def _install_city(platform: Platform, tx: Transaction, pack: CityPack, mark: str) -> None:
    await platform.geography.install(tx, pack)
    await platform.cases.install_city(tx, pack)
    await packs.record(tx, "city", pack, 0, mark)


async def _install_scene(
    platform: Platform, tx: Transaction, pack: ScenePack, position: int, mark: str
) -> None:
    await platform.twin.install(tx, pack)
    await platform.sensing.install(tx, pack, demo=platform.settings.demo)
    await platform.cases.install_scene(tx, pack)
    await packs.record(tx, "scene", pack, position, mark)
