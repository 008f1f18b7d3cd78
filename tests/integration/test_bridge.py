"""The bridge against a real Mosquitto: nothing that it acknowledged to a device is lost."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from textwrap import dedent
from time import sleep

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from structlog.testing import capture_logs
from tests.integration.sensing_support import City, city_of, until

from yunnao.infra.embedded.nats import EmbeddedNats, ensure_mqtt_stream
from yunnao.infra.embedded.processes import pick_port
from yunnao.infra.nats_subjects import MQTT_STREAM
from yunnao.infra.programs import find_mosquitto
from yunnao.modules.sensing.bridge.bridge import Bridge
from yunnao.modules.sensing.bridge.spec import BrokerBridge
from yunnao.modules.sensing.bridge.topics import TopicMapping
from yunnao.modules.sensing.lanes import ensure_consumers

pytestmark = pytest.mark.skipif(find_mosquitto() is None, reason="Mosquitto is not installed")

MESSAGES = 3_000


class Mosquitto:
    """The broker of a department, on a port of its own, its state on disk."""

    def __init__(self, folder: Path) -> None:
        self.port = pick_port()
        self._file = folder / "mosquitto.conf"
        self._file.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence true\n"
            f"persistence_location {folder}/\nmax_queued_messages 0\nuser root\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = find_mosquitto()
        assert program is not None
        self._process = subprocess.Popen(
            [program, "-c", self._file], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(100):
            with suppress(OSError):
                publish(self.port, [])
                return
            sleep(0.05)
        raise AssertionError("Mosquitto did not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(10)
            self._process = None


def publish(port: int, messages: list[tuple[str, bytes]]) -> None:
    """As a device of that broker: at QoS 1, and returns when all are acknowledged."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.max_inflight_messages_set(200)
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        for info in [client.publish(topic, payload, qos=1) for topic, payload in messages]:
            info.wait_for_publish(20)
            assert info.is_published()
    finally:
        client.disconnect()
        client.loop_stop()


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
async def city(database_url: str, nats_server: EmbeddedNats, nats_url: str) -> AsyncIterator[City]:
    async with city_of(database_url, nats_url) as found:
        await ensure_mqtt_stream(found.nervous.jetstream, nats_server.platform)
        await ensure_consumers(found.nervous)
        yield found


def spec_of(port: int, **options: object) -> BrokerBridge:
    topics = [TopicMapping(filter="water/+/level", product="level", device="{1}")]
    return BrokerBridge.model_validate(
        {"name": "water", "url": f"mqtt://127.0.0.1:{port}", "topics": topics, **options}
    )


@asynccontextmanager
async def bridging(city: City, spec: BrokerBridge, client_id: str = "yunnao-test-0") -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(Bridge(spec, client_id, None, city.nervous, city.database).run(stop))
    try:
        await asyncio.sleep(1)
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 20)


async def has(city: City, messages: int) -> bool:
    """Whether the stream keeps at least so many."""
    info = await city.nervous.jetstream.stream_info(MQTT_STREAM)
    return int(info.state.messages) >= messages


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_messages_come_over_and_those_sent_while_the_bridge_was_away_too(
    city: City, mosquitto: Mosquitto, protocol: str
) -> None:
    spec = spec_of(mosquitto.port, protocol=protocol)
    readings = [("water/L-1/level", b'{"level": 1}')]
    async with bridging(city, spec):
        await asyncio.to_thread(publish, mosquitto.port, readings * 10)
        await until(lambda: has(city, 10))
    await asyncio.to_thread(publish, mosquitto.port, readings * 50)
    mosquitto.stop()
    mosquitto.start()
    async with bridging(city, spec):
        await until(lambda: has(city, 60))


async def test_what_names_no_device_is_kept_as_a_dead_letter(city: City, mosquitto: Mosquitto) -> None:
    async with bridging(city, spec_of(mosquitto.port)):
        await asyncio.to_thread(publish, mosquitto.port, [("water/L 1/level", b"{}")])

        async def told() -> bool:
            return await city.letters() == [("topic_level_invalid", "water:water/L 1/level")]

        await until(told)


async def test_a_broker_that_drops_what_it_acknowledged_is_warned_of(
    city: City, mosquitto: Mosquitto
) -> None:
    with capture_logs() as logs:
        async with bridging(city, spec_of(mosquitto.port)):
            await asyncio.sleep(0.5)
    told = [entry for entry in logs if entry["event"] == "bridge_broker_drops_beyond"]
    assert [(entry["bridge"], entry["messages"]) for entry in told] == [("water", 1_000)]


async def test_a_bridge_killed_at_any_moment_loses_nothing(
    city: City, mosquitto: Mosquitto, nats_url: str, database_url: str
) -> None:
    """Two processes share the work, and both are killed and started again while devices publish."""
    program = dedent(
        """
        import asyncio, sys
        from yunnao.infra.nervous import Nervous
        from yunnao.infra.postgres import Database
        from yunnao.modules.sensing.bridge.bridge import Bridge
        from yunnao.modules.sensing.bridge.spec import BrokerBridge

        async def main():
            spec = BrokerBridge.model_validate_json(sys.argv[1])
            async with Database(sys.argv[2]) as database, Nervous(sys.argv[3], "bridge") as nervous:
                await Bridge(spec, sys.argv[4], None, nervous, database).run(asyncio.Event())

        asyncio.run(main())
        """
    )
    spec = spec_of(mosquitto.port).model_dump_json()

    def start(number: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-c", program, spec, database_url, nats_url, f"yunnao-test-{number}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    bridges = [start(0), start(1)]
    try:
        await asyncio.sleep(3)
        sending = asyncio.create_task(
            asyncio.to_thread(
                publish,
                mosquitto.port,
                [(f"water/D-{n}/level", b'{"level": 1}') for n in range(MESSAGES)],
            )
        )
        for number in (0, 1):
            await asyncio.sleep(0.15)
            bridges[number].kill()
            bridges[number].wait()
            bridges[number] = start(number)
        await sending

        async def arrived() -> bool:
            """What comes twice counts once: so many messages may be there before all are."""
            info = await city.nervous.jetstream.stream_info(
                MQTT_STREAM, subjects_filter="$MQTT.msgs.yunnao.p.*.level.*"
            )
            devices = {subject.rsplit(".", 1)[1] for subject in info.state.subjects or {}}
            return {f"D-{n}" for n in range(MESSAGES)} <= devices

        await until(arrived, 60)
    finally:
        for bridge in bridges:
            bridge.kill()
            bridge.wait()
