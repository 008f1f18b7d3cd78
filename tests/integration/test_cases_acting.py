"""Work on cases beside their flow: together, in parts, with more time, under supervision, outside."""

import asyncio
from datetime import timedelta
from typing import Any

from tests.integration.cases_support import SCENE, Town, both, town

from yunnao.kernel.principal import SYSTEM

__all__ = ["town"]


async def handling(town: Town) -> str:
    """A case of the lighting department, in hand."""
    case_id: str = (await town.report())["case_id"]
    await town.done("lamps", case_id, "accept")
    return case_id


async def events(town: Town, case_id: str) -> list[str]:
    return [e["event"] for e in (await town.get("desk", f"/cases/{case_id}/timeline"))["items"]]


async def refused(town: Town, account: str, case_id: str, action: str, **body: Any) -> str:
    answer = await town.act(account, case_id, action, **body)
    assert answer.status_code >= 400, answer.text
    return str(answer.json()["code"])


async def asked(town: Town, account: str, case_id: str, action: str, **body: Any) -> str:
    case = await town.done(account, case_id, action, **body)
    return str(case["requests"][-1]["id"])


async def decide(town: Town, account: str, request: str, *, granted: bool = True) -> Any:
    return await town.call(
        account, "POST", f"/api/v1/requests/{request}/decision", json={"granted": granted, "comment": "阅"}
    )


async def test_done_on_the_spot_is_fed_back_by_the_department(town: Town) -> None:
    case_id = await handling(town)
    case = await town.done("lamps", case_id, "complete", comment="灯亮了")
    assert case["status"] == "handling"
    assert "confirm" in [a["action"] for a in case["actions"]]
    await town.done("lamps", case_id, "redo", comment="还有一盏")
    await town.done("lamps", case_id, "complete", comment="都亮了")
    assert (await town.done("lamps", case_id, "confirm"))["status"] == "checking"
    assert "fed_back" in (await town.get("desk", f"/cases/{case_id}/flow"))["done"]


async def test_what_belongs_to_others_is_handed_over_and_checked_when_they_answer(town: Town) -> None:
    case_id = (await town.report("你好"))["case_id"]
    assert await refused(town, "desk", case_id, "hand_over", comment="电网的灯") == "case_action_needs"
    case = await town.done("desk", case_id, "hand_over", party="国家电网", comment="电网的灯")
    assert (case["status"], case["handed_to"]) == ("handling", "国家电网")
    assert (await town.done("desk", case_id, "take_back", comment="不归他们"))["handed_to"] is None
    await town.done("desk", case_id, "hand_over", party="国家电网", comment="还是归他们")
    assert (await town.done("desk", case_id, "answered", comment="已修好"))["status"] == "checking"


async def test_the_lead_finishes_when_the_others_have_fed_back(town: Town) -> None:
    case_id = await handling(town)
    assert await refused(town, "south", case_id, "feed_back", comment="x") == "case_not_found"
    case = await town.done("desk", case_id, "involve", departments=["shinan", "traffic"])
    assert [(p["department"]["id"], p["role"]) for p in case["parties"]] == [
        ("lighting", "lead"), ("shinan", "joint"), ("traffic", "joint"),
    ]  # fmt: skip
    finish = next(
        a for a in (await town.get("lamps", f"/cases/{case_id}"))["actions"] if a["action"] == "finish"
    )
    assert finish["needs"] == ["comment", "reason"]
    assert await refused(town, "lamps", case_id, "finish", comment="好了") == "case_parts_open"
    assert [p["case"]["id"] for p in (await town.get("south", "/cases/parts"))["items"]] == [case_id]
    case = await town.done("south", case_id, "feed_back", comment="我们修好了路面")
    assert case["parties"][1]["done_at"] is not None
    assert await refused(town, "south", case_id, "feed_back", comment="再说一遍") == "party_done_already"
    assert (await town.get("south", "/cases/parts"))["items"] == []
    await town.done("desk", case_id, "release", departments=["traffic"], comment="不需要封路")
    case = await town.done("lamps", case_id, "finish", comment="好了")
    assert case["status"] == "checking"
    case = await town.done("desk", case_id, "rework", comment="路面不平", departments=["shinan"])
    assert [p["done_at"] for p in case["parties"]] == [None, None]
    case = await town.done("lamps", case_id, "finish", comment="好了", reason="路面由别的案件处理")
    told = (await town.get("desk", f"/cases/{case_id}/timeline"))["items"][-1]
    assert told["detail"] == {"without": ["shinan"], "reason": "路面由别的案件处理"}


async def test_a_case_closes_after_its_sub_cases(town: Town) -> None:
    case_id = await handling(town)
    case = await town.done("desk", case_id, "split", text="路面坑洼需要修补", department="shinan")
    (child,) = case["children"]
    assert (child["status"], child["department"]["id"]) == ("assigned", "shinan")
    sub = await town.get("south", f"/cases/{child['id']}")
    assert sub["parent"]["number"] == case["number"]
    assert await refused(town, "desk", child["id"], "split", text="再分") == "case_action_not_now"
    await town.done("lamps", case_id, "finish", comment="好了")
    assert await refused(town, "desk", case_id, "pass") == "case_children_open"
    await town.done("south", child["id"], "accept")
    await town.done("south", child["id"], "finish", comment="补好了")
    await town.done("desk", child["id"], "pass")
    assert (await town.done("desk", case_id, "pass"))["status"] == "closed"
    assert "subcase_closed" in await events(town, case_id)
    assert "subcase_of" in await events(town, child["id"])


async def test_a_part_is_not_opened_while_the_whole_closes(town: Town) -> None:
    case_id = await handling(town)
    await town.done("lamps", case_id, "finish", comment="好了")
    answers = await asyncio.gather(
        town.act("desk", case_id, "pass"),
        *[town.act("desk", case_id, "split", text="垃圾没人清运") for _ in range(3)],
    )
    closed = answers[0].status_code == 200
    case = await town.get("desk", f"/cases/{case_id}")
    assert closed == (case["status"] == "closed")
    assert not closed or case["children"] == []


async def test_more_time_is_asked_for_and_somebody_else_decides(town: Town) -> None:
    case_id = await handling(town)
    before = (await town.get("desk", f"/cases/{case_id}"))["due_at"]
    assert await refused(town, "lamps", case_id, "extend", reason="等灯", hours=8) == "case_action_forbidden"
    assert await refused(town, "lamps", case_id, "ask_extension", reason="等灯") == "case_action_needs"
    request = await asked(town, "lamps", case_id, "ask_extension", reason="等灯", hours=7)
    assert (
        await refused(town, "lamps", case_id, "ask_extension", reason="等灯", hours=7)
        == "case_action_not_now"
    )
    assert (await decide(town, "lamps", request)).json()["code"] == "request_not_yours"
    assert (await decide(town, "south", request)).status_code == 404
    (waiting,) = (await town.get("desk", "/requests"))["items"]
    assert (waiting["id"], waiting["may_decide"], waiting["case"]["id"]) == (request, True, case_id)
    assert [r["may_withdraw"] for r in (await town.get("lamps", "/requests"))["items"]] == [True]
    answer = await decide(town, "desk", request)
    assert answer.status_code == 200, answer.text
    # Five hours of Tuesday are left after 11:00, but for lunch, and two are Wednesday's.
    assert (before, answer.json()["due_at"]) == ("2026-11-24T03:00:00Z", "2026-11-25T03:00:00Z")
    assert (await decide(town, "desk", request)).json()["code"] == "request_decided_already"
    assert (await town.get("desk", "/requests"))["items"] == []
    assert (await events(town, case_id))[-2:] == ["ask_extension", "extension_granted"]


async def test_a_refused_request_changes_nothing_and_another_may_follow(town: Town) -> None:
    case_id = await handling(town)
    before = (await town.get("desk", f"/cases/{case_id}"))["due_at"]
    request = await asked(town, "lamps", case_id, "ask_extension", reason="等灯", hours=7)
    case = (await decide(town, "leader", request, granted=False)).json()
    assert (case["due_at"], case["requests"][0]["state"]) == (before, "refused")
    request = await asked(town, "lamps", case_id, "ask_extension", reason="还是等灯", hours=3)
    case = (await town.call("lamps", "POST", f"/api/v1/requests/{request}/withdrawal")).json()
    assert case["requests"][1]["state"] == "withdrawn"
    await asked(town, "lamps", case_id, "ask_extension", reason="真的等灯", hours=3)
    await town.done("lamps", case_id, "finish", comment="灯到了")
    case = await town.get("desk", f"/cases/{case_id}")
    assert case["requests"][2]["state"] == "lapsed"


async def test_a_suspended_case_keeps_what_was_left_of_its_time(town: Town) -> None:
    case_id = await handling(town)
    before = (await town.get("desk", f"/cases/{case_id}"))["due_at"]
    until = (town.clock.now() + timedelta(days=7)).isoformat()
    request = await asked(town, "lamps", case_id, "ask_suspension", reason="等施工许可", until=until)
    case = (await decide(town, "desk", request)).json()
    assert case["suspended_at"] is not None
    assert [a["action"] for a in case["actions"]] == ["resume"]
    assert await refused(town, "lamps", case_id, "finish", comment="x") == "case_suspended"
    town.clock.forward(days=6)
    async with town.database.transaction() as tx:
        assert await town.cases.scan_deadlines(tx, town.clock.now()) == 0
        assert await town.cases.acting.resume_due(tx, town.clock.now()) == 0
    town.clock.forward(days=1)
    async with town.database.transaction() as tx:
        assert await town.cases.acting.resume_due(tx, town.clock.now()) == 1
        assert await town.cases.acting.resume_due(tx, town.clock.now()) == 0
    case = await town.get("desk", f"/cases/{case_id}")
    assert case["suspended_at"] is None
    assert (before, case["due_at"]) == ("2026-11-24T03:00:00Z", "2026-12-01T03:00:00Z")
    assert (await town.done("lamps", case_id, "finish", comment="好了"))["status"] == "checking"


async def test_a_supervised_case_stays_marked_until_it_is_lifted(town: Town) -> None:
    case_id = await handling(town)
    until = (town.clock.now() + timedelta(days=1)).isoformat()
    assert (
        await refused(town, "desk", case_id, "supervise", comment="x", until=until) == "case_action_forbidden"
    )
    past = (town.clock.now() - timedelta(days=1)).isoformat()
    assert (
        await refused(town, "leader", case_id, "supervise", comment="x", until=past) == "until_out_of_range"
    )
    case = await town.done("leader", case_id, "supervise", comment="居民反映强烈", until=until)
    assert case["supervised_until"] is not None
    assert (await town.done("leader", case_id, "lift", comment="已解决"))["supervised_at"] is None


async def test_a_reminder_is_not_repeated_at_once(town: Town) -> None:
    case_id = await handling(town)
    assert (await town.done("desk", case_id, "remind", comment="快点"))["reminders"] == 1
    assert await refused(town, "desk", case_id, "remind") == "case_reminded_already"
    town.clock.forward(minutes=31)
    assert (await town.done("leader", case_id, "remind"))["reminders"] == 2
    notices = await town.rows("SELECT key FROM notifications.notice WHERE template = 'case_reminded'")
    assert len({row["key"] for row in notices}) == 2


async def test_an_appeal_is_decided_by_another_than_who_gave_the_verdict(town: Town) -> None:
    case_id = await handling(town)
    await town.done("lamps", case_id, "finish", comment="好了")
    assert (
        await refused(town, "lamps", case_id, "appeal", about="check", reason="x") == "appeal_without_verdict"
    )
    await town.done("desk", case_id, "rework", comment="还是不亮")
    request = await asked(town, "lamps", case_id, "appeal", about="check", reason="停电时查的")
    assert (await decide(town, "desk", request)).json()["code"] == "request_not_yours"
    answer = await decide(town, "leader", request)
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "checking"
    assert (await town.done("desk", case_id, "pass"))["status"] == "closed"


async def test_who_judged_does_not_decide_on_the_appeal_against_it(town: Town) -> None:
    async with town.database.transaction() as tx:
        boss = await town.identity.create_account(
            tx, SYSTEM, "boss",
            both("主任"),
            ["dispatcher", "leader"],
        )  # fmt: skip
        _, town.tokens["boss"] = await town.identity.make_token(tx, SYSTEM, boss.id, "t", timedelta(days=9))
    case_id = await handling(town)
    await town.done("boss", case_id, "reassign", department="lighting")
    request = await asked(town, "lamps", case_id, "appeal", about="responsibility", reason="是小区的灯")
    assert (await town.get("boss", "/requests"))["items"] == []
    assert (await decide(town, "boss", request)).json()["code"] == "request_not_yours"
    answer = await decide(town, "leader", request)
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["department"]) == ("desk", None)


async def test_a_case_is_archived_after_the_days_that_its_type_declares(town: Town) -> None:
    soon = SCENE.case_types["report"].model_copy(update={"archive_after_days": 5})
    async with town.database.transaction() as tx:
        await town.cases.install_scene(tx, SCENE.model_copy(update={"case_types": {"report": soon}}))
    case_id = await handling(town)
    await town.done("lamps", case_id, "finish", comment="好了")
    await town.done("desk", case_id, "pass")
    town.clock.forward(days=4)
    async with town.database.transaction() as tx:
        assert await town.cases.acting.archive(tx, town.clock.now()) == 0
    town.clock.forward(days=2)
    async with town.database.transaction() as tx:
        assert await town.cases.acting.archive(tx, town.clock.now()) == 1
        assert await town.cases.acting.archive(tx, town.clock.now()) == 0
    assert (await events(town, case_id))[-1] == "archived"
    assert (await town.get("desk", f"/cases/{case_id}"))["actions"] == []
    assert await refused(town, "lamps", case_id, "appeal", about="check", reason="x") == "case_archived"


async def test_of_two_who_saw_the_same_version_the_second_learns_what_changed(town: Town) -> None:
    case_id = (await town.report())["case_id"]
    seen = await town.call("desk", "GET", f"/api/v1/cases/{case_id}")
    assert seen.headers["etag"] == f'"{seen.json()["version"]}"'
    async with town.client("desk", **{"If-Match": seen.headers["etag"]}) as client:
        path = f"/api/v1/cases/{case_id}/actions/reassign"
        first = await client.post(path, json={"department": "shinan"})
        second = await client.post(path, json={"department": "traffic"})
    assert first.status_code == 200, first.text
    assert second.status_code == 409
    told = second.json()
    assert told["code"] == "case_changed"
    assert told["version"] == first.json()["version"]
    assert [change["event"] for change in told["changes"]] == ["reassign"]


async def test_an_action_that_is_sent_again_is_done_once(town: Town) -> None:
    case_id = (await town.report())["case_id"]
    async with town.client("lamps", **{"Idempotency-Key": "k-1"}) as client:
        path = f"/api/v1/cases/{case_id}/actions/accept"
        answers = [await client.post(path, json={}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert (await events(town, case_id)).count("accept") == 1


async def test_several_cases_at_once_each_by_itself(town: Town) -> None:
    mine = [(await town.report())["case_id"] for _ in range(3)]
    other = (await town.report("垃圾堆了一个星期没人清运"))["case_id"]
    await town.done("lamps", mine[1], "accept")
    body = {"action": "accept", "cases": [{"id": each} for each in [*mine, other]]}
    answer = await town.call("lamps", "POST", "/api/v1/cases/actions", json=body)
    assert answer.status_code == 200, answer.text
    found = answer.json()["items"]
    assert [each["id"] for each in found] == [*mine, other]
    assert [each["ok"] for each in found] == [True, False, True, False]
    assert [each["problem"] and each["problem"]["code"] for each in found] == [
        None, "case_action_not_now", None, "case_not_found",
    ]  # fmt: skip


async def test_what_comes_with_an_action_is_checked(town: Town) -> None:
    case_id = await handling(town)
    for body in (
        {"reason": "x", "hours": -1}, {"reason": "x", "hours": 1e9}, {"reason": "x", "until": "morgen"},
        {"reason": "x", "until": "2026-12-01T00:00:00"}, {"reason": "x", "hours": "NaN"},
    ):  # fmt: skip
        assert (await town.act("lamps", case_id, "ask_extension", **body)).status_code == 422
    assert (
        await refused(town, "desk", case_id, "involve", departments=["nobody"])
        == "department_unknown_for_case"
    )
    assert await refused(town, "desk", case_id, "involve", departments=["lighting"]) == "party_leads_already"
    assert await refused(town, "lamps", case_id, "split", text="\x00") == "text_unreadable"
    async with town.client("lamps", **{"If-Match": "abc"}) as client:
        answer = await client.post(f"/api/v1/cases/{case_id}/actions/finish", json={"comment": "x"})
    assert answer.json()["code"] == "if_match_invalid"
