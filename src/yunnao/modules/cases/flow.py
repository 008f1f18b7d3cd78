"""Flows: BPMN 2.0 from packs, checked to be data only, run by SpiffWorkflow.

A flow knows the steps of `STATUS_BY_TASK` and decides by comparing `decision` with constants.
Nothing in it is executed as code: conditions are read as Python syntax trees and evaluated here,
elements that could run anything are refused at installation.
"""

import ast
import hashlib
from dataclasses import dataclass, field
from typing import Any

from lxml import etree
from SpiffWorkflow.bpmn.parser import BpmnParser
from SpiffWorkflow.bpmn.parser.BpmnParser import BpmnValidator
from SpiffWorkflow.bpmn.script_engine import PythonScriptEngine
from SpiffWorkflow.bpmn.serializer.config import DEFAULT_CONFIG
from SpiffWorkflow.bpmn.serializer.default.workflow import BpmnWorkflowConverter
from SpiffWorkflow.bpmn.serializer.workflow import BpmnWorkflowSerializer
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.exceptions import SpiffWorkflowException
from SpiffWorkflow.util.task import TaskState

from yunnao.kernel.errors import Conflict, InvalidInput
from yunnao.modules.cases.domain import STATUS_BY_END, STATUS_BY_TASK, Status

FLOW_BYTES_MAX = 512 * 1024
STEPS_MAX = 500
"""Decisions on one case: a loop of returns must end some day, and the state stays small."""

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
NODES = ("startEvent", "userTask", "exclusiveGateway", "intermediateThrowEvent", "endEvent")
ELEMENTS = frozenset(
    {
        *NODES,
        "definitions",
        "process",
        "documentation",
        "sequenceFlow",
        "conditionExpression",
        "incoming",
        "outgoing",
    }
)

State = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """Where a case stands: its status, the elements that wait and those that are done."""

    status: Status
    current: tuple[str, ...]
    done: tuple[str, ...]
    decisions: frozenset[str]
    state: State = field(repr=False)


def evaluate_condition(expression: str, decision: object) -> bool:
    """`decision == "x"`, `!=`, `in ("x", "y")`, joined by and/or/not. Raises InvalidInput otherwise."""
    try:
        tree = ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InvalidInput("flow_condition_unsupported", expression=expression[:200]) from error
    return _evaluate(tree, decision, expression)


def _evaluate(node: ast.expr, decision: object, expression: str) -> bool:
    if isinstance(node, ast.BoolOp):
        parts = [_evaluate(value, decision, expression) for value in node.values]
        return all(parts) if isinstance(node.op, ast.And) else any(parts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return not _evaluate(node.operand, decision, expression)
    if (
        isinstance(node, ast.Compare)
        and len(node.ops) == 1
        and isinstance(node.left, ast.Name)
        and node.left.id == "decision"
    ):
        operator, right = node.ops[0], node.comparators[0]
        constants = _constants(right)
        if constants and isinstance(operator, ast.Eq | ast.NotEq) and isinstance(right, ast.Constant):
            return (decision == constants[0]) == isinstance(operator, ast.Eq)
        if constants and isinstance(operator, ast.In | ast.NotIn) and not isinstance(right, ast.Constant):
            return (decision in constants) == isinstance(operator, ast.In)
    raise InvalidInput("flow_condition_unsupported", expression=expression[:200])


def _constants(node: ast.expr) -> list[str]:
    parts = node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else [node]
    values = [part.value for part in parts if isinstance(part, ast.Constant)]
    strings = [value for value in values if isinstance(value, str)]
    return strings if len(strings) == len(parts) else []


class _Conditions(PythonScriptEngine):  # type: ignore[misc]
    """Evaluates conditions without Python's eval and runs no script."""

    def evaluate(self, task: Any, expression: str, external_context: Any = None) -> bool:
        return evaluate_condition(expression, task.data.get("decision"))

    def execute(self, task: Any, script: str, external_context: Any = None) -> bool:
        raise InvalidInput("flow_element_refused", element="script")

    def call_service(self, task: Any, **kwargs: Any) -> bool:
        raise InvalidInput("flow_element_refused", element="service")


class _StateConverter(BpmnWorkflowConverter):  # type: ignore[misc]
    """Leaves the specification out: thousands of cases share one, kept by its hash."""

    def to_dict(self, workflow: Any) -> State:
        spec, workflow.spec = workflow.spec, None
        try:
            state: State = super().to_dict(workflow)
        finally:
            workflow.spec = spec
        del state["spec"]
        return state


_SERIALIZER = BpmnWorkflowSerializer(
    BpmnWorkflowSerializer.configure({**DEFAULT_CONFIG, BpmnWorkflow: _StateConverter})
)
_ENGINE = _Conditions()


class Flow:
    """One version of a flow. `decisions` tells what each step may decide."""

    def __init__(self, bpmn: str) -> None:
        """Raises InvalidInput `flow_…` for what is no flow of ours."""
        self.hash = flow_hash(bpmn)
        tree = _parse(bpmn)
        self.decisions = _decisions(tree)
        process = tree.find(f"{{{BPMN}}}process")
        try:
            parser = BpmnParser(validator=BpmnValidator())
            parser.add_bpmn_xml(tree)
            self._spec = parser.get_spec(process.get("id"))
        except Exception as error:  # the parser's own errors share no root
            raise InvalidInput("flow_unreadable", detail=str(error)[:300]) from error

    def start(self) -> Step:
        workflow = BpmnWorkflow(self._spec, script_engine=_ENGINE)
        workflow.do_engine_steps()
        return self._step(workflow)

    def position(self, state: State) -> Step:
        return self._step(self._load(state))

    def decide(self, state: State, decision: str) -> Step:
        """The step after `decision`. Raises Conflict `case_action_not_now` where it is not offered."""
        workflow = self._load(state)
        waiting = workflow.get_tasks(state=TaskState.READY, manual=True)
        if not waiting or decision not in self.decisions.get(waiting[0].task_spec.bpmn_id, frozenset()):
            raise Conflict("case_action_not_now", action=decision)
        if len(state["tasks"]) > STEPS_MAX:
            raise Conflict("case_steps_too_many", limit=STEPS_MAX)
        task = waiting[0]
        task.data["decision"] = decision
        try:
            task.run()
            workflow.do_engine_steps()
        except SpiffWorkflowException as error:
            raise Conflict("case_action_not_now", action=decision) from error
        return self._step(workflow)

    def _load(self, state: State) -> Any:
        # Restoring takes parts out of the dictionary, so it gets one of its own.
        workflow = _SERIALIZER.from_dict({**state, "spec": self._spec, "typename": "BpmnWorkflow"})
        workflow.script_engine = _ENGINE
        return workflow

    def _step(self, workflow: Any) -> Step:
        waiting = [t.task_spec.bpmn_id for t in workflow.get_tasks(state=TaskState.READY, manual=True)]
        done = [
            t.task_spec.bpmn_id
            for t in workflow.get_tasks(state=TaskState.COMPLETED)
            if t.task_spec.bpmn_id and t.task_spec.bpmn_id not in waiting
        ]
        if waiting:
            status = STATUS_BY_TASK[waiting[0]]
        else:
            status = next((STATUS_BY_END[name] for name in reversed(done) if name in STATUS_BY_END), "rated")
        return Step(
            status,
            tuple(waiting),
            tuple(dict.fromkeys(done)),
            self.decisions.get(waiting[0], frozenset()) if waiting else frozenset(),
            _SERIALIZER.to_dict(workflow),
        )


def flow_hash(bpmn: str) -> str:
    return hashlib.sha256(bpmn.encode()).hexdigest()


def _parse(bpmn: str) -> Any:
    content = bpmn.encode()
    if len(content) > FLOW_BYTES_MAX:
        raise InvalidInput("flow_unreadable", detail=f"> {FLOW_BYTES_MAX} bytes")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        tree = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise InvalidInput("flow_unreadable", detail=str(error)[:300]) from error
    if tree.getroottree().docinfo.internalDTD is not None:
        raise InvalidInput("flow_element_refused", element="DOCTYPE")
    for element in tree.iter(etree.Element):
        name = etree.QName(element)
        if name.namespace == BPMN and name.localname not in ELEMENTS:
            raise InvalidInput("flow_element_refused", element=name.localname)
    _check_steps(tree)
    return tree


def _check_steps(tree: Any) -> None:
    if len(tree.findall(f"{{{BPMN}}}process")) != 1:
        raise InvalidInput("flow_unreadable", detail="one process is needed")
    for kind, known in (("userTask", STATUS_BY_TASK), ("endEvent", STATUS_BY_END)):
        for element in tree.iter(f"{{{BPMN}}}{kind}"):
            if element.get("id") not in known:
                raise InvalidInput("flow_step_unknown", step=element.get("id"), known=", ".join(known))
    for condition in tree.iter(f"{{{BPMN}}}conditionExpression"):
        evaluate_condition(condition.text or "", "")
    _check_joints(tree)


def _check_joints(tree: Any) -> None:
    """Every sequence flow joins two elements, and only an end event leads nowhere."""
    nodes = {n.get("id"): etree.QName(n).localname for kind in NODES for n in tree.iter(f"{{{BPMN}}}{kind}")}
    sources = set()
    for sequence in tree.iter(f"{{{BPMN}}}sequenceFlow"):
        for end in (sequence.get("sourceRef"), sequence.get("targetRef")):
            if end not in nodes:
                raise InvalidInput("flow_unreadable", detail=f"{sequence.get('id')}: {end}?")
        sources.add(sequence.get("sourceRef"))
    dead = [name for name, kind in nodes.items() if kind != "endEvent" and name not in sources]
    if dead:
        raise InvalidInput("flow_unreadable", detail=f"{', '.join(map(str, dead))}: no outgoing flow")


def _decisions(tree: Any) -> dict[str, frozenset[str]]:
    """For each user task, the constants that the gateway after it compares `decision` with."""
    flows = list(tree.iter(f"{{{BPMN}}}sequenceFlow"))
    targets = {f.get("sourceRef"): f.get("targetRef") for f in flows}
    found: dict[str, frozenset[str]] = {}
    for task in tree.iter(f"{{{BPMN}}}userTask"):
        after = targets.get(task.get("id"))
        named: set[str] = set()
        for sequence in flows:
            condition = sequence.find(f"{{{BPMN}}}conditionExpression")
            if sequence.get("sourceRef") == after and condition is not None:
                expression = ast.parse((condition.text or "").strip(), mode="eval")
                named |= {
                    n.value
                    for n in ast.walk(expression)
                    if isinstance(n, ast.Constant) and isinstance(n.value, str)
                }
        found[task.get("id")] = frozenset(named or {task.get("id")})
    return found
