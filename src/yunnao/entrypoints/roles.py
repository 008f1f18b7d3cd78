"""How a role runs as a process: open the platform, work until told to stop, end gracefully."""

import asyncio
import signal
from collections.abc import Awaitable, Callable

import structlog

from yunnao.bootstrap import Platform, open_platform
from yunnao.infra.settings import Settings

Role = Callable[[Platform, asyncio.Event], Awaitable[None]]

log = structlog.get_logger()


def run_role(name: str, role: Role, settings: Settings) -> None:
    """Runs `role` to its end; SIGTERM and SIGINT ask it to stop."""
    asyncio.run(_run(name, role, settings))


async def _run(name: str, role: Role, settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with open_platform(settings, name) as platform:
        log.info("role_ready", role=name)
        await role(platform, stop)
    log.info("role_stopped", role=name)
