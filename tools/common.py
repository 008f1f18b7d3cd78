"""What the tools share. Only the standard library: they run before anything is installed."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
WEB = ROOT / "web"
LOGS = ROOT / ".yunnao" / "logs"
MESSAGES = json.loads(Path(__file__).with_name("messages.json").read_text(encoding="utf-8"))
log_lines_max = 20


def sentence(code: str, **params: object) -> str:
    """The message in Chinese and English on one line."""
    return f"{words(code, 'zh', **params)} · {words(code, 'en', **params)}"


def words(code: str, language: str, **params: object) -> str:
    text: str = MESSAGES[code][language]
    return text.format(**params)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def give_up(text: str) -> NoReturn:
    sys.exit(text)


def run(
    what: str, command: list[str], folder: Path = ROOT, environment: Mapping[str, str] | None = None
) -> None:
    """Run `command` quietly; when it fails, show the end of its log and where the whole of it is."""
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"setup-{what}.log"
    with log.open("wb") as output:
        ended = subprocess.run(
            command,
            cwd=folder,
            env=dict(environment or os.environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if ended.returncode != 0:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-log_lines_max:]
        names = {language: words(what, language) if what in MESSAGES else what for language in ("zh", "en")}
        told = [words("failed", language, what=names[language], log=log) for language in names]
        give_up("\n".join([*lines, *told]))


def prepare_home() -> None:
    """Make `.yunnao` as the platform does: root's may be passed by the database's user, not listed."""
    home = LOGS.parent
    if not home.exists():
        home.mkdir()
        home.chmod(0o711 if os.geteuid() == 0 else 0o700)
    LOGS.mkdir(exist_ok=True)


def digest(files: Iterable[Path], *more: str) -> str:
    """One hash of the names and contents of `files`, and of the words in `more`."""
    found = hashlib.sha256("\0".join(more).encode())
    for file in sorted(files):
        found.update(f"\0{file.relative_to(ROOT)}\0".encode())
        found.update(file.read_bytes())
    return found.hexdigest()


def files_under(folder: Path, *skipped: str) -> list[Path]:
    """Every file under `folder`, without the folders named in `skipped`."""
    found: list[Path] = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in skipped]
        found.extend(Path(place) / name for name in names)
    return [file for file in found if file.is_file()]
