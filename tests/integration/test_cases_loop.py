"""A case from the door it came in by to its rating, and every way back."""

import asyncio
from typing import Any

from tests.integration.cases_support import NORTH, OUTSIDE, SOUTH, Town, town

__all__ = ["town"]


async def test_a_report_finds_its_department_and_runs_to_its_rating(town: Town) -> None:
    told = await town.report(reporter={"name": "张三", "phone": "13800001234"})
    case_id = told["case_id"]
    assert told["number"].startswith("QD-20261123-")

    case = await town.get("lamps", f"/cases/{case_id}")
    assert case["status"] == "assigned"
    assert case["department"]["id"] == "lighting"
    assert case["category"]["code"] == "L"
    assert case["dispatch"]["automatic"] is True
    assert any("路灯" in reason["zh"] for reason in case["dispatch"]["reasons"])
    assert any("市南区" in reason["zh"] for reason in case["dispatch"]["reasons"])
    assert [action["action"] for action in case["actions"]] == [
        "accept", "return", "split", "ask_extension", "ask_suspension", "appeal",
    ]  # fmt: skip

    assert (await town.done("lamps", case_id, "accept"))["status"] == "handling"
    assert (await town.done("lamps", case_id, "finish", comment="换了灯泡"))["status"] == "checking"
    case = await town.done("desk", case_id, "pass")
    assert case["status"] == "closed"
    assert case["closed_at"] is not None

    answer = await town.call(
        None, "POST", f"/api/v1/reports/{told['tracking_code']}/rating", json={"score": 5, "comment": "快"}
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "rated"
    assert answer.json()["rating"] == {"score": 5, "comment": "快"}

    events = [e["event"] for e in (await town.get("desk", f"/cases/{case_id}/timeline"))["items"]]
    assert events == ["opened", "assigned_automatically", "accept", "finish", "pass", "closed", "rate"]
    flow = await town.get("desk", f"/cases/{case_id}/flow")
    assert flow["current"] == []
    assert "closed" in flow["done"]
    assert "<bpmn:process" in flow["bpmn"]

    subjects = [r["subject"] for r in await town.rows("SELECT subject FROM infra.outbox ORDER BY id")]
    assert subjects == ["cases.case.opened"] + ["cases.case.changed"] * 4
    payloads = await town.rows("SELECT payload::text AS text FROM infra.outbox")
    assert not any("张三" in row["text"] or "1380000" in row["text"] for row in payloads)


async def test_what_is_unclear_waits_at_the_desk_until_a_person_assigns_it(town: Town) -> None:
    told = await town.report("你好")
    case = await town.get("desk", f"/cases/{told['case_id']}")
    assert case["status"] == "desk"
    assert case["department"] is None
    assert any("70 %" in reason["zh"] for reason in case["dispatch"]["reasons"])

    needs = {a["action"]: a["needs"] for a in case["actions"]}
    assert needs == {
        "assign": ["department"],
        "hand_over": ["party", "comment"],
        "reject": ["comment"],
        "split": ["text"],
        "extend": ["reason", "hours"],
    }
    case = await town.done("desk", told["case_id"], "assign", department="shinan", category="G")
    assert (case["status"], case["department"]["id"], case["category"]["code"]) == ("assigned", "shinan", "G")


async def test_a_district_is_responsible_where_the_duty_matrix_says_so(town: Town) -> None:
    text = "垃圾堆了一个星期没人清运"
    south = await town.report(text)
    north = await town.report(text, lon=NORTH[0], lat=NORTH[1])
    nowhere = await town.report(text, lon=OUTSIDE[0], lat=OUTSIDE[1])
    assert (await town.get("desk", f"/cases/{south['case_id']}"))["department"]["id"] == "shinan"
    assert (await town.get("desk", f"/cases/{north['case_id']}"))["department"]["id"] == "shibei"
    case = await town.get("desk", f"/cases/{nowhere['case_id']}")
    assert case["status"] == "desk"
    assert case["area"] is None


async def test_a_department_returns_what_is_not_its_own(town: Town) -> None:
    case_id = (await town.report())["case_id"]
    assert (await town.act("lamps", case_id, "return")).json()["code"] == "case_action_needs"
    left = await town.done("lamps", case_id, "return", comment="是私人的灯")
    assert left["status"] == "desk"
    case = await town.get("desk", f"/cases/{case_id}")
    assert (case["status"], case["department"]) == ("desk", None)
    assert (await town.act("lamps", case_id, "accept")).status_code == 404


async def test_a_dispatcher_reassigns_and_the_new_department_goes_on(town: Town) -> None:
    case_id = (await town.report())["case_id"]
    await town.done("lamps", case_id, "accept")
    case = await town.done("desk", case_id, "reassign", department="shinan")
    assert (case["status"], case["department"]["id"]) == ("assigned", "shinan")
    assert (await town.act("lamps", case_id, "accept")).status_code == 404
    assert (await town.done("south", case_id, "accept"))["status"] == "handling"


async def test_poor_work_goes_back_for_rework(town: Town) -> None:
    case_id = (await town.report())["case_id"]
    await town.done("lamps", case_id, "accept")
    await town.done("lamps", case_id, "finish", comment="好了")
    assert (await town.done("desk", case_id, "rework", comment="还是不亮"))["status"] == "handling"
    await town.done("lamps", case_id, "finish", comment="这次真好了")
    assert (await town.done("desk", case_id, "pass"))["status"] == "closed"


async def test_the_desk_rejects_what_is_no_case(town: Town) -> None:
    case_id = (await town.report("你好"))["case_id"]
    case = await town.done("desk", case_id, "reject", comment="只是问候")
    assert case["status"] == "rejected"
    assert case["actions"] == []


async def test_an_action_out_of_turn_is_a_conflict_and_changes_nothing(town: Town) -> None:
    case_id = (await town.report())["case_id"]
    before = await town.get("desk", f"/cases/{case_id}/timeline")
    answer = await town.act("desk", case_id, "pass")
    assert answer.status_code == 409
    assert answer.json()["code"] == "case_action_not_now"
    assert (await town.act("desk", case_id, "close")).status_code == 404
    assert (await town.act("desk", case_id, "fly")).status_code == 404
    assert await town.get("desk", f"/cases/{case_id}/timeline") == before


async def test_deadlines_follow_the_working_calendar_and_the_category(town: Town) -> None:
    told = await town.report("垃圾堆了一个星期没人清运")
    case = await town.get("desk", f"/cases/{told['case_id']}")
    # Opened at 10:00 with 4 working hours: 2 before noon, 2 after 13:00.
    assert case["due_at"] == "2026-11-23T07:00:00Z"

    town.clock.forward(hours=6)
    async with town.database.transaction() as tx:
        assert await town.cases.scan_deadlines(tx, town.clock.now()) == 1
        assert await town.cases.scan_deadlines(tx, town.clock.now()) == 0
    late: list[dict[str, Any]] = (await town.get("desk", "/cases", params={"overdue": 1}))["items"]
    assert [item["id"] for item in late] == [told["case_id"]]
    events = [e["event"] for e in (await town.get("desk", f"/cases/{told['case_id']}/timeline"))["items"]]
    assert events[-1] == "overdue"


async def test_running_cases_keep_the_flow_that_they_began_with(town: Town) -> None:
    from tests.integration.cases_support import SCENE

    case_id = (await town.report())["case_id"]
    changed = SCENE.model_copy(
        update={"flows": {"flows/case.bpmn": SCENE.flows["flows/case.bpmn"].replace("城市管理", "新的")}}
    )
    async with town.database.transaction() as tx:
        await town.cases.install_scene(tx, changed)
    later = (await town.report())["case_id"]
    assert "新的" not in (await town.get("desk", f"/cases/{case_id}/flow"))["bpmn"]
    assert "新的" in (await town.get("desk", f"/cases/{later}/flow"))["bpmn"]
    assert (await town.done("lamps", case_id, "accept"))["status"] == "handling"


async def test_the_overview_the_map_and_the_list_show_the_same_case(town: Town) -> None:
    told = await town.report()
    async with town.database.transaction() as tx:
        overview = await town.cases.overview(tx)
    assert overview["counts"]["cases_today"] == 1
    assert overview["counts"]["auto_share"] == 1.0
    assert {d["code"]: d["open"] for d in overview["by_district"]} == {"370202": 1, "370203": 0}
    assert overview["by_category"][0]["code"] == "L"
    assert sum(hour["opened"] for hour in overview["hourly"]) == 1
    points = await town.get("leader", "/cases/map")
    assert points["features"][0]["geometry"]["coordinates"] == list(SOUTH)
    listed = await town.get("leader", "/cases", params={"category": "A", "area": "370202001"})
    assert [item["number"] for item in listed["items"]] == [told["number"]]
    near = await town.get(None, "/reports/near", params={"lon": SOUTH[0], "lat": SOUTH[1]})
    assert [set(item) for item in near["items"]] == [
        {"number", "category", "status", "lon", "lat", "opened_at"}
    ]


async def test_pages_follow_each_other_without_gap_or_repetition(town: Town) -> None:
    numbers = [(await town.report())["number"] for _ in range(5)]
    seen: list[str] = []
    cursor = None
    while True:
        params = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        answer = await town.get("desk", "/cases", params=params)
        seen += [item["number"] for item in answer["items"]]
        cursor = answer["next"]
        if cursor is None:
            break
    assert seen == list(reversed(numbers))


async def test_of_two_who_act_at_once_one_acts_and_the_other_is_told(town: Town) -> None:
    case_id = (await town.report())["case_id"]
    answers = await asyncio.gather(*[town.act("lamps", case_id, "accept") for _ in range(5)])
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    events = [e["event"] for e in (await town.get("desk", f"/cases/{case_id}/timeline"))["items"]]
    assert events.count("accept") == 1


async def test_reports_that_come_at_once_have_numbers_of_their_own(town: Town) -> None:
    told = await asyncio.gather(*[town.report() for _ in range(12)])
    numbers = {each["number"] for each in told}
    assert len(numbers) == 12
    assert all(int(number.rsplit("-", 1)[1]) > 0 for number in numbers)
