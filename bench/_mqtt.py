"""A publisher that is not the bottleneck: MQTT 3.1.1 packets made beforehand, acknowledgements counted.

Source: MQTT 3.1.1 (OASIS 2014), 3.1 CONNECT, 3.3 PUBLISH, 3.4 PUBACK.
"""

import select
import socket
import struct
import time
from collections.abc import Sequence

from yunnao.infra.embedded.nats import MqttAddress

IN_FLIGHT_MAX = 16_000
PACKET_IDS = 60_000
SLICE = 256
PATIENCE_S = 120.0


def publish(address: MqttAddress, messages: Sequence[tuple[str, bytes]]) -> float:
    """Publishes (topic, payload) at QoS 1; returns the seconds until the last was acknowledged."""
    packets = [
        _publish(topic, payload, 1 + number % PACKET_IDS) for number, (topic, payload) in enumerate(messages)
    ]
    with socket.create_connection((address.host, address.port)) as link:
        link.sendall(_connect(address))
        _read_exactly(link, 4)
        link.setblocking(False)
        began = time.monotonic()
        sent = acknowledged = 0
        waiting, rest = memoryview(b""), 0
        while acknowledged < len(packets):
            if not waiting and sent < len(packets) and sent - acknowledged < IN_FLIGHT_MAX:
                part = packets[sent : sent + SLICE]
                waiting = memoryview(b"".join(part))
                sent += len(part)
            readable, writable, _ = select.select([link], [link] if waiting else [], [], PATIENCE_S)
            if not readable and not writable:
                raise TimeoutError
            if readable:
                found = link.recv(1 << 16)
                if not found:
                    raise ConnectionError
                acknowledged += (rest + len(found)) // 4
                rest = (rest + len(found)) % 4
            if writable:
                waiting = waiting[link.send(waiting) :]
        return time.monotonic() - began


def _publish(topic: str, payload: bytes, packet_id: int) -> bytes:
    name = topic.encode()
    body = struct.pack(">H", len(name)) + name + struct.pack(">H", packet_id) + payload
    return b"\x32" + _length(len(body)) + body


def _connect(address: MqttAddress) -> bytes:
    def text(value: str) -> bytes:
        return struct.pack(">H", len(value)) + value.encode()

    client = f"bench-{time.time_ns()}"
    body = text("MQTT") + bytes([4, 0b1100_0010]) + struct.pack(">H", 600)
    body += text(client) + text(address.user) + text(address.password)
    return b"\x10" + _length(len(body)) + body


def _length(value: int) -> bytes:
    """The remaining length, seven bits a byte."""
    found = bytearray()
    while True:
        value, low = value >> 7, value & 127
        found.append(low | (128 if value else 0))
        if not value:
            return bytes(found)


def _read_exactly(link: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        part = link.recv(size - len(found))
        if not part:
            raise ConnectionError
        found += part
    return found
