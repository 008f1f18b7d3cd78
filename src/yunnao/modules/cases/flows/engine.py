"""SpiffWorkflow walks a flow once, and what it finds is a table of moves.

A flow has one token and its gateways look at `decision` alone, so where a decision leads depends on
nothing but the task that waits: the table is the flow. Steps of cases then cost a look-up, and a
case keeps a position instead of the engine's tree of tasks.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from SpiffWorkflow.bpmn.parser import BpmnParser
from SpiffWorkflow.bpmn.parser.BpmnParser import BpmnValidator
from SpiffWorkflow.bpmn.script_engine import PythonScriptEngine
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.exceptions import SpiffWorkflowException
from SpiffWorkflow.util.task import TaskState

from yunnao.kernel.errors import InvalidInput
from yunnao.modules.cases.flows.bpmn import BPMN
from yunnao.modules.cases.flows.conditions import evaluate_condition


@dataclass(frozen=True)
class Move:
    """Where a decision leads: the task that waits next (None: the flow has ended), and what is passed."""

    to: str | None
    passed: tuple[str, ...]


Moves = Mapping[tuple[str | None, str | None], Move]
"""By task and decision; by (None, None) the beginning."""


class _Conditions(PythonScriptEngine):  # type: ignore[misc]
    """Evaluates conditions without Python's eval and runs no script."""

    def evaluate(self, task: Any, expression: str, external_context: Any = None) -> bool:
        return evaluate_condition(expression, task.data.get("decision"))

    def execute(self, task: Any, script: str, external_context: Any = None) -> bool:
        raise InvalidInput("flow_element_refused", element="script")

    def call_service(self, task: Any, **kwargs: Any) -> bool:
        raise InvalidInput("flow_element_refused", element="service")


_ENGINE = _Conditions()


def moves_of(tree: Any, decisions: Mapping[str, frozenset[str]]) -> Moves:
    """Every move of a checked flow. Raises InvalidInput `flow_unreadable` where the engine refuses it."""
    try:
        parser = BpmnParser(validator=BpmnValidator())
        parser.add_bpmn_xml(tree)
        spec = parser.get_spec(tree.find(f"{{{BPMN}}}process").get("id"))
    except Exception as error:  # the parser's own errors share no root
        raise InvalidInput("flow_unreadable", detail=str(error)[:300]) from error
    try:
        return dict(_walk(spec, decisions))
    except SpiffWorkflowException as error:
        raise InvalidInput("flow_unreadable", detail=str(error)[:300]) from error


def _walk(
    spec: Any, decisions: Mapping[str, frozenset[str]]
) -> Iterator[tuple[tuple[str | None, str | None], Move]]:
    """Every task by the shortest way to it, and from there each of its decisions."""
    first = _begin(spec)
    move = Move(_waiting(first), _completed(first))
    yield (None, None), move
    ways: dict[str, list[str]] = {move.to: []} if move.to else {}
    open_tasks = deque(ways)
    while open_tasks:
        task = open_tasks.popleft()
        for decision in sorted(decisions[task]):
            workflow = _begin(spec)
            for earlier in ways[task]:
                _decide(workflow, earlier)
            before = len(_completed(workflow))
            try:
                _decide(workflow, decision)
            except SpiffWorkflowException:
                continue  # a constant of the gateway that opens none of its ways
            move = Move(_waiting(workflow), _completed(workflow)[before:])
            yield (task, decision), move
            if move.to is not None and move.to not in ways:
                ways[move.to] = [*ways[task], decision]
                open_tasks.append(move.to)


def _begin(spec: Any) -> Any:
    workflow = BpmnWorkflow(spec, script_engine=_ENGINE)
    workflow.do_engine_steps()
    return workflow


def _decide(workflow: Any, decision: str) -> None:
    (task,) = workflow.get_tasks(state=TaskState.READY, manual=True)
    task.data["decision"] = decision
    task.run()
    workflow.do_engine_steps()


def _waiting(workflow: Any) -> str | None:
    return next((t.task_spec.bpmn_id for t in workflow.get_tasks(state=TaskState.READY, manual=True)), None)


def _completed(workflow: Any) -> tuple[str, ...]:
    """In the order of the one token, which is the order of the engine's tree."""
    tasks = workflow.get_tasks(state=TaskState.COMPLETED)
    return tuple(t.task_spec.bpmn_id for t in tasks if t.task_spec.bpmn_id)
