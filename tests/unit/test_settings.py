"""Settings come from the environment only, and each is described."""

from dataclasses import fields
from pathlib import Path

import pytest

from yunnao.bootstrap.wiring import mqtt_tls
from yunnao.infra.settings import Settings, settings_table
from yunnao.kernel.errors import InvalidInput


def make_pack(root: Path, scene: str) -> None:
    (root / "scenes" / scene).mkdir(parents=True)
    (root / "scenes" / scene / "scene.yaml").touch()


def test_an_empty_environment_gives_the_documented_defaults(tmp_path: Path) -> None:
    make_pack(tmp_path, "water")
    make_pack(tmp_path, "parking")
    settings = Settings.from_environment({}, tmp_path)
    assert settings.home == tmp_path / ".yunnao"
    assert settings.database_url is None
    assert settings.files_url == f"file://{tmp_path}/.yunnao/files"
    assert (settings.host, settings.port, settings.mqtt_port) == ("127.0.0.1", 8088, 1883)
    assert settings.scenes == ("parking", "water")
    assert not settings.demo


def test_a_relative_home_starts_at_the_projects_folder(tmp_path: Path) -> None:
    settings = Settings.from_environment({"YUNNAO_HOME": "data/x"}, tmp_path)
    assert settings.home == tmp_path / "data" / "x"
    assert settings.lake_url == f"file://{tmp_path}/data/x/lake"


def test_demo_mode_simulates_unless_told_not_to(tmp_path: Path) -> None:
    assert Settings.from_environment({"YUNNAO_DEMO": "1"}, tmp_path).simulate
    quiet = {"YUNNAO_DEMO": "yes", "YUNNAO_SIMULATE": "0"}
    assert not Settings.from_environment(quiet, tmp_path).simulate


def test_a_certificate_without_its_key_is_refused(tmp_path: Path) -> None:
    pair = {"YUNNAO_MQTT_TLS_CERT": "mqtt.pem", "YUNNAO_MQTT_TLS_KEY": "mqtt.key", "YUNNAO_HOST": "0.0.0.0"}
    found = mqtt_tls(Settings.from_environment(pair, tmp_path))
    assert (found.cert, found.ca, found.host) == (f"{tmp_path}/mqtt.pem", None, pair["YUNNAO_HOST"])
    with pytest.raises(InvalidInput, match="mqtt_tls_incomplete"):
        mqtt_tls(Settings.from_environment({"YUNNAO_MQTT_TLS_CERT": "mqtt.pem"}, tmp_path))


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("YUNNAO_PORT", "http"),
        ("YUNNAO_PORT", "0"),
        ("YUNNAO_MQTT_PORT", "65536"),
        ("YUNNAO_DEMO", "maybe"),
        ("YUNNAO_LOG_FORMAT", "xml"),
        ("YUNNAO_LANGUAGE", "fr"),
    ],
)
def test_a_value_that_cannot_be_read_is_named(tmp_path: Path, variable: str, value: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Settings.from_environment({variable: value}, tmp_path)
    assert refused.value.code == "setting_invalid"
    assert refused.value.params["variable"] == variable


def test_every_setting_but_the_root_has_a_variable_and_a_description() -> None:
    assert len(settings_table()) == len(fields(Settings)) - 1
