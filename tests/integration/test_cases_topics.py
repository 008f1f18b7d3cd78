"""Hot topics of the city's cases: kept by the clock, stable, told by right."""

from datetime import timedelta

from tests.integration.cases_support import SOUTH, Town, town

from yunnao.kernel.principal import SYSTEM
from yunnao.modules.cases.contracts import NewCase, Reporter

__all__ = ["town"]

PLANT = [
    "丽发新城旁边搅拌站噪音扰民",
    "搅拌站灰尘太大，丽发新城居民无法开窗",
    "请关停丽发新城附近的搅拌站",
    "丽发新城小区边上的搅拌站夜间施工",
]
PARKING = ["滨河苑捆绑销售车位不合理", "投诉滨河苑强制捆绑销售车位", "滨河苑买房必须捆绑买车位"]


async def told(town: Town, *texts: str) -> None:
    for n, text in enumerate(texts):
        async with town.database.transaction() as tx:
            new = NewCase(text, "citizen", *SOUTH, reporter=Reporter(phone=f"1380000{n:04}"))
            await town.cases.open_case(tx, new, SYSTEM)


async def keep(town: Town) -> int:
    town.clock.forward(minutes=2)
    async with town.database.transaction() as tx:
        return await town.cases.topics.keep(tx)


async def test_topics_are_found_named_and_told_with_their_cases(town: Town) -> None:
    await told(town, *PLANT, *PARKING, "公交车间隔太长", "医院挂号排队两小时")
    assert (await keep(town), await keep(town)) == (9, 0)
    plant, parking = (await town.get("leader", "/topics"))["items"]
    assert (plant["messages"], plant["people"], plant["district"]["code"]) == (4, 4, "370202")
    assert "搅拌站" in plant["name"]
    assert "捆绑" in parking["name"]
    assert [week["messages"] for week in plant["weekly"]] == [4]

    detail = await town.get("desk", f"/topics/{plant['id']}")
    assert len(detail["cases"]) == 4
    staff = await town.get("traffic", f"/topics/{plant['id']}")
    assert staff["cases"] == []
    assert (await town.call("wang", "GET", "/api/v1/topics")).status_code == 403
    assert (await town.call("desk", "GET", f"/api/v1/topics/{detail['cases'][0]['id']}")).status_code == 404


async def test_a_topic_keeps_its_identity_over_weeks_and_its_heat_grows(town: Town) -> None:
    await told(town, *PLANT[:3], *PARKING)
    await keep(town)
    before = {t["name"]: t for t in (await town.get("leader", "/topics"))["items"]}
    town.clock.forward(days=7)
    await told(town, PLANT[3], "搅拌站又在夜间施工，丽发新城睡不着")
    await keep(town)
    after = (await town.get("leader", "/topics"))["items"]
    assert {t["id"] for t in after} == {t["id"] for t in before.values()}
    assert after[0]["messages"] == 5
    assert after[0]["heat"] > max(t["heat"] for t in before.values())
    assert [week["messages"] for week in after[0]["weekly"]] == [3, 2]


async def test_every_case_is_in_one_topic_however_often_the_clock_strikes(town: Town) -> None:
    for text in [*PLANT, *PARKING]:
        await told(town, text)
        await keep(town)
        await keep(town)
    rows = await town.rows(
        "SELECT count(*) AS cases, count(DISTINCT case_id) AS distinct FROM cases.topic_case"
    )
    assert rows == [{"cases": 7, "distinct": 7}]
    sums = await town.rows("SELECT sum(messages)::int AS n FROM cases.topic WHERE joined_to IS NULL")
    assert sums == [{"n": 7}]


async def test_what_never_became_a_topic_is_forgotten(town: Town) -> None:
    await told(town, *PLANT, "公交车间隔太长")
    await keep(town)
    town.clock.moment += timedelta(weeks=10)
    async with town.database.transaction() as tx:
        await town.cases.topics.prune(tx)
    assert await town.rows("SELECT count(*)::int AS n FROM cases.topic") == [{"n": 1}]
