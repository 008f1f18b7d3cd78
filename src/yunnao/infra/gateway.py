"""A device gateway: publishes readings over MQTT 3.1.1 at QoS 1 and counts acknowledgements."""

import threading
import time
from typing import Any

import orjson
import paho.mqtt.client as mqtt

from yunnao.infra.embedded.nats import MqttAddress
from yunnao.infra.nats_subjects import device_topic
from yunnao.kernel.errors import Unavailable
from yunnao.kernel.ids import new_id

CONNECT_WAIT_S = 15.0
INFLIGHT_MAX = 1_000


class Gateway:
    """Speaks for many devices. Unacknowledged messages are sent again after a lost connection."""

    def __init__(self, address: MqttAddress, name: str = "gateway") -> None:
        self._address = address
        self._connected = threading.Event()
        self._changed = threading.Condition()
        self.sent = 0
        self.acknowledged = 0
        self._client = address.client(f"{name}-{new_id().hex[-12:]}")
        self._client.max_inflight_messages_set(INFLIGHT_MAX)
        self._client.max_queued_messages_set(0)
        self._client.on_connect = lambda *_: self._connected.set()
        self._client.on_publish = self._count

    def __enter__(self) -> "Gateway":
        self._client.connect(self._address.host, self._address.port)
        self._client.loop_start()
        if not self._connected.wait(CONNECT_WAIT_S):
            raise Unavailable("unavailable", part="MQTT")
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(
        self, product: str, device: str, payload: dict[str, Any] | list[dict[str, Any]] | bytes
    ) -> mqtt.MQTTMessageInfo:
        """Sends one message, JSON or bytes as they are; returns at once."""
        written = payload if isinstance(payload, bytes) else orjson.dumps(payload)
        return self.publish_raw(device_topic(product, device), written)

    def publish_raw(self, topic: str, payload: bytes) -> mqtt.MQTTMessageInfo:
        """Sends any payload to any topic; returns at once."""
        self.sent += 1
        return self._client.publish(topic, payload, qos=1)

    def wait_room(self, timeout_s: float) -> None:
        """Returns when another message may be in flight; raises Unavailable when time runs out."""
        self._wait(INFLIGHT_MAX - 1, timeout_s)

    def wait_acknowledged(self, timeout_s: float) -> None:
        """Returns when everything sent is acknowledged; raises Unavailable when time runs out."""
        self._wait(0, timeout_s)

    def _wait(self, waiting_max: int, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while self.sent - self.acknowledged > waiting_max:
                if not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    raise Unavailable("unavailable", part="MQTT")

    def _count(self, *_: Any) -> None:
        with self._changed:
            self.acknowledged += 1
            self._changed.notify_all()
