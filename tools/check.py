"""Runs every check that needs no server, two at a time, and shows what the failed ones said."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from common import ROOT, VENV, WEB, say, sentence
from node import npm_command, npm_environment

BIN = VENV / "bin"
at_once = 2
check_limit_s = 300


@dataclass(frozen=True)
class Check:
    name: str
    command: list[str]
    folder: Path = ROOT
    environment: dict[str, str] | None = None


def checks() -> list[Check]:
    """Every check, the slow ones first. The console's size is that of its last build, where there is one."""
    npm = npm_command()
    assert npm is not None
    yunnao = str(BIN / "yunnao")
    everything = [
        Check("types", [str(BIN / "mypy"), "--no-error-summary"]),
        Check("console types", [*npm, "run", "--silent", "check"], WEB, npm_environment(npm)),
        Check("scenes", [yunnao, "scene", "check"]),
        Check("documents and style", [str(BIN / "python"), "-m", "pytest", "-q", "tests/architecture"]),
        Check("cities", [yunnao, "city", "check"]),
        Check("schemas", [yunnao, "schema", "--check"]),
        Check("imports", [str(BIN / "lint-imports")]),
        Check("lint", [str(BIN / "ruff"), "check", "--quiet", "."]),
        Check("format", [str(BIN / "ruff"), "format", "--check", "--quiet", "."]),
    ]
    if (WEB / "dist" / ".vite" / "manifest.json").is_file():
        size = [*npm, "run", "--silent", "size"]
        everything.append(Check("console size", size, WEB, npm_environment(npm)))
    return everything


def run(check: Check) -> tuple[Check, bool, str, float]:
    begun = time.monotonic()
    ended = subprocess.run(
        check.command,
        cwd=check.folder,
        env=check.environment or dict(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=check_limit_s,
    )
    return check, ended.returncode == 0, ended.stdout, time.monotonic() - begun


def main() -> int:
    begun = time.monotonic()
    failed = 0
    everything = checks()
    with ThreadPoolExecutor(at_once) as pool:
        for check, passed, said, seconds in pool.map(run, everything):
            verdict = sentence("check_passed" if passed else "check_failed")
            say(f"{check.name:<20} {verdict} ({seconds:.1f} s)")
            if not passed:
                failed += 1
                say(said.rstrip())
    total = round(time.monotonic() - begun)
    say(sentence("checks", passed=len(everything) - failed, failed=failed, seconds=total))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
