"""Alarms become cases: once each, and a second one of the same thing joins the first's case."""

from collections.abc import Mapping
from typing import Any, get_args
from uuid import UUID

from yunnao.infra.postgres import Transaction
from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.packs.common import Severity
from yunnao.kernel.principal import SYSTEM
from yunnao.modules.cases import store
from yunnao.modules.cases.contracts import NewCase
from yunnao.modules.cases.dispatch.decision import Place
from yunnao.modules.cases.dispatch.duty import responsible
from yunnao.modules.cases.intake import Origin, matrix, open_case
from yunnao.modules.cases.parts import Parts, announce, note
from yunnao.modules.cases.registry import Snapshot

SEVERITIES: tuple[str, ...] = get_args(Severity)


async def on_opened(tx: Transaction, parts: Parts, data: Mapping[str, Any]) -> UUID | None:
    """Handles `sensing.alarm.opened`; safe to be given the same alarm again. Returns the case, if any.

    The case is given its category by the alarm's rule. While a case of the same entity and category
    runs, the alarm joins it. Raises InvalidInput `alarm_event_unreadable`.
    """
    raised = data.get("case")
    if not raised:
        return None
    try:
        alarm_id = UUID(str(data["alarm_id"]))
        category, case_type = str(raised["category"]), str(raised["case_type"])
        message = {"zh": str(data["message"]["zh"]), "en": str(data["message"]["en"])}
        entity = str(data["entity"]) if data.get("entity") else None
        inform = [str(code) for code in raised.get("inform", [])]
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput("alarm_event_unreadable") from error
    # Both keys in one order, so that two deliveries never wait for each other in a ring.
    for key in (f"{entity or alarm_id}|{category}", f"alarm|{alarm_id}"):
        await store.run(tx, "alarm_lock", key=key)
    if known := await store.one(tx, "alarm_case", alarm_id=alarm_id):
        return UUID(str(known["case_id"]))
    case_id = await _running(tx, entity, category)
    if case_id is None:
        opened = await open_case(
            tx,
            parts,
            NewCase(
                text=f"{message['zh']}\n{message['en']}",
                source="alarm",
                lon=data.get("lon"),
                lat=data.get("lat"),
                address=_address(data),
                category=category,
                case_type=case_type,
                fields={key: data[key] for key in ("rule", "device", "value") if data.get(key) is not None},
            ),
            SYSTEM,
            Origin(alarm_id, entity, data.get("severity"), data.get("trace_id")),
        )
        case_id = opened.id
    else:
        await _join(tx, parts, case_id, alarm_id, message, data.get("severity"))
    await store.run(tx, "alarm_insert", alarm_id=alarm_id, case_id=case_id)
    await _inform(tx, parts, case_id, inform)
    return case_id


async def on_cleared(tx: Transaction, parts: Parts, data: Mapping[str, Any]) -> None:
    """Handles `sensing.alarm.cleared`: the timeline tells it; people still check and close."""
    try:
        alarm_id = UUID(str(data["alarm_id"]))
    except (KeyError, ValueError) as error:
        raise InvalidInput("alarm_event_unreadable") from error
    found = await store.one(tx, "alarm_case", alarm_id=alarm_id)
    if found is not None:
        detail = {key: data[key] for key in ("value", "cleared_at") if data.get(key) is not None}
        await note(tx, parts, found["case_id"], "alarm_cleared", SYSTEM, detail=detail)


async def _join(
    tx: Transaction,
    parts: Parts,
    case_id: UUID,
    alarm_id: UUID,
    message: Mapping[str, str],
    severity: str | None,
) -> None:
    """A further alarm of a running case: told on its timeline, and it may make the case more severe."""
    row = await store.one(tx, "case_lock", id=case_id)
    assert row is not None
    if severity in SEVERITIES and SEVERITIES.index(severity) > SEVERITIES.index(row["severity"] or "minor"):
        row["severity"] = severity
        await store.run(tx, "case_severity", id=case_id, severity=severity, now=parts.clock.now())
    await note(
        tx, parts, case_id, "alarm_joined", SYSTEM, comment=message["zh"], detail={"message": dict(message)}
    )
    snapshot = await parts.registry.current(tx)
    await announce(tx, snapshot, "cases.case.changed", {**row, "alarm_id": alarm_id})


async def _running(tx: Transaction, entity: str | None, category: str) -> UUID | None:
    if entity is None:
        return None
    row = await store.one(tx, "running_case_of_entity", entity=entity, category=category)
    return row["id"] if row else None


async def _inform(tx: Transaction, parts: Parts, case_id: UUID, categories: list[str]) -> None:
    """Informs the departments responsible for `categories` at the place of the case."""
    if not categories:
        return
    case = await store.one(tx, "case_get", id=case_id)
    assert case is not None
    snapshot: Snapshot = await parts.registry.current(tx)
    place = Place(case["district"], case["street"])
    known = await matrix(tx, parts, snapshot, await parts.areas(tx))
    wanted = {
        responsible(
            known.rows, snapshot.path(code), place.district, place.street, known.offices, known.fallback
        ).department
        for code in categories
    } - {case["department"]}
    told = await store.rows(tx, "informed_insert", case_id=case_id, departments=sorted(wanted))
    for row in told:
        await note(tx, parts, case_id, "informed", SYSTEM, department=row["department"])


def _address(data: Mapping[str, Any]) -> str | None:
    name = data.get("entity_name")
    return str(name["zh"])[:200] if isinstance(name, Mapping) and name.get("zh") else None
