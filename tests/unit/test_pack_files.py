"""A broken pack is refused whole, with file, line and reason."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from yunnao.kernel.text import catalogue
from yunnao.scenes import (
    PackRefused,
    Problem,
    diff,
    load_city,
    load_scene,
    load_scenes,
    pack_digest,
    with_requirements,
)
from yunnao.scenes.draft_city import draft_city
from yunnao.scenes.draft_scene import draft_scene

FLOW = """<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" id="d" targetNamespace="x">
  <process id="p" isExecutable="true">
    <startEvent id="a"/>
    <sequenceFlow id="f" sourceRef="a" targetRef="b"/>
    <endEvent id="b"/>
  </process>
</definitions>
"""
CASES = """categories:
  N: {name: {zh: 噪声, en: Noise}}
  N1: {parent: N, name: {zh: 夜间噪声, en: Noise at night}}
case_types:
  noise:
    label: {zh: 噪声, en: Noise}
    flow: flows/noise.bpmn
    deadline: {limit_h: 8}
    form:
      type: object
      properties:
        floor: {type: integer}
"""

CONCERNS_A_WHOLE = {"pack_syntax", "pack_value", "pack_parameter", "pack_steps_order", "pack_pointer"}
"""Codes whose line is that of the thing which the mistake is part of."""


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A sound scene with every kind of reference."""
    folder = draft_scene(tmp_path, "street-noise")
    (folder / "cases.yaml").write_text(CASES, encoding="utf-8")
    (folder / "flows").mkdir()
    (folder / "flows" / "noise.bpmn").write_text(FLOW, encoding="utf-8")
    rules = folder / "rules.yaml"
    rules.write_text(rules.read_text(encoding="utf-8") + "    case: {case_type: noise, category: N1}\n")
    return folder


@pytest.fixture(scope="module")
def drafted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draft_city(tmp_path_factory.mktemp("cities"), "370281", "Jiaozhou")


@pytest.fixture
def city(drafted: Path, tmp_path: Path) -> Path:
    folder = tmp_path / drafted.name
    folder.mkdir()
    for file in drafted.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def change(folder: Path, file: str, old: str, new: str) -> int:
    """Replaces the first `old` in the file; the line where it stood."""
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{file} has no {old!r}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def problems(load: Callable[[Path], object], folder: Path) -> tuple[Problem, ...]:
    with pytest.raises(PackRefused) as refused:
        load(folder)
    for problem in refused.value.problems:
        assert problem.code in catalogue(), problem.code
        for language in ("zh", "en"):
            assert "{" not in problem.to(language) or "{" in str(problem.params)  # type: ignore[arg-type]
    return refused.value.problems


def only(load: Callable[[Path], object], folder: Path) -> Problem:
    (problem,) = problems(load, folder)
    return problem


def test_the_sound_scene_loads(scene: Path) -> None:
    pack = load_scene(scene)
    assert pack.rules["street-noise-high"].case is not None
    assert [case.name for case in pack.cases] == ["high-for-a-minute"]


@pytest.mark.parametrize(
    ("file", "old", "new", "code", "path"),
    [
        ("rules.yaml", "rules:", "rules: [", "pack_syntax", ""),
        ("rules.yaml", "above: 2", "abvoe: 2", "pack_key_unknown", "abvoe"),
        ("rules.yaml", "above: 2", "above: high", "pack_wrong_type", "above"),
        ("rules.yaml", "for_s: 60", "for_s: -1", "pack_out_of_bounds", "for_s"),
        ("rules.yaml", "severity: moderate", "severity: huge", "pack_not_one_of", "severity"),
        ("rules.yaml", "operator: threshold", "operator: guess", "pack_not_one_of", "operator"),
        ("rules.yaml", "clear: 1.5", "clear: 3", "pack_value", "street-noise-high"),
        ("rules.yaml", "product: street-noise-meter", "product: lamp", "pack_reference", "product"),
        ("rules.yaml", "metric: level", "metric: depth", "pack_reference", "metric"),
        ("rules.yaml", "case_type: noise", "case_type: din", "pack_reference", "case_type"),
        ("rules.yaml", "category: N1", "category: N9", "pack_reference", "category"),
        ("rules.yaml", "{value} m since", "{vaule} m since", "pack_parameter", "message"),
        ("products.yaml", "entity_type: StreetNoise", "entity_type: Lamp", "pack_reference", "entity_type"),
        ("products.yaml", "attribute: level", "attribute: depth", "pack_reference", "attribute"),
        ("products.yaml", "{level: /level}", "{level: level}", "pack_pointer", "decoder"),
        ("views.yaml", "entity_type: StreetNoise", "entity_type: Lamp", "pack_reference", "entity_type"),
        ("views.yaml", "attribute: level", "attribute: depth", "pack_reference", "attribute"),
        ("views.yaml", "from_value: 2", "from_value: -2", "pack_steps_order", "steps"),
        ("cases.yaml", "parent: N,", "parent: X,", "pack_reference", "parent"),
        ("cases.yaml", "flow: flows/noise.bpmn", "flow: flows/other.bpmn", "pack_reference", "flow"),
        ("cases.yaml", "{type: integer}", "{type: inteter}", "pack_form", "type"),
        ("scene.yaml", "version: 0.1.0", "version: 1", "pack_needs_quotes", "version"),
        ("scene.yaml", "version: 0.1.0", "version: one", "pack_pattern", "version"),
        ("scene.yaml", "scene: street-noise", "scene: other-name", "pack_name_differs", "scene"),
    ],
)  # fmt: skip
def test_each_mistake_in_a_scene_has_its_file_line_and_reason(
    scene: Path, file: str, old: str, new: str, code: str, path: str
) -> None:
    line = change(scene, file, old, new)
    problem = only(load_scene, scene)
    assert (problem.file, problem.code) == (file, code)
    assert problem.path.endswith(path)
    assert problem.line is not None
    if code not in CONCERNS_A_WHOLE:
        assert problem.line == line


def test_categories_that_are_each_others_parents_are_a_cycle(scene: Path) -> None:
    change(scene, "cases.yaml", "N: {name", "N: {parent: N1, name")
    found = problems(load_scene, scene)
    assert {problem.code for problem in found} == {"pack_cycle"}
    assert "N → N1 → N" in found[0].to("en")


def test_a_key_written_twice_is_refused(scene: Path) -> None:
    change(scene, "scene.yaml", "icon: apps", "icon: apps\nicon: volume")
    assert only(load_scene, scene).code == "pack_syntax"


def test_all_problems_are_told_at_once_and_a_broken_file_hides_none_of_another(scene: Path) -> None:
    change(scene, "rules.yaml", "metric: level", "metric: depth")
    change(scene, "views.yaml", "attribute: level", "attribute: depth")
    change(scene, "scene.yaml", "icon: apps", "iconn: apps")
    assert {problem.file for problem in problems(load_scene, scene)} == {"scene.yaml"}
    change(scene, "scene.yaml", "iconn: apps", "icon: apps")
    assert [problem.file for problem in problems(load_scene, scene)] == ["rules.yaml", "views.yaml"]


def test_references_into_a_file_that_cannot_be_read_are_not_judged(scene: Path) -> None:
    change(scene, "products.yaml", "interval_s: 60", "interval_s: often")
    assert [problem.file for problem in problems(load_scene, scene)] == ["products.yaml"]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("</process>", "", "pack_flow_malformed"),
        ('<process id="p"', "<process", "pack_flow_without_id"),
        ('<endEvent id="b"/>', '<task id="b"/>', "pack_flow_lacks"),
        ('targetRef="b"', 'targetRef="c"', "pack_flow_reference"),
        ('<startEvent id="a"/>', '<startEvent id="a"/><scriptTask id="s"/>', "pack_flow_code"),
        ('<startEvent id="a"/>', '<startEvent id="a"/><serviceTask id="s"/>', "pack_flow_code"),
        ('targetRef="b"/>', 'targetRef="b"><conditionExpression>exit()</conditionExpression></sequenceFlow>',
         "pack_flow_condition"),
        ("</process>", '</process><process id="q"/>', "pack_flow_processes"),
        ("<definitions", '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///x">]><definitions', "pack_flow_doctype"),
    ],
)  # fmt: skip
def test_a_flow_must_be_one_closed_process_without_code(scene: Path, old: str, new: str, code: str) -> None:
    change(scene, "flows/noise.bpmn", old, new)
    assert code in {problem.code for problem in problems(load_scene, scene)}


def test_unknown_files_links_and_large_files_are_refused(scene: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("rules: {}")
    (scene / "run.py").write_text("print()")
    (scene / "rules.yaml").unlink()
    os.symlink(secret, scene / "rules.yaml")
    (scene / "examples.yaml").write_text("#" * 2_000_001)
    found = {problem.file: problem.code for problem in problems(load_scene, scene)}
    assert found == {
        "run.py": "pack_file_unknown",
        "rules.yaml": "pack_file_link",
        "examples.yaml": "pack_file_too_large",
    }


def test_aliases_that_multiply_are_refused(scene: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    (scene / "examples.yaml").write_text("\n".join(lines))
    assert only(load_scene, scene).code == "pack_too_deep"


def test_text_that_is_not_utf8_is_refused(scene: Path) -> None:
    (scene / "quality.yaml").write_bytes("level: bronze # 噪声".encode("gbk"))
    assert only(load_scene, scene).code == "pack_not_utf8"


def test_a_folder_without_a_manifest_is_no_pack(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert only(load_scene, tmp_path / "empty").code == "pack_file_missing"
    assert problems(load_scene, tmp_path / "absent")[0].code == "pack_folder_missing"


def test_a_test_case_needs_its_pair_and_known_names(scene: Path) -> None:
    change(scene, "cases/high-for-a-minute.input.json", "street-noise-meter", "lamp")
    (scene / "cases" / "alone.input.json").write_text('{"kind": "report", "text": "吵"}')
    found = {problem.file: problem for problem in problems(load_scene, scene)}
    assert found["cases/alone.input.json"].code == "pack_case_alone"
    broken = found["cases/high-for-a-minute.input.json"]
    assert (broken.code, broken.line) == ("pack_reference", 5)


def test_a_broken_test_case_names_its_line(scene: Path) -> None:
    line = change(scene, "cases/high-for-a-minute.input.json", '"lat": 36.07', '"lat": 360.7')
    problem = only(load_scene, scene)
    assert (problem.code, problem.line, problem.path) == ("pack_out_of_bounds", line, "device.lat")


def test_a_scene_uses_what_a_required_scene_defines(scene: Path, tmp_path: Path) -> None:
    second = draft_scene(tmp_path, "club-noise")
    change(second, "scene.yaml", "icon: apps", "icon: apps\nrequires: [street-noise]")
    rules = second / "rules.yaml"
    rules.write_text(rules.read_text(encoding="utf-8") + "    case: {case_type: noise, category: N1}\n")
    assert [pack.manifest.scene for pack in load_scenes([second, scene])] == ["street-noise", "club-noise"]
    assert with_requirements([second]) == [scene, second]
    alone = load_scenes([second])
    assert [pack.manifest.scene for pack in alone] == ["street-noise", "club-noise"], "with its requirement"


def test_scenes_that_require_each_other_are_refused(scene: Path, tmp_path: Path) -> None:
    second = draft_scene(tmp_path, "club-noise")
    change(second, "scene.yaml", "icon: apps", "icon: apps\nrequires: [street-noise]")
    change(scene, "scene.yaml", "icon: apps", "icon: apps\nrequires: [club-noise]")
    problem = only(load_scene, scene)
    assert problem.code == "pack_required_broken"
    assert "street-noise → club-noise → street-noise" in problem.params["detail"]


def test_a_required_scene_that_is_not_there_is_named(scene: Path) -> None:
    change(scene, "scene.yaml", "icon: apps", "icon: apps\nrequires: [quiet]")
    problem = only(load_scene, scene)
    assert (problem.code, problem.path) == ("pack_scene_unknown", "requires.0")


def test_two_scenes_cannot_define_the_same_name(scene: Path, tmp_path: Path) -> None:
    second = draft_scene(tmp_path, "club-noise")
    (second / "cases.yaml").write_text("categories:\n  N: {name: {zh: 噪声, en: Noise}}\n", encoding="utf-8")
    with pytest.raises(PackRefused) as refused:
        load_scenes([scene, second])
    assert {problem.code for problem in refused.value.problems} == {"pack_name_taken"}


def test_a_difference_names_what_came_changed_and_went(scene: Path) -> None:
    old = load_scene(scene)
    before = pack_digest(scene)
    change(scene, "rules.yaml", "for_s: 60", "for_s: 61")
    (scene / "views.yaml").unlink()
    new = load_scene(scene)
    found = diff(old, new)
    assert found.changed == ("rules.street-noise-high",)
    assert found.removed == ("layers.street-noise-levels",)
    assert diff(new, new).empty
    assert not diff(None, new).empty
    assert pack_digest(scene) != before


def test_the_drafted_city_is_sound(city: Path) -> None:
    pack = load_city(city)
    assert pack.manifest.code == "370281"
    assert {area.level for area in pack.areas} == {"district", "street"}


@pytest.mark.parametrize(
    ("file", "old", "new", "code", "path"),
    [
        ("areas.yaml", 'parent: "370281"', 'parent: "370299"', "pack_reference", "parent"),
        ("areas.yaml", 'code: "370281"', "code: 370281", "pack_needs_quotes", "code"),
        ("areas.yaml", "level: street", "level: village", "pack_not_one_of", "level"),
        ("departments.yaml", "parent: urban-management", "parent: nobody", "pack_reference", "parent"),
        ("departments.yaml", "kind: utility", "kind: club", "pack_not_one_of", "kind"),
        ("duties.yaml", "fallback: hotline", "fallback: nobody", "pack_reference", "fallback"),
        ("duties.yaml", "department: sanitation", "department: nobody", "pack_reference", "department"),
        ("roles.yaml", "department: hotline", "department: nobody", "pack_reference", "department"),
        ("roles.yaml", "role: leader", "role: king", "pack_not_one_of", "role"),
        ("calendar.yaml", '"12:00"', '"25:00"', "pack_clock", "hours.0"),
        ("calendar.yaml", '"13:30"', '"11:30"', "pack_hours_order", "hours.1"),
        ("calendar.yaml", "holidays: []", 'holidays: ["2026-13-01"]', "pack_date", "holidays.0"),
        ("calendar.yaml", "holidays: []", "holidays: [2026-01-01]", "pack_needs_quotes", "holidays.0"),
        ("calendar.yaml", "[6, 7]", "[0, 7]", "pack_weekday", "weekly_days_off.0"),
        ("city.yaml", "Asia/Shanghai", "Asia/Atlantis", "pack_time_zone", "time_zone"),
        ("city.yaml", "centre: [119", "centre: [19", "pack_centre_outside", "centre"),
        ("shapes.geojson", '"370281"', '"370282"', "pack_reference", "features.0"),
        ("shapes.geojson", "FeatureCollection", "FeatureCollection\"x", "pack_syntax", ""),
    ],
)  # fmt: skip
def test_each_mistake_in_a_city_has_its_file_and_reason(
    city: Path, file: str, old: str, new: str, code: str, path: str
) -> None:
    change(city, file, old, new)
    problem = only(load_city, city)
    assert (problem.file, problem.code) == (file, code)
    assert problem.path.endswith(path)
    assert problem.line is not None


def test_departments_in_a_cycle_are_refused(city: Path) -> None:
    change(
        city, "departments.yaml", "Urban Management Bureau}", "Urban Management Bureau}, parent: sanitation"
    )
    assert {problem.code for problem in problems(load_city, city)} == {"pack_cycle"}


def test_a_placeholder_needs_a_department_in_every_area(city: Path) -> None:
    change(city, "departments.yaml", "kind: district, area", "kind: bureau, area")
    assert {problem.code for problem in problems(load_city, city)} == {"pack_placeholder"}


def test_shapes_outside_the_city_are_refused(city: Path) -> None:
    change(city, "city.yaml", "bounds: [119.61", "bounds: [119.9")
    assert only(load_city, city).code == "pack_shape_outside"


def test_duties_are_judged_by_the_scenes_where_these_are_given(city: Path, scene: Path) -> None:
    found = problems(lambda folder: load_city(folder, [load_scene(scene)]), city)
    assert {problem.code for problem in found} == {"pack_reference"}
    assert {problem.file for problem in found} == {"duties.yaml"}
