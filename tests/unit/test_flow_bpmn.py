"""Flows are data: what could run is refused, what is decided is compared, states are small."""

import json

import pytest

from yunnao.infra.paths import project_root
from yunnao.kernel.errors import Conflict, InvalidInput
from yunnao.modules.cases.domain import STEP_BY_ELEMENT, STEPS
from yunnao.modules.cases.flows.conditions import evaluate_condition
from yunnao.modules.cases.flows.flow import Flow

BPMN = (project_root() / "scenes/urban-management/flows/case.bpmn").read_text("utf-8")


def walk(flow: Flow, *decisions: str) -> str:
    step = flow.start()
    for decision in decisions:
        step = flow.decide(json.loads(json.dumps(step.state)), decision)
    return step.status


@pytest.mark.parametrize(
    ("decisions", "status"),
    [
        ((), "desk"),
        (("assign",), "assigned"),
        (("assign", "return"), "desk"),
        (("assign", "reassign"), "assigned"),
        (("assign", "accept"), "handling"),
        (("assign", "accept", "reassign"), "assigned"),
        (("assign", "accept", "finish"), "checking"),
        (("assign", "accept", "finish", "rework"), "handling"),
        (("assign", "accept", "finish", "pass"), "closed"),
        (("assign", "accept", "finish", "pass", "rate"), "rated"),
        (("assign", "accept", "complete"), "handling"),
        (("assign", "accept", "complete", "redo"), "handling"),
        (("assign", "accept", "complete", "confirm"), "checking"),
        (("hand_over",), "handling"),
        (("hand_over", "answered"), "checking"),
        (("hand_over", "take_back"), "desk"),
        (("reject",), "rejected"),
    ],
)
def test_the_status_follows_the_waiting_step(decisions: tuple[str, ...], status: str) -> None:
    assert walk(Flow(BPMN), *decisions) == status


@pytest.mark.parametrize("decision", ["pass", "accept", "fly", "", "__import__('os')"])
def test_a_decision_that_is_not_offered_is_a_conflict(decision: str) -> None:
    flow = Flow(BPMN)
    with pytest.raises(Conflict):
        flow.decide(flow.start().state, decision)


def test_a_state_is_a_position_and_stays_small() -> None:
    flow = Flow(BPMN)
    step = flow.start()
    for decision in ("assign", "accept", "finish", "rework", "finish", "pass", "rate"):
        step = flow.decide(step.state, decision)
    assert step.state["at"] is None
    assert len(json.dumps(step.state)) < 500


def test_the_seven_steps_of_city_management_are_passed_in_their_order() -> None:
    flow = Flow(BPMN)
    step = flow.start()
    for decision in ("assign", "accept", "complete", "confirm", "pass"):
        step = flow.decide(step.state, decision)
    passed = [STEP_BY_ELEMENT[name] for name in step.done if name in STEP_BY_ELEMENT]
    assert tuple(dict.fromkeys(passed)) == STEPS
    assert {name for name in step.done if name in STEP_BY_ELEMENT} <= set(flow.names)


def test_a_case_that_kept_the_engines_tree_goes_on() -> None:
    def task(spec: str, state: int, **updates: str) -> dict[str, object]:
        return {"task_spec": spec, "state": state, "delta": {"updates": updates, "deletions": []}}

    tree = [
        task("Start", 64),
        task("reported", 64),
        task("dispatch", 64, decision="assign"),
        task("decide_dispatch", 64),
        task("accept", 16),
        task("handle", 1),
    ]
    step = Flow(BPMN).position({"tasks": {str(n): each for n, each in enumerate(tree)}, "data": {}})
    assert (step.status, step.current, step.done) == (
        "assigned", ("accept",), ("reported", "dispatch", "decide_dispatch"),
    )  # fmt: skip
    assert step.state["steps"] == 1
    assert Flow(BPMN).decide(step.state, "accept").status == "handling"


def test_returning_for_ever_comes_to_an_end() -> None:
    with pytest.raises(Conflict, match="case_steps_too_many"):
        walk(Flow(BPMN), *["assign", "return"] * 500)


@pytest.mark.parametrize(
    "element",
    [
        '<bpmn:scriptTask id="x"><bpmn:script>import os</bpmn:script></bpmn:scriptTask>',
        '<bpmn:serviceTask id="x"/>',
        '<bpmn:callActivity id="x"/>',
        '<bpmn:businessRuleTask id="x"/>',
        '<bpmn:subProcess id="x"/>',
        "<bpmn:extensionElements/>",
    ],
)
def test_elements_that_could_run_something_are_refused(element: str) -> None:
    with pytest.raises(InvalidInput, match="flow_element_refused"):
        Flow(BPMN.replace("</bpmn:process>", f"{element}</bpmn:process>"))


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('os').system('id')",
        "decision.__class__",
        "decision == other",
        "decision == 1",
        "(lambda: True)()",
        "decision == 'a' if True else False",
        "x == 'a'",
        "decision < 'a'",
        "decision == 'a' == 'b'",
        "",
        "decision ==",
        "[decision for _ in ()]",
        "(" * 5000,
    ],
)
def test_conditions_are_comparisons_and_nothing_else(expression: str) -> None:
    with pytest.raises(InvalidInput, match="flow_condition_unsupported"):
        evaluate_condition(expression, "a")


def test_conditions_compare_decisions() -> None:
    assert evaluate_condition('decision == "a"', "a")
    assert not evaluate_condition('decision == "a"', "b")
    assert evaluate_condition('decision in ("a", "b")', "b")
    assert evaluate_condition('not decision == "a" and decision != "c"', "b")


@pytest.mark.parametrize(
    "bpmn",
    [
        "",
        "no xml",
        "<a/>",
        BPMN.replace('id="handle"', 'id="paint"'),
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + BPMN.split("?>", 1)[1],
        BPMN.replace('sourceRef="close"', 'sourceRef="nowhere"'),
        BPMN.replace('id="close_to_rate" sourceRef="close"', 'id="close_to_rate" sourceRef="accept"'),
        BPMN.replace('sourceRef="close" targetRef="rate"', 'sourceRef="close" targetRef="decide_check"'),
    ],
)
def test_what_is_no_flow_of_ours_is_refused(bpmn: str) -> None:
    with pytest.raises(InvalidInput, match="flow_"):
        Flow(bpmn)
