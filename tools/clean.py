"""Deletes what set-up and the tools made. The data of the platform stay."""

import shutil
import subprocess

from common import LOGS, ROOT, VENV, WEB, say, sentence

CACHES = (
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".hypothesis",
    ".import_linter_cache",
    "test-results",
)


def main() -> None:
    program = VENV / "bin" / "yunnao"
    if program.exists():
        subprocess.run([program, "stop"], cwd=ROOT, capture_output=True, check=False)
    for made in (VENV, WEB / "node_modules", WEB / "dist", *(ROOT / name for name in CACHES)):
        shutil.rmtree(made, ignore_errors=True)
    say(sentence("cleaned", home=LOGS.parent))


if __name__ == "__main__":
    main()
