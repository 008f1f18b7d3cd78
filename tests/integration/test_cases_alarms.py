"""Alarms become cases: once each, and alarms of one thing share a case."""

import asyncio
from uuid import uuid4

import pytest
from tests.integration.cases_support import Town, alarm_event, town

from yunnao.kernel.errors import InvalidInput

__all__ = ["town"]


async def test_an_alarm_opens_a_case_of_its_rule_and_informs_others(town: Town) -> None:
    event = alarm_event()
    await town.alarm(event)
    items = (await town.get("desk", "/cases"))["items"]
    assert len(items) == 1
    case = await town.get("desk", f"/cases/{items[0]['id']}")
    assert (case["source"], case["status"], case["department"]["id"]) == ("alarm", "assigned", "drainage")
    assert case["confidence"] == 1.0
    assert case["alarm_id"] == event.data["alarm_id"]
    assert case["trace_id"] == event.data["trace_id"]
    assert case["severity"] == "severe"
    assert [each["id"] for each in case["informed"]] == ["traffic"]
    # Urgent: two hours of any kind from 10:00.
    assert case["due_at"] == "2026-11-23T04:00:00Z"
    opened = await town.rows("SELECT payload FROM infra.outbox WHERE subject = 'cases.case.opened'")
    assert opened[0]["payload"]["alarm_id"] == event.data["alarm_id"]


async def test_the_same_alarm_twice_is_one_case(town: Town) -> None:
    event = alarm_event()
    await town.alarm(event)
    await town.alarm(event)
    assert len((await town.get("desk", "/cases"))["items"]) == 1


async def test_the_same_alarm_delivered_to_several_workers_at_once_is_one_case(town: Town) -> None:
    event = alarm_event()
    worse = alarm_event(alarm_id=str(uuid4()))
    await asyncio.gather(*[town.alarm(each) for each in (event, worse, event, worse, event)])
    assert len((await town.get("desk", "/cases"))["items"]) == 1
    assert len(await town.rows("SELECT 1 AS x FROM cases.alarm")) == 2


async def test_a_second_alarm_of_the_same_thing_joins_its_running_case(town: Town) -> None:
    await town.alarm(alarm_event(severity="moderate"))
    worse = alarm_event(severity="extreme", alarm_id=str(uuid4()))
    await town.alarm(worse)
    items = (await town.get("desk", "/cases"))["items"]
    assert len(items) == 1
    assert items[0]["severity"] == "extreme"
    events = [e["event"] for e in (await town.get("desk", f"/cases/{items[0]['id']}/timeline"))["items"]]
    assert events == ["opened", "assigned_automatically", "informed", "alarm_joined"]
    changed = await town.rows("SELECT payload FROM infra.outbox WHERE subject = 'cases.case.changed'")
    assert changed[-1]["payload"]["alarm_id"] == worse.data["alarm_id"]

    await town.alarm(alarm_event(entity="urn:ngsi-ld:Underpass:2"))
    assert len((await town.get("desk", "/cases"))["items"]) == 2


async def test_a_cleared_alarm_is_told_on_the_timeline(town: Town) -> None:
    event = alarm_event()
    await town.alarm(event)
    async with town.database.transaction() as tx:
        await town.cases.on_alarm_cleared(tx, event)
    case_id = (await town.get("desk", "/cases"))["items"][0]["id"]
    events = [e["event"] for e in (await town.get("desk", f"/cases/{case_id}/timeline"))["items"]]
    assert events[-1] == "alarm_cleared"
    assert (await town.get("desk", f"/cases/{case_id}"))["status"] == "assigned"


async def test_an_informed_department_reads_the_case_and_does_not_handle_it(town: Town) -> None:
    await town.alarm(alarm_event())
    items = (await town.get("traffic", "/cases"))["items"]
    assert len(items) == 1
    case = await town.get("traffic", f"/cases/{items[0]['id']}")
    assert case["actions"] == []
    assert (await town.act("traffic", case["id"], "accept")).status_code == 404
    assert (await town.call("south", "GET", f"/api/v1/cases/{case['id']}")).status_code == 404


async def test_an_alarm_without_a_case_opens_none_and_a_broken_one_is_refused(town: Town) -> None:
    await town.alarm(alarm_event(case=None))
    assert (await town.get("desk", "/cases"))["items"] == []
    with pytest.raises(InvalidInput, match="alarm_event_unreadable"):
        await town.alarm(alarm_event(alarm_id="no uuid"))


async def test_the_centre_rates_a_case_that_no_citizen_reported(town: Town) -> None:
    await town.alarm(alarm_event())
    case_id = (await town.get("desk", "/cases"))["items"][0]["id"]
    for account, action, body in (
        ("desk", "reassign", {"department": "lighting"}),
        ("lamps", "accept", {}),
        ("lamps", "finish", {"comment": "抽干了"}),
        ("desk", "pass", {}),
    ):
        await town.done(account, case_id, action, **body)
    assert (await town.act("lamps", case_id, "rate", score=5)).status_code == 403
    case = await town.done("desk", case_id, "rate", score=4)
    assert (case["status"], case["rating"]["score"]) == ("rated", 4)
