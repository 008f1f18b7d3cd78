"""The embedded NATS server outlives its starter, keeps what it acknowledged, and holds devices apart."""

import asyncio
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import nats
import paho.mqtt.client as mqtt
import psutil
import pytest
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig
from paho.mqtt.enums import CallbackAPIVersion

from yunnao.infra.embedded.nats import (
    EmbeddedNats,
    MqttAddress,
    ensure_mqtt_stream,
    ensure_nats,
    find_nats,
    stop_nats,
)
from yunnao.infra.embedded.processes import pick_port
from yunnao.infra.nats_subjects import (
    MQTT_STREAM,
    PARTITIONS,
    STRAY_FILTER,
    device_topic,
    intake_subject,
    partition_filter,
    read_subject,
)

STARTER = """
import os, signal, sys
from pathlib import Path
from yunnao.infra.embedded.nats import ensure_nats
print(ensure_nats(Path(sys.argv[1]), mqtt_port=int(sys.argv[2])).pid, flush=True)
os.killpg(0, signal.SIGKILL)
"""
refused = 0x80


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="yunnao-test-"))
    yield folder / "home"
    stop_nats(folder / "home")
    shutil.rmtree(folder)


class Client:
    """A paho client that can wait for what it asked."""

    def __init__(self, address: MqttAddress, name: str) -> None:
        self.paho = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name)
        self.paho.username_pw_set(address.user, address.password)
        self._connected, self._answered = threading.Event(), threading.Event()
        self.received: list[str] = []
        self.paho.on_connect = lambda *_: self._connected.set()
        self.paho.on_subscribe = self._on_subscribe
        self.paho.on_message = lambda _, __, message: self.received.append(message.topic)
        self.paho.connect(address.host, address.port)
        self.paho.loop_start()
        assert self._connected.wait(5)

    def _on_subscribe(self, _: object, __: object, ___: int, codes: list[object], ____: object) -> None:
        self._codes = codes
        self._answered.set()

    def publish(self, topic: str, payload: bytes = b"{}") -> None:
        self.paho.publish(topic, payload, qos=1).wait_for_publish(5)

    def may_subscribe(self, topic: str) -> bool:
        self._answered.clear()
        self.paho.subscribe(topic, 1)
        assert self._answered.wait(5)
        return all(code.value < refused for code in self._codes)  # type: ignore[attr-defined]

    def close(self) -> None:
        self.paho.disconnect()
        self.paho.loop_stop()


@pytest.fixture
async def js(nats_server: EmbeddedNats, nats_url: str):  # type: ignore[no-untyped-def]
    client = await nats.connect(nats_url)
    context = client.jetstream()
    await ensure_mqtt_stream(context, nats_server.platform)
    everything = ConsumerConfig(
        durable_name="everything", filter_subject="$MQTT.msgs.>", ack_policy=AckPolicy.ALL
    )
    await context.add_consumer(MQTT_STREAM, everything)
    yield context
    await client.close()


async def stored(js: JetStreamContext) -> list[str]:
    """The subjects of what arrived since the last call. Unsubscribing ends its open request for more."""
    subscription = await js.pull_subscribe_bind("everything", MQTT_STREAM)
    found: list[str] = []
    while True:
        try:
            found.extend(message.subject for message in await subscription.fetch(1000, timeout=0.3))
        except TimeoutError:
            await subscription.unsubscribe()
            return found


def test_it_is_found_again_after_its_starter_was_killed(home: Path) -> None:
    starter = subprocess.run(
        [sys.executable, "-c", STARTER, str(home), str(pick_port())],
        capture_output=True, text=True, check=False, start_new_session=True,
    )  # fmt: skip
    assert starter.returncode == -signal.SIGKILL, starter.stderr
    again = ensure_nats(home)
    assert again.found
    assert again.pid == int(starter.stdout)


def test_a_taken_mqtt_port_is_replaced_and_remembered(home: Path) -> None:
    told: list[str] = []
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        wanted = other.getsockname()[1]
        first = ensure_nats(home, mqtt_port=wanted, on_progress=lambda code, **_: told.append(code))
        assert first.device.port != wanted
    assert told == ["mqtt_port_taken"]
    stop_nats(home)
    assert ensure_nats(home, mqtt_port=wanted).device.port == first.device.port


def test_a_killed_server_comes_back_at_the_ports_that_devices_know(home: Path) -> None:
    first = ensure_nats(home, mqtt_port=pick_port())
    os.kill(first.pid, signal.SIGKILL)
    with suppress(psutil.NoSuchProcess):
        psutil.Process(first.pid).wait(10)
    with socket.socket() as dying:
        dying.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        dying.bind(("127.0.0.1", first.device.port))
        dying.listen()
        threading.Timer(1, dying.close).start()
        again = ensure_nats(home, mqtt_port=first.device.port)
    assert (again.device.port, again.url) == (first.device.port, first.url)


def test_a_deleted_home_leaves_no_server_behind_at_the_next_start(home: Path) -> None:
    first = ensure_nats(home, mqtt_port=pick_port())
    shutil.rmtree(home)
    second = ensure_nats(home, mqtt_port=pick_port())
    assert second.pid != first.pid
    assert not psutil.pid_exists(first.pid) or psutil.Process(first.pid).status() == psutil.STATUS_ZOMBIE


def test_a_server_whose_home_was_deleted_can_be_stopped(home: Path) -> None:
    ensure_nats(home, mqtt_port=pick_port())
    shutil.rmtree(home)
    assert stop_nats(home)
    assert not home.exists()


def test_passwords_are_private_and_stopping_is_told(home: Path) -> None:
    ensure_nats(home, mqtt_port=pick_port())
    for name in ("credentials.json", "nats.conf"):
        assert stat.S_IMODE((home / "nats" / name).stat().st_mode) == 0o600
    assert find_nats(home) is not None
    assert stop_nats(home)
    assert not stop_nats(home)
    assert find_nats(home) is None


async def test_what_was_acknowledged_is_there_after_the_server_was_killed(home: Path) -> None:
    port = pick_port()
    server = ensure_nats(home, mqtt_port=port)
    client = await nats.connect(server.url, allow_reconnect=False)
    await ensure_mqtt_stream(client.jetstream(), server.platform)
    for n in range(PARTITIONS):
        wanted = ConsumerConfig(durable_name=f"ingest_{n}", filter_subject=partition_filter(n))
        await client.jetstream().add_consumer(MQTT_STREAM, wanted)
    device = Client(server.device, "device")
    for n in range(200):
        await asyncio.to_thread(device.publish, device_topic("water", f"d{n}"))
    os.kill(server.pid, signal.SIGKILL)
    device.close()
    await client.close()
    server = ensure_nats(home, mqtt_port=port)
    client = await nats.connect(server.url)
    info = await client.jetstream().stream_info(MQTT_STREAM)
    assert info.state.messages == 200
    await client.close()


async def test_what_devices_send_is_partitioned_and_dots_survive(
    js: JetStreamContext, nats_server: EmbeddedNats
) -> None:
    names = [f"d{n}" for n in range(40)] + ["a.b.c", "青岛-1"]
    device = Client(nats_server.device, "names")
    for name in names:
        await asyncio.to_thread(device.publish, device_topic("water", name))
    device.close()
    by_mqtt = [read_subject(subject) for subject in await stored(js)]
    assert [each.device for each in by_mqtt] == names
    assert {each.partition for each in by_mqtt} == set(range(PARTITIONS))
    for name in names:
        await js.publish(intake_subject("water", name), b"{}")
    assert [read_subject(subject) for subject in await stored(js)] == by_mqtt


async def test_a_message_that_arrives_with_connect_is_partitioned_too(
    js: JetStreamContext, nats_server: EmbeddedNats
) -> None:
    """MQTT 3.1.1, 3.1.4: a client need not wait for CONNACK before it publishes."""
    user, password = nats_server.device.user.encode(), nats_server.device.password.encode()
    fields = b"\x00\x04MQTT\x04\xc2\x00\x3c"
    for text in (b"eager", user, password):
        fields += len(text).to_bytes(2) + text
    topic = b"yunnao/v1/water/eager"
    publish = len(topic).to_bytes(2) + topic + (1).to_bytes(2) + b"{}"
    packets = b"\x10" + bytes([len(fields)]) + fields + b"\x32" + bytes([len(publish)]) + publish
    with socket.create_connection((nats_server.device.host, nats_server.device.port)) as connection:
        connection.sendall(packets)
        await asyncio.sleep(0.3)
    assert [read_subject(subject).device for subject in await stored(js)] == ["eager"]


async def test_topics_of_the_wrong_depth_are_kept_as_strays(
    js: JetStreamContext, nats_server: EmbeddedNats
) -> None:
    device = Client(nats_server.device, "strays")
    for topic in ("yunnao/v1/water", "yunnao/v1/water/a/b"):
        await asyncio.to_thread(device.publish, topic)
    device.close()
    assert await stored(js) == [
        f"{STRAY_FILTER.removesuffix('>')}water",
        f"{STRAY_FILTER.removesuffix('>')}water.a.b",
    ]


async def test_a_device_can_neither_read_nor_publish_elsewhere(
    js: JetStreamContext, nats_server: EmbeddedNats
) -> None:
    device = Client(nats_server.device, "curious")
    for topic in ("#", "yunnao/#", "yunnao/v1/+/+", "$MQTT/#", "$JS/#", "$SYS/#", "_INBOX/#"):
        assert not await asyncio.to_thread(device.may_subscribe, topic), topic
    for topic in ("other/x", "yunnao/p/0/water/d", "yunnao/event/x", "$MQTT/msgs/yunnao/p/0/water/d"):
        await asyncio.to_thread(device.publish, topic)
    await asyncio.to_thread(device.publish, "$JS/API/STREAM/DELETE/$MQTT_msgs")
    assert await stored(js) == []
    assert device.received == []
    device.close()


async def test_a_device_cannot_use_the_platforms_own_protocol(nats_server: EmbeddedNats) -> None:
    url = nats_server.url.replace(
        f"platform:{nats_server.platform.password}", f"device:{nats_server.device.password}"
    )
    with pytest.raises(NatsError):
        await nats.connect(url, allow_reconnect=False, error_cb=_quiet)


async def _quiet(_: Exception) -> None:
    return None
