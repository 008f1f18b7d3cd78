"""Devices prove who they are, speak for themselves only, and are cut off when they may no longer."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import timedelta

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from tests.integration.sensing_support import City, city_of, gate_of, until

from yunnao.infra.clock import SystemClock
from yunnao.infra.embedded.nats import EmbeddedNats, ensure_mqtt_stream
from yunnao.infra.nats_auth import AuthRequest
from yunnao.infra.nats_subjects import command_subject, command_topic, device_topic, mqtt_client_id
from yunnao.kernel.errors import Conflict, InvalidInput, NotFound
from yunnao.kernel.principal import SYSTEM
from yunnao.modules.identity.facade import Identity, Policies
from yunnao.modules.sensing.access.callout import Gate
from yunnao.modules.sensing.access.credentials import CUT, Credentials, Issued
from yunnao.modules.sensing.access.cutting import cut
from yunnao.modules.sensing.lanes import ensure_consumers

PATIENCE_S = 30.0


class Device:
    """A device's MQTT client; `refused` where the server did not let it in."""

    def __init__(self, server: EmbeddedNats, user: str, token: str, client_id: str | None = None) -> None:
        self.codes: list[str] = []
        self.received: list[str] = []
        self._connected, self.gone, self._subscribed = threading.Event(), threading.Event(), threading.Event()
        self.paho = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id or mqtt_client_id(user),
            reconnect_on_failure=False,
        )
        self.paho.username_pw_set(user, token)
        self.paho.on_connect = self._on_connect
        self.paho.on_disconnect = lambda *_: self.gone.set()
        self.paho.on_subscribe = self._on_subscribe
        self.paho.on_message = lambda _, __, message: self.received.append(message.topic)
        self.paho.connect(server.device.host, server.device.port)
        self.paho.loop_start()
        assert self._connected.wait(PATIENCE_S)

    def _on_connect(self, *args: object) -> None:
        self.refused = bool(args[3].is_failure)  # type: ignore[attr-defined]
        self._connected.set()

    def _on_subscribe(self, *args: object) -> None:
        self._codes = args[3]
        self._subscribed.set()

    def publish(self, topic: str) -> bool:
        """Whether it was acknowledged."""
        told = self.paho.publish(topic, b'{"level": 1}', qos=1)
        told.wait_for_publish(PATIENCE_S)
        return told.is_published()

    def may_subscribe(self, topic: str) -> bool:
        self._subscribed.clear()
        self.paho.subscribe(topic, 1)
        assert self._subscribed.wait(PATIENCE_S)
        return not any(code.is_failure for code in self._codes)  # type: ignore[attr-defined]

    async def heard(self) -> bool:
        return bool(self.received)

    def close(self) -> None:
        self.paho.disconnect()
        self.paho.loop_stop()


@pytest.fixture
async def city(database_url: str, nats_url: str, nats_server: EmbeddedNats) -> AsyncIterator[City]:
    async with city_of(database_url, nats_url) as opened:
        opened.clock.time = SystemClock().now()
        await ensure_mqtt_stream(opened.nervous.jetstream, nats_server.platform)
        await ensure_consumers(opened.nervous)
        async with gate_of(opened, nats_server):
            yield opened


@pytest.fixture
def credentials(city: City) -> Credentials:
    return Credentials(city.clock, Identity(city.clock, Policies.load()))


@pytest.fixture
async def connect(city: City, nats_server: EmbeddedNats) -> AsyncIterator[Callable[..., Device]]:
    opened: list[Device] = []

    async def make(user: str, token: str, client_id: str | None = None) -> Device:
        device = await asyncio.to_thread(Device, nats_server, user, token, client_id)
        opened.append(device)
        return device

    yield make
    for device in opened:
        with suppress(Exception):
            await asyncio.to_thread(device.close)


async def issue(city: City, credentials: Credentials, device: str, **options: object) -> Issued:
    async with city.database.transaction() as tx:
        return await credentials.issue(tx, device, SYSTEM, **options)  # type: ignore[arg-type]


async def stored(city: City) -> list[str]:
    """Subjects of the messages that wait in the stream."""
    info = await city.nervous.jetstream.stream_info("$MQTT_msgs", subjects_filter=">")
    return sorted(subject.rsplit(".", 1)[1] for subject in info.state.subjects or {})


async def test_a_device_publishes_under_its_own_name_only(
    city: City, credentials: Credentials, connect: Callable[..., Device]
) -> None:
    await city.register("level", "泵站.7")
    device = await connect("泵站.7", (await issue(city, credentials, "泵站.7")).token)
    assert not device.refused
    assert await asyncio.to_thread(device.publish, device_topic("level", "泵站.7"))
    # MQTT 3.1.1 knows no refusal of a message: the server acknowledges and keeps nothing.
    for foreign in (device_topic("level", "L-2"), device_topic("car-park", "泵站.7"), "yunnao/v1/level"):
        assert await asyncio.to_thread(device.publish, foreign)
    assert await stored(city) == ["泵站//7"]


async def test_a_device_hears_its_own_commands_only(
    city: City, credentials: Credentials, connect: Callable[..., Device]
) -> None:
    device = await connect("L-1", (await issue(city, credentials, "L-1")).token)
    foreign = [
        command_topic("level", "L-2"),
        device_topic("level", "L-1"),
        "yunnao/commands/#",
        "#",
        "$SYS/#",
    ]
    for topic in foreign:
        assert not await asyncio.to_thread(device.may_subscribe, topic), topic
    assert await asyncio.to_thread(device.may_subscribe, command_topic("level", "L-1"))
    header = {"Nmqtt-Pub": "1"}
    for name in ("L-2", "L-1"):
        await city.nervous.jetstream.publish(command_subject("level", name), b"{}", headers=header)
    await until(device.heard)
    assert device.received == [command_topic("level", "L-1")]


async def test_who_cannot_prove_it_is_refused(
    city: City, credentials: Credentials, connect: Callable[..., Device], nats_server: EmbeddedNats
) -> None:
    one, two = await issue(city, credentials, "L-1"), await issue(city, credentials, "L-2")
    refused = [
        ("L-1", two.token, "L-1"),
        ("L-1", "", "L-1"),
        ("nobody", one.token, "nobody"),
        # The session of a client id belongs to the device of that name.
        ("L-1", one.token, "L-2"),
        ("L-1", one.token, "L-10"),
        ("L-1", one.token, "L-1//2"),
        ("platform", one.token, "platform"),
        ("device", "wrong", "x"),
    ]
    for user, token, client_id in refused:
        assert (await connect(user, token, client_id)).refused, (user, client_id)
    assert not (await connect("L-1", one.token, "L-1/second")).refused
    shared = await connect("device", nats_server.device.password, "any")
    assert not shared.refused


async def test_a_revoked_device_is_cut_off_and_not_let_in_again(
    city: City, credentials: Credentials, connect: Callable[..., Device], nats_server: EmbeddedNats
) -> None:
    issued = await issue(city, credentials, "L-1")
    device, other = await connect("L-1", issued.token), await connect("device", nats_server.device.password)
    async with city.database.transaction() as tx:
        await credentials.revoke(tx, "L-1", issued.id, SYSTEM)
    assert (CUT, "L-1") in [(subject, data.get("device")) for subject, data in await city.events()]
    assert await cut(nats_server.system_url, ["L-1"]) == 1
    assert await asyncio.to_thread(device.gone.wait, PATIENCE_S)
    assert not other.gone.is_set()
    assert (await connect("L-1", issued.token)).refused
    async with city.database.transaction() as tx:
        with pytest.raises(NotFound, match="credential_unknown"):
            await credentials.revoke(tx, "L-1", issued.id, SYSTEM)


async def test_a_rotation_lets_the_old_token_live_for_its_overlap(
    city: City, credentials: Credentials, connect: Callable[..., Device]
) -> None:
    old = await issue(city, credentials, "L-1")
    new = await issue(city, credentials, "L-1", overlap=timedelta(hours=1))
    assert not (await connect("L-1", old.token, "L-1/old")).refused
    city.clock.time += timedelta(hours=2)
    assert (await connect("L-1", old.token, "L-1/late")).refused
    assert not (await connect("L-1", new.token, "L-1/new")).refused
    async with city.database.transaction() as tx:
        await credentials.expire(tx)
    rows = await city.rows("SELECT id FROM sensing.credential WHERE revoked_at IS NOT NULL")
    assert [row["id"] for row in rows] == [old.id]


async def test_a_blocked_device_is_refused_and_gets_no_token(
    city: City, credentials: Credentials, connect: Callable[..., Device]
) -> None:
    issued = await issue(city, credentials, "L-1")
    await city.rows("UPDATE sensing.device SET standing = 'blocked' WHERE id = 'L-1' RETURNING id")
    assert (await connect("L-1", issued.token)).refused
    with pytest.raises(Conflict, match="device_not_active"):
        await issue(city, credentials, "L-1")


async def test_names_of_the_platforms_own_users_get_no_token(city: City, credentials: Credentials) -> None:
    await city.register("level", "platform")
    with pytest.raises(InvalidInput, match="credential_name_reserved"):
        await issue(city, credentials, "platform")


async def test_tokens_are_issued_to_all_devices_that_lack_one_and_kept_as_hashes(
    city: City, credentials: Credentials, nats_server: EmbeddedNats
) -> None:
    await issue(city, credentials, "L-1")
    async with city.database.transaction() as tx:
        issued = await credentials.issue_missing(tx, SYSTEM, product="level", owner=None, limit=100)
        again = await credentials.issue_missing(tx, SYSTEM, product="level", owner=None, limit=100)
    assert [one.device for one in issued] == ["L-2"]
    assert again == []
    kept = await city.rows("SELECT c::text AS row FROM sensing.credential c")
    assert not any(issued[0].token in row["row"] for row in kept)
    gate = Gate(city.clock, city.database, city.nervous, nats_server.issuer_seed)
    asked = AuthRequest("U", "N", "L-2", issued[0].token, "L-2", mqtt=True)
    assert len(await gate.answers([asked])) == 1
