"""Answers are declared for the description of the API; what is declared loses nothing of what is told."""

from typing import Any

from pydantic_core import to_jsonable_python
from tests.integration.cases_support import SOUTH, Town, alarm_event, jpeg, town

from yunnao.modules.cases import http_models as models
from yunnao.modules.cases.domain import OPEN
from yunnao.modules.cases.search.contracts import CaseFilter

__all__ = ["town"]

REPORTER = {"name": "张三丰", "phone": "13800001234"}


async def lived(town: Town) -> str:
    """A report with a photo that was rated (its tracking code), one at the desk, and an alarm's case."""
    sent = await town.call("wang", "POST", "/api/v1/photos", files={"file": jpeg()})
    told = await town.report(account="wang", photos=[sent.json()["id"]], reporter=REPORTER)
    case_id, code = told["case_id"], told["tracking_code"]
    await town.done("lamps", case_id, "accept")
    await town.done("lamps", case_id, "finish", comment="已换灯泡")
    await town.done("desk", case_id, "pass")
    rated = await town.call(None, "POST", f"/api/v1/reports/{code}/rating", json={"score": 5})
    assert rated.status_code == 200, rated.text
    await town.report("有一件说不清楚的事")
    await town.alarm(alarm_event())
    return code


async def test_the_wire_tells_all_that_the_case_centre_tells(town: Town) -> None:
    code = await lived(town)
    async with town.database.transaction() as tx:
        desk = await town.identity.authenticate(tx, token=town.tokens["desk"])
        wang = await town.identity.authenticate(tx, token=town.tokens["wang"])
        page = (await town.cases.search.page(tx, CaseFilter(), desk)).items
        told: list[tuple[str | None, str, Any]] = [
            ("desk", "/cases", {"items": page, "next": None, "total": None, "total_exact": None}),
            ("desk", "/cases/map", await town.cases.search.map(tx, CaseFilter(OPEN), desk)),
            ("desk", "/categories", {"items": await town.cases.categories(tx)}),
            ("wang", "/reports", {"items": await town.cases.own(tx, wang), "next": None}),
            (
                None,
                f"/reports/near?lon={SOUTH[0]}&lat={SOUTH[1]}",
                {"items": await town.cases.near(tx, *SOUTH), "next": None},
            ),
            (None, f"/reports/{code}", await town.cases.tracked(tx, code)),
        ]
        for each in page:
            path = f"/cases/{each['id']}"
            told += [
                ("desk", path, await town.cases.get(tx, each["id"], desk)),
                (
                    "desk",
                    f"{path}/timeline",
                    {"items": await town.cases.timeline(tx, each["id"], desk)},
                ),
                ("desk", f"{path}/flow", await town.cases.flow(tx, each["id"], desk)),
            ]
    assert len(page) == 3
    for account, path, wanted in told:
        assert await town.get(account, path) == to_jsonable_python(wanted), path


async def test_the_overview_declares_all_that_the_case_centre_counts(town: Town) -> None:
    await lived(town)
    async with town.database.transaction() as tx:
        told = await town.cases.overview(tx)
    counts = told.pop("counts")
    assert models.CaseCounts.model_validate(counts).model_dump() == counts
    declared = models.CasesOverview.model_validate(told).model_dump(mode="json")
    assert declared == to_jsonable_python(told)
    assert declared["recent_closed"]
    assert declared["by_category"]


async def test_whoever_loses_the_right_to_a_case_gets_a_receipt_of_the_action(town: Town) -> None:
    case_id = (await town.report())["case_id"]
    told = await town.done("lamps", case_id, "return", comment="不归我们管")
    assert told["actions"] == []
    assert set(told) == {"id", "number", "status", "actions"}
