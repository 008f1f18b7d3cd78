"""The synthetic city's devices on the wire: MQTT at QoS 1, with the faults of a real network."""

import asyncio
import heapq
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

import numpy as np
import orjson
import structlog

from yunnao.infra.clock import SystemClock
from yunnao.infra.embedded.nats import MqttAddress
from yunnao.infra.gateway import Gateway
from yunnao.infra.nats_subjects import device_topic
from yunnao.kernel.errors import Unavailable
from yunnao.kernel.packs.scene import ScenePack
from yunnao.modules.sensing.domain.encoding import encode
from yunnao.modules.sensing.domain.payloads import payload_of
from yunnao.modules.sensing.domain.pointers import place
from yunnao.modules.sensing.simulate import flooding, rain_at, storm_at
from yunnao.modules.sensing.simulator.fleet import Fleet, Ints
from yunnao.modules.sensing.simulator.profile import Profile

TICK_S = 0.5
TELL_S = 5.0
RETRY_S = 2.0
ROOM_WAIT_S = 60.0
LATE_MESSAGES_MAX = 100_000

log = structlog.get_logger()


@dataclass(frozen=True)
class Progress:
    """Since the start: messages sent and acknowledged, and how many of the last seconds a second."""

    sent: int
    acknowledged: int
    per_s: float


class Publisher:
    """Speaks for all fleets over one connection."""

    def __init__(
        self, fleets: Sequence[Fleet], scenes: Sequence[ScenePack], profile: Profile, seed: int
    ) -> None:
        self._fleets = fleets
        self._faults = profile.faults
        self._wet = flooding(scenes)
        self._seed = seed
        self._chance = np.random.default_rng(seed)
        self._luck = random.Random(seed)
        self._late: list[tuple[float, int, str, bytes]] = []
        self._number = 0

    async def run(self, address: MqttAddress, stop: asyncio.Event, tell: Callable[[Progress], None]) -> None:
        """Publishes until `stop`; an unreachable broker is tried again, and slows the city down."""
        began = monotonic()
        while not stop.is_set():
            try:
                gateway = await asyncio.to_thread(Gateway(address, "simulator").__enter__)
            except (OSError, Unavailable) as error:
                log.warning("simulator_waits", reason=repr(error))
                await _pause(stop, RETRY_S)
                continue
            try:
                await self._publish(gateway, began, stop, tell)
            except Unavailable as error:
                log.warning("simulator_waits", reason=repr(error))
            finally:
                await asyncio.to_thread(gateway.__exit__)

    async def _publish(
        self, gateway: Gateway, began: float, stop: asyncio.Event, tell: Callable[[Progress], None]
    ) -> None:
        told_at, told = monotonic(), 0
        while not stop.is_set():
            elapsed_s = monotonic() - began
            await asyncio.to_thread(self._speak, gateway, elapsed_s)
            now = monotonic()
            if now - told_at >= TELL_S:
                done = gateway.acknowledged
                tell(Progress(gateway.sent, done, (done - told) / (now - told_at)))
                told_at, told = now, done
            await _pause(stop, max(0.0, TICK_S - (monotonic() - began - elapsed_s)))

    def _speak(self, gateway: Gateway, elapsed_s: float) -> None:
        """One tick: whoever is due, and what was held back."""
        while self._late and self._late[0][0] <= elapsed_s:
            _, _, topic, payload = heapq.heappop(self._late)
            gateway.publish_raw(topic, payload)
        full, centre = rain_at(elapsed_s), storm_at(elapsed_s, self._wet, self._seed)
        now = SystemClock().now()
        for fleet in self._fleets:
            at = fleet.due(elapsed_s, self._chance)
            if self._faults.silent_share:
                at = fleet.hush(at, elapsed_s, self._faults.silent_s)
            if len(at):
                rain = fleet.rain(at, centre, full) if centre is not None else np.zeros(len(at))
                self._say(gateway, fleet, at, now=now, rain=rain, elapsed_s=elapsed_s)

    def _say(
        self, link: Gateway, fleet: Fleet, at: Ints, *, now: datetime, rain: np.ndarray, elapsed_s: float
    ) -> None:
        values = fleet.values(at, now.hour + now.minute / 60, rain, self._chance)
        whole = {m for m in values if fleet.product.metrics[m].value_type == "integer"}
        spike = self._chance.random(len(at)) < self._faults.spike_share
        columns = {m: np.where(spike, v * self._faults.spike_factor, v).tolist() for m, v in values.items()}
        spoken: dict[int, list[Any]] = defaultdict(list)
        for i, (row, gateway) in enumerate(zip(at.tolist(), fleet.gateway[at].tolist(), strict=True)):
            said = {m: int(column[i]) if m in whole else column[i] for m, column in columns.items()}
            time = now + timedelta(seconds=float(fleet.skew_s[row]))
            document = encode(fleet.product, said, time)
            if gateway >= 0 and fleet.device_pointer is not None and isinstance(document, dict):
                place(document, fleet.device_pointer, fleet.id(row))
                spoken[gateway].append(document)
                continue
            payload = payload_of(fleet.product.decoder, document)
            self._send(link, device_topic(fleet.name, fleet.id(row)), payload, elapsed_s)
        for gateway, documents in spoken.items():
            self._send(link, device_topic(fleet.name, fleet.id(gateway)), orjson.dumps(documents), elapsed_s)

    def _send(self, gateway: Gateway, topic: str, payload: bytes, elapsed_s: float) -> None:
        faults, luck = self._faults, self._luck.random
        if luck() < faults.broken_share:
            payload = payload[: len(payload) // 2]
        if luck() < faults.late_share and len(self._late) < LATE_MESSAGES_MAX:
            self._number += 1
            until_s = elapsed_s + self._luck.uniform(0, faults.late_s)
            heapq.heappush(self._late, (until_s, self._number, topic, payload))
            return
        gateway.wait_room(ROOM_WAIT_S)
        gateway.publish_raw(topic, payload)
        if luck() < faults.duplicate_share:
            gateway.publish_raw(topic, payload)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
