"""The queue, the counts and the wall of running cases."""

import httpx
from tests.integration.cases_support import Town, town

__all__ = ["town"]

UNCLEAR = "你好，我想问一下，谢谢。"


async def test_the_queue_tells_the_nearest_deadline_first_and_pages_through_all_once(town: Town) -> None:
    sent = [(await town.report(UNCLEAR))["case_id"] for _ in range(3)]
    town.clock.forward(minutes=1)
    sent += [(await town.report("垃圾堆了一个星期没人清运"))["case_id"]]
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await town.get("desk", f"/cases/queue?status=open&limit=2&cursor={cursor}")
        assert [i["due_at"] for i in page["items"]] == sorted(i["due_at"] for i in page["items"])
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
    assert sorted(seen) == sorted(sent)
    # Waste is due in four hours, the others later.
    assert seen[0] == sent[-1]


async def test_each_option_names_whom_the_duty_matrix_names_for_it(town: Town) -> None:
    await town.report(UNCLEAR)
    item = (await town.get("desk", "/cases/queue"))["items"][0]
    duty = {"L": "lighting", "G": "shinan", "W": "drainage", "T": "traffic"}
    assert item["options"]
    for option in item["options"]:
        if option["category"]:
            assert option["department"]["id"] == duty[option["category"]["code"]]


async def test_a_department_counts_and_sees_only_its_own(town: Town) -> None:
    sent = await town.report(UNCLEAR)
    await town.report(UNCLEAR)
    await town.done("desk", sent["case_id"], "assign", department="lighting")
    assert (await town.get("desk", "/cases/counts")) == {
        "open": 2, "desk": 1, "assigned": 1, "handling": 0, "checking": 0, "overdue": 0, "amber": 0,
        "paused": 0,
    }  # fmt: skip
    assert (await town.get("lamps", "/cases/counts"))["open"] == 1
    assert (await town.get("south", "/cases/counts"))["open"] == 0
    waiting = await town.get("lamps", "/cases/queue?status=assigned,handling")
    assert [item["id"] for item in waiting["items"]] == [sent["case_id"]]


async def test_the_wall_tells_ages_lateness_and_loads(town: Town) -> None:
    sent = await town.report(UNCLEAR)
    await town.report(UNCLEAR)
    await town.done("desk", sent["case_id"], "assign", department="lighting")
    town.clock.forward(days=8)
    wall = await town.get("leader", "/cases/wall")
    assert wall["counts"]["overdue"] == 2
    assert sum(band["n"] for band in wall["overdue"]) == 2
    assert wall["ladder"] == []
    ages = {step["status"]: step for step in wall["ages"]}
    assert ages["desk"]["bands"][-1] == {"from_h": 72.0, "to_h": None, "n": 1}
    assert ages["handling"]["oldest_at"] is None
    load = wall["departments"][0]
    assert (load["department"]["id"], load["open"], load["overdue"], load["unaccepted"]) == (
        "lighting",
        1,
        1,
        1,
    )


async def test_strange_cursors_and_statuses_are_refused_in_words(town: Town) -> None:
    for query in ("cursor=x", "cursor=WzEsMl0", "status=closed", "department=%00"):
        answer = await town.call("desk", "GET", f"/api/v1/cases/queue?{query}")
        assert answer.status_code == 422, query
    assert (await town.call(None, "GET", "/api/v1/cases/queue")).status_code == 401


async def test_an_action_sent_twice_under_one_key_is_done_once(town: Town) -> None:
    sent = await town.report(UNCLEAR)
    path = f"/api/v1/cases/{sent['case_id']}/actions"
    await town.done("desk", sent["case_id"], "assign", department="lighting")
    async with town.client("lamps", **{"Idempotency-Key": "phone-1"}) as phone:
        answers = [await phone.post(f"{path}/accept", json={"comment": "出发"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert {answer.json()["status"] for answer in answers} == {"handling"}
    timeline = (await town.get("lamps", f"/cases/{sent['case_id']}/timeline"))["items"]
    assert [entry["event"] for entry in timeline].count("accept") == 1
    async with town.client("lamps", **{"Idempotency-Key": "phone-1"}) as phone:
        assert (await phone.post(f"{path}/finish", json={"comment": "好了"})).status_code == 409


async def test_an_anonymous_report_is_taken_once_although_the_phone_changed_its_network(town: Town) -> None:
    numbers = set()
    for address in ("10.0.0.1", "10.9.9.9"):
        transport = httpx.ASGITransport(town.app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://city") as phone:
            answer = await phone.post(
                "/api/v1/reports",
                json={"text": UNCLEAR, "lon": 120.38, "lat": 36.07},
                headers={"Idempotency-Key": "5f7e"},
            )
            numbers.add(answer.json()["number"])
    assert len(numbers) == 1


async def test_the_public_map_tells_category_and_state_and_no_more(town: Town) -> None:
    old = await town.report("路灯不亮，晚上一片漆黑", lon=120.381234, lat=36.071234)
    town.clock.forward(days=31)
    new = await town.report("路灯坏了三天，我叫王五 13800138000", lon=120.384567, lat=36.074567)
    points = (await town.get(None, "/reports/map"))["items"]
    assert [point["number"] for point in points] == [new["number"]]
    assert old["number"] != new["number"]
    assert set(points[0]) == {"number", "category", "status", "lon", "lat", "opened_at"}
    assert (points[0]["lon"], points[0]["lat"]) == (120.385, 36.075)
