"""Flows are data: what could run is refused, what is decided is compared, states are small."""

import json

import pytest

from yunnao.infra.paths import project_root
from yunnao.kernel.errors import Conflict, InvalidInput
from yunnao.modules.cases.flow import Flow, evaluate_condition

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


def test_a_state_keeps_no_specification_and_stays_small() -> None:
    flow = Flow(BPMN)
    step = flow.start()
    for decision in ("assign", "accept", "finish", "rework", "finish", "pass", "rate"):
        step = flow.decide(step.state, decision)
    assert "spec" not in step.state
    assert len(json.dumps(step.state)) < 20_000


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
    ],
)
def test_what_is_no_flow_of_ours_is_refused(bpmn: str) -> None:
    with pytest.raises(InvalidInput, match="flow_"):
        Flow(bpmn)
