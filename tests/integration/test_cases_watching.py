"""By the clock: recurring places and group complaints."""

from tests.integration.cases_support import NORTH, SOUTH, Town, town

from yunnao.kernel.principal import SYSTEM
from yunnao.modules.cases.contracts import NewCase

__all__ = ["town"]


async def closed(town: Town, text: str = "路灯不亮，晚上一片漆黑") -> None:
    case_id = (await town.report(text, account="wang"))["case_id"]
    await town.done("lamps", case_id, "accept")
    await town.done("lamps", case_id, "finish", comment="换了灯泡")
    await town.done("desk", case_id, "pass")


async def opened(town: Town, text: str, place: tuple[float, float]) -> None:
    async with town.database.transaction() as tx:
        await town.cases.open_case(tx, NewCase(text, "citizen", *place), SYSTEM)


async def warn(town: Town) -> int:
    async with town.database.transaction() as tx:
        return await town.cases.linking.warn(tx)


async def test_a_place_where_trouble_comes_back_after_closing_is_listed(town: Town) -> None:
    for _ in range(3):
        await closed(town)
        town.clock.forward(days=2)
    await town.report("垃圾堆了一个星期没人清运", account="wang")
    async with town.database.transaction() as tx:
        await town.cases.linking.count_recurring(tx)
    [place] = (await town.get("leader", "/recurring-places"))["items"]
    assert (place["category"]["code"], place["cases"], place["reopened"]) == ("L", 3, 2)
    assert place["district"]["code"] == "370202"
    assert (await town.get("leader", "/recurring-places?category=G"))["items"] == []
    assert (await town.call("wang", "GET", "/api/v1/recurring-places")).status_code == 403


async def test_many_people_with_one_complaint_are_warned_of_once_and_acknowledged(town: Town) -> None:
    for n in range(5):
        await town.report(f"路灯不亮第{n}天", lon=SOUTH[0] + n * 0.0001)
    assert await warn(town) == 0, "so many may come by chance in a city without a past"
    for _ in range(3):
        await town.report("路灯不亮第0天")
    assert await warn(town) == 0, "the same words are one person's"
    number = (await town.report("路灯杆歪了灯也灭了"))["number"]
    assert (await warn(town), await warn(town)) == (1, 0)
    await town.call(None, "POST", f"/api/v1/reports/{number}/follow")
    assert await warn(town) == 0
    [warning] = (await town.get("desk", "/group-warnings?unacknowledged=true"))["items"]
    assert (warning["category"]["code"], warning["reporters"], warning["cases"]) == ("L", 7, 9)
    assert warning["chance"] < 1e-3
    assert number in [case["number"] for case in warning["sample"]]
    subjects = await town.rows("SELECT subject FROM infra.outbox WHERE subject = 'cases.warning.opened'")
    assert len(subjects) == 1

    path = f"/api/v1/group-warnings/{warning['id']}/acknowledge"
    assert (await town.call("lamps", "POST", path, json={})).status_code == 403
    answer = await town.call("desk", "POST", path, json={"comment": "已通知路灯管理处"})
    assert answer.json()["acknowledged_at"] is not None
    assert (await town.call("desk", "POST", path, json={})).json()["code"] == "group_warning_acknowledged"
    assert (await town.get("desk", "/group-warnings?unacknowledged=true"))["items"] == []

    town.clock.forward(hours=30)
    await warn(town)
    [ended] = (await town.get("leader", "/group-warnings"))["items"]
    assert ended["ended_at"] is not None


async def test_what_is_usual_there_at_that_hour_is_no_warning(town: Town) -> None:
    for week in range(9):
        for n in range(6):
            await opened(town, f"路灯不亮第{week}周第{n}处", SOUTH)
        if week < 8:
            town.clock.forward(weeks=1)
    assert await warn(town) == 0
    for n in range(6):
        await opened(town, f"垃圾堆了{n}个星期没人清运", NORTH)
    assert await warn(town) == 1
