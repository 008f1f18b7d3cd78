"""One event, one case: suggestions, merging, everybody who reported kept informed."""

import asyncio
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.cases_support import CITY, NORTH, SOUTH, Town, town

from yunnao.kernel.packs.linking import Linking

__all__ = ["town"]

LONG = "路灯不亮已经三天了，晚上一片漆黑，老人出门容易摔倒，请尽快派人来维修这盏路灯"


async def merge(town: Town, case_id: str, into: str, account: str = "desk") -> Any:
    return await town.call(account, "POST", f"/api/v1/cases/{case_id}/merge", json={"into": into})


async def unmerge(town: Town, case_id: str) -> Any:
    return await town.call("desk", "POST", f"/api/v1/cases/{case_id}/unmerge", json={})


async def tracked(town: Town, code: str) -> Any:
    return await town.get(None, f"/reports/{code}")


async def test_a_second_report_of_the_same_trouble_is_suggested_with_reasons(town: Town) -> None:
    first = await town.report(LONG)
    town.clock.forward(minutes=40)
    second = await town.report("三天了路灯不亮，一片漆黑，老人容易摔倒，请派人维修", lon=SOUTH[0] + 0.0001)
    links = await town.get("desk", f"/cases/{second['case_id']}/links")
    [link] = links["items"]
    assert (link["case"]["number"], link["kind"], link["state"]) == (
        first["number"],
        "duplicate",
        "suggested",
    )
    told = " ".join(reason["zh"] for reason in link["reasons"])
    assert "9 米" in told
    assert "40 分钟" in told
    assert "路灯不亮" in told
    assert (await town.get("desk", "/case-links"))["items"][0]["number"] == second["number"]
    earlier = await town.get("desk", f"/cases/{first['case_id']}/links")
    assert earlier["items"][0]["later"] is True
    assert (await town.get("desk", f"/cases/{second['case_id']}"))["status"] == "assigned"


async def test_what_is_elsewhere_or_of_another_kind_is_not_suggested(town: Town) -> None:
    await town.report(LONG)
    far = await town.report(LONG.replace("三天", "两天"), lon=NORTH[0], lat=NORTH[1])
    other = await town.report("垃圾堆了一个星期没人清运")
    nowhere = await town.report("垃圾桶满了没人收", lon=None, lat=None)
    for told in (other, nowhere):
        assert (await town.get("desk", f"/cases/{told['case_id']}/links"))["items"] == []
    assert (await town.get("desk", f"/cases/{far['case_id']}/links"))["items"] == []


async def test_what_was_closed_and_comes_back_is_recurrent(town: Town) -> None:
    first = await town.report(LONG)
    await town.done("lamps", first["case_id"], "accept")
    await town.done("lamps", first["case_id"], "finish", comment="换了灯泡")
    await town.done("desk", first["case_id"], "pass")
    town.clock.forward(days=3)
    again = await town.report(LONG)
    [link] = (await town.get("desk", f"/cases/{again['case_id']}/links"))["items"]
    assert link["kind"] == "recurrent"
    assert any("办结" in reason["zh"] for reason in link["reasons"])


async def test_the_citizen_of_a_merged_case_follows_the_main_case_by_the_own_code(town: Town) -> None:
    main = await town.report(LONG)
    merged = await town.report("灯坏了，孩子放学看不见路")
    answer = await merge(town, merged["case_id"], main["case_id"])
    assert answer.status_code == 200, answer.text
    assert [each["number"] for each in answer.json()["merged"]] == [merged["number"]]
    assert answer.json()["reporters"] == 2

    await town.done("lamps", main["case_id"], "accept")
    seen = await tracked(town, merged["tracking_code"])
    assert (seen["status"], seen["main_number"], seen["reporters"]) == ("handling", main["number"], 2)
    assert seen["text"] == "灯坏了，孩子放学看不见路"
    assert "三天" not in str(seen)

    await town.done("lamps", main["case_id"], "finish", comment="换了灯泡")
    await town.done("desk", main["case_id"], "pass")
    for code in (merged["tracking_code"], main["tracking_code"]):
        assert (await tracked(town, code))["can_rate"]
        rated = await town.call(None, "POST", f"/api/v1/reports/{code}/rating", json={"score": 4})
        assert rated.status_code == 200, rated.text
        assert rated.json()["rating"]["score"] == 4
        again = await town.call(None, "POST", f"/api/v1/reports/{code}/rating", json={"score": 1})
        assert again.status_code == 409


async def test_a_merged_case_is_closed_to_actions_and_says_where_to_act(town: Town) -> None:
    main, merged = await town.report(LONG), await town.report(LONG)
    await merge(town, merged["case_id"], main["case_id"])
    refused = await town.act("lamps", merged["case_id"], "accept")
    assert refused.json()["code"] == "case_merged"
    assert main["number"] in refused.json()["detail"]
    assert (await town.get("desk", f"/cases/{merged['case_id']}"))["actions"] == []
    for case, event in ((merged, "merged"), (main, "merge_received")):
        events = [e["event"] for e in (await town.get("desk", f"/cases/{case['case_id']}/timeline"))["items"]]
        assert event in events


async def test_unmerging_restores_the_case_while_the_main_one_runs(town: Town) -> None:
    main, merged = await town.report(LONG), await town.report(LONG)
    await town.done("lamps", merged["case_id"], "accept")
    await merge(town, merged["case_id"], main["case_id"])
    assert (await unmerge(town, merged["case_id"])).status_code == 200
    case = await town.get("lamps", f"/cases/{merged['case_id']}")
    assert case["status"] == "handling"
    assert (await town.done("lamps", merged["case_id"], "finish", comment="好了"))["status"] == "checking"
    assert (await unmerge(town, merged["case_id"])).json()["code"] == "case_not_merged"

    third = await town.report(LONG)
    await merge(town, third["case_id"], main["case_id"])
    await town.done("lamps", main["case_id"], "accept")
    await town.done("lamps", main["case_id"], "finish", comment="好了")
    await town.done("desk", main["case_id"], "pass")
    assert (await unmerge(town, third["case_id"])).json()["code"] == "case_unmerge_closed"


async def test_merging_needs_the_right_and_two_running_cases(town: Town) -> None:
    a, b = await town.report(LONG), await town.report(LONG)
    assert (await merge(town, a["case_id"], b["case_id"], "lamps")).status_code == 403
    assert (await merge(town, a["case_id"], b["case_id"], "wang")).status_code == 404
    assert (await merge(town, a["case_id"], a["case_id"])).json()["code"] == "case_merge_itself"
    assert (await merge(town, a["case_id"], b["case_id"])).status_code == 200
    assert (await merge(town, b["case_id"], a["case_id"])).json()["code"] == "case_merge_itself"
    assert (await merge(town, a["case_id"], b["case_id"])).json()["code"] == "case_merged"


async def test_a_citizen_says_me_too_and_follows_without_personal_data(town: Town) -> None:
    told = await town.report(LONG)
    similar = await town.get(
        None, f"/reports/similar?lon={SOUTH[0]}&lat={SOUTH[1]}&text=路灯不亮晚上一片漆黑请派人来维修"
    )
    assert similar["items"][0]["number"] == told["number"]
    assert similar["items"][0]["metres"] == 0
    assert "三天" not in str(similar)

    path = f"/api/v1/reports/{told['number']}/follow"
    mine = (await town.call(None, "POST", path)).json()
    seen = await tracked(town, mine["tracking_code"])
    assert (seen["status"], seen["text"], seen["reporters"]) == ("assigned", "", 2)
    assert "三天" not in str(seen)
    assert (await town.call("wang", "POST", path)).status_code == 201
    assert (await town.call("wang", "POST", path)).json()["code"] == "report_followed_already"
    assert (await town.get("desk", f"/cases/{told['case_id']}/links"))["reporters"] == 3
    assert (await town.call(None, "POST", "/api/v1/reports/QD-1/follow")).status_code == 404
    assert (await tracked(town, told["tracking_code"]))["reporters"] == 3


async def test_duplicates_merge_by_themselves_only_where_the_city_says_so(town: Town) -> None:
    manifest = CITY.manifest.model_copy(update={"linking": Linking(merge_min=0.9)})
    async with town.database.transaction() as tx:
        await town.cases.install_city(tx, CITY.model_copy(update={"manifest": manifest}))
    main, merged = await town.report(LONG), await town.report(LONG)
    links = await town.get("desk", f"/cases/{main['case_id']}/links")
    assert [each["number"] for each in links["merged"]] == [merged["number"]]
    assert links["items"][0]["state"] == "confirmed"
    assert (await tracked(town, merged["tracking_code"]))["main_number"] == main["number"]


async def test_two_people_who_merge_two_cases_into_each_other_at_once_make_no_ring(town: Town) -> None:
    a, b = (await town.report(LONG))["case_id"], (await town.report(LONG))["case_id"]
    answers = await asyncio.gather(merge(town, a, b), merge(town, b, a))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    merged = await town.rows('SELECT count(*)::int AS n FROM cases."case" WHERE merged_into IS NOT NULL')
    assert merged == [{"n": 1}]


async def test_hostile_questions_of_what_is_known_are_refused_in_a_sentence(town: Town) -> None:
    for query in (
        "lon=nan&lat=1",
        "lon=1e400&lat=1",
        "lon=36&lat=120",
        "lon=120.38&lat=36.07&text=%00",
        "lon=a&lat=b",
    ):
        answer = await town.call(None, "GET", f"/api/v1/reports/similar?{query}")
        assert answer.status_code == 422, answer.text
    for number in ("%00", "QD-%27%3B--", "x" * 200, "路灯"):
        assert (await town.call(None, "POST", f"/api/v1/reports/{number}/follow")).status_code == 404
    assert (await town.get(None, f"/reports/similar?lon={SOUTH[0]}&lat={SOUTH[1]}"))["items"] == []


async def test_a_person_dismisses_a_suggestion_and_it_does_not_come_back(town: Town) -> None:
    first, second = await town.report(LONG), await town.report(LONG)
    path = f"/api/v1/cases/{second['case_id']}/links/{first['case_id']}"
    assert (await town.call("lamps", "POST", path, json={"state": "dismissed"})).status_code == 403
    answer = await town.call("desk", "POST", path, json={"state": "dismissed"})
    assert answer.json()["items"][0]["state"] == "dismissed"
    assert (await town.call("desk", "POST", path, json={"state": "confirmed"})).status_code == 404
    assert (await town.get("desk", "/case-links"))["items"] == []


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.booleans()), min_size=3, max_size=12))
async def test_whatever_is_merged_and_undone_everybody_still_finds_one_running_case(
    town: Town, steps: list[tuple[int, int, bool]]
) -> None:
    cases = [await town.report(f"{LONG}{n}", account="wang") for n in range(5)]
    before = [(await town.get("desk", f"/cases/{c['case_id']}"))["status"] for c in cases]
    for one, other, undo in steps:
        if undo:
            await unmerge(town, cases[one]["case_id"])
        else:
            await merge(town, cases[one]["case_id"], cases[other]["case_id"])
    standing = 0
    for case in cases:
        seen = await tracked(town, case["tracking_code"])
        assert seen["status"] in before
        if seen["main_number"] is None:
            standing += seen["reporters"]
    assert standing == len(cases)
    for case in cases:
        await unmerge(town, case["case_id"])
    assert [(await town.get("desk", f"/cases/{c['case_id']}"))["status"] for c in cases] == before
