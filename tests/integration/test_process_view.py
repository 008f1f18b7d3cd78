"""The process view of our own cases."""

from lxml import etree
from tests.integration.evaluation_support import JudgedTown, judged, plain_town, synthetic

__all__ = ["judged", "plain_town"]

SUMMER = {"from": "2026-07-01", "to": "2026-10-31"}


async def test_the_timeline_becomes_a_process_with_its_flow(judged: JudgedTown) -> None:
    async with judged.town.database.transaction() as tx:
        await synthetic(tx, 100)
    told = await judged.town.get("leader", "/process", params=SUMMER)
    assert told["cases"] == 100
    assert told["cut"] is False
    assert sum(variant["cases"] for variant in told["variants"]) == 100
    assert "bpmn:process" in told["bpmn"]
    assert told["conformance"]["cases"] == 100
    assert 0 < told["conformance"]["fitting"] <= 100
    assert {each["name"]: each["label"]["zh"] for each in told["activities"]}["accept"] == "部门已受理"
    few = await judged.town.get("leader", "/process", params={**SUMMER, "department": "lighting"})
    assert 0 < few["cases"] < 100


async def test_exports_have_every_event_and_are_audited(judged: JudgedTown) -> None:
    async with judged.town.database.transaction() as tx:
        await synthetic(tx, 20)
    count = (await judged.town.rows("SELECT count(*) AS n FROM cases.timeline"))[0]["n"]
    answer = await judged.town.call("leader", "GET", "/api/v1/process/xes", params=SUMMER)
    assert answer.status_code == 200
    assert len(etree.fromstring(answer.content).findall(".//{*}event")) == count
    answer = await judged.town.call("leader", "GET", "/api/v1/process/ocel", params=SUMMER)
    assert len(answer.json()["events"]) == count
    audited = await judged.town.rows(
        "SELECT count(*) AS n FROM identity.audit WHERE action = 'process:export'"
    )
    assert audited[0]["n"] == 2


async def test_who_has_no_right_sees_no_process_and_nothing_is_said_to_be_nothing(judged: JudgedTown) -> None:
    for account in ("lamps", "wang", None):
        answer = await judged.town.call(account, "GET", "/api/v1/process", params=SUMMER)
        assert answer.status_code in (401, 403)
    answer = await judged.town.call("leader", "GET", "/api/v1/process", params=SUMMER)
    assert answer.status_code == 422
    assert answer.json()["code"] == "process_log_empty"
