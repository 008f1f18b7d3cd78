"""The bridge role: devices that speak to other brokers become devices of the city."""

import asyncio
import fcntl
import hashlib
import os
import platform as machine
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from yunnao.bootstrap import Platform
from yunnao.kernel.errors import InvalidInput
from yunnao.modules.sensing.bridge.bridge import Bridge
from yunnao.modules.sensing.bridge.spec import BrokerBridge, read_bridges

PROCESSES_MAX = 16
"""Of one machine that share a bridge."""
CLAIM_RETRY_S = 1.0


async def run(platform: Platform, stop: asyncio.Event) -> None:
    """Works until `stop`. Raises InvalidInput `bridges_unset`, PackRefused for a broken file."""
    if platform.settings.bridges is None:
        raise InvalidInput("bridges_unset")
    bridges = read_bridges(platform.settings.bridges)
    passwords = {bridge.name: bridge.password(os.environ) for bridge in bridges}
    async with asyncio.TaskGroup() as group:
        for bridge in bridges:
            group.create_task(_carry(platform, bridge, passwords[bridge.name], stop))


async def _carry(platform: Platform, spec: BrokerBridge, password: str | None, stop: asyncio.Event) -> None:
    async with _claimed(platform.settings.home, spec, stop) as client_id:
        if client_id is not None:
            await Bridge(spec, client_id, password, platform.nervous, platform.database).run(stop)


@asynccontextmanager
async def _claimed(home: Path, spec: BrokerBridge, stop: asyncio.Event) -> AsyncIterator[str | None]:
    """A client identifier that is ours while we live and the same after a restart, since the broker
    keeps a session's messages under it. None if `stop` comes before one is free.

    A session that cannot be shared has one identifier: other processes stand by.
    """
    shared = spec.protocol == "5" and spec.share is not None
    own = hashlib.sha256(f"{machine.node()}:{home}".encode()).hexdigest()[:8]
    while not stop.is_set():
        for number in range(PROCESSES_MAX if shared else 1):
            with (home / f"bridge-{spec.name}-{number}.lock").open("w") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                yield f"yunnao-{own}-{spec.name}-{number}"
                return
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), CLAIM_RETRY_S)
    yield None
