"""`yunnao city|scene|schema` as their users meet them; nothing here needs a server."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from yunnao.entrypoints.cli.main import app
from yunnao.scenes.draft_city import draft_city
from yunnao.scenes.draft_scene import draft_scene


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("YUNNAO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("YUNNAO_LANGUAGE", "en")


def yunnao(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_drafted_scene_passes_with_its_test_case(tmp_path: Path) -> None:
    ran = yunnao("scene", "check", draft_scene(tmp_path, "street-noise"))
    assert ran.exit_code == 0, ran.output
    assert "1 test case" in ran.output


def test_a_broken_scene_fails_with_file_line_and_reason(tmp_path: Path) -> None:
    folder = draft_scene(tmp_path, "street-noise")
    rules = folder / "rules.yaml"
    rules.write_text(rules.read_text(encoding="utf-8").replace("metric: level", "metric: depth"))
    ran = yunnao("scene", "check", folder)
    assert ran.exit_code == 1
    assert (
        'rules.yaml:6: rules.street-noise-high.metric: There is no metric "depth". Known: level' in ran.output
    )


def test_a_test_case_that_fails_fails_the_check(tmp_path: Path) -> None:
    folder = draft_scene(tmp_path, "street-noise")
    expected = folder / "cases" / "high-for-a-minute.expected.json"
    expected.write_text(json.dumps({"alarms": []}))
    ran = yunnao("scene", "check", folder)
    assert ran.exit_code == 1
    assert "high-for-a-minute" in ran.output


def test_a_broken_city_fails_in_the_readers_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YUNNAO_LANGUAGE", "zh")
    folder = draft_city(tmp_path, "370281", "Jiaozhou")
    duties = folder / "duties.yaml"
    duties.write_text(duties.read_text(encoding="utf-8").replace("fallback: hotline", "fallback: nobody"))
    ran = yunnao("city", "check", folder)
    assert ran.exit_code == 1
    assert "duties.yaml:4: fallback: 没有定义部门“nobody”" in ran.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("scene", "check", "no-such-scene"), "There is no folder"),
        (("scene", "new", "Not A Name"), "must be of lower-case letters"),
        (("scene", "new", "parking"), "exists"),
        (("city", "new", "999999"), "There is no city with the code"),
        (("city", "shapes", "no-such-file.geojson"), "There is no file"),
    ],
)
def test_a_mistake_on_the_command_line_is_told_in_a_sentence(
    arguments: tuple[str, ...], sentence: str
) -> None:
    ran = yunnao(*arguments)
    assert ran.exit_code == 1
    assert sentence in ran.output
    assert "Traceback" not in ran.output


def test_the_packs_of_the_repository_are_listed() -> None:
    assert "370200  Qingdao" in yunnao("city", "list").output
    assert "waterlogging" in yunnao("scene", "list").output


def test_the_generated_files_are_current() -> None:
    ran = yunnao("schema", "--check")
    assert ran.exit_code == 0, ran.output
