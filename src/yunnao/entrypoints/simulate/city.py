"""`yunnao simulate --devices N`: so many synthetic devices publish into the running city."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Any

import numpy as np

from yunnao.bootstrap import Platform, open_platform
from yunnao.infra.settings import Settings
from yunnao.kernel.principal import SYSTEM
from yunnao.modules.sensing.contracts import DeviceDraft
from yunnao.modules.sensing.simulator.fleet import Fleet, Floats, fleets
from yunnao.modules.sensing.simulator.profile import Profile, read_profile
from yunnao.modules.sensing.simulator.publisher import Progress, Publisher

REGISTER_ROWS = 20_000

Tell = Callable[..., None]


async def simulate(settings: Settings, devices: int, profile_name: str, seed: int, tell: Tell) -> None:
    """Registers the devices and publishes until SIGINT or SIGTERM. Raises NotFound `profile_unknown`."""
    profile = read_profile(profile_name)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with open_platform(settings, "simulate") as platform:
        made = fleets(platform.scenes, profile, devices, _inside(platform), seed)
        await _register(platform, made, stop, tell)
        tell("simulate_began", devices=devices, description=profile.description.to(settings.language))
        await _publish(platform, made, profile, seed, stop=stop, tell=tell)


def _inside(platform: Platform) -> Callable[[Floats, Floats], Any]:
    def inside(lon: Floats, lat: Floats) -> Any:
        places = platform.geography.resolve_many(lon, lat)
        return np.array([place.district is not None for place in places], np.bool_)

    return inside


async def _register(platform: Platform, made: list[Fleet], stop: asyncio.Event, tell: Tell) -> None:
    drafts: Iterator[DeviceDraft] = chain.from_iterable(fleet.drafts() for fleet in made)
    total, done = sum(map(len, made)), 0
    while not stop.is_set() and (part := list(islice(drafts, REGISTER_ROWS))):
        async with platform.database.transaction() as tx:
            new = await platform.sensing.register_devices(tx, part)
            await platform.identity.audit(tx, SYSTEM, "device:register", "Device", registered=new)
        done += len(part)
        tell("simulate_registering", done=done, total=total)


async def _publish(
    platform: Platform, made: list[Fleet], profile: Profile, seed: int, *, stop: asyncio.Event, tell: Tell
) -> None:
    def told(progress: Progress) -> None:
        tell(
            "simulate_progress",
            sent=progress.sent,
            acknowledged=progress.acknowledged,
            per_s=round(progress.per_s),
        )

    publisher = Publisher(made, platform.scenes, profile, seed)
    await publisher.run(platform.servers.mqtt_device, stop, told)
