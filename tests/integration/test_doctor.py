"""`yunnao doctor` says what is there, what is missing and what to do, and changes nothing."""

import socket
from pathlib import Path

import pytest

from yunnao.entrypoints.cli.doctor import State, doctor
from yunnao.infra.embedded.nats import EmbeddedNats
from yunnao.infra.embedded.postgres import EmbeddedPostgres
from yunnao.infra.paths import project_root
from yunnao.infra.settings import Settings
from yunnao.kernel.text import Language, catalogue


def findings(environment: dict[str, str]) -> dict[str, State]:
    settings = Settings.from_environment(environment, project_root())
    return {finding.code: finding.state for finding in doctor(settings)}


def test_a_new_home_has_all_it_needs_and_nothing_is_started(tmp_path: Path) -> None:
    home = tmp_path / "home"
    found = findings({"YUNNAO_HOME": str(home)})
    assert State.BROKEN not in found.values()
    assert {"doctor_postgres_stopped", "doctor_nats_stopped", "doctor_packs"} <= set(found)
    assert not home.exists()


def test_running_servers_are_told(
    servers_home: Path, postgres_server: EmbeddedPostgres, nats_server: EmbeddedNats
) -> None:
    found = findings({"YUNNAO_HOME": str(servers_home)})
    assert {"doctor_postgres_running", "doctor_nats_running", "doctor_mqtt_running"} <= set(found)


def test_servers_elsewhere_that_do_not_answer_are_told_with_advice(tmp_path: Path) -> None:
    found = findings(
        {
            "YUNNAO_HOME": str(tmp_path),
            "YUNNAO_DATABASE_URL": "postgresql://127.0.0.1:1/x",
            "YUNNAO_NATS_URL": "nats://127.0.0.1:1",
        }
    )
    assert found["doctor_postgres_unreachable"] is State.BROKEN
    assert found["doctor_nats_unreachable"] is State.BROKEN


def test_a_taken_port_and_a_missing_pack_are_told(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        found = findings({"YUNNAO_HOME": str(tmp_path), "YUNNAO_PORT": port, "YUNNAO_SCENES": "none-such"})
    assert found["doctor_port_taken"] is State.LACKING
    assert found["doctor_packs_missing"] is State.BROKEN


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_finding_has_its_sentence(tmp_path: Path, language: Language) -> None:
    settings = Settings.from_environment({"YUNNAO_HOME": str(tmp_path)}, project_root())
    for finding in doctor(settings):
        assert finding.code in catalogue()
        assert "{" not in finding.told(language)
