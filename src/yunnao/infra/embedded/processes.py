"""What both embedded servers need of the operating system: locks, ports, processes, secret files."""

import fcntl
import json
import os
import secrets
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import psutil

from yunnao.kernel.errors import Unavailable

LOOPBACK = "127.0.0.1"
lock_wait_s = 300.0
port_wait_s = 10.0
poll_pause_s = 0.02


class Progress(Protocol):
    """Told what a slow start is doing, as a code of the catalogue of messages."""

    def __call__(self, code: str, /, **params: Any) -> None: ...


def silent(code: str, /, **params: Any) -> None:
    """A Progress for nobody."""


@contextmanager
def one_starter(home: Path, server: str) -> Iterator[None]:
    """Hold the lock of `server` in `home`, so that two starters do not race.

    The kernel releases it when its holder dies. Raises Unavailable `lock_held` after `lock_wait_s`,
    and `home_closed` for a home that belongs to another user.
    """
    try:
        open_folder(home)
        descriptor = os.open(home / f"{server}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except PermissionError as error:
        raise Unavailable("home_closed", path=str(home)) from error
    try:
        until = time.monotonic() + lock_wait_s
        while not _try_lock(descriptor):
            if time.monotonic() > until:
                raise Unavailable("lock_held", server=server, path=str(home / f"{server}.lock"))
            time.sleep(poll_pause_s)
        yield
    finally:
        os.close(descriptor)


def open_folder(folder: Path) -> None:
    """Make `folder` for us alone; root's is one that the database's user may pass, but not list."""
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(0o711 if os.geteuid() == 0 else 0o700)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def port_is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen on `port` here and now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def pick_port(*wanted: int | None, besides: tuple[int, ...] = ()) -> int:
    """The first of `wanted` that is free, else any free port; none of `besides`."""
    return _first_free(wanted, besides)


def same_port(known: int | None, *wanted: int | None, besides: tuple[int, ...] = ()) -> int:
    """The port `known` of an earlier start, waited for up to `port_wait_s`; else as `pick_port`.

    A server that was killed holds its ports until the system has taken it apart, and whoever knew it by
    them would not find it at others.
    """
    until = time.monotonic() + port_wait_s
    while known is not None and not port_is_free(known) and time.monotonic() < until:
        time.sleep(poll_pause_s)
    return _first_free((known, *wanted), besides)


def _first_free(wanted: tuple[int | None, ...], besides: tuple[int, ...]) -> int:
    for port in wanted:
        if port is not None and port not in besides and port_is_free(port):
            return port
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((LOOPBACK, 0))
            port = int(probe.getsockname()[1])
        if port not in besides:
            return port


def process_of(pid: int | None, marker: str) -> psutil.Process | None:
    """The live process `pid` if `marker` is among its arguments or its folder, else None.

    Pids are used again by others, so one alone proves nothing. The folder counts because a project
    may be moved while its server runs, which leaves the arguments with the old path.
    """
    if pid is None:
        return None
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return process if marker in process.cmdline() or process.cwd() == marker else None
    except psutil.Error:
        return None


def find_process(program: str, marker: str) -> psutil.Process | None:
    """A live process of `program` with `marker` among its arguments, when no pid file tells."""
    for process in psutil.process_iter(["name"]):
        if process.info["name"] == program and process_of(process.pid, marker):
            return process
    return None


def end_process(process: psutil.Process, first: signal.Signals, patience_s: float) -> None:
    """Ask with `first`, kill after `patience_s` seconds, and return when it has ended."""
    with suppress(psutil.NoSuchProcess):
        process.send_signal(first)
        if not _ended(process, patience_s):
            process.kill()
            _ended(process, patience_s)


def _ended(process: psutil.Process, limit_s: float) -> bool:
    """Whether it ended in time; a zombie has, and its parent may take long to notice."""
    until = time.monotonic() + limit_s
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > until:
            return False
        time.sleep(poll_pause_s)
    return True


def new_secret() -> str:
    """A password of 192 random bits, safe in a URL and in a configuration file."""
    return secrets.token_hex(24)


def write_private(path: Path, text: str, owner: tuple[int, int] | None = None) -> None:
    """Write `text` to `path`, readable by its owner only, whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        if owner is not None:
            os.fchown(descriptor, *owner)
    part.replace(path)


def read_state(path: Path) -> dict[str, Any]:
    """What was remembered in the JSON file `path`; nothing if it is missing or damaged."""
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Remember `state` in the JSON file `path`."""
    write_private(path, json.dumps(state, indent=2) + "\n")


def last_lines(path: Path, lines_max: int = 15) -> str:
    """The end of a log, for the error that tells why a server did not start."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-lines_max:])
