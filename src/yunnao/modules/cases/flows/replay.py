"""What became of a case within its flow, from its timeline alone. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from yunnao.modules.cases.acting.catalogue import ACTIONS
from yunnao.modules.cases.flows.flow import Flow

MIGRATED = "flow_migrated"
DECISIONS: Mapping[str, str] = {
    "assigned_automatically": "assign",
    **{name: action.decision for name, action in ACTIONS.items() if action.decision is not None},
}
"""Events of the timeline that decide a step, and the decision; other events only tell of the case."""


@dataclass(frozen=True)
class Stay:
    """At one element: first entered, last left (None: the case waits there), seconds in all, how often."""

    entered_at: datetime
    left_at: datetime | None
    spent_s: float
    visits: int


@dataclass(frozen=True)
class Happened:
    """An entry of the timeline."""

    time: datetime
    event: str
    detail: Mapping[str, Any]


@dataclass(frozen=True)
class Walk:
    """The task that waits in the end (None: the flow has ended), and the stay at each element."""

    at: str | None
    stays: Mapping[str, Stay]


def walk(entries: Iterable[Happened], flows: Mapping[str, Flow], first: str, now: datetime) -> Walk:
    """Replays `entries`, oldest first, from the version `first`, by the versions in `flows`.

    What the flow does not offer where it stands (a merge, an entry of before) moves nothing.
    """
    flow, at, since = flows[first], None, now
    stays: dict[str, Stay] = {}
    begun = False
    for entry in entries:
        if not begun:
            begun = True
            move = flow.beginning()
            _pass(stays, move.passed, entry.time)
            at, since = move.to, entry.time
        if entry.event == MIGRATED:
            flow = flows[entry.detail["to"]]
            if entry.detail["at"] != at:
                _leave(stays, at, since, entry.time)
                at, since = entry.detail["at"], entry.time
            continue
        decision = DECISIONS.get(entry.event)
        found = flow.move(at, decision) if decision is not None else None
        if found is None:
            continue
        _leave(stays, at, since, entry.time)
        _pass(stays, [name for name in found.passed if name != at], entry.time)
        at, since = found.to, entry.time
    if at is not None:
        _leave(stays, at, since, now)
        stays[at] = replace(stays[at], left_at=None)
    return Walk(at, stays)


def _leave(stays: dict[str, Stay], task: str | None, since: datetime, until: datetime) -> None:
    if task is not None:
        _add(stays, task, since, until)


def _pass(stays: dict[str, Stay], names: Iterable[str], at: datetime) -> None:
    for name in names:
        _add(stays, name, at, at)


def _add(stays: dict[str, Stay], name: str, since: datetime, until: datetime) -> None:
    spent = max(0.0, (until - since).total_seconds())
    known = stays.get(name)
    stays[name] = (
        Stay(since, until, spent, 1)
        if known is None
        else Stay(known.entered_at, until, known.spent_s + spent, known.visits + 1)
    )
