"""The dispatcher on the command line, standing alone."""

import json
import random
from pathlib import Path

import pytest
from typer.testing import CliRunner

from yunnao.entrypoints.cli.dispatch import group, read_all

runner = CliRunner()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    chance = random.Random(3)
    rows = ["题目,正文,类别"]
    for _ in range(40):
        label, words = chance.choice([("灯", ["路灯不亮", "灯杆倒了"]), ("水", ["水管爆裂", "停水三天"])])
        rows.append(f"{chance.choice(words)},请尽快处理,{label}")
    path = tmp_path / "texts.csv"
    path.write_text("\n".join(rows), encoding="utf-8-sig")
    return path


def test_a_model_is_trained_and_judged_without_a_platform(file: Path, tmp_path: Path) -> None:
    model = tmp_path / "m.npz"
    source = f"{file}::题目,正文::类别"
    trained = runner.invoke(group, ["train", "--model", str(model), source, "--json"])
    assert trained.exit_code == 0, trained.output
    assert json.loads(trained.output)["rows"] == 40
    judged = runner.invoke(group, ["evaluate", "--model", str(model), source, "--json"])
    assert judged.exit_code == 0, judged.output
    figures = json.loads(judged.output)
    assert {"rows", "accuracy", "macro_f1", "calibration_error", "coverage_at", "precision_at"} <= set(
        figures
    )
    assert figures["accuracy"] == 1.0


@pytest.mark.parametrize("source", ["x", "a::b", "nofile.csv::a::b", "{file}::缺::类别", "{file}::题目::缺"])
def test_what_cannot_be_read_is_said_and_ends_with_one(source: str, file: Path, tmp_path: Path) -> None:
    answer = runner.invoke(group, ["train", "--model", str(tmp_path / "m"), source.format(file=file)])
    assert answer.exit_code == 1
    assert not (tmp_path / "m").exists()


def test_scenes_teach_without_any_file(tmp_path: Path) -> None:
    from yunnao.infra.paths import project_root

    model = tmp_path / "m.npz"
    scene = project_root() / "scenes" / "waterlogging"
    answer = runner.invoke(group, ["train", "--model", str(model), "--scene", str(scene), "--json"])
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.output)["classes"] >= 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_files_of_any_usual_encoding_and_with_newlines_in_cells_are_read(
    encoding: str, tmp_path: Path
) -> None:
    path = tmp_path / "texts.csv"
    path.write_text('题目, 类别\n"路灯\r\n不亮, 请修",灯\n"",水\n水管爆裂,水\n', encoding=encoding)
    assert read_all([f"{path}::题目::类别"]) == (["路灯\r\n不亮, 请修", "水管爆裂"], ["灯", "水"])


def test_a_file_without_one_judged_row_is_refused(file: Path, tmp_path: Path) -> None:
    model, empty = tmp_path / "m.npz", tmp_path / "empty.csv"
    empty.write_text("题目,类别\n", encoding="utf-8")
    runner.invoke(group, ["train", "--model", str(model), f"{file}::题目,正文::类别"])
    answer = runner.invoke(group, ["evaluate", "--model", str(model), f"{empty}::题目::类别"])
    assert answer.exit_code == 1
