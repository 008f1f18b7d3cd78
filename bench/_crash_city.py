"""The city of the crash benchmark: as `yunnao up`, but its lake is sealed within seconds.

`python -m bench._crash_city` runs the city with two ingest workers, `... worker` its worker.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from datetime import timedelta

from yunnao.bootstrap import prepare, stop_servers
from yunnao.entrypoints import role
from yunnao.entrypoints.supervisor import Child, Supervisor
from yunnao.infra import telemetry
from yunnao.infra.paths import project_root
from yunnao.infra.settings import Settings
from yunnao.modules.sensing.lake import keeper, schedule

MODULE = "bench._crash_city"
WORKER = "worker"
INGEST_WORKERS = 2
ROUND_S = 0.5
SETTLING = timedelta(seconds=1)
LATE_REST = timedelta(seconds=5)


class HastyWorker(Child):
    """The worker role, whose keeper of the lake does not wait for hours to settle."""

    async def start(self, environment: Mapping[str, str]) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", MODULE, WORKER, env=environment
        )


def city() -> None:
    settings = Settings.from_environment(os.environ, project_root())
    telemetry.configure("up", settings.log_format, settings.otlp_url)
    asyncio.run(prepare(settings))
    children = [Child("api"), HastyWorker(WORKER), *(Child("ingest") for _ in range(INGEST_WORKERS))]
    try:
        asyncio.run(Supervisor(children, settings, lambda: None).run())
    finally:
        stop_servers(settings)


def worker() -> None:
    schedule.sealing_grace = timedelta(0)
    schedule.settling = SETTLING
    keeper.late_rest = LATE_REST
    keeper.round_s = ROUND_S
    role.run(WORKER)


if __name__ == "__main__":
    worker() if sys.argv[1:] == [WORKER] else city()
