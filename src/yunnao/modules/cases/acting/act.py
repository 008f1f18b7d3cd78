"""Acting on a case: by right, as its flow and its state allow, everything on the timeline."""

from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound, TooLarge
from yunnao.kernel.principal import SYSTEM, Principal
from yunnao.modules.cases import domain
from yunnao.modules.cases.acting import store, subcases, telling
from yunnao.modules.cases.acting.catalogue import (
    ACTIONS,
    COMMENT_CHARS_MAX,
    LAPSING,
    Action,
)
from yunnao.modules.cases.acting.doing import Doing
from yunnao.modules.cases.acting.effects import EFFECTS
from yunnao.modules.cases.acting.situation import Situation, situation
from yunnao.modules.cases.contracts import ActionData
from yunnao.modules.cases.deadlines import facade as deadlines
from yunnao.modules.cases.flows.flow import State
from yunnao.modules.cases.intake import attach_photos
from yunnao.modules.cases.parts import Parts, announce, case_resource, note
from yunnao.modules.cases.search import indexing

UNREPORTED_SOURCES = frozenset({"alarm", "officer"})
"""Cases that no citizen reported: the centre itself rates how they were handled."""
CHANGES_TOLD_MAX = 20
COLUMNS = (
    "id", "status", "category", "department", "due_at", "closed_at", "changed_at", "score", "rating_comment",
    "overdue_at", "suspended_at", "suspended_until", "supervised_at", "supervised_until", "reminders",
    "reminded_at", "handed_to",
)  # fmt: skip


async def act(
    tx: Transaction,
    parts: Parts,
    case_id: UUID,
    action: str,
    data: ActionData,
    principal: Principal,
    *,
    tracked: bool = False,
    version: int | None = None,
    trusted: bool = False,
) -> Row:
    """Does `action` and returns the case as it then is.

    `version`: of the case as the party saw it. `trusted`: the caller has decided that it may be done.
    Raises NotFound where the party may not know of the case, Forbidden where it may not do this,
    Conflict `case_action_not_now` and others where the case's state does not allow it or it has changed
    since, InvalidInput for what is missing.
    """
    known = ACTIONS.get(action)
    if known is None:
        raise NotFound("case_action_unknown", action=action[:40])
    row = await store.one(tx, "lock", id=case_id)
    if row is None:
        raise NotFound("case_not_found")
    flow = await parts.registry.flow(tx, row["flow_hash"])
    now = await situation(tx, row, flow.position(row["workflow"]).decisions)
    if not trusted:
        _authorize(parts, row, action, principal, tracked=tracked)
    if row["merged_into"] is not None:
        main = await store.one(tx, "kin", id=row["merged_into"])
        raise Conflict("case_merged", number=main["number"] if main else "")
    if version is not None:
        await require_version(tx, case_id, version)
    now.require(known)
    _check(known, data, now)
    snapshot = await parts.registry.current(tx)
    doing = Doing(tx, parts, snapshot, now, dict(row), known, data, principal, parts.clock.now())
    state: State = row["workflow"]
    if known.decision is not None:
        step = flow.decide(state, known.decision)
        state, doing.case["status"] = step.state, step.status
    effect = EFFECTS.get(action)
    if effect is not None:
        doing.act = lambda other, name, more: act(tx, parts, other, name, more, principal)
        await effect(doing)
    await _close(doing, row)
    if known.decision is not None:
        await deadlines.follow(tx, parts, row, doing.case)
    await save(doing, state)
    await _tell(doing, row)
    return doing.case


async def save(doing: Doing, state: State) -> None:
    """Stores what the effects changed."""
    case = doing.case
    if doing.action.decision is not None or any(
        case[name] != doing.before.row[name] for name in ("department", "due_at", "suspended_at")
    ):
        case["changed_at"] = doing.now
    await store.run(doing.tx, "update", **{name: case[name] for name in COLUMNS}, workflow=Jsonb(state))
    case["workflow"] = state
    if case["category"] != doing.before.row["category"]:
        await indexing.write(doing.tx, doing.snapshot, case)


async def lapse(doing: Doing) -> None:
    """Requests for time that the move has made idle."""
    if doing.action.name not in LAPSING or not doing.before.asked & {"extension", "suspension"}:
        return
    tx, case_id = doing.tx, doing.case["id"]
    for row in await store.rows(
        tx, "requests_lapse", case_id=case_id, kinds=["extension", "suspension"], now=doing.now
    ):
        await note(tx, doing.parts, case_id, "request_lapsed", SYSTEM, detail={"kind": row["kind"]})


async def require_version(tx: Transaction, case_id: UUID, version: int) -> None:
    """Raises Conflict `case_changed` with what changed since `version`."""
    found = await current_version(tx, case_id)
    if found == version:
        return
    since = await store.rows(
        tx, "changes", case_id=case_id, version=max(0, min(version, found)), limit=CHANGES_TOLD_MAX
    )
    changes = [
        {"time": row["time"].isoformat(), "event": row["event"], "actor": row["actor_name"]} for row in since
    ]
    raise Conflict("case_changed", n=len(changes), problem_extra={"version": found, "changes": changes})


async def current_version(tx: Transaction, case_id: UUID) -> int:
    row = await store.one(tx, "version", case_id=case_id)
    return int(row["version"]) if row else 0


def offered(parts: Parts, now: Situation, principal: Principal) -> list[Action]:
    """The actions that this party may do now."""
    return [
        Action(action.name, action.decision, now.needs(action), action.offers)
        for name, action in ACTIONS.items()
        if now.allows(action)
        and _allowed(parts, now.row, name, principal)
        and _own_part(now, name, principal)
    ]


def _own_part(now: Situation, action: str, principal: Principal) -> bool:
    return action != "feed_back" or principal.department in now.joint_open


def _allowed(parts: Parts, row: Row, action: str, principal: Principal, *, tracked: bool = False) -> bool:
    if action == "rate" and row["source"] in UNREPORTED_SOURCES:
        # Whoever judges the work (核查) also rates it where no citizen asked for it.
        return parts.identity.allowed(principal, "case:pass", case_resource(row))
    return parts.identity.allowed(principal, f"case:{action}", case_resource(row, tracked=tracked))


def _authorize(parts: Parts, row: Row, action: str, principal: Principal, *, tracked: bool) -> None:
    if _allowed(parts, row, action, principal, tracked=tracked):
        return
    resource = case_resource(row, tracked=tracked)
    if not parts.identity.allowed(principal, "case:read", resource):
        if principal.kind == "anonymous":
            parts.identity.authorize(principal, "case:read", resource)
        if principal.department not in row["parties"]:
            raise NotFound("case_not_found")
    raise Forbidden("case_action_forbidden", action=action)


def _check(action: Action, data: ActionData, now: Situation) -> None:
    for need in now.needs(action):
        value: Any = getattr(data, need)
        if need == "hours" and data.until is not None and "until" in action.offers:
            continue
        if value is None or value == () or (isinstance(value, str) and not value.strip()):
            if need == "reason" and need not in action.needs:
                raise Conflict("case_parts_open", departments=", ".join(sorted(now.joint_open)))
            raise InvalidInput("case_action_needs", action=action.name, need=need)
    if data.score is not None and not 1 <= data.score <= 5:
        raise InvalidInput("score_out_of_range")
    for text in (data.comment, data.reason, data.party):
        if text is not None and len(text) > COMMENT_CHARS_MAX:
            raise TooLarge("text_too_long", limit_chars=COMMENT_CHARS_MAX)
        if text is not None and "\x00" in text:
            raise InvalidInput("text_unreadable")


async def _close(doing: Doing, row: Row) -> None:
    """What ends with the case: its clock, and nothing before its sub-cases."""
    case = doing.case
    if row["status"] in domain.OPEN and case["status"] not in domain.OPEN:
        await subcases.require_children_closed(doing.tx, case)
        if case["status"] == "closed":
            case["closed_at"] = doing.now
        case["supervised_at"] = case["supervised_until"] = None


async def _tell(doing: Doing, row: Row) -> None:
    """Photos, timeline, events and notices, in this order."""
    tx, parts, case, data, action = doing.tx, doing.parts, doing.case, doing.data, doing.action.name
    if data.photos:
        await attach_photos(tx, case["id"], data.photos, doing.principal)
    entry = await note(
        tx,
        parts,
        case["id"],
        action,
        doing.principal,
        comment=data.comment or None,
        department=case["department"] if action in {"assign", "reassign"} else row["department"],
        category=case["category"] if case["category"] != row["category"] else None,
        photos=data.photos,
        detail=doing.detail,
    )
    await lapse(doing)
    if case["status"] == "closed" and row["status"] != "closed":
        await note(tx, parts, case["id"], "closed", SYSTEM, department=row["department"])
    await announce(tx, doing.snapshot, "cases.case.changed", case)
    if case["parent_id"] is not None and row["status"] in domain.OPEN and case["status"] not in domain.OPEN:
        await subcases.tell_parent(tx, parts, doing.snapshot, case)
    await telling.after(doing, entry)
