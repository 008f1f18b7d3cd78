"""Work on a case as it is shown: who takes part, what is asked for, what stands still."""

from typing import Any

from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import catalogue
from yunnao.modules.cases.acting import store
from yunnao.modules.cases.acting.act import current_version, offered
from yunnao.modules.cases.acting.deciding import resource_of
from yunnao.modules.cases.acting.situation import Situation
from yunnao.modules.cases.masking import mask_text
from yunnao.modules.cases.naming import Names
from yunnao.modules.cases.parts import Parts

View = dict[str, Any]


async def work(tx: Transaction, parts: Parts, known: Names, now: Situation, principal: Principal) -> View:
    """The part of a case's detail that this room knows."""
    row = now.row
    parent = await store.one(tx, "kin", id=row["parent_id"]) if row["parent_id"] else None
    children = [] if row["parent_id"] else await store.rows(tx, "children", case_id=row["id"])
    return {
        "version": await current_version(tx, row["id"]),
        "actions": [
            {
                "action": action.name,
                "label": catalogue()[f"case_action_{action.name}"],
                "needs": list(action.needs),
                "offers": list(action.offers),
            }
            for action in offered(parts, now, principal)
        ],
        "suspended_at": row["suspended_at"],
        "suspended_until": row["suspended_until"],
        "supervised_at": row["supervised_at"],
        "supervised_until": row["supervised_until"],
        "reminders": row["reminders"],
        "reminded_at": row["reminded_at"],
        "handed_to": row["handed_to"],
        "archived_at": row["archived_at"],
        "parent": _kin(known, parent) if parent else None,
        "children": [_kin(known, each) for each in children],
        "parties": [
            {
                "department": known.department(each["department"]),
                "role": each["role"],
                "added_at": each["added_at"],
                "done_at": each["done_at"],
                "comment": mask_text(each["comment"]) if each["comment"] else None,
            }
            for each in now.parties
        ],
        "requests": [request(parts, known, each, principal) for each in now.requests],
    }


def request(parts: Parts, known: Names, row: Row, principal: Principal) -> View:
    """One request, and what this party may do with it."""
    resource, asked = resource_of(row, principal), row["state"] == "asked"
    return {
        "id": row["id"],
        "kind": row["kind"],
        "label": catalogue()[f"case_request_{row['kind']}"],
        "state": row["state"],
        "state_label": catalogue()[f"case_request_{row['state']}"],
        "department": known.department(row["department"]),
        "asked_by": row["asked_by_name"],
        "asked_at": row["asked_at"],
        "reason": mask_text(row["reason"]),
        "hours": row["hours"],
        "until": row["until"],
        "about": row["about"],
        "decided_by": row["decided_by_name"],
        "decided_at": row["decided_at"],
        "decision_comment": mask_text(row["decision_comment"]) if row["decision_comment"] else None,
        "may_decide": asked and parts.identity.allowed(principal, "request:decide", resource),
        "may_withdraw": asked and parts.identity.allowed(principal, "request:withdraw", resource),
    }


def waiting(parts: Parts, known: Names, row: Row, principal: Principal) -> View:
    """A request in the list of those that wait, with its case."""
    case = {**row, "id": row["case_id"], "department": row["case_department"]}
    return {**request(parts, known, row, principal), "case": _kin(known, case)}


def part(known: Names, row: Row) -> View:
    """A case of another department that waits for one's part."""
    return {"case": _kin(known, row), "category": known.category(row["category"]), "since": row["added_at"]}


def _kin(known: Names, row: Row) -> View:
    return {
        "id": row["id"],
        "number": row["number"],
        "title": mask_text(row["title"]),
        "status": row["status"],
        "department": known.department(row["department"]),
        "due_at": row["due_at"],
    }
