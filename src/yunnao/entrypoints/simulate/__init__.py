"""The simulate role: a synthetic city for demo mode, through the doors that a real one uses."""

import asyncio

from yunnao.bootstrap import Platform
from yunnao.entrypoints.simulate.people import Citizens, Staff
from yunnao.modules.sensing.simulate import simulate_readings
from yunnao.modules.sensing.simulator.obedience import Obedience


async def run(platform: Platform, stop: asyncio.Event) -> None:
    """Sensors report and carry out commands, citizens write, staff handle; until `stop` is set."""
    async with asyncio.TaskGroup() as group:
        group.create_task(simulate_readings(platform.scenes, platform.servers.mqtt_device, stop))
        group.create_task(Obedience(platform.scenes, platform.servers.mqtt_device).run(stop))
        group.create_task(Citizens(platform).run(stop))
        group.create_task(Staff(platform).run(stop))
