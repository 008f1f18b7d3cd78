"""Devices connect over TLS and prove who they are by certificates in the place of tokens."""

import asyncio
import shutil
import ssl
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from tests.integration.certificates_support import Authority, Pair
from tests.integration.sensing_support import City, city_of, gate_of

from yunnao.infra.clock import SystemClock
from yunnao.infra.embedded.nats import EmbeddedNats, ensure_mqtt_stream, ensure_nats, stop_nats
from yunnao.infra.embedded.nats_config import MqttTls
from yunnao.infra.embedded.processes import pick_port
from yunnao.infra.gateway import Gateway
from yunnao.infra.nats_subjects import device_topic
from yunnao.kernel.errors import Conflict, InvalidInput, NotFound, Unavailable
from yunnao.kernel.principal import SYSTEM
from yunnao.modules.identity.facade import Identity, Policies
from yunnao.modules.sensing.access.certificates import read_certificate
from yunnao.modules.sensing.access.credentials import CUT, Credentials
from yunnao.modules.sensing.access.cutting import cut
from yunnao.modules.sensing.lanes import ensure_consumers

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="certificates are made by openssl")
PATIENCE_S = 10


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority") / "city")


@pytest.fixture(scope="module")
def server(authority: Authority) -> Iterator[EmbeddedNats]:
    """A server whose MQTT listener demands certificates of the authority."""
    own = authority.sign("server", "broker", "IP:127.0.0.1")
    folder = Path(tempfile.mkdtemp(prefix="yunnao-test-"))
    tls = MqttTls(str(own.cert), str(own.key), str(authority.own.cert))
    yield ensure_nats(folder / "home", mqtt_port=pick_port(), tls=tls)
    stop_nats(folder / "home")
    shutil.rmtree(folder)


class Device:
    """An MQTT client over TLS; `refused` where it was not let in."""

    def __init__(
        self,
        server: EmbeddedNats,
        authority: Authority,
        pair: Pair | None,
        client_id: str,
        login: tuple[str, str] | None,
    ) -> None:
        self.refused, self.gone, self._answered = True, threading.Event(), threading.Event()
        self.paho = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, reconnect_on_failure=False)
        context = ssl.create_default_context(cafile=str(authority.own.cert))
        if pair is not None:
            context.load_cert_chain(pair.cert, pair.key)
        self.paho.tls_set_context(context)
        if login is not None:
            self.paho.username_pw_set(*login)
        self.paho.on_connect = self._on_connect
        self.paho.on_disconnect = self._on_disconnect
        with suppress(ssl.SSLError, ConnectionError):
            self.paho.connect(server.entrance.host, server.entrance.port)
            self.paho.loop_start()
            assert self._answered.wait(PATIENCE_S)

    def _on_connect(self, *args: object) -> None:
        self.refused = bool(args[3].is_failure)  # type: ignore[attr-defined]
        self._answered.set()

    def _on_disconnect(self, *_: object) -> None:
        self.gone.set()
        self._answered.set()

    def publish(self, topic: str) -> None:
        self.paho.publish(topic, b'{"level": 1}', qos=1).wait_for_publish(PATIENCE_S)

    def close(self) -> None:
        self.paho.disconnect()
        self.paho.loop_stop()


@pytest.fixture
async def city(database_url: str, server: EmbeddedNats) -> AsyncIterator[City]:
    async with city_of(database_url, server.url) as opened:
        opened.clock.time = SystemClock().now()
        await ensure_mqtt_stream(opened.nervous.jetstream, server.platform)
        await ensure_consumers(opened.nervous)
        await opened.nervous.jetstream.purge_stream("$MQTT_msgs")
        async with gate_of(opened, server):
            yield opened


@pytest.fixture
def credentials(city: City) -> Credentials:
    return Credentials(city.clock, Identity(city.clock, Policies.load()))


Connect = Callable[..., Awaitable[Device]]


@pytest.fixture
async def connect(city: City, server: EmbeddedNats, authority: Authority) -> AsyncIterator[Connect]:
    opened: list[Device] = []

    async def make(pair: Pair | None, client_id: str, login: tuple[str, str] | None = None) -> Device:
        device = await asyncio.to_thread(Device, server, authority, pair, client_id, login)
        opened.append(device)
        return device

    yield make
    for device in opened:
        with suppress(Exception):
            await asyncio.to_thread(device.close)


async def stored(city: City) -> list[str]:
    info = await city.nervous.jetstream.stream_info("$MQTT_msgs", subjects_filter=">")
    return sorted(subject.rsplit(".", 1)[1] for subject in info.state.subjects or {})


async def kept(city: City) -> list[tuple[str, bool]]:
    """(device, whether it is live) of every certificate."""
    rows = await city.rows(
        "SELECT d.id, c.revoked_at IS NULL AS live FROM sensing.credential c"
        " JOIN sensing.device d ON d.number = c.device WHERE c.kind = 'certificate' ORDER BY d.id"
    )
    return [(row["id"], row["live"]) for row in rows]


async def test_a_certificate_that_names_the_device_lets_it_speak_for_itself_only(
    city: City, connect: Connect, authority: Authority
) -> None:
    await city.register("level", "泵站.7")
    named, also = authority.sign("named", "泵站.7"), authority.sign("also", "x", "DNS:a,DNS:L-1")
    pump, plain = await connect(named, "泵站//7"), await connect(also, "L-1/spare", ("L-1", ""))
    assert not pump.refused
    assert not plain.refused
    for topic in (device_topic("level", "泵站.7"), device_topic("level", "L-1")):
        await asyncio.to_thread(pump.publish, topic)
    assert await stored(city) == ["泵站//7"]
    assert await kept(city) == [("L-1", True), ("泵站.7", True)]


async def test_who_shows_no_certificate_of_the_devices_is_refused(
    city: City, connect: Connect, credentials: Credentials, authority: Authority, tmp_path: Path
) -> None:
    own, stranger = authority.sign("own", "L-1"), Authority(tmp_path / "other").sign("l1", "L-1")
    unknown, platform = authority.sign("unknown", "nobody"), authority.sign("platform", "platform")
    refused: list[tuple[Pair | None, str, tuple[str, str] | None]] = [
        (None, "L-1", None),
        (stranger, "L-1", None),
        (own, "L-2", None),
        (own, "L-2", ("L-2", "")),
        (own, "L-1", ("L-2", "")),
        (own, "L-1", ("L-1", "wrong")),
        (unknown, "nobody", None),
        (platform, "platform", None),
    ]
    for pair, client_id, login in refused:
        assert (await connect(pair, client_id, login)).refused, (client_id, login)
    assert await kept(city) == []
    async with city.database.transaction() as tx:
        token = (await credentials.issue(tx, "L-2", SYSTEM)).token
    # A certificate of the authority, whoever's, and a token of one's own.
    assert not (await connect(own, "L-2", ("L-2", token))).refused


async def test_a_revoked_certificate_is_cut_off_and_not_let_in_again(
    city: City, connect: Connect, credentials: Credentials, authority: Authority, server: EmbeddedNats
) -> None:
    pair = authority.sign("soon", "L-1")
    device = await connect(pair, "L-1")
    assert not device.refused
    async with city.database.transaction() as tx:
        with pytest.raises(NotFound, match="credential_unknown"):
            await credentials.revoke_certificate(tx, "L-2", pair.cert.read_text(), SYSTEM)
        await credentials.revoke_certificate(tx, "L-1", pair.cert.read_text(), SYSTEM)
    assert (CUT, "L-1") in [(subject, data.get("device")) for subject, data in await city.events()]
    assert await cut(server.system_url, ["L-1"]) == 1
    assert await asyncio.to_thread(device.gone.wait, PATIENCE_S)
    assert (await connect(pair, "L-1")).refused
    unseen = authority.sign("unseen", "L-2")
    async with city.database.transaction() as tx:
        await credentials.revoke_certificate(tx, "L-2", unseen.cert.read_text(), SYSTEM)
    assert (await connect(unseen, "L-2")).refused
    assert await kept(city) == [("L-1", False), ("L-2", False)]


async def test_a_registered_certificate_stands_for_its_device_whatever_it_names(
    city: City, connect: Connect, credentials: Credentials, authority: Authority
) -> None:
    pair = authority.sign("serial", "L-2", "DNS:serial-77")
    async with city.database.transaction() as tx:
        await credentials.register_certificate(tx, "L-1", pair.cert.read_text(), SYSTEM)
        with pytest.raises(Conflict, match="certificate_known"):
            await credentials.register_certificate(tx, "L-2", pair.cert.read_text(), SYSTEM)
        with pytest.raises(InvalidInput, match="certificate_unreadable"):
            await credentials.register_certificate(tx, "L-2", "-----BEGIN CERTIFICATE-----", SYSTEM)
    assert (await connect(pair, "L-2")).refused
    assert not (await connect(pair, "L-1")).refused
    await city.rows("UPDATE sensing.device SET standing = 'blocked' WHERE id = 'L-1' RETURNING id")
    assert (await connect(pair, "L-1/again")).refused
    city.clock.time = read_certificate(pair.cert.read_text()).ends_at.replace(year=2090)
    async with city.database.transaction() as tx:
        await credentials.expire(tx)
    assert await kept(city) == []


async def test_the_platforms_own_gateway_needs_no_certificate(city: City, server: EmbeddedNats) -> None:
    def publish() -> None:
        with Gateway(server.device) as gateway:
            gateway.publish("level", "L-1", {"level": 1})
            gateway.wait_acknowledged(PATIENCE_S)

    await asyncio.to_thread(publish)
    assert await stored(city) == ["L-1"]


def test_a_server_begins_anew_with_a_renewed_certificate_and_not_without_one(authority: Authority) -> None:
    folder = Path(tempfile.mkdtemp(prefix="yunnao-test-"))
    home, pair = folder / "home", authority.sign("renewed", "broker", "IP:127.0.0.1")
    try:
        port = pick_port()
        first = ensure_nats(home, mqtt_port=port, tls=MqttTls(str(pair.cert), str(pair.key)))
        assert (first.entrance.tls, first.entrance.certificates) == (True, False)
        again = ensure_nats(home, mqtt_port=port)
        assert (again.found, again.pid) == (True, first.pid)
        authority.sign("renewed", "broker", "IP:127.0.0.1")
        assert ensure_nats(home, mqtt_port=port).pid != first.pid
        with pytest.raises(Unavailable, match="mqtt_tls_unreadable"):
            ensure_nats(home, mqtt_port=port, tls=MqttTls(str(folder / "none"), str(pair.key)))
        plain = ensure_nats(home, mqtt_port=port, tls=MqttTls())
        assert not plain.entrance.tls
    finally:
        stop_nats(home)
        shutil.rmtree(folder)
