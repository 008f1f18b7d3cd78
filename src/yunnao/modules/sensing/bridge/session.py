"""A persistent session at another broker, whose messages are acknowledged by hand."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from yunnao.modules.sensing.bridge.spec import BrokerBridge

KEEPALIVE_S = 30
RECONNECT_MIN_S, RECONNECT_MAX_S = 1, 30
VERSION_TOPICS = ("$SYS/broker/version", "$SYS/brokers/+/version")
"""Where Mosquitto and EMQX say who they are."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Received:
    """A message and the connection that it came by; only there its acknowledgement has a meaning."""

    topic: str
    payload: bytes
    connection: int
    mid: int
    qos: int


class BrokerSession:
    """Speaks MQTT on a thread of its own and hands messages to the event loop that opened it."""

    def __init__(
        self,
        bridge: BrokerBridge,
        client_id: str,
        password: str | None,
        on_version: Callable[[str], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._bridge = bridge
        self._on_version = on_version
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._connection = 0
        self._ever_connected = False
        self.waiting: list[Received] = []
        self.arrived = asyncio.Event()
        self._five = bridge.protocol == "5"
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=None if self._five else False,
            protocol=MQTTProtocolVersion.MQTTv5 if self._five else MQTTProtocolVersion.MQTTv311,
            manual_ack=True,
        )
        if bridge.address.username:
            self._client.username_pw_set(bridge.address.username, password)
        if bridge.tls:
            self._client.tls_set(
                bridge.ca_file, bridge.cert_file, bridge.key_file, cert_reqs=ssl.CERT_REQUIRED
            )
        self._client.reconnect_delay_set(RECONNECT_MIN_S, RECONNECT_MAX_S)
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._disconnected
        self._client.on_message = self._received

    def open(self) -> None:
        """Begins to connect; an unreachable broker is tried again for as long as the session is open."""
        host, options = str(self._bridge.address.hostname), self._options()
        self._client.connect_async(host, self._bridge.port, KEEPALIVE_S, **options)
        self._client.loop_start()

    def close(self) -> None:
        """Leaves the broker; it keeps what comes meanwhile."""
        self._client.disconnect()
        self._client.loop_stop()

    def acknowledge(self, messages: Sequence[Received]) -> None:
        """Confirms messages in the order in which they came (MQTT 5.0, section 4.6).

        Those of a connection that is gone are left out: the broker sends them again, perhaps under
        identifiers that meanwhile stand for others.
        """
        with self._lock:
            for message in messages:
                if message.connection == self._connection and message.qos:
                    self._client.ack(message.mid, message.qos)

    def _options(self) -> dict[str, Any]:
        if not self._five:
            return {}
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = self._bridge.session_expiry_s
        properties.ReceiveMaximum = self._bridge.receive_maximum
        return {"clean_start": False, "properties": properties}

    def _connected(
        self, client: mqtt.Client, _: object, flags: mqtt.ConnectFlags, code: Any, __: object
    ) -> None:
        if code.is_failure:
            log.warning("bridge_refused", bridge=self._bridge.name, reason=str(code))
            return
        lost = self._ever_connected and not flags.session_present
        self._ever_connected = True
        for topic in self._bridge.subscriptions():
            client.subscribe(topic, **({"options": SubscribeOptions(qos=1)} if self._five else {"qos": 1}))
        for topic in VERSION_TOPICS:
            client.subscribe(topic)
        log.info("bridge_connected", bridge=self._bridge.name, session_present=flags.session_present)
        if lost:
            self._loop.call_soon_threadsafe(self._on_lost)

    def _disconnected(self, _: mqtt.Client, __: object, ___: object, code: Any, ____: object) -> None:
        with self._lock:
            self._connection += 1
        log.warning("bridge_disconnected", bridge=self._bridge.name, reason=str(code))

    def _received(self, _: mqtt.Client, __: object, message: mqtt.MQTTMessage) -> None:
        if message.topic.startswith("$SYS/"):
            told = message.payload.decode("utf-8", "replace")
            self._loop.call_soon_threadsafe(self._on_version, told)
            return
        found = Received(message.topic, bytes(message.payload), self._connection, message.mid, message.qos)
        self._loop.call_soon_threadsafe(self._take, found)

    def _take(self, message: Received) -> None:
        self.waiting.append(message)
        self.arrived.set()


def queue_limit(version: str, known: Mapping[str, int]) -> tuple[str, int] | None:
    """The broker by name and how many messages it keeps for an absent session unless told otherwise."""
    return next(((name, kept) for name, kept in known.items() if name in version.lower()), None)
