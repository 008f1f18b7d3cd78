"""The events of alarms: one form for all of them."""

from collections.abc import Collection, Sequence
from typing import Any

from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.ids import UUID
from yunnao.kernel.text import Text
from yunnao.modules.sensing.alarming import store
from yunnao.modules.sensing.registry import InstalledRule, rule_of
from yunnao.modules.twin.contracts import EntityPlace
from yunnao.modules.twin.facade import Twin

OPENED = "sensing.alarm.opened"
ACKNOWLEDGED = "sensing.alarm.acknowledged"
SUPPRESSED = "sensing.alarm.suppressed"
RETURNED = "sensing.alarm.returned"
ESCALATED = "sensing.alarm.escalated"
ASSIGNED = "sensing.alarm.assigned"
CLEARED = "sensing.alarm.cleared"

NOTHING_OF: Row = {"id": None, "entity": None, "name": None, "lon": None, "lat": None}
"""Stands for the device of an alarm that is of none: a flood's summary."""


def thing_of(device: Row, place: EntityPlace | None) -> Row:
    """What alarms tell of a device: its row with the name, place and district of its entity."""
    if place is None:
        return {**device, "name": Text(**device["name"]), "district": None}
    own = device["lon"] is not None
    return {
        **device,
        "name": place.name,
        "lon": device["lon"] if own else place.lon,
        "lat": device["lat"] if own else place.lat,
        "district": place.district,
    }


def event_data(alarm: Row, rule: InstalledRule, thing: Row) -> dict[str, Any]:
    """What an alarm's event carries: all that the opening of a case needs.

    `case` is None for an alarm that must not open one, whatever its rule says (`raises`).
    """
    case = rule.spec.case if alarm.get("raises", True) else None
    parent, until = alarm.get("parent"), alarm.get("suppressed_until")
    return {
        "alarm_id": str(alarm["id"]),
        "rule": rule.rule,
        "scene": rule.scene,
        "label": rule.spec.label.model_dump(),
        "device": thing["id"],
        "entity": thing["entity"],
        "entity_name": thing["name"].model_dump() if thing["name"] is not None else None,
        "lon": thing["lon"] if thing["lon"] is not None else alarm.get("lon"),
        "lat": thing["lat"] if thing["lat"] is not None else alarm.get("lat"),
        "value": alarm["value"],
        "severity": alarm["severity"],
        "message": alarm["message"],
        "case": case.model_dump() if case is not None else None,
        "opened_at": alarm["opened_at"].isoformat(),
        "cleared_at": alarm["cleared_at"].isoformat() if alarm["cleared_at"] else None,
        "trace_id": alarm["trace_id"],
        "parent": str(parent) if parent is not None else None,
        "suppressed_until": until.isoformat() if until is not None else None,
    }


async def events_of(
    tx: Transaction, twin: Twin, alarms: Sequence[UUID], *, raising: Collection[UUID] = ()
) -> list[tuple[InstalledRule, Row, dict[str, Any]]]:
    """Of each alarm its rule, its row and its event; with a case for those of `raising`."""
    rows = await store.run(tx, "alarms_told", ids=list(alarms))
    places = await twin.places(tx, [row["entity"] for row in rows if row["entity"] is not None])
    found = []
    for row in rows:
        rule = InstalledRule(row["rule"], row["scene"], row["slug"], rule_of(row["spec"]))
        thing = NOTHING_OF
        if row["device"] is not None:
            device = {**row, "id": row["device_id"], "lon": row["device_lon"], "lat": row["device_lat"]}
            thing = thing_of(device, places.get(row["entity"]))
        event = event_data({**row, "raises": row["id"] in raising}, rule, thing)
        found.append((rule, row, event))
    return found
