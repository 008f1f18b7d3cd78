"""Acting on a case: by right, as its flow allows, everything on the timeline."""

from uuid import UUID

from psycopg.types.json import Jsonb

from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound, TooLarge
from yunnao.kernel.principal import SYSTEM, Principal
from yunnao.modules.cases import domain, store
from yunnao.modules.cases.contracts import ActionData
from yunnao.modules.cases.deadlines import facade as deadlines
from yunnao.modules.cases.intake import attach_photos
from yunnao.modules.cases.parts import Parts, announce, case_resource, note
from yunnao.modules.cases.registry import Snapshot
from yunnao.modules.cases.search import indexing

COMMENT_CHARS_MAX = 2_000
UNREPORTED_SOURCES = frozenset({"alarm", "officer"})
"""Cases that no citizen reported: the centre itself rates how they were handled."""


async def act(
    tx: Transaction,
    parts: Parts,
    case_id: UUID,
    action: str,
    data: ActionData,
    principal: Principal,
    *,
    tracked: bool = False,
) -> Row:
    """Does `action` and returns the case as it then is.

    Raises NotFound where the party may not know of the case, Forbidden where it may not do this,
    Conflict `case_action_not_now` where the flow does not offer it, InvalidInput for what is missing.
    """
    known = domain.ACTIONS.get(action)
    if known is None:
        raise NotFound("case_action_unknown", action=action[:40])
    row = await store.one(tx, "case_lock", id=case_id)
    if row is None:
        raise NotFound("case_not_found")
    _authorize(parts, row, action, principal, tracked=tracked)
    if row["merged_into"] is not None:
        main = await store.one(tx, "case_get", id=row["merged_into"])
        raise Conflict("case_merged", number=main["number"] if main else "")
    flow = await parts.registry.flow(tx, row["flow_hash"])
    _check(known, data, row, flow.position(row["workflow"]).decisions)
    step = flow.decide(row["workflow"], known.decision)
    snapshot = await parts.registry.current(tx)
    changed = {**row, "status": step.status, "changed_at": parts.clock.now()}
    await _apply(tx, parts, snapshot, changed, known, data)
    if step.status == "closed" and row["status"] != "closed":
        changed["closed_at"] = parts.clock.now()
    await deadlines.follow(tx, parts, row, changed)
    await store.run(
        tx,
        "case_update",
        **{
            name: changed[name]
            for name in (
                "id", "status", "category", "department", "due_at", "closed_at", "changed_at", "score",
                "rating_comment", "overdue_at",
            )
        },
        workflow=Jsonb(step.state),
    )  # fmt: skip
    changed["workflow"] = step.state
    if changed["category"] != row["category"]:
        await indexing.write(tx, snapshot, changed)
    if data.photos:
        await attach_photos(tx, case_id, data.photos, principal)
    await note(
        tx,
        parts,
        case_id,
        action,
        principal,
        comment=data.comment or None,
        department=changed["department"] if action in {"assign", "reassign"} else row["department"],
        category=changed["category"] if changed["category"] != row["category"] else None,
        photos=data.photos,
        detail={"score": data.score} if action == "rate" else None,
    )
    if step.status == "closed" and row["status"] != "closed":
        await note(tx, parts, case_id, "closed", SYSTEM, department=row["department"])
    await announce(tx, snapshot, "cases.case.changed", changed)
    return changed


def offered(parts: Parts, row: Row, decisions: frozenset[str], principal: Principal) -> list[domain.Action]:
    """The actions that this party may do now; none on a case that another one stands for."""
    if row["merged_into"] is not None:
        return []
    return [
        action
        for name, action in domain.ACTIONS.items()
        if action.decision in decisions and _allowed(parts, row, name, principal)
    ]


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
        raise NotFound("case_not_found")
    raise Forbidden("case_action_forbidden", action=action)


def _check(action: domain.Action, data: ActionData, row: Row, decisions: frozenset[str]) -> None:
    if action.decision not in decisions:
        raise Conflict("case_action_not_now", action=action.name, state=row["status"])
    for need in action.needs:
        value = getattr(data, need)
        if value is None or (isinstance(value, str) and not value.strip()):
            raise InvalidInput("case_action_needs", action=action.name, need=need)
    if data.score is not None and not 1 <= data.score <= 5:
        raise InvalidInput("score_out_of_range")
    if data.comment is not None:
        if len(data.comment) > COMMENT_CHARS_MAX:
            raise TooLarge("text_too_long", limit_chars=COMMENT_CHARS_MAX)
        if "\x00" in data.comment:
            raise InvalidInput("text_unreadable")


async def _apply(
    tx: Transaction, parts: Parts, snapshot: Snapshot, case: Row, action: domain.Action, data: ActionData
) -> None:
    """What an action changes besides the status."""
    if action.name in {"assign", "reassign"}:
        if data.department not in await parts.departments(tx, snapshot):
            raise InvalidInput("department_unknown_for_case", department=str(data.department)[:60])
        case["department"] = data.department
    if action.name == "assign" and data.category is not None:
        snapshot.category(data.category)
        case["category"] = data.category
    if action.name == "return":
        case["department"] = None
    if action.name == "rate":
        case["score"], case["rating_comment"] = data.score, data.comment
