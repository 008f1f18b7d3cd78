"""The embedded PostgreSQL outlives its starter, is found again, and keeps what was committed."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg
import pytest

from yunnao.infra.embedded.postgres import ensure_postgres, find_postgres, remove_postgres, stop_postgres
from yunnao.testing.servers import fast_folder

STARTER = """
import os, signal, sys
from pathlib import Path
from yunnao.infra.embedded.postgres import ensure_postgres
print(ensure_postgres(Path(sys.argv[1]), durable=False).pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="yunnao-test-", dir=fast_folder()))
    folder.chmod(0o711)
    yield folder / "home"
    remove_postgres(folder / "home")
    shutil.rmtree(folder)


def write_a_row(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (42)")


def read_the_row(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT n FROM kept").fetchone()
        assert row is not None
        return int(row[0])


def test_it_is_found_again_after_its_starter_was_killed(home: Path) -> None:
    starter = subprocess.run(
        [sys.executable, "-c", STARTER, str(home)], capture_output=True, text=True, check=False
    )
    assert starter.returncode == -signal.SIGKILL, starter.stderr
    again = ensure_postgres(home, durable=False)
    assert again.found
    assert again.pid == int(starter.stdout)


def test_a_killed_server_is_started_again_with_its_data_and_port(home: Path) -> None:
    first = ensure_postgres(home)
    write_a_row(first.url)
    os.kill(first.pid, signal.SIGKILL)
    second = ensure_postgres(home)
    assert not second.found
    assert second.url == first.url
    assert read_the_row(second.url) == 42


def test_a_taken_port_is_replaced_by_a_free_one(home: Path) -> None:
    first = ensure_postgres(home, durable=False)
    write_a_row(first.url)
    port = psycopg.conninfo.conninfo_to_dict(first.url)["port"]
    stop_postgres(home)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", int(str(port))))
        other.listen()
        second = ensure_postgres(home, durable=False)
    assert second.url != first.url
    assert read_the_row(second.url) == 42


def test_a_pid_file_that_names_somebody_elses_process_is_not_believed(home: Path) -> None:
    first = ensure_postgres(home, durable=False)
    stop_postgres(home)
    lines = [str(os.getppid()), str(first.data), "0", "5432", "", "127.0.0.1", "", "ready"]
    (first.data / "postmaster.pid").write_text("\n".join(lines))
    second = ensure_postgres(home, durable=False)
    assert not second.found
    assert psutil.pid_exists(os.getppid())


def test_two_starters_at_once_start_one_server(home: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: ensure_postgres(home, durable=False), range(2))
    assert first.pid == second.pid
    assert sorted([first.found, second.found]) == [False, True]


def test_an_unfinished_creation_is_made_anew(home: Path) -> None:
    (home / "postgres" / "data.part" / "base").mkdir(parents=True)
    home.chmod(0o711)
    (home / "postgres").chmod(0o711)
    assert psycopg.connect(ensure_postgres(home, durable=False).url)


def test_it_listens_on_the_loopback_only_and_asks_for_a_password(home: Path) -> None:
    server = ensure_postgres(home, durable=False)
    listening = [
        c.laddr for c in psutil.Process(server.pid).net_connections() if c.status == psutil.CONN_LISTEN
    ]
    assert {address.ip for address in listening} == {"127.0.0.1"}
    password = psycopg.conninfo.conninfo_to_dict(server.url)["password"]
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(server.url.replace(str(password), "wrong"))
    secret = server.data.parent / "password"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_stopping_is_told_and_finding_starts_nothing(home: Path) -> None:
    assert find_postgres(home) is None
    ensure_postgres(home, durable=False)
    assert find_postgres(home) is not None
    assert stop_postgres(home)
    assert not stop_postgres(home)
    assert find_postgres(home) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts the server as another user")
def test_root_serves_a_home_that_other_users_cannot_reach(home: Path) -> None:
    home.parent.chmod(0o700)
    first = ensure_postgres(home, durable=False)
    write_a_row(first.url)
    assert not first.data.is_relative_to(home)
    assert stat.S_IMODE(home.parent.stat().st_mode) == 0o700
    stop_postgres(home)
    assert read_the_row(ensure_postgres(home, durable=False).url) == 42
