"""Servers and modules joined: what every process starts from."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from yunnao.infra import packs
from yunnao.infra.clock import SystemClock
from yunnao.infra.embedded.nats import (
    MqttAddress,
    MqttEntrance,
    ensure_mqtt_stream,
    ensure_nats,
    stop_nats,
)
from yunnao.infra.embedded.nats_config import Leaf, MqttTls
from yunnao.infra.embedded.postgres import ensure_postgres, stop_postgres
from yunnao.infra.embedded.processes import Progress, silent
from yunnao.infra.files import FileStore
from yunnao.infra.migrations import migrate
from yunnao.infra.nervous import Nervous
from yunnao.infra.postgres import Database
from yunnao.infra.settings import Settings
from yunnao.infra.webhook_targets import Targets
from yunnao.kernel.calendar import WorkingCalendar
from yunnao.kernel.errors import InvalidInput, Unavailable
from yunnao.kernel.packs.city import CityPack
from yunnao.kernel.packs.scene import ScenePack
from yunnao.modules.cases.facade import Cases
from yunnao.modules.cases.voice.adapter import HttpSpeech
from yunnao.modules.geography.facade import Geography
from yunnao.modules.identity.facade import Identity, Policies
from yunnao.modules.notifications.facade import Notifications, Ways
from yunnao.modules.notifications.sms import HttpSms
from yunnao.modules.notifications.smtp import Smtp
from yunnao.modules.sensing.access.service import Access
from yunnao.modules.sensing.alarming.facade import Alarms
from yunnao.modules.sensing.batches.door import BatchDoor
from yunnao.modules.sensing.commands.exchange import ensure_answers
from yunnao.modules.sensing.commands.facade import Commands
from yunnao.modules.sensing.edge.centre import EdgeCentre
from yunnao.modules.sensing.edge.programs import Programs
from yunnao.modules.sensing.facade import Sensing
from yunnao.modules.sensing.history.duck_engine import DuckEngine
from yunnao.modules.sensing.history.history import History
from yunnao.modules.sensing.history.ray_engine import RayEngine
from yunnao.modules.sensing.identifiers.facade import Identifiers
from yunnao.modules.sensing.lake.tables import Lake, lake_at
from yunnao.modules.sensing.lanes import ensure_consumers
from yunnao.modules.sensing.live.owner import LiveOwner
from yunnao.modules.sensing.live.table import LiveTable
from yunnao.modules.sensing.rules.domain.schedules import CityTime
from yunnao.modules.sensing.rules.facade import Rules
from yunnao.modules.sensing.scheduled.facade import Scheduled
from yunnao.modules.sensing.scheduled.past import WholePast
from yunnao.modules.sensing.sensorthings.facade import SensorThings
from yunnao.modules.sensing.sensorthings.latest import LiveNewest
from yunnao.modules.sensing.sharing.facade import Sharing
from yunnao.modules.twin.facade import Twin


@dataclass(frozen=True)
class Servers:
    """Where the store of now and the nervous system are; URLs carry their passwords."""

    database_url: str
    nats_url: str
    mqtt: MqttAddress
    """For the platform itself."""
    mqtt_device: MqttAddress
    """For synthetic devices and gateways of the platform's own."""
    entrance: MqttEntrance
    """For devices."""
    device_shared: bool = False
    """Whether `mqtt_device` is an account that any device may use."""
    issuer_seed: str | None = None
    """Signs devices' permissions; None: devices have no credentials of their own."""
    system_url: str | None = None
    """By which connections are cut; None: they end when their permission does."""


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
    notifications: Notifications
    geography: Geography
    twin: Twin
    sensing: Sensing
    live_owner: LiveOwner
    alarms: Alarms
    scheduled: Scheduled
    cases: Cases
    edges: EdgeCentre
    edge_programs: Programs
    sensorthings: SensorThings
    access: Access
    identifiers: Identifiers
    lake: Lake
    history: History
    batches: BatchDoor
    sharing: Sharing
    rules: Rules
    commands: Commands


def ensure_servers(
    settings: Settings,
    tell: Progress = silent,
    *,
    device_shared: bool | None = None,
    leaf: Leaf | None = None,
    tls: MqttTls | None = None,
) -> Servers:
    """The servers of the settings; the embedded ones are started unless they run.

    `device_shared`: whether devices may share an account, `leaf`: whether edge sites may connect, `tls`:
    how devices do; None: as it was.
    """
    database_url = settings.database_url or ensure_postgres(settings.home, on_progress=tell).url
    if settings.nats_url:
        there = urlsplit(settings.nats_url)
        mqtt = MqttAddress(
            there.hostname or "127.0.0.1", settings.mqtt_port, there.username or "", there.password or ""
        )
        return Servers(
            database_url,
            settings.nats_url,
            mqtt,
            mqtt,
            MqttEntrance(mqtt.host, mqtt.port),
            device_shared=settings.shared_device_account,
            issuer_seed=settings.nats_issuer_seed,
            system_url=settings.nats_system_url,
        )
    nats = ensure_nats(
        settings.home,
        mqtt_port=settings.mqtt_port,
        device_shared=device_shared,
        leaf=leaf,
        tls=tls,
        on_progress=tell,
    )
    return Servers(
        database_url,
        nats.url,
        nats.platform,
        nats.device if nats.device_shared else nats.platform,
        nats.entrance,
        device_shared=nats.device_shared,
        issuer_seed=nats.issuer_seed,
        system_url=nats.system_url,
    )


def mqtt_tls(settings: Settings) -> MqttTls:
    """How devices connect by the settings. Raises InvalidInput `mqtt_tls_incomplete`."""
    cert, key, ca = settings.mqtt_tls_cert, settings.mqtt_tls_key, settings.mqtt_tls_ca
    if cert is None and key is None and ca is None:
        return MqttTls()
    if cert is None or key is None:
        raise InvalidInput("mqtt_tls_incomplete")
    return MqttTls(str(cert), str(key), None if ca is None else str(ca), settings.host)


def stop_servers(settings: Settings) -> None:
    """Stops the embedded servers; others are not ours to stop."""
    if not settings.nats_url:
        stop_nats(settings.home)
    if not settings.database_url:
        stop_postgres(settings.home)


def assemble(
    settings: Settings, servers: Servers, city: CityPack, scenes: Sequence[ScenePack], role: str
) -> Platform:
    """Joins the modules; opens nothing."""
    clock = SystemClock()
    database = Database(servers.database_url)
    nervous = Nervous(servers.nats_url, f"yunnao-{role}")
    demo_file = settings.home / "demo-accounts.json" if settings.demo else None
    identity = Identity(clock, Policies.load(), demo_file)
    zone = ZoneInfo(city.manifest.time_zone)
    geography = Geography(clock)
    notifications = Notifications(clock, identity, zone, _ways(settings))
    twin = Twin(clock, geography)
    lake = lake_at(settings.lake_url)
    engine = RayEngine(lake.readings) if settings.lake_engine == "ray" else DuckEngine(lake.readings)
    history = History(clock, twin, lake, engine, zone)
    table = LiveTable(settings.home / "live")
    calendar = WorkingCalendar.from_pack(city.calendar, city.manifest.time_zone)
    sensing = Sensing(
        clock,
        twin,
        nervous,
        table,
        zone,
        city.manifest.alarms,
        calendar.is_workday,
    )
    alarms = Alarms(clock, twin, identity, city.manifest.alarms)
    sharing = Sharing(clock, database, nervous, identity, settings.webhook_networks)
    files = FileStore(settings.files_url)
    speech = HttpSpeech(settings.speech_url, settings.speech_token) if settings.speech_url else None
    cases = Cases(clock, identity, geography, files, notifications, speech)
    return Platform(
        settings=settings,
        servers=servers,
        clock=clock,
        database=database,
        nervous=nervous,
        city=city,
        scenes=scenes,
        identity=identity,
        notifications=notifications,
        geography=geography,
        twin=twin,
        sensing=sensing,
        live_owner=LiveOwner(clock, nervous, table, lake),
        alarms=alarms,
        scheduled=Scheduled(
            clock, twin, CityTime(zone, calendar.is_workday), city.manifest.alarms, WholePast(history)
        ),
        cases=cases,
        edges=EdgeCentre(clock),
        edge_programs=Programs(clock, files),
        sensorthings=SensorThings(clock, LiveNewest(table), history, sensing, twin, sharing.rights),
        identifiers=Identifiers(twin, city.manifest.prefix),
        access=Access(clock, identity, twin, sensing),
        lake=lake,
        batches=BatchDoor(clock, nervous),
        commands=Commands(clock, identity, sharing.rights),
        sharing=sharing,
        history=history,
        rules=Rules(clock, twin, history, zone, calendar.is_workday, city.manifest.alarms),
    )


def _ways(settings: Settings) -> Ways:
    """The ways by which notices leave. Raises InvalidInput `smtp_url_invalid`."""
    return Ways(
        Targets(settings.webhook_networks),
        Smtp(settings.smtp_url, settings.smtp_from or "") if settings.smtp_url else None,
        HttpSms(settings.sms_url, settings.sms_token) if settings.sms_url else None,
        settings.public_url,
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
    await ensure_answers(platform.nervous)
