"""Sees to it that the browser tests can run: Chromium, and a font that has Chinese."""

import os
import shutil
import subprocess
import sys

from common import give_up, say, sentence
from common import run as run_logged

from yunnao.infra.programs import find_chromium, has_chinese_font

DEBIAN = {"Chromium": ["chromium"], "fonts-noto-cjk": ["fontconfig", "fonts-noto-cjk"]}


def missing() -> list[str]:
    """What is not there, by the name that a person knows."""
    found = [] if find_chromium() else ["Chromium"]
    return found if has_chinese_font() else [*found, "fonts-noto-cjk"]


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
    say(sentence("browser", what=", ".join(names)))
    install(names)
    if names := missing():
        give_up(sentence("browser_missing", what=", ".join(names)))


if __name__ == "__main__":
    main()
