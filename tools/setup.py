"""Installs all that Yunnao needs into `.venv` and `web/`. A step whose inputs did not change is skipped."""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from common import ROOT, VENV, WEB, digest, files_under, give_up, prepare_home, run, say, sentence, words
from node import npm_command, npm_environment

PYTHON = VENV / "bin" / "python"
VERSION = sys.version_info[:2]


@dataclass(frozen=True)
class Step:
    """One step: its name, the hash of its inputs, what proves that it was done, what does it."""

    name: str
    inputs: Callable[[], str]
    stamp: Path
    proof: Path
    act: Callable[[], None]

    def is_current(self) -> bool:
        try:
            return self.proof.exists() and self.stamp.read_text(encoding="utf-8") == self.inputs()
        except OSError:
            return False


def make_venv() -> None:
    """Make `.venv`, or take the one that is there if it has this Python."""
    asked = [str(PYTHON), "-c", "import sys, pip; print(sys.version_info[:2])"]
    try:
        if subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip() == str(VERSION):
            return
    except (OSError, subprocess.CalledProcessError):
        pass
    if find_spec("venv") is None or find_spec("ensurepip") is None:
        give_up(sentence("no_venv"))
    run("venv", [sys.executable, "-m", "venv", "--clear", str(VENV)])


def pip(step: str, *arguments: str) -> None:
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input", "--root-user-action=ignore"]
    run(step, [str(PYTHON), "-m", "pip", "install", *quiet, *arguments])


def install_packages() -> None:
    pip("packages", "--require-hashes", "--requirement", str(ROOT / "requirements.lock"))


def install_project() -> None:
    pip("project", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))


def npm(step: str, *arguments: str) -> None:
    command = npm_command()
    if command is None:
        give_up(sentence("no_node"))
    run(step, [*command, *arguments], WEB, npm_environment(command))


def steps() -> list[Step]:
    python = str(VERSION)
    lock, project = ROOT / "requirements.lock", ROOT / "pyproject.toml"
    web_lock = WEB / "package-lock.json"
    stamps = VENV / "stamps"
    found = [
        Step("venv", lambda: f"{ROOT} {python}", stamps / "venv", PYTHON, make_venv),
        Step("packages", lambda: digest([lock], python), stamps / "packages", PYTHON, install_packages),
        Step(
            "project",
            lambda: digest([project], python),
            stamps / "project",
            VENV / "bin/yunnao",
            install_project,
        ),
    ]
    if not web_lock.is_file():
        return found
    modules, dist = WEB / "node_modules", WEB / "dist"
    sources = lambda: files_under(WEB, "node_modules", "dist")  # noqa: E731
    install = lambda: npm("console_packages", "ci")  # noqa: E731
    build = lambda: npm("console", "run", "build")  # noqa: E731
    return [
        *found,
        Step("console_packages", lambda: digest([web_lock]), modules / ".yunnao-stamp", modules, install),
        Step("console", lambda: digest(sources()), dist / ".yunnao-stamp", dist / "index.html", build),
    ]


@contextmanager
def one_at_a_time() -> Iterator[None]:
    prepare_home()
    with (ROOT / ".yunnao" / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(sentence("waiting"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> None:
    begun = time.monotonic()
    acted = False
    with one_at_a_time():
        everything = steps()
        for number, step in enumerate(everything, 1):
            if step.is_current():
                continue
            acted = True
            zh = words("step", "zh", number=number, of=len(everything), what=words(step.name, "zh"))
            say(f"{zh} · {words('step', 'en', what=words(step.name, 'en'))}")
            inputs = step.inputs()
            step.act()
            step.stamp.parent.mkdir(parents=True, exist_ok=True)
            step.stamp.write_text(inputs, encoding="utf-8")
    if acted:
        say(sentence("ready", seconds=round(time.monotonic() - begun)))


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
