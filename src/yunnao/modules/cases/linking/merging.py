"""Merging cases of one event into one, and taking them out again."""

from uuid import UUID

from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.errors import Conflict, Forbidden, NotFound
from yunnao.kernel.ids import new_id
from yunnao.kernel.principal import Principal
from yunnao.modules.cases import store as cases_store
from yunnao.modules.cases.acting import store as acting_store
from yunnao.modules.cases.deadlines import facade as deadlines
from yunnao.modules.cases.domain import OPEN
from yunnao.modules.cases.linking import domain, store
from yunnao.modules.cases.parts import Parts, announce, case_resource, note

MERGE_DEPTH_MAX = 20


async def main_of(tx: Transaction, case_id: UUID) -> UUID:
    """The case that stands for `case_id`: itself where it was not merged."""
    chain = await store.rows(tx, "merges_above", id=case_id, depth_max=MERGE_DEPTH_MAX)
    return UUID(str(chain[-1]["id"])) if chain else case_id


async def below(tx: Transaction, case_id: UUID) -> list[Row]:
    """Every case that `case_id` stands for, itself first."""
    return await store.rows(tx, "merged_below", id=case_id, depth_max=MERGE_DEPTH_MAX)


async def merge(
    tx: Transaction,
    parts: Parts,
    case_id: UUID,
    into: UUID,
    principal: Principal,
    comment: str | None = None,
    *,
    declared: bool = False,
) -> tuple[Row, Row]:
    """Closes `case_id` into the case that stands for `into`; both rows as they then are.

    `declared`: the city's own threshold asks for it, so no person's right is asked.
    Raises NotFound, Forbidden, Conflict `case_merged`, `case_merge_itself`, `case_merge_not_open`,
    `case_children_open`.
    """
    await store.run(tx, "merge_lock")
    into = await main_of(tx, into)
    case, main = await _lock_both(tx, case_id, into)
    if not declared:
        _authorize(parts, case, principal)
        _authorize(parts, main, principal)
    standing = {str(case_id): str(case["merged_into"])} if case["merged_into"] else {}
    if standing:
        raise Conflict("case_merged", number=main["number"])
    if not domain.may_merge(str(case_id), str(into), standing):
        raise Conflict("case_merge_itself")
    for row in (case, main):
        if row["status"] not in OPEN:
            raise Conflict("case_merge_not_open", number=row["number"])
    if child := await acting_store.one(tx, "children_running", case_id=case_id):
        raise Conflict("case_children_open", number=child["number"])
    now = parts.clock.now()
    await store.run(
        tx,
        "merge_insert",
        id=new_id(),
        case_id=case_id,
        into_id=into,
        status_before=case["status"],
        now=now,
    )
    await store.run(tx, "case_merge", id=case_id, into_id=into, now=now)
    for query in ("links_confirm", "links_confirm_reverse"):
        await store.run(tx, query, case_id=case_id, other_id=into, now=now, by=principal.id)
    told = {"case": case["number"], "into": main["number"]}
    await deadlines.refresh(tx, parts, case_id)
    await note(tx, parts, case_id, "merged", principal, comment=comment, detail=told)
    await note(tx, parts, into, "merge_received", principal, comment=comment, detail=told)
    case |= {"merged_into": into, "status": "closed", "closed_at": now}
    await _announce(tx, parts, case, main)
    return case, main


async def unmerge(
    tx: Transaction, parts: Parts, case_id: UUID, principal: Principal, comment: str | None = None
) -> tuple[Row, Row]:
    """Takes `case_id` out of the case that it was merged into; it stands where it stood before.

    Raises NotFound, Forbidden, Conflict `case_not_merged`, `case_unmerge_closed`.
    """
    await store.run(tx, "merge_lock")
    standing = await store.one(tx, "merge_standing", case_id=case_id)
    if standing is None:
        known = await cases_store.one(tx, "case_get", id=case_id)
        if known is None:
            raise NotFound("case_not_found")
        _authorize(parts, known, principal)
        raise Conflict("case_not_merged")
    main_id = await main_of(tx, case_id)
    case, main = await _lock_both(tx, case_id, main_id)
    _authorize(parts, case, principal)
    if main["status"] not in OPEN:
        raise Conflict("case_unmerge_closed", number=main["number"])
    now = parts.clock.now()
    await store.run(tx, "merge_undo", id=standing["id"], now=now)
    await store.run(tx, "case_unmerge", id=case_id, status=standing["status_before"], now=now)
    told = {"case": case["number"], "into": main["number"]}
    await deadlines.refresh(tx, parts, case_id)
    await note(tx, parts, case_id, "unmerged", principal, comment=comment, detail=told)
    await note(tx, parts, main_id, "merge_lost", principal, comment=comment, detail=told)
    case |= {"merged_into": None, "status": standing["status_before"], "closed_at": None}
    await _announce(tx, parts, case, main)
    return case, main


async def _lock_both(tx: Transaction, case_id: UUID, into: UUID) -> tuple[Row, Row]:
    """In one order, so that two mergers never wait for each other in a ring."""
    found = {each: await cases_store.one(tx, "case_lock", id=each) for each in sorted({case_id, into})}
    case, main = found[case_id], found[into]
    if case is None or main is None:
        raise NotFound("case_not_found")
    return case, main


def _authorize(parts: Parts, row: Row, principal: Principal) -> None:
    resource = case_resource(row)
    if parts.identity.allowed(principal, "case:merge", resource):
        return
    if principal.kind == "anonymous":
        parts.identity.authorize(principal, "case:merge", resource)
    if not parts.identity.allowed(principal, "case:read", resource):
        raise NotFound("case_not_found")
    raise Forbidden("case_action_forbidden", action="merge")


async def _announce(tx: Transaction, parts: Parts, *rows: Row) -> None:
    snapshot = await parts.registry.current(tx)
    for row in rows:
        await announce(tx, snapshot, "cases.case.changed", row)
