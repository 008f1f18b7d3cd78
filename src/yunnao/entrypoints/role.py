"""`python -m yunnao.entrypoints.role NAME`: one role as a process.

Apart from the command line, which loads every command: a city starts several of these at once,
and each loads what its role needs.
"""

import os
import signal
import sys
import threading
import time

from yunnao.infra import telemetry
from yunnao.infra.paths import project_root
from yunnao.infra.settings import Settings

PARENT_VARIABLE = "YUNNAO_PARENT"
"""Tells a role the process whose death it must not outlive."""
PARENT_CHECK_S = 0.5
API_STOP_WAIT_S = 10
API_BACKPRESSURE_REQUESTS = 512


def run(name: str) -> None:
    """Runs the role `name` (api, ingest, worker, bridge, simulate) until it is told to stop."""
    settings = Settings.from_environment(os.environ, project_root())
    end_with_parent()
    if name == "api":
        _serve(settings)
        return
    telemetry.configure(name, settings.log_format, settings.otlp_url)
    from importlib import import_module

    from yunnao.entrypoints.roles import run_role

    run_role(name, import_module(f"yunnao.entrypoints.{name}").run, settings)


def _serve(settings: Settings) -> None:
    from granian import Granian
    from granian.constants import Interfaces

    Granian(
        "yunnao.entrypoints.api.app:create_app",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        factory=True,
        workers=settings.api_workers,
        log_enabled=False,
        workers_kill_timeout=API_STOP_WAIT_S,
        respawn_failed_workers=True,
        backpressure=API_BACKPRESSURE_REQUESTS,
    ).serve()


def end_with_parent() -> None:
    """Ends this role when the process that started it is gone, killed or not.

    Otherwise roles of a killed city would go on beside those of the next one.
    """
    if PARENT_VARIABLE not in os.environ:
        return
    parent = int(os.environ[PARENT_VARIABLE])

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_CHECK_S)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


if __name__ == "__main__":
    run(sys.argv[1])
