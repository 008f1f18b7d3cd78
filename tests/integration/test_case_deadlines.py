"""Deadlines of real cases: shown, stopped, extended, escalated once, reckoned anew by another calendar."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from tests.integration.cases_support import CITY, START, Town, town

from yunnao.kernel.packs.city import CalendarFile, CityPack, Escalation
from yunnao.modules.cases.deadlines import facade as deadlines
from yunnao.modules.cases.deadlines import ticking

__all__ = ["town"]

LADDER = [
    Escalation(role="leader", of="responsible"),
    Escalation(after_h=8, clock="working", role="dispatcher"),
    Escalation(after_h=24, role="leader"),
]


async def install(town: Town, **manifest: Any) -> None:
    calendar = manifest.pop("calendar", CITY.calendar)
    pack: CityPack = CITY.model_copy(
        update={"manifest": CITY.manifest.model_copy(update=manifest), "calendar": calendar}
    )
    async with town.database.transaction() as tx:
        await town.cases.install_city(tx, pack)


async def opened(town: Town, **body: Any) -> UUID:
    told = await town.report(**body)
    [row] = await town.rows('SELECT id FROM cases."case" WHERE number = %s', told["number"])
    found: UUID = row["id"]
    return found


async def tick(town: Town) -> int:
    async with town.database.transaction() as tx:
        return await town.cases.scan_deadlines(tx, town.clock.now())


async def shown(town: Town, case_id: UUID) -> dict[str, Any]:
    found: dict[str, Any] = (await town.get("desk", f"/cases/{case_id}"))["deadline"]
    return found


async def timeline(town: Town, case_id: UUID) -> list[str]:
    rows = await town.rows("SELECT event FROM cases.timeline WHERE case_id = %s ORDER BY id", case_id)
    return [row["event"] for row in rows]


async def test_a_deadline_is_shown_in_list_detail_queue_and_map(town: Town) -> None:
    case_id = await opened(town)  # a lamp: 8 working hours from Monday 10:00
    told = await shown(town, case_id)
    assert told["due_at"] == "2026-11-24T03:00:00Z"  # Tuesday 11:00
    assert (told["state"], told["left_s"], told["clock"], told["level"]) == ("green", 28_800, "working", 0)
    listed = (await town.get("desk", "/cases"))["items"][0]["deadline"]
    queued = (await town.get("desk", "/cases/queue?status=open"))["items"][0]["deadline"]
    mapped = (await town.get("desk", "/cases/map"))["features"][0]["properties"]["deadline"]
    assert listed == queued == mapped == told
    town.clock.moment = START + timedelta(hours=24)  # Tuesday 10:00
    told = await shown(town, case_id)
    assert (told["state"], told["left_s"]) == ("amber", 3_600)
    town.clock.forward(hours=3)  # 13:00; overdue for one working hour
    told = await shown(town, case_id)
    assert (told["state"], told["left_s"]) == ("red", -3_600)


async def test_amber_red_and_every_rung_are_told_once_however_often_the_timer_runs(town: Town) -> None:
    await install(town, escalation=LADDER)
    case_id = await opened(town)
    for _ in range(60):
        await tick(town)
        await tick(town)
        town.clock.forward(hours=1)
    events = await timeline(town, case_id)
    assert events.count("amber") == events.count("overdue") == 1
    assert events.count("escalated") == 3
    assert (await shown(town, case_id))["level"] == 3


async def test_after_a_long_stop_of_the_worker_all_rungs_are_told_and_amber_is_not(town: Town) -> None:
    await install(town, escalation=LADDER)
    case_id = await opened(town)
    town.clock.forward(days=10)
    assert await tick(town) == 1
    events = await timeline(town, case_id)
    assert events[-4:] == ["overdue", "escalated", "escalated", "escalated"]
    assert "amber" not in events


async def test_a_clock_that_stands_is_never_overdue_and_goes_on_where_it_stopped(town: Town) -> None:
    case_id = await opened(town)
    parts = town.cases._parts
    town.clock.forward(hours=6)  # 16:00: five working hours have run
    async with town.database.transaction() as tx:
        await deadlines.pause(tx, parts, case_id, town.clock.now())
        await deadlines.pause(tx, parts, case_id, town.clock.now())
    for _ in range(20):
        town.clock.forward(hours=7)
        assert await tick(town) == 0
        told = await shown(town, case_id)
        assert (told["state"], told["left_s"]) == ("paused", 3 * 3600)
        assert not (await town.get("desk", f"/cases/{case_id}"))["overdue"]
    town.clock.moment = START + timedelta(days=7)  # Monday 10:00
    async with town.database.transaction() as tx:
        due = await deadlines.resume(tx, parts, case_id, town.clock.now())
    assert due == town.clock.now() + timedelta(hours=4)  # 14:00, lunch between
    told = await shown(town, case_id)
    assert (told["state"], told["left_s"]) == ("green", 3 * 3600)
    assert "overdue" not in await timeline(town, case_id)


async def test_an_extension_lets_a_red_case_begin_again(town: Town) -> None:
    await install(town, escalation=LADDER)
    case_id = await opened(town)
    town.clock.moment = START + timedelta(hours=26)  # an hour late
    assert await tick(town) == 1
    async with town.database.transaction() as tx:
        await deadlines.extend(tx, town.cases._parts, case_id, 7, town.clock.now())
    told = await shown(town, case_id)
    assert (told["state"], told["level"], told["limit_s"]) == ("green", 0, 15 * 3600)
    [row] = await town.rows('SELECT overdue_at FROM cases."case"')
    assert row["overdue_at"] is None
    town.clock.forward(days=2)
    assert await tick(town) == 1


async def test_another_category_brings_its_own_limit_from_the_opening(town: Town) -> None:
    case_id = await opened(town, text="这里有个问题，请处理")
    town.clock.forward(hours=1)
    await town.done("desk", str(case_id), "assign", department="lighting", category="G")
    told = await shown(town, case_id)
    assert told["limit_s"] == 4 * 3600
    assert told["due_at"] == "2026-11-23T07:00:00Z"  # 15:00: 10-12 and 13-15


async def test_closing_ends_the_deadline(town: Town) -> None:
    case_id = await opened(town)
    for account, action, body in (
        ("lamps", "accept", {}),
        ("lamps", "finish", {"comment": "修好了"}),
        ("desk", "pass", {}),
    ):
        await town.done(account, str(case_id), action, **body)
    told = await shown(town, case_id)
    assert (told["state"], told["left_s"]) == (None, None)
    town.clock.forward(days=9)
    assert await tick(town) == 0


async def test_another_calendar_moves_running_cases_with_a_note_and_leaves_closed_ones(town: Town) -> None:
    case_id = await opened(town)
    closed = await opened(town)
    await town.done("lamps", str(closed), "accept")
    await town.done("lamps", str(closed), "finish", comment="修好了")
    await town.done("desk", str(closed), "pass")
    [before] = await town.rows('SELECT due_at FROM cases."case" WHERE id = %s', closed)
    await install(town, calendar=CalendarFile(hours=CITY.calendar.hours, holidays=["2026-11-24"]))
    await tick(town)
    assert (await shown(town, case_id))["due_at"] == "2026-11-25T03:00:00Z"
    assert (await timeline(town, case_id))[-1] == "rescheduled"
    [after] = await town.rows('SELECT due_at FROM cases."case" WHERE id = %s', closed)
    assert before == after
    await tick(town)
    assert (await timeline(town, case_id)).count("rescheduled") == 1


async def test_a_case_that_came_in_without_a_deadline_gets_one(town: Town) -> None:
    case_id = await opened(town)
    await town.rows("DELETE FROM cases.deadline RETURNING case_id")
    assert (await town.get("desk", f"/cases/{case_id}"))["deadline"] is None
    async with town.database.transaction() as tx:
        assert await ticking.adopt(tx, town.cases._parts) == 1
    await tick(town)
    assert (await shown(town, case_id))["left_s"] == 28_800


async def test_risk_is_told_by_history_and_orders_what_to_look_at_first(town: Town) -> None:
    for n in range(6):
        told = await town.report(text="路灯不亮，晚上一片漆黑" if n % 2 else "垃圾堆了一个星期没人清运")
        account = "lamps" if n % 2 else "south"
        await town.done(account, told["case_id"], "accept")
        if not n % 2:
            town.clock.forward(hours=26)  # waste is always late
        await town.done(account, told["case_id"], "finish", comment="好了")
        await town.done("desk", told["case_id"], "pass")
    lamp, waste = await opened(town), await opened(town, text="垃圾堆了一个星期没人清运")
    assert (await town.call("desk", "GET", "/api/v1/cases/forecast")).status_code == 404
    async with town.database.transaction() as tx:
        await town.cases.forecasts.keep_trained(tx)
        await town.cases.forecasts.keep_trained(tx)
        assert await town.cases.forecasts.foretell(tx) == 2
        assert await town.cases.forecasts.foretell(tx) == 2
    report = await town.get("leader", "/cases/forecast")
    assert (report["kind"], report["cases"]) == ("rates", 6)
    first = await town.get("desk", "/cases?sort=risk&limit=1")
    assert [item["id"] for item in first["items"]] == [str(waste)]
    second = await town.get("desk", f"/cases?sort=risk&limit=1&cursor={first['next']}")
    assert [item["id"] for item in second["items"]] == [str(lamp)]
    assert 0 < (await shown(town, lamp))["risk"] < (await shown(town, waste))["risk"] <= 1
    assert (await town.get("lamps", "/cases?sort=risk"))["items"][0]["id"] == str(lamp)
