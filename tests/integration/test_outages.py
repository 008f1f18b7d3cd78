"""A running city loses a part at the worst moment, and goes on with nothing missing."""

import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil
import psycopg
import pytest

from yunnao.infra.child_city import ChildCity
from yunnao.infra.embedded.nats import find_nats, stop_nats
from yunnao.infra.embedded.postgres import find_postgres, stop_postgres
from yunnao.infra.gateway import Gateway

WAIT_S = 60.0
PRODUCT = "underpass-level"
AGES_S = (120, 60, 0)
READINGS = len(AGES_S)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChildCity]:
    """A city for these tests alone: what happens to it would disturb the others."""
    folder = tmp_path_factory.mktemp("outage")
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)
    city = ChildCity(folder / "home")
    try:
        city.start()
        yield city
    finally:
        city.stop()
        city.kill()
        stop_nats(city.home)
        stop_postgres(city.home)


def until(found: Any, what: str) -> Any:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if result := found():
            return result
        time.sleep(0.2)
    pytest.fail(f"waited in vain for {what}")


def ask(city: ChildCity, query: str, *parameters: str) -> Any:
    server = find_postgres(city.home)
    assert server is not None
    with psycopg.connect(server.url) as connection:
        row = connection.execute(query, parameters).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return row[0]


def flood(city: ChildCity, device: str) -> None:
    """A device reports high water for two minutes; acknowledged when this returns."""
    broker = until(lambda: find_nats(city.home), "the broker")
    with Gateway(broker.device) as gateway:
        for age_s in AGES_S:
            at = datetime.now(UTC) - timedelta(seconds=age_s)
            gateway.publish(PRODUCT, device, {"level": 0.22, "t": at.isoformat()})
        gateway.wait_acknowledged(WAIT_S)


def quiet_device(city: ChildCity) -> str:
    """A device that has not said anything yet."""
    client = city.signed_in(city.accounts()["dispatcher"])
    items = client.get("/devices", params={"product": PRODUCT, "limit": 50}).json()["items"]
    return str(next(item["device"] for item in items if item["last_seen"] is None))


def closes_the_loop(city: ChildCity) -> None:
    """A flood is stored whole, and becomes one case."""
    device = quiet_device(city)
    flood(city, device)
    until(lambda: cases_of(city, device) == 1, "the flood's case")
    assert readings_of(city, device) == READINGS


def cases_of(city: ChildCity, device: str) -> int:
    return int(
        ask(
            city,
            """SELECT count(DISTINCT a.case_id) FROM cases.alarm a JOIN sensing.alarm s ON s.id = a.alarm_id
               JOIN sensing.device d ON d.number = s.device WHERE d.id = %s""",
            device,
        )
    )


def readings_of(city: ChildCity, device: str) -> int:
    return int(
        ask(
            city,
            """SELECT count(*) FROM sensing.reading r JOIN sensing.series s USING (series)
               JOIN sensing.device d ON d.number = s.device WHERE d.id = %s""",
            device,
        )
    )


def test_a_killed_database_comes_back_and_the_loop_closes(city: ChildCity) -> None:
    database = find_postgres(city.home)
    assert database is not None
    os.kill(database.pid, signal.SIGKILL)
    until(city.ready, "the database")
    closes_the_loop(city)


def test_a_killed_broker_comes_back_and_the_loop_closes(city: ChildCity) -> None:
    broker = find_nats(city.home)
    assert broker is not None
    os.kill(broker.pid, signal.SIGKILL)
    until(lambda: find_nats(city.home) is not None and city.ready(), "the broker")
    closes_the_loop(city)


def test_a_role_that_dies_is_started_again(city: ChildCity) -> None:
    for role in ("ingest", "worker"):
        [process] = [
            process
            for process in psutil.process_iter(["cmdline", "environ"])
            if (process.info["cmdline"] or [])[-1:] == [role]
            and (process.info["environ"] or {}).get("YUNNAO_HOME") == str(city.home)
        ]
        process.kill()
    closes_the_loop(city)


def test_a_city_killed_whole_starts_again_with_everything_acknowledged(city: ChildCity) -> None:
    device = quiet_device(city)
    before = {find_postgres(city.home).pid, find_nats(city.home).pid}  # type: ignore[union-attr]
    flood(city, device)
    city.kill()
    assert all(psutil.pid_exists(pid) for pid in before)
    city.start()
    assert {find_postgres(city.home).pid, find_nats(city.home).pid} == before  # type: ignore[union-attr]
    until(lambda: cases_of(city, device) == 1, "the case of the flood before the kill")
    assert readings_of(city, device) == READINGS
    assert ask(city, "SELECT count(*) FROM infra.dead_letter") == 0


def test_a_stopped_city_leaves_no_server_behind(city: ChildCity) -> None:
    city.stop()
    assert find_postgres(city.home) is None
    assert find_nats(city.home) is None
