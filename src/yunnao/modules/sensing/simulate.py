"""Synthetic sensors of demo mode: plausible readings through the door of real devices.

Each metric follows its `Rhythm`: a day's curve, noise that wanders, and what rain adds. It rains
soon after the start and then every twenty minutes, each time about another place, so that some
underpasses flood and run dry.
"""

import asyncio
import math
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Any

import structlog

from yunnao.infra.clock import SystemClock
from yunnao.infra.embedded.nats import MqttAddress
from yunnao.infra.gateway import Gateway
from yunnao.kernel.errors import Unavailable
from yunnao.kernel.geometry import distance_m
from yunnao.kernel.packs.scene import DemoDevice, Product, Rhythm, ScenePack
from yunnao.kernel.packs.streaming_rules import ThresholdRule
from yunnao.modules.sensing.domain.encoding import Payload, encode

INTERVAL_S_MAX = 10.0
"""Demo devices speak more often than real ones, so that a visitor sees something happen."""
TICK_S = 0.5
RAIN_FIRST_S = 20.0
RAIN_EVERY_S = 1_200.0
RAIN_RISE_S = 40.0
RAIN_HOLD_S = 330.0
RAIN_FALL_S = 120.0
STORM_M = 12_000.0
"""Radius at which a storm has lost 40 % of its rain."""
STORM_SHARE_MIN = 0.15
"""Of the rain at its centre, what falls far away."""
NOISE_MEMORY = 0.8
"""Share of the last noise that stays: neighbouring values of a real sensor are alike."""
RETRY_S = 2.0

log = structlog.get_logger()


def rain_at(elapsed_s: float) -> float:
    """Rain, 0 to 1, so long after the start."""
    into_s = (elapsed_s - RAIN_FIRST_S) % RAIN_EVERY_S
    if elapsed_s < RAIN_FIRST_S:
        return 0.0
    if into_s < RAIN_RISE_S:
        return into_s / RAIN_RISE_S
    ending_s = into_s - RAIN_RISE_S - RAIN_HOLD_S
    return 1.0 if ending_s < 0 else max(0.0, 1.0 - ending_s / RAIN_FALL_S)


def flooding(scenes: Sequence[ScenePack]) -> list[DemoDevice]:
    """Demo devices at which full rain, and no less, sets off a rule that raises a case."""
    rules = [
        rule
        for scene in scenes
        for rule in scene.rules.values()
        if isinstance(rule, ThresholdRule) and rule.above is not None and rule.case is not None
    ]
    return [
        device
        for scene in scenes
        for device in scene.devices
        if any(
            rhythm.base <= (rule.above or 0) < rhythm.base + rhythm.rain_gain
            for rule in rules
            for metric, rhythm in device.rhythm.items()
            if rule.product == device.product and rule.metric == metric
        )
    ]


def storm_at(elapsed_s: float, wet: Sequence[DemoDevice], seed: int) -> DemoDevice | None:
    """The place about which it rains, one of `wet` for each episode."""
    episode = int((elapsed_s - RAIN_FIRST_S) // RAIN_EVERY_S)
    return random.Random(seed + episode).choice(wet) if wet else None


def storm_share(device: DemoDevice, centre: DemoDevice | None) -> float:
    """Share of the rain that falls at a device."""
    if centre is None:
        return 0.0
    away = distance_m(device.lon, device.lat, centre.lon, centre.lat) / STORM_M
    return STORM_SHARE_MIN + (1 - STORM_SHARE_MIN) * math.exp(-(away**2) / 2)


def value_at(rhythm: Rhythm, hour: float, rain: float, noise: float, attributes: dict[str, Any]) -> float:
    """The metric's value at an hour of the day, local time; `noise` in standard deviations."""
    value = rhythm.base + rhythm.daily_amplitude * math.cos(2 * math.pi * (hour - rhythm.peak_hour) / 24)
    value += rhythm.noise * noise + rhythm.rain_gain * rain
    value = max(value, rhythm.minimum)
    if rhythm.maximum is not None:
        value = min(value, rhythm.maximum)
    return value * float(attributes[rhythm.share_of]) if rhythm.share_of is not None else value


@dataclass
class SyntheticDevice:
    """A demo device and when it speaks next."""

    device: DemoDevice
    product: Product
    next_s: float
    noise: dict[str, float] = field(default_factory=dict)

    @property
    def interval_s(self) -> float:
        return min(float(self.product.interval_s), INTERVAL_S_MAX)

    def payload(self, now: datetime, rain: float, chance: random.Random) -> Payload:
        """What it says now. The hour is the sun's at its longitude."""
        hour = (now.hour + now.minute / 60 + self.device.lon / 15) % 24
        values: dict[str, Any] = {}
        for metric, rhythm in self.device.rhythm.items():
            fresh = chance.gauss(0, math.sqrt(1 - NOISE_MEMORY**2))
            self.noise[metric] = NOISE_MEMORY * self.noise.get(metric, 0.0) + fresh
            value = value_at(rhythm, hour, rain, self.noise[metric], dict(self.device.attributes))
            whole = self.product.metrics[metric].value_type == "integer"
            values[metric] = round(value) if whole else round(value, 3)
        return encode(self.product, values, now)


def synthetic_devices(scenes: Sequence[ScenePack], chance: random.Random) -> list[SyntheticDevice]:
    """Every demo device with a rhythm, first turns spread over an interval."""
    products = {name: product for scene in scenes for name, product in scene.products.items()}
    found: list[SyntheticDevice] = []
    for device in (device for scene in scenes for device in scene.devices):
        if device.rhythm:
            synthetic = SyntheticDevice(device, products[device.product], 0.0)
            synthetic.next_s = chance.uniform(0, synthetic.interval_s)
            found.append(synthetic)
    return found


async def simulate_readings(
    scenes: Sequence[ScenePack], address: MqttAddress, stop: asyncio.Event, seed: int | None = None
) -> None:
    """Publishes over MQTT at QoS 1 until `stop`; an unreachable broker is tried again."""
    seed = random.randrange(2**31) if seed is None else seed
    chance = random.Random(seed)
    devices = synthetic_devices(scenes, chance)
    wet = flooding(scenes)
    began = monotonic()
    while not stop.is_set():
        try:
            gateway = await asyncio.to_thread(Gateway(address, "simulator").__enter__)
        except (OSError, Unavailable) as error:
            log.warning("simulator_waits", reason=repr(error))
            await _pause(stop, RETRY_S)
            continue
        try:
            while not stop.is_set():
                elapsed_s = monotonic() - began
                storm = storm_at(elapsed_s, wet, seed)
                _speak(gateway, devices, elapsed_s, storm=storm, chance=chance)
                await _pause(stop, TICK_S)
        finally:
            await asyncio.to_thread(gateway.__exit__)


def _speak(
    gateway: Gateway,
    devices: Sequence[SyntheticDevice],
    elapsed_s: float,
    *,
    storm: DemoDevice | None,
    chance: random.Random,
) -> None:
    now, rain = SystemClock().now(), rain_at(elapsed_s)
    for synthetic in devices:
        if synthetic.next_s <= elapsed_s:
            device = synthetic.device
            payload = synthetic.payload(now, rain * storm_share(device, storm), chance)
            gateway.publish(device.product, device.device, payload)
            # From now and not from its turn: after a pause of the machine nobody catches up.
            synthetic.next_s = elapsed_s + synthetic.interval_s


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
