"""What the crash benchmark sends, by every door, until it is told to stop.

A sender keeps what was not acknowledged and sends it again; at the end everything is acknowledged, so
that what the city must hold is known to the reading.
"""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from yunnao.infra.embedded.nats import MqttAddress
from yunnao.infra.gateway import Gateway

PRODUCT = "underpass-level"
SPEAKING = 800
"""Devices that publish themselves, once a turn."""
GATEWAYS = 20
SPOKEN = 2_000
"""Devices that gateways speak for, in one message a turn."""
BATCHED = 2_500
"""Devices whose readings come by HTTP in columns: so many that a batch is stored as a run."""
BATCH_TURNS = 100
DEVICES = SPEAKING + GATEWAYS + SPOKEN + BATCHED
TURN_S = 1.0
BATCH_PAUSE_S = 8.0
STEP_US = 60_000_000
"""Of the readings' time in a turn."""
LATE_US = 2_700_500_000
"""A late reading is that much older: another hour, and a time of its own."""
LATE_SHARE = AGAIN_SHARE = 0.05
PATIENCE_S = 150.0
RETRY_S = 0.5

Int64 = NDArray[np.int64]


def name(device: int) -> str:
    return f"crash-{device:05}"


def gateway_of(device: int) -> int | None:
    """The device that speaks for `device`."""
    spoken = device - SPEAKING - GATEWAYS
    return SPEAKING + spoken % GATEWAYS if 0 <= spoken < SPOKEN else None


def level(device: Any, time_us: Any) -> Any:
    """The value that a device sends for a time, in metres: 0 to 0.149, below every rule's bound."""
    return (device * 7919 + time_us // 500_000 * 31) % 150 / 1000


@dataclass
class Traffic:
    """Senders in threads: `begin`, then `finish`. `start_us`: the time of the first readings."""

    address: MqttAddress
    client: httpx.Client
    start_us: int
    chance: random.Random
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _sent: list[tuple[Int64, Int64]] = field(default_factory=list)
    _failures: list[BaseException] = field(default_factory=list)

    def begin(self) -> None:
        for work in (self._speak, self._speak_for_others, self._send_batches):
            thread = threading.Thread(target=self._guarded, args=(work, self.chance.random()))
            thread.start()
            self._threads.append(thread)

    def finish(self) -> tuple[Int64, Int64]:
        """Ends when everything is acknowledged; the devices and times (n) of what was sent, repetitions
        included. Raises what a sender raised."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if self._failures:
            raise self._failures[0]
        device, time_us = zip(*self._sent, strict=True)
        return np.concatenate(device), np.concatenate(time_us)

    def _guarded(self, work: Callable[[random.Random], None], seed: float) -> None:
        try:
            work(random.Random(seed))
        except BaseException as error:
            self._failures.append(error)

    def _speak(self, chance: random.Random) -> None:
        """One reading a message; some late, some a second time."""
        said: list[tuple[int, int]] = []
        with Gateway(self.address, "crash-speaking") as gateway:

            def publish(device: int, time_us: int) -> None:
                gateway.wait_room(PATIENCE_S)
                gateway.publish(PRODUCT, name(device), _item(device, time_us))
                said.append((device, time_us))

            turn = 0
            while not self._stop.is_set():
                time_us = self.start_us + turn * STEP_US
                for device in range(SPEAKING):
                    publish(device, time_us)
                    if chance.random() < LATE_SHARE:
                        publish(device, time_us - LATE_US)
                    if chance.random() < AGAIN_SHARE:
                        publish(device, self.start_us + chance.randint(0, turn) * STEP_US)
                turn += 1
                self._stop.wait(TURN_S)
            gateway.wait_acknowledged(PATIENCE_S)
        columns = np.array(said)
        self._sent.append((columns[:, 0], columns[:, 1]))

    def _speak_for_others(self, chance: random.Random) -> None:
        """A gateway's message with a reading of each of its devices; some messages a second time."""
        first = SPEAKING + GATEWAYS
        with Gateway(self.address, "crash-gateways") as gateway:
            turn = 0
            while not self._stop.is_set():
                for number in range(GATEWAYS):
                    devices = np.arange(first + number, first + SPOKEN, GATEWAYS)
                    times = np.full(len(devices), self.start_us + turn * STEP_US)
                    items = [
                        _item(*each) | {"device": name(each[0])}
                        for each in zip(devices.tolist(), times.tolist(), strict=True)
                    ]
                    for _ in range(2 if chance.random() < AGAIN_SHARE else 1):
                        gateway.wait_room(PATIENCE_S)
                        gateway.publish(PRODUCT, name(SPEAKING + number), items)
                    self._sent.append((devices, times))
                turn += 1
                self._stop.wait(TURN_S)
            gateway.wait_acknowledged(PATIENCE_S)

    def _send_batches(self, chance: random.Random) -> None:
        """Arrow streams of many devices and times; what fails is sent again whole, some others too."""
        first = DEVICES - BATCHED
        devices = np.tile(np.arange(first, DEVICES), BATCH_TURNS)
        start_us = self.start_us
        while not self._stop.is_set():
            times = start_us + np.repeat(np.arange(BATCH_TURNS) * (STEP_US // 10), BATCHED)
            body = _arrow(devices, times)
            for _ in range(2 if chance.random() < AGAIN_SHARE else 1):
                while not self._accepted(body):
                    self._stop.wait(RETRY_S)
            self._sent.append((devices, times))
            start_us = int(times[-1]) + STEP_US // 10
            self._stop.wait(BATCH_PAUSE_S)

    def _accepted(self, body: bytes) -> bool:
        headers = {"Content-Type": "application/vnd.apache.arrow.stream"}
        try:
            answer = self.client.post("/readings", content=body, headers=headers, timeout=60)
        except httpx.HTTPError:
            return False
        if answer.status_code >= 500:
            return False
        answer.raise_for_status()
        if answer.json()["refused"]:
            raise RuntimeError(answer.text[:500])
        return True


def _item(device: int, time_us: int) -> dict[str, Any]:
    told = datetime.fromtimestamp(time_us / 1e6, UTC).isoformat()
    return {"level": level(device, time_us), "t": told}


def _arrow(devices: Int64, times: Int64) -> bytes:
    first = int(devices.min())
    names = pa.array([name(device) for device in range(first, int(devices.max()) + 1)])
    places = (devices - first).astype(np.int32)
    columns = {
        "device": pa.DictionaryArray.from_arrays(places, names),
        "metric": pa.DictionaryArray.from_arrays(np.zeros(len(places), np.int32), pa.array(["level"])),
        "time": pa.array(times, pa.timestamp("us", "UTC")),
        "value": level(devices, times),
    }
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())
