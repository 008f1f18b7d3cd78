"""`yunnao up`: every role in one process group, watched, started again when one falls."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import httpx
import structlog

from yunnao.bootstrap import ensure_servers
from yunnao.entrypoints.role import PARENT_VARIABLE
from yunnao.infra.settings import Settings
from yunnao.kernel.errors import Unavailable

STOP_WAIT_S = 20.0
RESTART_DELAY_S = 1.0
READY_POLL_S = 0.2
SERVERS_CHECK_S = 3.0
READY_TIMEOUT_S = 5.0

log = structlog.get_logger()


@dataclass
class Child:
    """A role's process."""

    name: str
    process: asyncio.subprocess.Process | None = field(default=None)

    async def start(self, environment: Mapping[str, str]) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "yunnao.entrypoints.role", self.name, env=environment
        )


class Supervisor:
    """Starts children, restarts those that die, stops all on a signal."""

    def __init__(self, children: Sequence[Child], settings: Settings, on_serving: Callable[[], None]) -> None:
        self._children = list(children)
        self._settings = settings
        self._ready_url = f"http://{settings.host}:{settings.port}/readyz"
        self._metrics = settings.home / "metrics"
        self._on_serving = on_serving
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Returns when a signal has stopped everything."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        shutil.rmtree(self._metrics, ignore_errors=True)
        self._metrics.mkdir(mode=0o700, parents=True)
        beside = [asyncio.create_task(self._announce()), asyncio.create_task(self._keep_servers())]
        await asyncio.gather(*(self._watch(child) for child in self._children))
        for task in beside:
            task.cancel()

    async def _announce(self) -> None:
        async with httpx.AsyncClient(timeout=READY_TIMEOUT_S, trust_env=False) as client:
            while True:
                with suppress(httpx.HTTPError):
                    if (await client.get(self._ready_url)).is_success:
                        break
                await asyncio.sleep(READY_POLL_S)
        self._on_serving()

    async def _keep_servers(self) -> None:
        """Starts an embedded server again that died under the running city."""
        while True:
            await asyncio.sleep(SERVERS_CHECK_S)
            try:
                await asyncio.to_thread(ensure_servers, self._settings)
            except Unavailable as error:
                log.error("server_down", reason=str(error))

    async def _watch(self, child: Child) -> None:
        while not self._stop.is_set():
            await child.start(self._environment())
            assert child.process is not None
            ended = asyncio.create_task(child.process.wait())
            stopped = asyncio.create_task(self._stop.wait())
            await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            if not self._stop.is_set():
                log.warning("role_restarts", role=child.name, exit_code=child.process.returncode)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), RESTART_DELAY_S)
        await self._end(child)

    def _environment(self) -> dict[str, str]:
        """The roles put their metrics into one folder, and the API tells them all."""
        return {
            **os.environ,
            "PROMETHEUS_MULTIPROC_DIR": str(self._metrics),
            PARENT_VARIABLE: str(os.getpid()),
        }

    async def _end(self, child: Child) -> None:
        process = child.process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_WAIT_S)
        except TimeoutError:
            log.warning("role_killed", role=child.name)
            process.kill()
            await process.wait()
