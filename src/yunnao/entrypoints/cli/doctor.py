"""`yunnao doctor`: what is there, what is missing, and what to do about it."""

import asyncio
import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from enum import Enum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import nats
import psycopg
import typer

from yunnao.infra.embedded.nats import find_nats, find_nats_program
from yunnao.infra.embedded.postgres import find_postgres
from yunnao.infra.embedded.postgres_programs import find_programs, wanted_major
from yunnao.infra.embedded.processes import port_is_free
from yunnao.infra.paths import project_root
from yunnao.infra.programs import find_chromium, has_chinese_font, node_oldest_major, node_version
from yunnao.infra.settings import Settings
from yunnao.kernel.errors import InvalidInput, YunnaoError
from yunnao.kernel.text import DEFAULT_LANGUAGE, Language, say

disk_free_bytes_min = 2 * 1024**3
connect_limit_s = 3
GIGABYTE = 1024**3


class State(Enum):
    """How good a finding is; the value is the mark shown before it."""

    GOOD = "✓"
    LACKING = "!"
    """Some things will not work, the platform will."""
    BROKEN = "✗"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: `doctor_<part>_<what>` is its sentence, `advice` what to do."""

    state: State
    code: str
    params: dict[str, Any] = field(default_factory=dict)
    advice: str | None = None

    def told(self, language: Language) -> str:
        text = f"{self.state.value} {say(self.code, language, **self.params)}"
        return f"{text}\n    → {say(self.advice, language, **self.params)}" if self.advice else text


def register(app: typer.Typer) -> None:
    app.command("doctor", help="Tell what is there, what is missing and what to do.")(command)


def command() -> None:
    try:
        settings = Settings.from_environment(os.environ, project_root())
    except InvalidInput as error:
        typer.echo(say(error.code, DEFAULT_LANGUAGE, **error.params), err=True)
        raise typer.Exit(1) from error
    findings = doctor(settings)
    for finding in findings:
        typer.echo(finding.told(settings.language))
    if any(finding.state is State.BROKEN for finding in findings):
        raise typer.Exit(1)


def doctor(settings: Settings) -> list[Finding]:
    """Look at everything that the platform needs here. Starts, installs and changes nothing."""
    return [
        _python(),
        _packages(settings.root / "requirements.lock"),
        _home(settings.home),
        _disk(settings.home),
        _postgres(settings),
        _nats(settings),
        _mqtt_port(settings),
        _port(settings),
        *_packs(settings),
        _node(),
        _console(settings.root),
        _chromium(),
        _font(),
    ]


def _python() -> Finding:
    return Finding(State.GOOD, "doctor_python", {"version": platform.python_version()})


def _packages(lock: Path) -> Finding:
    try:
        pins = _pins(lock.read_text(encoding="utf-8"))
    except OSError:
        return Finding(State.LACKING, "doctor_lock_missing", {"path": str(lock)})
    wrong = sorted(name for name, known in pins.items() if not _is_installed(name, known))
    if not wrong:
        return Finding(State.GOOD, "doctor_packages", {"count": len(pins)})
    params = {"count": len(wrong), "names": ", ".join(wrong[:5])}
    return Finding(State.BROKEN, "doctor_packages_differ", params, "doctor_run_setup")


def _pins(lock: str) -> dict[str, dict[str, bool]]:
    """Name → version → whether a marker limits it to some machines, of the lines of the lock."""
    pins: dict[str, dict[str, bool]] = {}
    for match in re.finditer(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)([^\n]*)", lock, re.MULTILINE):
        pins.setdefault(match[1], {})[match[2]] = ";" in match[3]
    return pins


def _is_installed(name: str, pins: dict[str, bool]) -> bool:
    """Whether the version here is one of `pins`; a package of other machines only may be missing."""
    try:
        return version(name) in pins
    except PackageNotFoundError:
        return all(pins.values())


def _home(home: Path) -> Finding:
    folder = next(each for each in (home, *home.parents) if each.exists())
    if os.access(folder, os.W_OK | os.X_OK):
        return Finding(State.GOOD, "doctor_home", {"path": str(home)})
    return Finding(State.BROKEN, "doctor_home_closed", {"path": str(home)}, "doctor_home_advice")


def _disk(home: Path) -> Finding:
    folder = next(each for each in (home, *home.parents) if each.exists())
    free = shutil.disk_usage(folder).free
    params = {"free_gb": f"{free / GIGABYTE:.1f}", "wanted_gb": disk_free_bytes_min // GIGABYTE}
    if free >= disk_free_bytes_min:
        return Finding(State.GOOD, "doctor_disk", params)
    return Finding(State.BROKEN, "doctor_disk", params, "doctor_disk_advice")


def _postgres(settings: Settings) -> Finding:
    if settings.database_url:
        return _other_postgres(settings.database_url)
    try:
        programs = find_programs()
    except YunnaoError as error:
        return Finding(State.BROKEN, "doctor_postgres_missing", error.params, error.code)
    running = find_postgres(settings.home)
    params = {"version": programs.version, "path": str(programs.folder), "wanted": wanted_major}
    state = State.GOOD if programs.major == wanted_major else State.LACKING
    if running is None:
        return Finding(state, "doctor_postgres_stopped", params)
    return Finding(
        state, "doctor_postgres_running", {**params, "pid": running.pid, "data": str(running.data)}
    )


def _other_postgres(url: str) -> Finding:
    try:
        with psycopg.connect(url, connect_timeout=connect_limit_s) as connection:
            told = connection.info.parameter_status("server_version") or ""
            return Finding(
                State.GOOD, "doctor_postgres_other", {"version": told, "host": connection.info.host}
            )
    except (psycopg.Error, OSError) as error:
        return Finding(
            State.BROKEN, "doctor_postgres_unreachable", {"why": str(error)}, "doctor_postgres_advice"
        )


def _nats(settings: Settings) -> Finding:
    if settings.nats_url:
        return _other_nats(settings.nats_url)
    try:
        program = find_nats_program()
    except YunnaoError as error:
        return Finding(State.BROKEN, "doctor_nats_missing", error.params, error.code)
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    params = {"version": told.strip().rpartition(" ")[2].lstrip("v"), "path": str(program)}
    running = find_nats(settings.home)
    if running is None:
        return Finding(State.GOOD, "doctor_nats_stopped", params)
    return Finding(State.GOOD, "doctor_nats_running", {**params, "pid": running.pid})


def _other_nats(url: str) -> Finding:
    async def ask() -> str:
        async with asyncio.timeout(connect_limit_s):
            client = await nats.connect(url, max_reconnect_attempts=1, error_cb=_ignore)
        try:
            return str(client.connected_server_version)
        finally:
            await client.close()

    try:
        return Finding(State.GOOD, "doctor_nats_other", {"version": asyncio.run(ask())})
    except (nats.errors.Error, OSError) as error:
        return Finding(
            State.BROKEN, "doctor_nats_unreachable", {"why": str(error) or "timeout"}, "doctor_nats_advice"
        )


async def _ignore(_: Exception) -> None:
    """The failed connection is itself the finding."""


def _mqtt_port(settings: Settings) -> Finding:
    if settings.nats_url:
        return Finding(State.GOOD, "doctor_mqtt_other", {"port": settings.mqtt_port})
    if running := find_nats(settings.home):
        return Finding(State.GOOD, "doctor_mqtt_running", {"port": running.device.port})
    params = {"port": settings.mqtt_port}
    if port_is_free(settings.mqtt_port):
        return Finding(State.GOOD, "doctor_mqtt_free", params)
    return Finding(State.LACKING, "doctor_mqtt_taken", params, "doctor_mqtt_advice")


def _port(settings: Settings) -> Finding:
    params = {"port": settings.port}
    if port_is_free(settings.port):
        return Finding(State.GOOD, "doctor_port_free", params)
    return Finding(State.LACKING, "doctor_port_taken", params, "doctor_port_advice")


def _packs(settings: Settings) -> list[Finding]:
    wanted = [Path("cities", settings.city, "city.yaml")]
    wanted += [Path("scenes", scene, "scene.yaml") for scene in settings.scenes]
    missing = [str(path.parent) for path in wanted if not (settings.root / path).is_file()]
    params = {"city": settings.city, "scenes": ", ".join(settings.scenes), "missing": ", ".join(missing)}
    if missing:
        return [Finding(State.BROKEN, "doctor_packs_missing", params, "doctor_packs_advice")]
    return [Finding(State.GOOD, "doctor_packs", params)]


def _node() -> Finding:
    if told := node_version():
        return Finding(State.GOOD, "doctor_node", {"version": told})
    return Finding(State.LACKING, "doctor_node_missing", {"wanted": node_oldest_major}, "doctor_run_setup")


def _console(root: Path) -> Finding:
    if (root / "web" / "dist" / "index.html").is_file():
        return Finding(State.GOOD, "doctor_console")
    return Finding(State.LACKING, "doctor_console_missing", advice="doctor_run_setup")


def _chromium() -> Finding:
    if found := find_chromium():
        return Finding(State.GOOD, "doctor_chromium", {"path": str(found)})
    return Finding(State.LACKING, "doctor_chromium_missing", advice="doctor_browser_advice")


def _font() -> Finding:
    if has_chinese_font():
        return Finding(State.GOOD, "doctor_font")
    return Finding(State.LACKING, "doctor_font_missing", advice="doctor_browser_advice")
