"""The content of the built-in scenes: complete, consistent, and flows that run to their ends."""

import re
from collections import Counter
from pathlib import Path

import pytest
from shapely import Point
from shapely.geometry import shape
from SpiffWorkflow import TaskState
from SpiffWorkflow.bpmn import BpmnWorkflow
from SpiffWorkflow.bpmn.parser import BpmnParser, BpmnValidator
from SpiffWorkflow.exceptions import WorkflowException

from yunnao.kernel.packs.scene import HistoryInput, ReadingsInput, ReportInput, ScenePack
from yunnao.kernel.text import Text
from yunnao.scenes import load_city, load_scene, load_scenes

root = Path(__file__).parents[2] / "scenes"
names = ("urban-management", "waterlogging", "parking", "environment")
flows = sorted(root.glob("*/flows/*.bpmn"))

handled = ["assign", "accept", "finish", "pass", "rated"]
paths = {
    "straight to the rating": (handled, "closed"),
    "rejected at the desk": (["reject"], "rejected"),
    "returned by the department": (["assign", "return", *handled], "closed"),
    "returned while handling": (["assign", "accept", "return", *handled], "closed"),
    "reassigned before acceptance": (["assign", "reassign", *handled[1:]], "closed"),
    "reassigned while handling": (["assign", "accept", "reassign", *handled[1:]], "closed"),
    "sent back by the checker": (["assign", "accept", "finish", "rework", "finish", "pass", "x"], "closed"),
    "returned, then rejected": (["assign", "return", "reject"], "rejected"),
}
step_of = {
    "assign": "dispatch",
    "reject": "dispatch",
    "finish": "handle",
    "pass": "check",
    "rework": "check",
}


@pytest.fixture(scope="module")
def packs() -> dict[str, ScenePack]:
    return {pack.manifest.scene: pack for pack in load_scenes([root / name for name in names])}


def start(flow: Path) -> BpmnWorkflow:
    parser = BpmnParser(validator=BpmnValidator())
    parser.add_bpmn_file(str(flow))
    workflow = BpmnWorkflow(parser.get_spec("case_flow"))
    workflow.do_engine_steps()
    return workflow


def decide(workflow: BpmnWorkflow, decision: str) -> str:
    """Completes the one waiting task with `decision`; the task's id."""
    (task,) = workflow.get_tasks(state=TaskState.READY, manual=True)
    task.data["decision"] = decision
    task.run()
    workflow.do_engine_steps()
    return str(task.task_spec.bpmn_id)


def reached(workflow: BpmnWorkflow) -> list[str]:
    return [task.task_spec.bpmn_id for task in workflow.get_tasks(state=TaskState.COMPLETED)]


@pytest.mark.parametrize("flow", flows, ids=lambda f: f.parent.parent.name)
@pytest.mark.parametrize("path", paths, ids=lambda p: p.replace(" ", "-"))
def test_a_case_flows_to_its_end(flow: Path, path: str) -> None:
    decisions, end = paths[path]
    workflow = start(flow)
    for decision in decisions:
        step = decide(workflow, decision)
        assert step == step_of.get(decision, step)
    assert workflow.is_completed()
    assert end in reached(workflow)
    assert ("close" in reached(workflow)) == (end == "closed")


@pytest.mark.parametrize("flow", flows, ids=lambda f: f.parent.parent.name)
def test_a_decision_that_the_flow_does_not_know_is_refused(flow: Path) -> None:
    with pytest.raises(WorkflowException):
        decide(start(flow), "wave-through")


@pytest.mark.parametrize("flow", flows, ids=lambda f: f.parent.parent.name)
def test_every_element_of_a_flow_is_drawn_and_named_in_both_languages(flow: Path) -> None:
    from lxml import etree

    bpmn = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
    di = "{http://www.omg.org/spec/BPMN/20100524/DI}"
    tree = etree.parse(str(flow))
    drawn = {e.get("bpmnElement") for e in tree.iter(f"{di}BPMNShape", f"{di}BPMNEdge")}
    process = tree.find(f"{bpmn}process")
    assert process is not None
    for element in process.iterfind(f"{bpmn}*[@id]"):
        assert element.get("id") in drawn
        if element.get("name") is not None:
            assert element.findtext(f"{bpmn}documentation")


def test_every_category_has_a_time_limit_and_keywords(packs: dict[str, ScenePack]) -> None:
    for pack in packs.values():
        for code, category in pack.categories.items():
            assert category.deadline is not None, code
            assert category.keywords, code


def test_what_can_hurt_somebody_is_urgent(packs: dict[str, ScenePack]) -> None:
    categories = packs["urban-management"].categories | packs["waterlogging"].categories
    for code in ("B01", "B02", "C02", "C04", "D01", "G01", "W01", "W02", "W90"):
        deadline = categories[code].deadline
        assert deadline is not None
        assert deadline.clock == "urgent"
        assert deadline.limit_h <= 2


def test_the_seven_classes_of_the_hotline_are_there_by_name(packs: dict[str, ScenePack]) -> None:
    categories = packs["urban-management"].categories
    assert [categories[f"P{n}"].name.zh for n in range(1, 8)] == [
        "城乡建设", "劳动和社会保障", "教育文体", "商贸旅游", "环境保护", "卫生计生", "交通运输",
    ]  # fmt: skip


def test_the_common_categories_have_enough_examples(packs: dict[str, ScenePack]) -> None:
    urban = packs["urban-management"].examples
    assert all(len(urban[f"P{n}"]) >= 14 for n in range(1, 8))
    small = [code for code, one in packs["urban-management"].categories.items() if one.parent is not None]
    assert set(small) <= set(urban)
    assert sum(len(texts) >= 6 for code, texts in urban.items() if code[0] != "P") >= 40
    assert all(len(texts) >= 6 for texts in packs["waterlogging"].examples.values())


def test_no_text_is_both_taught_and_examined(packs: dict[str, ScenePack]) -> None:
    texts = Counter(
        text
        for pack in packs.values()
        for group in (
            [text for taught in pack.examples.values() for text in taught],
            [report.text for report in pack.reports],
            [case.input.text for case in pack.cases if isinstance(case.input, ReportInput)],
        )
        for text in group
    )
    assert [text for text, times in texts.items() if times > 1] == []


def test_demo_mode_has_reports_of_every_class(packs: dict[str, ScenePack]) -> None:
    reports = [report for pack in packs.values() for report in pack.reports]
    assert len(reports) >= 120
    assert {report.category[0] for report in reports} == set("ABCDEFGHJPW")
    known = packs["urban-management"].categories | packs["waterlogging"].categories
    assert all(report.category in known for report in reports)


def test_every_rule_has_a_test_case_that_opens_it(packs: dict[str, ScenePack]) -> None:
    for pack in packs.values():
        opened = {
            alarm["rule"]
            for case in pack.cases
            if isinstance(case.input, ReadingsInput | HistoryInput)
            for alarm in case.expected.alarms
            if alarm["event"] == "opened"
        }
        assert set(pack.rules) == opened


def test_every_car_park_states_the_capacity_that_its_rules_count_in(packs: dict[str, ScenePack]) -> None:
    for device in packs["parking"].devices:
        assert float(device.attributes["capacity"]) > 0, device.device


def test_every_text_is_complete_in_both_languages(packs: dict[str, ScenePack]) -> None:
    def texts(value: object) -> list[Text]:
        if isinstance(value, Text):
            return [value]
        if isinstance(value, dict):
            return [found for item in value.values() for found in texts(item)]
        if isinstance(value, list | tuple):
            return [found for item in value for found in texts(item)]
        if hasattr(value, "__pydantic_fields__"):
            return [found for name in value.__pydantic_fields__ for found in texts(getattr(value, name))]
        return []

    for pack in packs.values():
        for text in texts(pack):
            assert text.zh.strip(), text
            assert text.en.strip(), text
            assert not any("一" <= char <= "鿿" for char in text.en), text.en


def test_synthetic_places_lie_in_the_district_that_they_name(packs: dict[str, ScenePack]) -> None:
    city = load_city(root.parent / "cities" / "qingdao")
    districts = {
        area.name.zh: shape(city.shapes[area.code]) for area in city.areas if area.level == "district"
    }

    def district_of(lon: float, lat: float) -> str:
        return next((name for name, area in districts.items() if area.contains(Point(lon, lat))), "")

    for pack in packs.values():
        for device in pack.devices:
            assert district_of(device.lon, device.lat), device.device
        for report in pack.reports:
            district = district_of(report.lon, report.lat)
            # Huangdao is known by the name of its new area.
            named = district.replace("黄岛区", "西海岸新区") if "黄岛" in district else district
            assert named, report.address
            assert report.address.startswith((district, named)), (report.address, district)


@pytest.mark.parametrize("page", ["first-scene.md", "first-scene.zh.md"])
def test_the_tutorial_makes_a_valid_scene(page: str, tmp_path: Path) -> None:
    tutorial = (root.parent / "docs" / "tutorial" / page).read_text(encoding="utf-8")
    files = re.findall(
        r"^`scenes/street-noise/([^`]+)`\n\n```\w+\n(.*?)^```", tutorial, re.DOTALL | re.MULTILINE
    )
    folder = tmp_path / "street-noise"
    for name, content in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    pack = load_scene(folder, {"urban-management": load_scene(root / "urban-management")})
    assert set(pack.rules) == {"street-too-loud"}
    assert [case.name for case in pack.cases] == ["loud-for-two-minutes"]
