"""Saved views and exports: whose they are, what they hold, and that no spreadsheet runs them."""

import csv
from io import BytesIO, StringIO
from typing import Any

import pytest
from openpyxl import load_workbook
from tests.integration.cases_support import Town, town

from yunnao.modules.cases.search import exports
from yunnao.modules.cases.search.http_views import filter_of

__all__ = ["town"]

VIEW = {
    "name": "灯",
    "filter": {"q": "路灯", "status": "open"},
    "columns": ["number", "title"],
    "sort": "due",
}


async def post(town: Town, account: str, path: str, body: dict[str, Any], status: int = 201) -> Any:
    answer = await town.call(account, "POST", f"/api/v1{path}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_a_view_is_kept_counted_changed_and_deleted_by_its_owner_alone(town: Town) -> None:
    for text in ("路灯不亮", "路灯坏了", "垃圾成堆没人清运"):
        await town.report(text)
    made = await post(town, "desk", "/case-views", {**VIEW, "begins": True})
    assert (made["filter"]["q"], made["mine"], made["begins"]) == ("路灯", True, True)
    everything = await post(town, "desk", "/case-views", {"name": "全部", "filter": {}})
    counts = {each["id"]: each["n"] for each in (await town.get("desk", "/case-views/counts"))["items"]}
    assert counts == {made["id"]: 2, everything["id"]: 3}

    path = f"/api/v1/case-views/{made['id']}"
    assert (await town.get("leader", "/case-views"))["items"] == []
    assert (await town.call("leader", "PUT", path, json=VIEW)).status_code == 404
    assert (await town.call("leader", "DELETE", path)).status_code == 404
    changed = await town.call("desk", "PUT", path, json={**VIEW, "name": "灯具"})
    assert (changed.json()["name"], changed.json()["begins"]) == ("灯具", False)
    assert (await town.call("desk", "DELETE", path)).status_code == 204
    assert [view["name"] for view in (await town.get("desk", "/case-views"))["items"]] == ["全部"]


async def test_a_view_is_shared_with_a_department_or_a_role(town: Town) -> None:
    await post(town, "desk", "/case-views", {**VIEW, "role": "leader"})
    await post(town, "lamps", "/case-views", {**VIEW, "department": "lighting"})
    refused = await town.call("lamps", "POST", "/api/v1/case-views", json={**VIEW, "department": "shinan"})
    assert refused.status_code == 403
    refused = await town.call("lamps", "POST", "/api/v1/case-views", json={**VIEW, "role": "leader"})
    assert refused.status_code == 403
    shared = (await town.get("leader", "/case-views"))["items"]
    assert [(view["role"], view["mine"]) for view in shared] == [("leader", False)]
    begin = await town.call(
        "leader", "PUT", f"/api/v1/case-views/{shared[0]['id']}/default", json={"begins": True}
    )
    assert begin.status_code == 204
    assert (await town.get("leader", "/case-views"))["items"][0]["begins"] is True
    assert (await town.get("south", "/case-views"))["items"] == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({**VIEW, "name": " "}, "case_view_name_invalid"),
        ({**VIEW, "filter": {"status": "flying"}}, "status_unknown"),
        ({**VIEW, "filter": {"password": "x"}}, "invalid_request"),
        ({**VIEW, "role": "king"}, "role_unknown"),
        ({**VIEW, "columns": ["x"] * 31}, "case_view_columns_too_many"),
    ],
)
async def test_a_view_that_cannot_hold_is_refused(town: Town, body: dict[str, Any], code: str) -> None:
    answer = await town.call("desk", "POST", "/api/v1/case-views", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_an_export_holds_what_the_party_may_list_masked_and_is_audited(town: Town) -> None:
    await town.report("=cmd|' /C calc'!A0 路灯不亮，电话13900005678")
    await town.report("垃圾成堆没人清运")
    answer = await town.call("desk", "GET", "/api/v1/cases/export", params={"q": "路灯", "format": "csv"})
    assert answer.status_code == 200, answer.text
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(StringIO(answer.content.decode("utf-8-sig"))))
    assert [row["责任部门"] for row in rows] == ["路灯管理处"]
    assert rows[0]["内容"].startswith("'=cmd")
    assert "139****5678" in rows[0]["内容"]
    assert rows[0]["受理时间"] == "2026-11-23T10:00:00+08:00"

    sheet = await town.call("lamps", "GET", "/api/v1/cases/export", params={"format": "xlsx"})
    page = load_workbook(BytesIO(sheet.content)).active
    assert page is not None
    assert page.max_row == 2
    assert page["C2"].data_type == "s"
    places = await town.call("leader", "GET", "/api/v1/cases/export", params={"format": "geojson"})
    assert [f["geometry"]["coordinates"] for f in places.json()["features"]] == [[120.38, 36.07]] * 2
    assert (await town.call("wang", "GET", "/api/v1/cases/export")).status_code == 403
    audited = await town.rows("SELECT detail FROM identity.audit WHERE action = 'case:export' ORDER BY id")
    assert [row["detail"]["rows"] for row in audited] == [1, 1, 2]


async def test_a_large_export_is_made_in_the_background_and_fetched_by_who_asked(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "EXPORT_ROWS_MAX", 2)
    for _ in range(3):
        await town.report("路灯不亮")
    asked = await post(town, "desk", "/case-exports", {"format": "csv", "filter": {"q": "路灯"}}, status=202)
    path = f"/api/v1/case-exports/{asked['id']}"
    assert (await town.call("desk", "GET", f"{path}/file")).json()["code"] == "case_export_not_ready"
    assert await town.cases.exports.make_next(town.database, filter_of)
    assert not await town.cases.exports.make_next(town.database, filter_of)
    told = (await town.call("desk", "GET", path)).json()
    assert (told["state"], told["rows"], told["whole"]) == ("done", 2, False)
    content = (await town.call("desk", "GET", f"{path}/file")).content.decode("utf-8-sig")
    assert len(content.splitlines()) == 3
    assert (await town.call("leader", "GET", f"{path}/file")).status_code == 404

    town.clock.forward(days=8)
    async with town.database.transaction() as tx:
        await town.cases.exports.prune(tx)
    assert (await town.call("desk", "GET", path)).status_code == 404


async def test_one_party_cannot_have_all_the_exports(town: Town) -> None:
    for _ in range(3):
        await post(town, "desk", "/case-exports", {"format": "xlsx"}, status=202)
    answer = await town.call("desk", "POST", "/api/v1/case-exports", json={"format": "xlsx"})
    assert (answer.status_code, answer.json()["code"]) == (409, "case_exports_too_many")
