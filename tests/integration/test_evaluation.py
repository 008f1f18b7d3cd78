"""Indicators of the case centre: right, fresh, and opening into exactly the cases that they count."""

from typing import Any

from tests.integration.evaluation_support import JudgedTown, judged, plain_town, synthetic

__all__ = ["judged", "plain_town"]

AUTUMN = {"from": "2026-11-01", "to": "2026-11-30"}
SUMMER = {"from": "2026-07-01", "to": "2026-10-31"}


PLAIN = """
SELECT count(*) FILTER (WHERE closed_at <= due_at) AS on_time, count(*) AS closed,
    avg(extract(epoch FROM closed_at - opened_at) / 3600)::float AS hours,
    count(*) FILTER (WHERE EXISTS (SELECT FROM cases.timeline t
                                   WHERE t.case_id = c.id AND t.event = 'rework')) AS reworked
FROM cases."case" c WHERE status = 'closed' AND closed_at AT TIME ZONE 'Asia/Shanghai' < '2026-11-01'
"""


async def closed_case(judged: JudgedTown, score: int | None = None, *, rework: bool = False) -> str:
    town = judged.town
    told = await town.report(reporter={"name": "张三", "phone": "13800001234"})
    case_id = str(told["case_id"])
    town.clock.forward(hours=1)
    await town.done("lamps", case_id, "accept")
    town.clock.forward(hours=1)
    await town.done("lamps", case_id, "finish", comment="好了")
    if rework:
        await town.done("desk", case_id, "rework", comment="没好")
        await town.done("lamps", case_id, "finish", comment="好了")
    await town.done("desk", case_id, "pass")
    if score:
        path = f"/api/v1/reports/{told['tracking_code']}/rating"
        answer = await town.call(None, "POST", path, json={"score": score})
        assert answer.status_code == 200, answer.text
    return case_id


async def test_indicators_tell_what_happened_to_cases(judged: JudgedTown) -> None:
    await closed_case(judged, 5)
    await closed_case(judged, 2, rework=True)
    await judged.keep()
    told = await judged.figures(**AUTUMN)
    assert told["response-time"]["value"] == 1.0
    assert told["resolution-time"]["value"] == 2.0
    assert told["on-time-rate"]["value"] == 1.0
    assert told["satisfaction"]["value"] == 0.5
    assert told["satisfaction"]["met"] is False
    assert told["rework-rate"]["value"] == 0.5
    assert told["first-contact-resolution"]["value"] == 0.5
    assert told["automatic-dispatch-rate"]["value"] == 1.0
    assert told["automatic-dispatch-precision"]["value"] == 1.0
    # The second report is of the same telephone and category.
    assert (told["repeat-rate"]["numerator"], told["repeat-rate"]["denominator"]) == (1, 2)
    assert told["cases-opened"]["value"] == 2
    assert told["return-rate"]["before"] is None


async def test_a_change_of_a_case_reaches_days_that_were_summed(judged: JudgedTown) -> None:
    case_id = await closed_case(judged)
    await judged.keep()
    assert (await judged.figures(**AUTUMN))["satisfaction"]["value"] is None
    judged.town.clock.forward(days=3)
    said = {"outcome": "answered", "score": 4, "resolved": True}
    answer = await judged.town.call("desk", "POST", f"/api/v1/cases/{case_id}/callbacks", json=said)
    assert answer.status_code == 201, answer.text
    await judged.keep()
    told = await judged.figures(**AUTUMN)
    assert told["satisfaction"]["value"] == 1.0
    assert told["resolved-rate"]["value"] == 1.0
    assert told["survey-response-rate"]["value"] == 1.0
    survey = await judged.town.get("leader", "/evaluation/survey", params=AUTUMN)
    assert survey["response_rate"] == 1.0
    assert survey["weighted_score"] == 4.0


async def test_call_backs_are_only_of_closed_cases_and_whole(judged: JudgedTown) -> None:
    told = await judged.town.report()
    path = f"/api/v1/cases/{told['case_id']}/callbacks"
    said: dict[str, Any] = {"outcome": "answered", "score": 4, "resolved": True}
    assert (await judged.town.call("desk", "POST", path, json=said)).status_code == 409
    case_id = await closed_case(judged)
    path = f"/api/v1/cases/{case_id}/callbacks"
    for body in ({"outcome": "answered"}, {"outcome": "no_answer", "score": 3}, {**said, "comment": "\x00"}):
        assert (await judged.town.call("desk", "POST", path, json=body)).status_code == 422
    assert (await judged.town.call("lamps", "POST", path, json=said)).status_code == 403
    await judged.keep()
    due = await judged.town.get("desk", "/evaluation/callbacks")
    assert [each["case"]["id"] for each in due["items"]] == [case_id]
    assert due["items"][0]["reporter"]["phone"] == "13800001234"
    await judged.town.call("desk", "POST", path, json={"outcome": "no_answer"})
    await judged.keep()
    assert (await judged.town.get("desk", "/evaluation/callbacks"))["items"][0]["attempts"] == 1


async def test_every_number_opens_into_exactly_its_cases(judged: JudgedTown) -> None:
    async with judged.town.database.transaction() as tx:
        await synthetic(tx, 300)
    await judged.keep()
    for asked in (SUMMER, {"from": "2026-07-20", "to": "2026-09-10"}, {**SUMMER, "department": "lighting"}):
        for name, told in (await judged.figures(**asked)).items():
            for part in ("denominator", "numerator", "rest"):
                params = {**asked, "indicator": name, "part": part, "limit": 500}
                behind = await judged.town.get("leader", "/evaluation/cases", params=params)
                assert behind["total"] == len({item["id"] for item in behind["items"]}), (name, part)
                if part == "denominator":
                    assert behind["total"] == told["denominator"], name
                elif part == "numerator" and told["value"] is not None and name.endswith("rate"):
                    assert behind["total"] == told["numerator"], name


async def test_kept_sums_and_counted_cases_agree_for_every_cut(judged: JudgedTown) -> None:
    async with judged.town.database.transaction() as tx:
        await synthetic(tx, 300)
    await judged.keep()
    for by in ("department", "district", "category", "source", "person"):
        for extra in ({}, {"source": "citizen"}, {"department": "lighting", "district": "370202"}):
            whole = await judged.figures(**SUMMER, **extra)
            params = {**SUMMER, **extra, "by": by}
            told = await judged.town.get("leader", "/evaluation/breakdown", params=params)
            for name, number in whole.items():
                parts = [n for item in told["items"] for n in item["numbers"] if n["indicator"] == name]
                assert sum(n["denominator"] for n in parts) == number["denominator"], (by, name)
                assert abs(sum(n["numerator"] for n in parts) - number["numerator"]) < 1e-3, (by, name)
    for step in ("day", "week", "month"):
        params = {**SUMMER, "indicator": "cases-opened", "step": step}
        told = await judged.town.get("leader", "/evaluation/trend", params=params)
        assert sum(point["value"] for point in told["points"]) == 300


async def test_indicators_equal_plain_questions_to_the_cases(judged: JudgedTown) -> None:
    async with judged.town.database.transaction() as tx:
        await synthetic(tx, 300)
    await judged.keep()
    told = await judged.figures(**SUMMER)
    plain = (await judged.town.rows(PLAIN))[0]
    assert told["on-time-rate"]["numerator"] == plain["on_time"]
    assert told["on-time-rate"]["denominator"] == plain["closed"]
    assert told["rework-rate"]["numerator"] == plain["reworked"]
    assert abs(told["resolution-time"]["value"] - plain["hours"]) < 1e-3


async def test_a_new_formula_is_summed_over_all_days(judged: JudgedTown) -> None:
    from tests.integration.cases_support import SCENE
    from tests.integration.evaluation_support import INDICATORS

    await closed_case(judged)
    await judged.keep()
    late = INDICATORS["on-time-rate"].model_copy(update={"where": [], "where_none": ["closed_on_time"]})
    async with judged.town.database.transaction() as tx:
        changed = SCENE.model_copy(update={"indicators": {"late-rate": late, **INDICATORS}})
        await judged.evaluation.install_scene(tx, changed)
    await judged.keep()
    told = await judged.figures(**AUTUMN)
    assert told["late-rate"]["value"] == 0.0
    assert told["on-time-rate"]["value"] == 1.0


async def test_a_department_sees_its_own_numbers_only(judged: JudgedTown) -> None:
    await closed_case(judged)
    await judged.keep()
    assert (await judged.figures("lamps", **AUTUMN))["cases-closed"]["value"] == 1
    assert (await judged.figures("traffic", **AUTUMN))["cases-closed"]["value"] == 0
    for account, extra in (("lamps", {"department": "traffic"}), ("wang", {}), ("admin", {})):
        params = {**AUTUMN, **extra}
        answer = await judged.town.call(account, "GET", "/api/v1/evaluation/figures", params=params)
        assert answer.status_code == 403
    params = {**AUTUMN, "by": "person"}
    assert (
        await judged.town.call("lamps", "GET", "/api/v1/evaluation/breakdown", params=params)
    ).status_code == 403


async def test_a_ranking_is_fair_and_says_why(judged: JudgedTown) -> None:
    async with judged.town.database.transaction() as tx:
        await synthetic(tx, 300)
    await judged.keep()
    params = {**SUMMER, "indicator": "on-time-rate", "by": "department"}
    kept = await judged.town.get("leader", "/evaluation/ranking", params=params)
    async with judged.town.database.transaction() as tx:
        await tx.execute("DELETE FROM cases.evaluation_made WHERE month < '2026-09-01'")
    assert await judged.town.get("leader", "/evaluation/ranking", params=params) == kept
    told = await judged.town.get("leader", "/evaluation/ranking", params=params)
    # Their cases were made alike: what they differ by is chance, so nobody is before the others.
    assert [item["rank"] for item in told["items"]] == [1, 1, 1]
    assert {item["weight"] for item in told["items"]} == {0.0}
    assert all(item["low"] <= item["value"] <= item["high"] for item in told["items"])
    assert all("预期" in item["words"]["zh"] for item in told["items"])
    for wrong in ({"to": "2026-10-30"}, {"indicator": "cases-opened"}, {"indicator": "nonsense"}):
        answer = await judged.town.call(
            "leader", "GET", "/api/v1/evaluation/ranking", params={**params, **wrong}
        )
        assert answer.status_code == 422, wrong
