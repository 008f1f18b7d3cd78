"""Who hears of a case: those who report it, those who handle it, those who answer for it, each once."""

from datetime import timedelta
from typing import Any

from tests.integration.cases_support import CITY, Town, both, town

from yunnao.kernel.packs.city import Escalation
from yunnao.kernel.principal import SYSTEM
from yunnao.modules.cases.deadlines import facade as deadlines

__all__ = ["town"]


async def told(town: Town, account: str) -> list[str]:
    """The kinds of notices in an inbox, oldest first."""
    worker = town.cases._parts.notifications.deliverer(town.database)
    while await worker.step():
        pass
    rows = await town.rows(
        "SELECT n.template FROM notifications.message m JOIN notifications.notice n ON n.id = m.notice_id "
        "JOIN identity.party p ON p.id = m.account "
        "WHERE m.channel = 'in_app' AND p.account = %s ORDER BY m.id",
        account,
    )
    return [row["template"] for row in rows]


async def mailed(town: Town) -> list[dict[str, Any]]:
    await told(town, "desk")
    return await town.rows(
        "SELECT n.template, m.channel, m.address, n.params FROM notifications.message m "
        "JOIN notifications.notice n ON n.id = m.notice_id WHERE m.account IS NULL ORDER BY m.id"
    )


async def close(town: Town, case_id: str) -> None:
    await town.done("lamps", case_id, "accept")
    await town.done("lamps", case_id, "finish", comment="修好了")
    await town.done("desk", case_id, "pass")


async def test_a_reporter_hears_that_it_was_received_and_dealt_with(town: Town) -> None:
    report = await town.report(account="wang", reporter={"email": "wang@citizen.example"})
    await close(town, report["case_id"])
    assert await told(town, "wang") == ["case_received", "case_closed"]
    found = await mailed(town)
    assert [(row["template"], row["channel"]) for row in found] == [
        ("case_received", "email"),
        ("case_closed", "email"),
    ]
    assert found[0]["params"]["number"] == report["number"]


async def test_a_contact_that_cannot_be_one_is_not_written_to(town: Town) -> None:
    await town.report(reporter={"email": "not an address", "phone": "打我电话"})
    assert await mailed(town) == []


async def test_what_citizens_wrote_is_in_no_notice(town: Town) -> None:
    await town.report(text="路灯不亮，我叫张三，电话13812345678", reporter={"email": "z@citizen.example"})
    await mailed(town)
    rows = await town.rows("SELECT params::text FROM notifications.notice")
    assert rows
    assert not any("张三" in row["params"] or "138" in row["params"] for row in rows)


async def test_a_returned_case_is_told_to_the_desk(town: Town) -> None:
    report = await town.report()
    await town.act("lamps", report["case_id"], "return", comment="不归我们管")
    assert "case_returned" in await told(town, "desk")


async def test_a_late_case_climbs_from_its_handlers_to_the_leaders(town: Town) -> None:
    ladder = [
        Escalation(role="leader", of="responsible"),
        Escalation(after_h=8, clock="working", role="dispatcher"),
        Escalation(after_h=24, role="leader"),
    ]
    pack = CITY.model_copy(update={"manifest": CITY.manifest.model_copy(update={"escalation": ladder})})
    async with town.database.transaction() as tx:
        await town.cases.install_city(tx, pack)
        await town.identity.create_account(
            tx, SYSTEM, "head", both("head"), ["leader"], department="lighting"
        )
    await town.report()
    for _ in range(80):
        async with town.database.transaction() as tx:
            await town.cases.scan_deadlines(tx, town.clock.now())
        town.clock.forward(hours=1)
    lamps = [kind for kind in await told(town, "lamps") if kind != "case_assigned"]
    assert lamps == ["case_amber", "case_overdue"]
    assert await told(town, "desk") == ["case_escalated"]
    assert await told(town, "head") == ["case_escalated", "case_escalated"]
    assert await told(town, "leader") == ["case_escalated"]
    assert await told(town, "south") == []


async def test_all_reporters_of_merged_cases_are_kept_informed(town: Town) -> None:
    first = await town.report(account="wang")
    second = await town.report(account="zhao")
    body = {"into": first["case_id"]}
    answer = await town.call("desk", "POST", f"/api/v1/cases/{second['case_id']}/merge", json=body)
    assert answer.status_code == 200, answer.text
    await close(town, first["case_id"])
    assert await told(town, "zhao") == ["case_received", "case_merged", "case_closed"]
    assert await told(town, "wang") == ["case_received", "case_closed"]
    rows = await town.rows(
        "SELECT n.params ->> 'number' AS number FROM notifications.notice n WHERE template = 'case_closed'"
    )
    assert {row["number"] for row in rows} == {first["number"], second["number"]}


async def test_nobody_is_told_of_a_clock_that_stands(town: Town) -> None:
    await town.report()
    async with town.database.transaction() as tx:
        [row] = await (await tx.execute('SELECT id FROM cases."case"')).fetchall()
        await deadlines.pause(tx, town.cases._parts, row["id"], town.clock.now())
    town.clock.moment += timedelta(days=30)
    async with town.database.transaction() as tx:
        assert await town.cases.scan_deadlines(tx, town.clock.now()) == 0
    assert "case_overdue" not in await told(town, "lamps")
