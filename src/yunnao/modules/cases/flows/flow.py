"""One version of a flow: where cases stand in it, and where decisions take them."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from yunnao.kernel.errors import Conflict
from yunnao.modules.cases.domain import STATUS_BY_END, STATUS_BY_TASK, Status
from yunnao.modules.cases.flows.bpmn import decisions_of, names_of, read_flow
from yunnao.modules.cases.flows.engine import Move, moves_of

STEPS_MAX = 500
"""Decisions on one case: a loop of returns must end some day."""

State = dict[str, Any]
"""As it is kept with a case: `at`, the task that waits (None: ended), `done`, the elements that it
passed, `steps`, how many decisions led here."""

_READY, _COMPLETED = 16, 64
"""SpiffWorkflow's task states, as rows of cases hold them that were opened when they kept its tree."""


@dataclass(frozen=True)
class Step:
    """Where a case stands: its status, the elements that wait and those that are done."""

    status: Status
    current: tuple[str, ...]
    done: tuple[str, ...]
    decisions: frozenset[str]
    state: State = field(repr=False)


class Flow:
    """One version of a flow. `decisions` tells what each step may decide, `names` what it is called."""

    def __init__(self, bpmn: str) -> None:
        """Raises InvalidInput `flow_…` for what is no flow of ours."""
        self.hash = flow_hash(bpmn)
        tree = read_flow(bpmn)
        self.names = names_of(tree)
        self._moves = moves_of(tree, decisions_of(tree))
        self.decisions = {
            task: frozenset(decision for at, decision in self._moves if at == task and decision is not None)
            for task in {at for at, _ in self._moves if at is not None}
        }

    def start(self) -> Step:
        first = self.beginning()
        return self._step({"at": first.to, "done": list(first.passed), "steps": 0})

    def position(self, state: State) -> Step:
        return self._step(_plain(state))

    def decide(self, state: State, decision: str) -> Step:
        """The step after `decision`. Raises Conflict `case_action_not_now` where it is not offered."""
        now = _plain(state)
        move = self.move(now["at"], decision)
        if move is None:
            raise Conflict("case_action_not_now", action=decision, state=now["at"] or "")
        if now["steps"] >= STEPS_MAX:
            raise Conflict("case_steps_too_many", limit=STEPS_MAX)
        return self._step(
            {
                "at": move.to,
                "done": list(dict.fromkeys([*now["done"], *move.passed])),
                "steps": now["steps"] + 1,
            }
        )

    def beginning(self) -> Move:
        return self._moves[None, None]

    def move(self, task: str | None, decision: str) -> Move | None:
        """Where `decision` leads from `task`; None where it is not offered."""
        return self._moves.get((task, decision)) if task is not None else None

    def waits_at(self, task: str | None) -> bool:
        """Whether a case of this version can wait at `task`."""
        return task in self.decisions

    def _step(self, state: State) -> Step:
        at = state["at"]
        done = tuple(name for name in state["done"] if name != at and name in self.names)
        if at is not None:
            return Step(STATUS_BY_TASK[at], (at,), done, self.decisions[at], state)
        ends: list[Status] = [STATUS_BY_END[name] for name in reversed(done) if name in STATUS_BY_END]
        status = ends[0] if ends else "rated"
        return Step(status, (), done, frozenset(), state)


def flow_hash(bpmn: str) -> str:
    return hashlib.sha256(bpmn.encode()).hexdigest()


def _plain(state: State) -> State:
    """A case's position, also of one that kept the engine's tree of tasks."""
    if "tasks" not in state:
        return state
    tasks = state["tasks"].values()
    done = dict.fromkeys(t["task_spec"] for t in tasks if t["state"] == _COMPLETED)
    return {
        "at": next((t["task_spec"] for t in tasks if t["state"] == _READY), None),
        "done": list(done),
        "steps": sum(t["state"] == _COMPLETED and bool(t["delta"].get("updates")) for t in tasks),
    }
