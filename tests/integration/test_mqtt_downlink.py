"""What the platform publishes into the broker's stream reaches MQTT clients, also those that were away."""

import asyncio
import threading

import nats
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from yunnao.infra.embedded.nats import EmbeddedNats, MqttAddress, ensure_mqtt_stream
from yunnao.infra.nats_subjects import MQTT_QOS1, ack_topic, command_subject, command_topic


class Device:
    """A paho client with a session that outlives its connection."""

    def __init__(self, address: MqttAddress, name: str, topic: str | None = None) -> None:
        self.paho = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=False)
        self.paho.username_pw_set(address.user, address.password)
        self._ready, self.received = threading.Event(), list[tuple[str, bytes]]()
        self.codes: list[int] = []
        self.paho.on_connect = lambda *_: self.paho.subscribe(topic, 1) if topic else self._ready.set()
        self.paho.on_subscribe = lambda _, __, ___, codes, ____: (
            self.codes.extend(code.value for code in codes),
            self._ready.set(),
        )
        self.paho.on_message = lambda _, __, m: self.received.append((m.topic, m.payload))
        self.paho.connect(address.host, address.port)
        self.paho.loop_start()
        assert self._ready.wait(5)

    def close(self) -> None:
        self.paho.disconnect()
        self.paho.loop_stop()


async def came(device: Device, count: int) -> list[tuple[str, bytes]]:
    for _ in range(100):
        if len(device.received) >= count:
            break
        await asyncio.sleep(0.05)
    return device.received


async def test_a_device_gets_its_commands_and_those_sent_while_it_was_away(
    nats_server: EmbeddedNats, nats_url: str
) -> None:
    client = await nats.connect(nats_url)
    js = client.jetstream()
    await ensure_mqtt_stream(js, nats_server.platform)
    topic, subject = command_topic("gate", "G.1"), command_subject("gate", "G.1")
    device = await asyncio.to_thread(Device, nats_server.device, "gate-1", topic)
    await js.publish(subject, b"one", headers=MQTT_QOS1)
    assert await came(device, 1) == [(topic, b"one")]
    await asyncio.to_thread(device.close)
    await js.publish(subject, b"two", headers=MQTT_QOS1)
    device = await asyncio.to_thread(Device, nats_server.device, "gate-1", topic)
    assert await came(device, 1) == [(topic, b"two")]
    await asyncio.to_thread(device.close)
    await client.close()


async def test_a_device_cannot_give_commands_and_its_answers_are_kept(
    nats_server: EmbeddedNats, nats_url: str
) -> None:
    client = await nats.connect(nats_url)
    js = client.jetstream()
    await ensure_mqtt_stream(js, nats_server.platform)
    subscription = await js.pull_subscribe("$MQTT.msgs.yunnao.>", "downlink-test", stream="$MQTT_msgs")
    device = await asyncio.to_thread(Device, nats_server.device, "gate-2")
    for topic in (command_topic("gate", "G.1"), ack_topic("gate", "G.1")):
        await asyncio.to_thread(device.paho.publish(topic, b"{}", qos=1).wait_for_publish, 5)
    assert [m.subject for m in await subscription.fetch(2, timeout=1)] == ["$MQTT.msgs.yunnao.acks.gate.G//1"]
    await asyncio.to_thread(device.close)
    await client.close()
