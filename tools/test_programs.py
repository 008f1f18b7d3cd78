"""Sees to it that every test can run: Chromium, a font that has Chinese, another MQTT broker."""

import os
import shutil
import subprocess
import sys

from common import give_up, say, sentence
from common import run as run_logged

from yunnao.infra.programs import find_chromium, find_mosquitto, has_chinese_font

DEBIAN = {
    "Chromium": ["chromium"],
    "fonts-noto-cjk": ["fontconfig", "fonts-noto-cjk"],
    "Mosquitto": ["mosquitto"],
}
OPTIONAL = {"Mosquitto"}
"""Without these the tests that need them are skipped, and say so."""


def missing() -> list[str]:
    """What is not there, by the name that a person knows."""
    there = {
        "Chromium": find_chromium() is not None,
        "fonts-noto-cjk": has_chinese_font(),
        "Mosquitto": find_mosquitto() is not None,
    }
    return [name for name, found in there.items() if not found]


def install(names: list[str]) -> None:
    """By Debian's packages as root; a browser alone also by Playwright, into the user's own folder."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        packages = [package for name in names for package in DEBIAN[name]]
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run_logged("apt-update", ["apt-get", "update", "-q"], environment=quiet)
        options = ["install", "-q", "-y", "--no-install-recommends"]
        run_logged("apt-install", ["apt-get", *options, *packages], environment=quiet)
    elif "Chromium" in names:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)


def main() -> None:
    names = missing()
    if not names:
        return
    say(sentence("test_programs", what=", ".join(names)))
    install(names)
    if names := [name for name in missing() if name not in OPTIONAL]:
        give_up(sentence("test_programs_missing", what=", ".join(names)))


if __name__ == "__main__":
    main()
