"""Demo devices answer commands, so that whoever closes a barrier sees it close."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from tests.integration.sensing_support import PACK, City, until
from tests.integration.test_commands import DISPATCHER, GATE, city, commands, exchange, ordered, state

from yunnao.infra.clock import SystemClock
from yunnao.infra.embedded.nats import EmbeddedNats
from yunnao.kernel.packs.scene import ScenePack
from yunnao.modules.sensing.commands.facade import Commands
from yunnao.modules.sensing.simulator.obedience import Obedience

__all__ = ["city", "commands"]


@pytest.fixture
async def at_work(city: City) -> AsyncIterator[None]:
    """The worker that sends commands and hears answers."""
    city.clock.time = SystemClock().now()
    stop = asyncio.Event()
    task = asyncio.create_task(exchange(city).run(stop))
    yield
    stop.set()
    with suppress(asyncio.CancelledError):
        await asyncio.wait_for(task, 10)


def pack() -> ScenePack:
    """With L-1 for a demo device; L-2 is somebody's real one."""
    level = PACK.products["level"].model_dump(mode="json") | {"commands": GATE}
    device = PACK.devices[0].model_copy(update={"device": "L-1", "product": "level"})
    products = {**PACK.products, "level": type(PACK.products["level"]).model_validate(level)}
    return PACK.model_copy(update={"products": products, "devices": [device]})


@pytest.mark.parametrize(("failing", "ends", "reported"), [(0.0, "done", "closed"), (1.0, "failed", None)])
async def test_a_demo_device_carries_a_command_out_or_fails(
    failing: float,
    ends: str,
    reported: str | None,
    city: City,
    commands: Commands,
    at_work: None,
    nats_server: EmbeddedNats,
) -> None:
    stop = asyncio.Event()
    devices = Obedience([pack()], nats_server.device, takes_s=(0.3, 0.4), failing_share=failing)
    running = asyncio.create_task(devices.run(stop))
    await asyncio.sleep(1)
    command, other = await ordered(city, commands), await ordered(city, commands, device="L-2")

    async def ended() -> bool:
        return await state(city, commands, command) == ends

    await until(ended)
    async with city.database.transaction() as tx:
        found = await commands.state(tx, DISPATCHER, "L-1")
    assert found.reported.get("gate") == reported
    assert await state(city, commands, other) == "sent", "nobody speaks for a device that is not a demo's"
    stop.set()
    await running
