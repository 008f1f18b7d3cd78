"""Telling people of the timeline's entries, many at once, in the transaction that wrote them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.kernel.text import Text, catalogue
from yunnao.modules.cases.noticing.table import TABLE, Telling
from yunnao.modules.identity.contracts import Department
from yunnao.modules.notifications.contracts import Address, Notice, Param, Recipients

if TYPE_CHECKING:  # the timeline's writer is among those parts, and calls this
    from yunnao.modules.cases.parts import Parts
    from yunnao.modules.cases.registry import Snapshot

QUERIES = load_queries("yunnao.modules.cases.noticing")
DESK = Recipients(roles=("dispatcher",))
EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s,;<>\"]+")
PHONE = re.compile(r"\+?[0-9][0-9 -]{4,19}")


@dataclass(frozen=True)
class Entry:
    """An entry of the timeline."""

    id: UUID
    case_id: UUID
    event: str
    department: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


async def tell(tx: Transaction, parts: "Parts", entries: Iterable[Entry]) -> None:
    """Has told whoever `TABLE` names for `entries`; each entry once, since its id is in the key."""
    wanted = [(entry, telling) for entry in entries for telling in TABLE.get(entry.event, ())]
    if not wanted:
        return
    of = {entry.case_id for entry, telling in wanted if telling.who == "reporters"}
    reporters = await _reporters(tx, of)
    wanted = [each for each in wanted if each[1].who != "reporters" or each[0].case_id in reporters]
    if not wanted:
        return
    cases = await _cases(tx, {entry.case_id for entry, _ in wanted})
    snapshot = await parts.registry.current(tx)
    offices = await parts.departments(tx, snapshot)
    areas = {code: area.name for code, area in (await parts.areas(tx)).items()}
    notices: list[Notice] = []
    for entry, telling in wanted:
        case = cases[entry.case_id]
        params = _params(snapshot, case, entry, offices, areas)
        if telling.who == "reporters":
            for report in reporters.get(entry.case_id, ()):
                told = {**params, "number": report["number"]}
                key = f"{_key(telling, entry)}:{report['id']}"
                about = f"Report/{report['number']}"
                notices.append(Notice(telling.template, _reporter(report), key, told, telling.urgent, about))
        else:
            to = _officers(telling, snapshot, case, entry, offices)
            about = f"Case/{entry.case_id}"
            notices.append(Notice(telling.template, to, _key(telling, entry), params, telling.urgent, about))
    await parts.notifications.send(tx, *notices)


async def _cases(tx: Transaction, ids: set[UUID]) -> dict[UUID, Row]:
    found = await (await tx.execute(QUERIES["cases"], {"ids": list(ids)})).fetchall()
    return {row["id"]: row for row in found}


async def _reporters(tx: Transaction, ids: set[UUID]) -> dict[UUID, list[Row]]:
    if not ids:
        return {}
    found: dict[UUID, list[Row]] = {}
    for row in await (await tx.execute(QUERIES["reporters"], {"ids": list(ids)})).fetchall():
        found.setdefault(row["main"], []).append(row)
    return found


def _reporter(report: Row) -> Recipients:
    """By the contact that was given, where it can be one."""
    email, phone = report["email"] or "", report["phone"] or ""
    address = Address(email if EMAIL.fullmatch(email) else None, phone if PHONE.fullmatch(phone) else None)
    return Recipients(
        accounts=(report["account"],) if report["account"] else (),
        address=address if address.email or address.phone else None,
    )


def _officers(
    telling: Telling, snapshot: "Snapshot", case: Row, entry: Entry, offices: Mapping[str, Department]
) -> Recipients:
    responsible = case["department"] if case["status"] != "desk" else None
    if telling.who == "department" and entry.department:
        return Recipients(department=entry.department)
    if telling.who == "handlers" and responsible:
        return Recipients(department=responsible)
    if telling.who == "rung":
        ladder = snapshot.city.escalation
        level = int(entry.detail["level"])
        if level <= len(ladder):
            rung = ladder[level - 1]
            office = offices.get(responsible or "")
            of = {"responsible": responsible, "parent": office.parent if office else None, "city": None}
            return Recipients(department=of[rung.of], roles=(rung.role,))
    return DESK


def _params(
    snapshot: "Snapshot",
    case: Row,
    entry: Entry,
    offices: Mapping[str, Department],
    areas: Mapping[str, Text],
) -> dict[str, Param]:
    """What notices say of a case: nothing that a citizen wrote."""
    known = catalogue()
    node = snapshot.categories.get(case["category"] or "")
    office = offices.get(case["department"] or "")
    step = entry.detail.get("step")
    return {
        "number": case["number"],
        "category": node.name if node else known["category_none"],
        "area": areas.get(case["street"] or case["district"] or "") or known["notice_area_none"],
        "department": office.name if office else known["notice_desk"],
        "due_at": case["due_at"],
        "level": entry.detail.get("level"),
        "step": known[f"deadline_step_{step}"] if step else None,
        "into": entry.detail.get("into"),
    }


def _key(telling: Telling, entry: Entry) -> str:
    return f"case:{entry.case_id}:{telling.template}:{entry.id}"
