"""A whole city of its own in a folder of its own: for the demonstration, benchmarks and tests."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

READY_S = 120.0
STOP_S = 40.0
POLL_S = 0.1
UP = ("yunnao.entrypoints.cli.main", "up")


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class ChildCity:
    """Runs `yunnao up`, or another Python `module` with its arguments, as a process group with its own
    home and ports."""

    def __init__(
        self,
        home: Path,
        *,
        simulate: bool = False,
        extra: Mapping[str, str] | None = None,
        module: Sequence[str] = UP,
    ) -> None:
        self.home = home
        self._module = list(module)
        self.port = free_port()
        self.mqtt_port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.log = home / "city.log"
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("YUNNAO_")}
        self.environment = {
            **inherited,
            "YUNNAO_HOME": str(home),
            "YUNNAO_PORT": str(self.port),
            "YUNNAO_MQTT_PORT": str(self.mqtt_port),
            "YUNNAO_DEMO": "1",
            "YUNNAO_SIMULATE": "1" if simulate else "0",
            "YUNNAO_LOG_FORMAT": "json",
            **(extra or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it and waits until it serves; raises RuntimeError with the log's end when it does not."""
        self.home.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *self._module],
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            if self.ready():
                return
            time.sleep(POLL_S)
        end = self.log.read_text(errors="replace")[-4000:]
        self.kill()
        raise RuntimeError(f"the city does not serve; the end of {self.log}:\n{end}")

    def ready(self) -> bool:
        """Whether every part answers."""
        try:
            return httpx.get(f"{self.base_url}/readyz", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def accounts(self) -> dict[str, dict[str, Any]]:
        """The demonstration's accounts with their passwords, by role."""
        items = httpx.get(f"{self.base_url}/api/v1/demo/accounts", timeout=10).json()["items"]
        found: dict[str, dict[str, Any]] = {}
        for item in items:
            found.setdefault(item["role"], item)
        return found

    def signed_in(self, account: Mapping[str, Any]) -> httpx.Client:
        """A client with the session of `account`."""
        client = httpx.Client(base_url=f"{self.base_url}/api/v1", headers={"X-Yunnao": "1"}, timeout=30)
        answer = client.post(
            "/session", json={"account": account["account"], "password": account["password"]}
        )
        answer.raise_for_status()
        return client

    def stop(self) -> None:
        """Asks it to end, as a service manager would, and waits."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Kills the whole group, as a crash would."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
