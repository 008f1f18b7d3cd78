"""Deciding on requests: never by who asked, never by who gave the verdict that is appealed against."""

from dataclasses import replace
from typing import Any, get_args
from uuid import UUID

from psycopg.types.json import Jsonb

from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.errors import Conflict, Forbidden, NotFound
from yunnao.kernel.principal import SYSTEM, Principal
from yunnao.modules.cases.acting import clock, parties, store, telling
from yunnao.modules.cases.acting.act import lapse, save
from yunnao.modules.cases.acting.catalogue import ACTIONS, Action, RequestKind
from yunnao.modules.cases.acting.doing import Doing
from yunnao.modules.cases.acting.situation import IN_HAND, situation
from yunnao.modules.cases.contracts import ActionData
from yunnao.modules.cases.deadlines import facade as deadlines
from yunnao.modules.cases.flows.flow import Flow, State
from yunnao.modules.cases.parts import Parts, announce, case_resource, note
from yunnao.modules.identity.contracts import Resource

KINDS: tuple[RequestKind, ...] = get_args(RequestKind)


def resource_of(row: Row, principal: Principal) -> Resource:
    """A request as the policies see it."""
    return Resource(
        "Request",
        str(row["id"]),
        department=row["department"],
        kind=row["kind"],
        own=principal.id is not None and row["asked_by"] == principal.id,
        judged=principal.id is not None and row["judged_by"] == principal.id,
    )


async def decide(
    tx: Transaction, parts: Parts, request_id: UUID, granted: bool, comment: str, principal: Principal
) -> Row:
    """Grants or refuses; the case as it then is. Raises NotFound, Forbidden `request_not_yours`,
    Conflict `request_decided_already` and where the case no longer allows what was asked for."""
    request, row, flow = await _locked(tx, parts, request_id, principal)
    if not parts.identity.allowed(principal, "request:decide", resource_of(request, principal)):
        raise Forbidden("request_not_yours")
    state = "granted" if granted else "refused"
    request = await _settle(tx, parts, request, state, comment, principal)
    event = f"{request['kind']}_{state}"
    action = Action(event)
    now = await situation(tx, row, flow.position(row["workflow"]).decisions)
    snapshot = await parts.registry.current(tx)
    data = ActionData(comment=comment, hours=request["hours"], until=request["until"])
    doing = Doing(tx, parts, snapshot, now, dict(row), action, data, principal, parts.clock.now())
    doing.detail = {"request_id": str(request_id)}
    workflow: State = row["workflow"]
    if granted:
        workflow = await _grant(doing, flow, request)
    await save(doing, workflow)
    entry = await note(
        tx,
        parts,
        row["id"],
        event,
        principal,
        comment=comment or None,
        department=request["department"],
        detail=doing.detail,
    )
    if doing.action.decision is not None:
        await note(tx, parts, row["id"], doing.action.name, SYSTEM, department=row["department"])
    await lapse(doing)
    await announce(tx, snapshot, "cases.case.changed", doing.case)
    await telling.decided(tx, parts, snapshot, doing.case, entry, event, request["asked_by"])
    return doing.case


async def withdraw(tx: Transaction, parts: Parts, request_id: UUID, principal: Principal) -> Row:
    """Takes back what was asked for. Raises as `decide` does."""
    request, row, _ = await _locked(tx, parts, request_id, principal)
    if not parts.identity.allowed(principal, "request:withdraw", resource_of(request, principal)):
        raise Forbidden("request_not_yours")
    await _settle(tx, parts, request, "withdrawn", "", principal)
    detail = {"request_id": str(request_id), "kind": request["kind"]}
    await note(
        tx,
        parts,
        row["id"],
        "request_withdrawn",
        principal,
        department=request["department"],
        detail=detail,
    )
    await announce(tx, await parts.registry.current(tx), "cases.case.changed", row)
    return row


async def _locked(
    tx: Transaction, parts: Parts, request_id: UUID, principal: Principal
) -> tuple[Row, Row, Flow]:
    """The request, its case, locked, and its flow. Raises NotFound for who may not know of it."""
    request = await store.one(tx, "request_get", id=request_id)
    if request is None:
        raise NotFound("request_not_found")
    row = await store.one(tx, "lock", id=request["case_id"])
    assert row is not None
    own = replace(case_resource(row), department=request["department"])
    if not any(parts.identity.allowed(principal, "case:read", r) for r in (case_resource(row), own)):
        if principal.kind == "anonymous":
            parts.identity.authorize(principal, "case:read")
        raise NotFound("request_not_found")
    return request, row, await parts.registry.flow(tx, row["flow_hash"])


async def _settle(
    tx: Transaction, parts: Parts, request: Row, state: str, comment: str, principal: Principal
) -> Row:
    decided = await store.one(
        tx,
        "request_decide",
        id=request["id"],
        state=state,
        decided_by=principal.id,
        decided_by_name=Jsonb(principal.name.model_dump()),
        comment=comment or None,
        now=parts.clock.now(),
    )
    if decided is None:
        raise Conflict("request_decided_already")
    return decided


async def _grant(doing: Doing, flow: Flow, request: Row) -> State:
    """What was asked for happens. Returns the case's position in its flow."""
    case = doing.case
    if case["archived_at"] is not None:
        raise Conflict("case_archived")
    if request["kind"] == "extension":
        await clock.give_time(doing, request["hours"], request["until"])
    elif request["kind"] == "suspension":
        if case["status"] not in IN_HAND or doing.before.suspended:
            raise Conflict("case_action_not_now", action="suspend", state=case["status"])
        await clock.stop(doing, _ahead(doing, request))
    else:
        return await _overturn(doing, flow, request)
    return _state(case)


async def _overturn(doing: Doing, flow: Flow, request: Row) -> State:
    """An appeal holds: a case that still is where the verdict sent it goes back; else only the figures
    of the department change, which read the request."""
    case = doing.case
    doing.detail["about"] = request["about"]
    decision = "return" if request["about"] == "responsibility" else "finish"
    at = flow.position(case["workflow"]).current
    reworked = request["about"] == "check" and await _reworked(doing)
    if flow.move(at[0] if at else None, decision) is None or not (decision == "return" or reworked):
        return _state(case)
    if doing.before.suspended:
        await clock.go_on(doing)
    step = flow.decide(case["workflow"], decision)
    case["status"] = step.status
    # As the action itself would: requests for time lapse, and the timeline tells the move.
    doing.action = ACTIONS[decision]
    if decision == "return":
        case["department"] = None
        await parties.follow_lead(doing)
    await deadlines.follow(doing.tx, doing.parts, doing.before.row, case)
    return step.state


async def _reworked(doing: Doing) -> bool:
    last = await store.one(doing.tx, "verdict", case_id=doing.case["id"], events=["pass", "rework"])
    return last is not None and last["event"] == "rework"


def _ahead(doing: Doing, request: Row) -> Any:
    """The end that was asked for, unless it has passed while the request waited."""
    until = request["until"]
    return until if until is not None and until > doing.now else None


def _state(case: Row) -> State:
    state: State = case["workflow"]
    return state
