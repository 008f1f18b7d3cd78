"""Who is told of an action. Each notice has the timeline entry in its key, so it is told once."""

from datetime import datetime
from typing import Any
from uuid import UUID

from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.text import Text, catalogue
from yunnao.modules.cases.acting.doing import Doing
from yunnao.modules.cases.parts import Parts
from yunnao.modules.cases.registry import Snapshot
from yunnao.modules.notifications.contracts import Notice, Param, Recipients

DECIDERS = {
    "ask_extension": ("dispatcher", "leader"),
    "ask_suspension": ("dispatcher", "leader"),
    "appeal": ("leader",),
}
TO_DEPARTMENT = {
    "assign": "case_assigned",
    "reassign": "case_assigned",
    "rework": "case_rework",
    "remind": "case_reminded",
    "supervise": "case_supervised",
    "suspend": "case_suspended",
    "resume": "case_resumed",
    "extend": "case_extended",
}
URGENT = frozenset({"remind", "supervise"})


async def after(doing: Doing, entry: UUID) -> None:
    """Tells whoever the action concerns."""
    case, action = doing.case, doing.action.name
    department = case["department"]
    notices: list[tuple[str, Recipients]] = []
    if action in TO_DEPARTMENT and department is not None and doing.principal.department != department:
        notices.append((TO_DEPARTMENT[action], Recipients(department=department)))
    if action in {"assign", "involve"}:
        notices += [
            ("case_joint", Recipients(department=each)) for each in doing.detail.get("departments", [])
        ]
    if action in DECIDERS:
        notices.append((f"case_{action}", Recipients(roles=DECIDERS[action])))
    if not notices:
        return
    params = await params_of(doing.tx, doing.parts, doing.snapshot, case)
    await doing.parts.notifications.send(
        doing.tx, *[_notice(case, entry, action in URGENT, *each, params) for each in notices]
    )


async def assigned(tx: Transaction, parts: Parts, snapshot: Snapshot, case: Row, entry: UUID) -> None:
    """The machine sent a new case to its department."""
    to = Recipients(department=case["department"])
    params = await params_of(tx, parts, snapshot, case)
    await parts.notifications.send(tx, _notice(case, entry, False, "case_assigned", to, params))


async def decided(
    tx: Transaction,
    parts: Parts,
    snapshot: Snapshot,
    case: Row,
    entry: UUID,
    event: str,
    asked_by: UUID | None,
) -> None:
    """Whoever asked learns what was decided."""
    if asked_by is None:
        return
    params = await params_of(tx, parts, snapshot, case)
    params["decision"] = catalogue()[f"case_event_{event}"]
    to = Recipients(accounts=(asked_by,))
    await parts.notifications.send(tx, _notice(case, entry, False, "case_request_decided", to, params))


async def params_of(tx: Transaction, parts: Parts, snapshot: Snapshot, case: Row) -> dict[str, Param]:
    """What a notice says of a case; nothing that a citizen wrote."""
    node = snapshot.categories.get(case["category"] or "")
    area = (await parts.areas(tx)).get(case.get("street") or case.get("district") or "")
    office = (await parts.departments(tx, snapshot)).get(case["department"] or "")
    until: datetime | None = case.get("supervised_until")
    return {
        "number": case["number"],
        "category": node.name if node else catalogue()["category_none"],
        "area": area.name if area else catalogue()["whole_city"],
        "department": office.name if office else _same(case["department"]),
        "due_at": case["due_at"],
        "until": until or case["due_at"],
    }


def _notice(case: Row, entry: UUID, urgent: bool, template: str, to: Recipients, params: Any) -> Notice:
    return Notice(
        template,
        to,
        key=f"case:{case['id']}:{template}:{entry}",
        params=params,
        urgent=urgent,
        subject=f"Case/{case['id']}",
    )


def _same(code: str | None) -> Text:
    return Text(zh=code or "-", en=code or "-")
