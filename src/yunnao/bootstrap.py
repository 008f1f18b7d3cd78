"""The composition root: the only place where parts are chosen and joined."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

from yunnao.infra import packs
from yunnao.infra.clock import SystemClock
from yunnao.infra.consumers import Consumer, Event
from yunnao.infra.embedded.nats import MqttAddress, ensure_mqtt_stream, ensure_nats, stop_nats
from yunnao.infra.embedded.postgres import ensure_postgres, stop_postgres
from yunnao.infra.files import FileStore
from yunnao.infra.jobs import Timer
from yunnao.infra.migrations import migrate
from yunnao.infra.nervous import Nervous
from yunnao.infra.postgres import Database, Transaction, load_queries
from yunnao.infra.settings import Settings
from yunnao.kernel.errors import Unavailable
from yunnao.kernel.packs.city import CityPack
from yunnao.kernel.packs.scene import ReadingsExpected, ReportExpected, ReportInput, ScenePack
from yunnao.modules.cases.dispatch.dry_run import dry_run as dispatch_dry_run
from yunnao.modules.cases.facade import Cases
from yunnao.modules.geography.facade import Geography
from yunnao.modules.identity.contracts import DemoAccount
from yunnao.modules.identity.facade import Identity, Policies
from yunnao.modules.sensing.domain.dry_run import dry_run as readings_dry_run
from yunnao.modules.sensing.facade import Sensing
from yunnao.modules.sensing.lanes import ensure_consumers
from yunnao.modules.sensing.latest import PostgresLatestValues
from yunnao.modules.twin.facade import Twin
from yunnao.scenes import load_city, load_scenes
from yunnao.scenes.street_shapes import streets_path

INFRA_QUERIES = load_queries("yunnao.infra")

Tell = Callable[..., None]
"""Says a step, by its message's code and parameters, to whoever waits."""


@dataclass(frozen=True)
class Servers:
    """Where the store of now and the nervous system are; URLs carry their passwords."""

    database_url: str
    nats_url: str
    mqtt: MqttAddress
    """For the platform itself."""
    mqtt_device: MqttAddress
    """For devices: may publish readings and nothing else."""


@dataclass(frozen=True)
class Platform:
    """Every module, wired, for one process."""

    settings: Settings
    servers: Servers
    clock: SystemClock
    database: Database
    nervous: Nervous
    city: CityPack
    scenes: Sequence[ScenePack]
    identity: Identity
    geography: Geography
    twin: Twin
    sensing: Sensing
    cases: Cases


@dataclass(frozen=True)
class InstallReport:
    """What an installation did: names of packs by outcome, and the demo accounts."""

    installed: list[str]
    unchanged: list[str]
    demo_accounts: list[DemoAccount]


# --- servers -------------------------------------------------------------------------------------


def _silent(_: str, /, **__: Any) -> None:
    return None


def ensure_servers(settings: Settings, tell: Tell = _silent) -> Servers:
    """The servers of the settings; the embedded ones are started unless they run."""
    database_url = settings.database_url or ensure_postgres(settings.home, on_progress=tell).url
    if settings.nats_url:
        there = urlsplit(settings.nats_url)
        mqtt = MqttAddress(
            there.hostname or "127.0.0.1", settings.mqtt_port, there.username or "", there.password or ""
        )
        return Servers(database_url, settings.nats_url, mqtt, mqtt)
    nats = ensure_nats(settings.home, mqtt_port=settings.mqtt_port, on_progress=tell)
    return Servers(database_url, nats.url, nats.platform, nats.device)


def stop_servers(settings: Settings) -> None:
    """Stops the embedded servers; others are not ours to stop."""
    if not settings.nats_url:
        stop_nats(settings.home)
    if not settings.database_url:
        stop_postgres(settings.home)


# --- wiring --------------------------------------------------------------------------------------


def assemble(
    settings: Settings, servers: Servers, city: CityPack, scenes: Sequence[ScenePack], role: str
) -> Platform:
    """Joins the modules; opens nothing."""
    clock = SystemClock()
    database = Database(servers.database_url)
    nervous = Nervous(servers.nats_url, f"yunnao-{role}")
    demo_file = settings.home / "demo-accounts.json" if settings.demo else None
    identity = Identity(clock, Policies.load(), demo_file)
    geography = Geography(clock)
    twin = Twin(clock, geography)
    zone = ZoneInfo(city.manifest.time_zone)
    sensing = Sensing(clock, twin, nervous, PostgresLatestValues(), zone)
    cases = Cases(clock, identity, geography, FileStore(settings.files_url))
    return Platform(
        settings, servers, clock, database, nervous, city, scenes, identity, geography, twin, sensing, cases
    )


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    """The database alone, up to date."""
    url = settings.database_url or (await asyncio.to_thread(ensure_postgres, settings.home)).url
    await migrate(url)
    async with Database(url) as database:
        yield database


@asynccontextmanager
async def open_platform(settings: Settings, role: str) -> AsyncIterator[Platform]:
    """Everything that a role needs, open. Raises Unavailable `city_missing` where none is installed."""
    servers = await asyncio.to_thread(ensure_servers, settings)
    await migrate(servers.database_url)
    async with Database(servers.database_url) as database, database.transaction() as tx:
        city, scenes = await packs.city(tx), await packs.scenes(tx)
    if city is None:
        raise Unavailable("city_missing")
    platform = assemble(settings, servers, city, scenes, role)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(platform.database)
        await stack.enter_async_context(platform.nervous)
        await _ensure_streams(platform)
        async with platform.database.transaction() as tx:
            await platform.geography.refresh(tx)
        yield platform


async def _ensure_streams(platform: Platform) -> None:
    await platform.nervous.ensure_stream()
    await ensure_mqtt_stream(platform.nervous.jetstream, platform.servers.mqtt)
    await ensure_consumers(platform.nervous)


# --- installation --------------------------------------------------------------------------------


async def prepare(settings: Settings, tell: Tell = _silent) -> InstallReport:
    """From nothing to a city that can serve: servers, structure, packs, demo accounts."""
    tell("up_servers")
    servers = await asyncio.to_thread(ensure_servers, settings, tell)
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
    """Loads, checks and installs packs in one transaction: all of them or nothing.

    A pack whose content did not change is left alone. Raises PackRefused with every problem.
    """
    servers = await asyncio.to_thread(ensure_servers, settings)
    await migrate(servers.database_url)
    city_pack = load_city(city, streets=streets_path(settings.home, city.name)) if city else None
    scene_packs = load_scenes(scenes)
    async with Database(servers.database_url) as database, database.transaction() as tx:
        await packs.lock(tx)
        standing = city_pack or await packs.city(tx)
        if standing is None:
            raise Unavailable("city_missing")
        platform = assemble(settings, servers, standing, scene_packs, "install")
        return await _install(platform, tx, city_pack, scene_packs)


async def _install(
    platform: Platform, tx: Transaction, city: CityPack | None, scenes: Sequence[ScenePack]
) -> InstallReport:
    known = {(r["kind"], r["name"]): r["content_hash"] for r in await packs.installed(tx)}
    installed: list[str] = []
    unchanged: list[str] = []
    accounts: list[DemoAccount] = []
    demo = platform.settings.demo
    if city:
        accounts = await platform.identity.install(tx, city, demo)
        if known.get(("city", city.manifest.city)) == packs.content_hash(city):
            unchanged.append(city.manifest.city)
        else:
            await platform.geography.install(tx, city)
            await platform.cases.install_city(tx, city)
            await packs.record(tx, "city", city, 0, packs.content_hash(city))
            installed.append(city.manifest.city)
    await platform.geography.refresh(tx)
    for position, scene in enumerate(scenes):
        name = scene.manifest.scene
        mark = packs.content_hash(scene) + (":demo" if demo else "")
        if known.get(("scene", name)) == mark:
            unchanged.append(name)
            continue
        await platform.twin.install(tx, scene)
        await platform.sensing.install(tx, scene, demo=demo)
        await platform.cases.install_scene(tx, scene)
        await packs.record(tx, "scene", scene, position, mark)
        installed.append(name)
    if installed:
        await platform.cases.ensure_trained(tx)
    return InstallReport(installed, unchanged, accounts)


# --- what runs in the background -------------------------------------------------------------------


def consumers(platform: Platform) -> list[Consumer]:
    """Who listens to which events."""

    async def on_alarm(tx: Transaction, event: Event) -> None:
        case_id = await platform.cases.on_alarm(tx, event)
        if case_id is not None:
            await platform.sensing.link_case(tx, UUID(event.data["alarm_id"]), case_id)

    return [
        Consumer("cases-on-alarm", ["sensing.alarm.opened"], on_alarm),
        Consumer("cases-on-alarm-cleared", ["sensing.alarm.cleared"], platform.cases.on_alarm_cleared),
    ]


def timers(platform: Platform) -> list[Timer]:
    """What happens by the clock; cron with seconds as the sixth field."""

    async def prune(tx: Transaction) -> None:
        await tx.execute(INFRA_QUERIES["inbox_prune"])
        await platform.identity.prune(tx)

    async def deadlines(tx: Transaction) -> None:
        await platform.cases.scan_deadlines(tx, platform.clock.now())

    return [
        Timer("cases.deadlines", "* * * * * */15", deadlines),
        Timer("identity.link_audit", "* * * * * */2", platform.identity.link_audit),
        Timer("infra.prune", "17 3 * * * 0", prune),
    ]


# --- test cases of packs -----------------------------------------------------------------------------


@dataclass(frozen=True)
class CaseResult:
    """How a test case of a pack came out; `detail` says what was found instead."""

    name: str
    passed: bool
    detail: str


def run_pack_cases(pack: ScenePack) -> list[CaseResult]:
    """Runs every test case of `pack`: readings through its rules, texts through a dispatcher."""
    results: list[CaseResult] = []
    texts: list[tuple[str, str, str]] = []
    for case in pack.cases:
        if isinstance(case.input, ReportInput):
            assert isinstance(case.expected, ReportExpected)
            texts.append((case.name, case.input.text, case.expected.category))
            continue
        assert isinstance(case.expected, ReadingsExpected)
        until = datetime.fromisoformat(case.input.until) if case.input.until else None
        found = [
            (event.rule, event.event, event.time)
            for event in readings_dry_run(pack, case.input.device, case.input.messages, until)
        ]
        wanted = [
            (alarm["rule"], alarm["event"], datetime.fromisoformat(alarm["time"]))
            for alarm in case.expected.alarms
        ]
        told = ", ".join(f"{rule} {event} {time.isoformat()}" for rule, event, time in found)
        results.append(CaseResult(case.name, found == wanted, told or "-"))
    if texts:
        categories = dispatch_dry_run(pack, [text for _, text, _ in texts])
        results += [
            CaseResult(name, category == wanted, category)
            for (name, _, wanted), category in zip(texts, categories, strict=True)
        ]
    return results
