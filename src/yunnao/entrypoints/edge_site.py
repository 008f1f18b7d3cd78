"""An edge site's processes: a launcher that stays, and the program under it, which can be replaced."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import structlog

from yunnao.infra import telemetry
from yunnao.infra.clock import SystemClock
from yunnao.infra.embedded.nats import EmbeddedNats, ensure_mqtt_stream, ensure_nats
from yunnao.infra.embedded.nats_config import Leaf
from yunnao.infra.nats_subjects import edge_user
from yunnao.infra.nervous import Nervous
from yunnao.infra.paths import project_root
from yunnao.infra.settings import Settings
from yunnao.modules.sensing.edge.site import EdgeKey, EdgeSite
from yunnao.modules.sensing.edge.updates import ProgramFolder, Updates

REPLACED = 75
"""The exit status of a program that another one shall follow."""
TRIAL_S = 120.0
"""So long a new program has to reach the centre; then the one before runs again, and it is tried later."""
RESTART_S = 1.0
POLL_S = 0.2

log = structlog.get_logger()


class Launcher:
    """Runs the site's program, starts it again when it falls, and goes back from one that fails."""

    def __init__(self, home: Path, key: Path, trial_s: float = TRIAL_S) -> None:
        self._home = home
        self._key = key
        self._trial_s = trial_s
        self._programs = programs_of(home)
        self._ending = False

    def run(self) -> None:
        """Returns when a signal has ended it."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        while not self._ending:
            status = self._watch(self._start())
            if self._ending or status == REPLACED:
                continue
            if not self._programs.proven:
                log.error("edge_program_refused", version=self._programs.version, status=status)
                self._programs.go_back(refuse=True)
            else:
                log.error("edge_program_fell", version=self._programs.version, status=status)
                time.sleep(RESTART_S)

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "YUNNAO_HOME": str(self._home)}
        if (path := self._programs.path) is not None:
            environment["PYTHONPATH"] = str(path)
        return subprocess.Popen([sys.executable, "-m", __name__, str(self._key)], env=environment)

    def _watch(self, process: subprocess.Popen[bytes]) -> int:
        """The exit status; of a trial that took too long, the status of one that is to be replaced."""
        until = time.monotonic() + self._trial_s
        while True:
            try:
                return process.wait(POLL_S)
            except subprocess.TimeoutExpired:
                late = not self._programs.proven and time.monotonic() > until
            if self._ending or late:
                process.terminate()
                status = process.wait()
                if not self._ending:
                    self._programs.go_back(refuse=False)
                    return REPLACED
                return status

    def _end(self, *_: object) -> None:
        self._ending = True


def programs_of(home: Path) -> ProgramFolder:
    return ProgramFolder(home / "program")


def broker_of(own: Settings, key: EdgeKey) -> EmbeddedNats:
    """The site's broker, started where it does not run: a leaf of the centre's."""
    leaf = Leaf(
        centre_url=f"nats-leaf://{edge_user(key.edge)}:{key.secret}@{key.centre}",
        domain=edge_user(key.edge),
    )
    return ensure_nats(own.home, mqtt_port=own.mqtt_port, leaf=leaf)


async def serve(own: Settings, key: EdgeKey) -> int:
    """Runs the site until a signal, or until another program is there; answers the exit status."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    broker = broker_of(own, key)
    async with Nervous(broker.url, "edge") as nervous:
        await ensure_mqtt_stream(nervous.jetstream, broker.platform, partitioned=False)
        updates = None
        if key.program_key is not None:
            updates = Updates(key.edge, nervous.client, programs_of(own.home), key.program_key)
        site = EdgeSite(key.edge, own.home, SystemClock(), nervous, updates, key.ask_every_s)
        await site.run(stop)
    return REPLACED if site.replaced else 0


def main() -> int:
    own = Settings.from_environment(os.environ, project_root())
    telemetry.configure("edge", own.log_format, own.otlp_url)
    key = EdgeKey.model_validate_json(Path(sys.argv[1]).read_text(encoding="utf-8"))
    return asyncio.run(serve(own, key))


if __name__ == "__main__":
    sys.exit(main())
