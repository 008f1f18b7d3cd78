"""The embedded PostgreSQL: made, started, found again and stopped.

Home folder: `postgres/server.json` remembers where the cluster lies (`base`) and its port. The base
holds `data/`, `password` (readable by the starter only), the configuration and `server.log`.
"""

import hashlib
import os
import shlex
import shutil
import signal
import time
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import psycopg

from yunnao.infra.embedded.postgres_programs import (
    SHARED_FOLDER,
    Programs,
    RunAs,
    programs_for,
    server_user,
    wanted_major,
)
from yunnao.infra.embedded.processes import (
    LOOPBACK,
    Progress,
    end_process,
    find_process,
    last_lines,
    new_secret,
    one_starter,
    open_folder,
    poll_pause_s,
    process_of,
    read_state,
    same_port,
    silent,
    write_private,
    write_state,
)
from yunnao.kernel.errors import Unavailable

DATABASE = "yunnao"
SUPERUSER = "yunnao"
start_limit_s = 300.0
"""Recovery after a crash reads up to max_wal_size of log; a slow disk needs minutes for it."""
connect_limit_s = 5
stop_limit_s = 60.0
told_after_s = 2.0
grace_s = 1.0
"""How long a server that was just started may have no process yet."""
starts_max = 5
log_bytes_max = 20_000_000


@dataclass(frozen=True, slots=True)
class EmbeddedPostgres:
    """A running server. `url` names the database `yunnao` and carries the password."""

    url: str
    pid: int
    log: Path
    version: str
    data: Path
    found: bool
    """Whether it ran already."""


@dataclass(frozen=True, slots=True)
class _Cluster:
    """One cluster of databases on disk and who runs it."""

    home: Path
    base: Path
    user: RunAs

    @property
    def data(self) -> Path:
        return self.base / "data"

    @property
    def log(self) -> Path:
        return self.base / "server.log"

    @property
    def state(self) -> Path:
        return self.home / "postgres" / "server.json"

    def password(self) -> str:
        return (self.base / "password").read_text(encoding="utf-8").strip()

    def url(self, port: int, database: str = DATABASE) -> str:
        return f"postgresql://{SUPERUSER}:{self.password()}@{LOOPBACK}:{port}/{database}"


def ensure_postgres(home: Path, *, durable: bool = True, on_progress: Progress = silent) -> EmbeddedPostgres:
    """The server of `home`, started unless it runs; waits through a recovery after a crash.

    `durable=False` is for tests: a crash of the machine may then cost the data. Raises Unavailable
    `postgres_missing`, `postgres_init_failed`, `postgres_start_failed`, `postgres_version_differs`.
    """
    home = home.resolve()
    with one_starter(home, "postgres"):
        cluster = _locate(home)
        running = _running(cluster)
        pid = _wait_until_it_answers(cluster, running[1], 0, on_progress) if running else None
        if running and pid:
            port, found = running[1], True
        else:
            programs = programs_for(cluster.user)
            if programs.major != wanted_major:
                on_progress("postgres_other_version", version=programs.version, wanted=wanted_major)
            _create(cluster, programs, durable, on_progress)
            (pid, port), found = _start(cluster, programs, durable, on_progress), False
        version = _ensure_database(cluster, port)
        return EmbeddedPostgres(cluster.url(port), pid, cluster.log, version, cluster.data, found)


def find_postgres(home: Path) -> EmbeddedPostgres | None:
    """The server of `home` if it runs and answers; starts nothing."""
    home = home.resolve()
    if not read_state(home / "postgres" / "server.json"):
        return None
    cluster = _locate(home)
    running = _running(cluster)
    if running is None or not _answers(cluster, running[1]):
        return None
    version = _ensure_database(cluster, running[1])
    return EmbeddedPostgres(cluster.url(running[1]), running[0], cluster.log, version, cluster.data, True)


def stop_postgres(home: Path) -> bool:
    """Stop the server of `home`, letting no client finish; False if none ran."""
    home = home.resolve()
    if not read_state(home / "postgres" / "server.json"):
        return False
    with one_starter(home, "postgres"):
        cluster = _locate(home)
        running = _running(cluster)
        process = process_of(running[0], str(cluster.data)) if running else None
        if process is None:
            return False
        end_process(process, signal.SIGINT, stop_limit_s)
        return True


def remove_postgres(home: Path) -> None:
    """Stop the server of `home` and delete its data, also where they lie outside of home."""
    stop_postgres(home)
    state = home.resolve() / "postgres" / "server.json"
    if base := read_state(state).get("base"):
        shutil.rmtree(base, ignore_errors=True)
    state.unlink(missing_ok=True)


def _locate(home: Path) -> _Cluster:
    """Where the cluster of `home` lies: as remembered, else in home, else in the shared folder."""
    remembered = read_state(home / "postgres" / "server.json").get("base")
    if remembered:
        base = Path(remembered)
        if not base.is_dir():  # The project was moved, with its home in it.
            base = home / "postgres"
        return _Cluster(home, base, server_user(base / "data"))
    inside = home / "postgres"
    user = server_user(inside / "data")
    open_folder(home)
    open_folder(inside)
    if user.reaches(inside):
        return _Cluster(home, inside, user)
    open_folder(SHARED_FOLDER)
    base = SHARED_FOLDER / hashlib.sha256(str(home).encode()).hexdigest()[:16]
    _put_aside(base)
    open_folder(base)
    return _Cluster(home, base, user)


def _put_aside(base: Path) -> None:
    """Keep what a deleted home of the same name left in the shared folder, out of the new one's way."""
    if not base.exists():
        return
    if orphan := find_process("postgres", str(base / "data")):
        end_process(orphan, signal.SIGINT, stop_limit_s)
    base.rename(base.with_name(f"{base.name}.left-{time.time_ns()}"))


def _running(cluster: _Cluster) -> tuple[int, int] | None:
    """Pid and port of the live server, after PostgreSQL's own `postmaster.pid`."""
    try:
        lines = (cluster.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        pid, port = int(lines[0]), int(lines[3])
    except (OSError, ValueError, IndexError):
        return None
    return (pid, port) if process_of(pid, str(cluster.data)) else None


def _create(cluster: _Cluster, programs: Programs, durable: bool, on_progress: Progress) -> None:
    """Make the cluster unless it is there; an unfinished one is made anew."""
    if (cluster.data / "PG_VERSION").is_file():
        made_by = (cluster.data / "PG_VERSION").read_text(encoding="utf-8").strip()
        if made_by != str(programs.major):
            raise Unavailable(
                "postgres_version_differs", data=str(cluster.data), made_by=made_by, found=programs.version
            )
        return
    on_progress("postgres_creating", path=str(cluster.data))
    if orphan := find_process("postgres", str(cluster.data)):
        end_process(orphan, signal.SIGQUIT, stop_limit_s)
    part = cluster.base / "data.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(mode=0o700)
    if cluster.user.ids:
        os.chown(part, *cluster.user.ids)
    write_private(cluster.base / "password", new_secret())
    handed = cluster.base / "password.init"
    write_private(handed, cluster.password(), cluster.user.ids)
    locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if programs.major >= 17 else []
    options = ["--encoding=UTF8", "--locale=C", *locale, f"--username={SUPERUSER}", f"--pwfile={handed}"]
    durability = [] if durable else ["--no-sync"]
    told = cluster.user.run(
        [str(programs.folder / "initdb"), f"--pgdata={part}", "--auth=scram-sha-256", *options, *durability]
    )
    handed.unlink()
    if told.returncode != 0:
        raise Unavailable("postgres_init_failed", tail=(told.stderr or told.stdout)[-2000:])
    part.rename(cluster.data)


def _configure(cluster: _Cluster, port: int, durable: bool) -> None:
    """Write the configuration beside the data, in a folder that the server itself cannot write to."""
    template = files("yunnao.infra.embedded").joinpath("postgres.conf.template").read_text(encoding="utf-8")
    conf, hba, ident = (cluster.base / f"{name}.conf" for name in ("postgresql", "pg_hba", "pg_ident"))
    paths = {"data": cluster.data, "hba": hba, "ident": ident}
    quoted = {name: str(path).replace("'", "''") for name, path in paths.items()}
    texts = {
        conf: template.format(**quoted, host=LOOPBACK, port=port, fsync="on" if durable else "off"),
        hba: f"host all all {LOOPBACK}/32 scram-sha-256\n",
        ident: "",
    }
    for path, text in texts.items():
        write_private(path, text, cluster.user.ids)
    if cluster.log.exists() and cluster.log.stat().st_size > log_bytes_max:
        cluster.log.replace(cluster.log.with_suffix(".log.1"))
    descriptor = os.open(cluster.log, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    if cluster.user.ids:
        os.fchown(descriptor, *cluster.user.ids)
    os.close(descriptor)


def _start(cluster: _Cluster, programs: Programs, durable: bool, on_progress: Progress) -> tuple[int, int]:
    """Start the server and wait until it answers; pid and port.

    A start is tried again when the server ends at once: after a kill -9 its children may hold the
    shared memory for a moment, and another program may take the port between choice and use.
    """
    (cluster.data / "postmaster.pid").unlink(missing_ok=True)
    for attempt in range(1, starts_max + 1):
        port = same_port(read_state(cluster.state).get("port"))
        _configure(cluster, port, durable)
        write_state(cluster.state, {"base": str(cluster.base), "port": port})
        conf = f"-c config_file={shlex.quote(str(cluster.base / 'postgresql.conf'))}"
        options = [f"--pgdata={cluster.data}", f"--log={cluster.log}", f"--options={conf}"]
        cluster.user.run([str(programs.folder / "pg_ctl"), "start", "--no-wait", "--silent", *options])
        pid = _wait_until_it_answers(cluster, port, grace_s, on_progress)
        if pid is not None:
            return pid, port
        time.sleep(attempt * 0.2)
    raise Unavailable("postgres_start_failed", log=str(cluster.log), tail=last_lines(cluster.log))


def _wait_until_it_answers(
    cluster: _Cluster, port: int, patience_s: float, on_progress: Progress
) -> int | None:
    """The pid once the server answers; None if there is no process of it after `patience_s`.

    Recovery after a crash is waited for, and told. Raises Unavailable `postgres_start_failed` for a
    server that lives and does not answer within `start_limit_s`.
    """
    begun = time.monotonic()
    told = False
    while (waited := time.monotonic() - begun) < start_limit_s:
        running = _running(cluster)
        if running and _answers(cluster, port):
            return running[0]
        if running is None and waited >= patience_s and not find_process("postgres", str(cluster.data)):
            return None
        if running and waited > told_after_s and not told:
            on_progress("postgres_recovering", limit_s=int(start_limit_s))
            told = True
        time.sleep(poll_pause_s)
    raise Unavailable("postgres_start_failed", log=str(cluster.log), tail=last_lines(cluster.log))


def _answers(cluster: _Cluster, port: int) -> bool:
    try:
        with psycopg.connect(cluster.url(port, "postgres"), connect_timeout=connect_limit_s):
            return True
    except psycopg.OperationalError:
        return False


def _ensure_database(cluster: _Cluster, port: int) -> str:
    """Make the database unless it is there; the server's version."""
    with psycopg.connect(cluster.url(port, "postgres"), autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
        if known is None:
            connection.execute(f"CREATE DATABASE {DATABASE}")
        return connection.info.parameter_status("server_version") or ""
