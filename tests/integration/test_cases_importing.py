"""Importing hotline sheets: a draft, its preview, the work in chunks, errors, and nothing twice."""

import csv
import io
from typing import Any

import httpx
import pytest
from tests.integration.cases_support import NORTH, SOUTH, Town, town

from yunnao.modules.cases.importing import working

__all__ = ["town"]

HEADER = "工单编号,诉求内容,联系人,联系电话,经度,纬度,受理时间"


def sheet(*rows: str) -> bytes:
    return ("\n".join([HEADER, *rows])).encode("gb18030")


GOOD = [
    f"A-1,路灯不亮，晚上一片漆黑,张三,13800001234,{SOUTH[0]},{SOUTH[1]},2026-11-20 08:00:00".replace(
        "，", "、"
    ),
    f"A-2,垃圾桶满了没人收,李四,,{NORTH[0]},{NORTH[1]},2026/11/20 9:30",
]


async def send(town: Town, content: bytes, account: str = "desk", **fields: str) -> httpx.Response:
    return await town.call(
        account, "POST", "/api/v1/imports", files={"file": ("热线.csv", content, "text/csv")}, data=fields
    )


async def work(town: Town) -> int:
    importer, steps = town.cases.imports.importer(town.database), 0
    while await importer.step():
        steps += 1
    return steps


async def done(town: Town, content: bytes, **fields: str) -> dict[str, Any]:
    draft = await send(town, content, **fields)
    assert draft.status_code == 201, draft.text
    path = f"/api/v1/imports/{draft.json()['id']}"
    assert (await town.call("desk", "POST", f"{path}/start")).status_code == 200
    await work(town)
    told: dict[str, Any] = (await town.call("desk", "GET", path)).json()
    return told


async def test_a_sheet_is_previewed_as_the_cases_that_it_would_become_and_opens_none(town: Town) -> None:
    draft = (await send(town, sheet(*GOOD, "A-3,,,,,,"))).json()
    assert draft["state"] == "draft"
    assert draft["mapping"]["text"] == ["诉求内容"]
    assert draft["columns"][0] == "工单编号"
    first, second, third = draft["preview"]
    assert (first["row"], first["reference"]) == (2, "A-1")
    assert first["case"]["category"]["code"] == "L"
    assert second["case"]["category"]["code"] == "G"
    assert second["case"]["reported_at"].startswith("2026-11-20T")
    assert (third["case"], third["error"]["code"]) == (None, "text_missing")
    for table in ('cases."case"', "cases.timeline", "infra.outbox", "cases.external_reference"):
        assert await town.rows(f"SELECT 1 AS x FROM {table}") == []


async def test_a_sheet_becomes_cases_and_what_is_refused_is_kept_with_its_reason(town: Town) -> None:
    told = await done(
        town, sheet(*GOOD, "A-3,,,,,,", "=HYPERLINK(1),路灯坏了,,,abc,36.07,", "A-5,路灯灭了,,,,,昨天")
    )
    assert (told["state"], told["rows_total"], told["rows_done"]) == ("done", 5, 5)
    assert (told["opened"], told["known"], told["refused"]) == (2, 0, 3)
    cases = await town.rows('SELECT source, category, reporter, department FROM cases."case" ORDER BY id')
    assert [each["category"] for each in cases] == ["L", "G"]
    assert cases[0]["source"] == "hotline"
    assert cases[0]["reporter"] == {"name": "张三", "phone": "13800001234"}
    answer = await town.call("desk", "GET", f"/api/v1/imports/{told['id']}/errors.csv")
    table = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [row[0] for row in table[1:]] == ["4", "5", "6"]
    assert table[2][1] == "'=HYPERLINK(1)"
    assert "abc" in table[2][2]


async def test_the_same_sheet_again_opens_nothing_and_new_rows_only(town: Town) -> None:
    await done(town, sheet(*GOOD))
    told = await done(town, sheet(*GOOD, GOOD[0], "A-9,路灯灭了,,,,,"))
    assert (told["opened"], told["known"]) == (1, 3)
    other = await done(town, sheet(GOOD[0]), source="mayor-mail")
    assert other["opened"] == 1
    assert len(await town.rows('SELECT 1 AS x FROM cases."case"')) == 4


async def test_a_worker_that_dies_leaves_no_row_out_and_none_twice(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "CHUNK_ROWS", 3)
    draft = (await send(town, sheet(*(f"B-{n},路灯不亮 {n},,,,," for n in range(10))))).json()
    await town.call("desk", "POST", f"/api/v1/imports/{draft['id']}/start")
    first = town.cases.imports.importer(town.database)
    assert await first.step()
    second = town.cases.imports.importer(town.database)
    assert await second.step()
    # The first goes on with what it had read ahead, which is no longer where the import is.
    assert await first.step()
    assert await second.step()
    assert not await first.step()
    told = (await town.call("desk", "GET", f"/api/v1/imports/{draft['id']}")).json()
    assert (told["state"], told["rows_done"], told["opened"]) == ("done", 10, 10)
    texts = [each["text"] for each in await town.rows('SELECT text FROM cases."case" ORDER BY id')]
    assert texts == [f"路灯不亮 {n}" for n in range(10)]


async def test_a_failed_transaction_of_a_chunk_is_read_again(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = (await send(town, sheet(*GOOD))).json()
    await town.call("desk", "POST", f"/api/v1/imports/{draft['id']}/start")
    importer = town.cases.imports.importer(town.database)
    with monkeypatch.context() as broken:
        broken.setattr(type(town.cases.imports), "_progress", None)
        with pytest.raises(TypeError):
            await importer.step()
    assert await importer.step()
    told = (await town.call("desk", "GET", f"/api/v1/imports/{draft['id']}")).json()
    assert (told["state"], told["opened"]) == ("done", 2)


async def test_a_mapping_is_saved_by_name_and_used_for_the_next_sheet(town: Town) -> None:
    content = "甲,乙\nX-1,路灯不亮\n".encode()
    draft = (await send(town, content)).json()
    assert (draft["mapping"]["text"], draft["preview"]) == ([], [])
    refused = await town.call("desk", "POST", f"/api/v1/imports/{draft['id']}/start")
    assert (refused.status_code, refused.json()["code"]) == (422, "import_text_unmapped")
    chosen = {"text": ["乙"], "reference": "甲"}
    put = await town.call(
        "desk", "PUT", f"/api/v1/imports/{draft['id']}/mapping", json={"mapping": chosen, "source": "s"}
    )
    assert put.json()["preview"][0]["reference"] == "X-1"
    assert (
        await town.call("desk", "PUT", "/api/v1/import-mappings/市长信箱", json=chosen)
    ).status_code == 204
    again = (await send(town, content, mapping_name="市长信箱")).json()
    assert again["mapping"]["text"] == ["乙"]
    listed = await town.get("desk", "/import-mappings")
    assert [each["name"] for each in listed["items"]] == ["市长信箱"]
    assert (await town.call("desk", "DELETE", "/api/v1/import-mappings/市长信箱")).status_code == 204
    assert (await send(town, content, mapping_name="市长信箱")).status_code == 404


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"mapping": "{"}, 422),
        ({"mapping": '{"text": ["无此列"]}'}, 422),
        ({"mapping": '{"text": ["诉求内容"], "surprise": 1}'}, 422),
        ({"mapping": '{"text": ["诉求内容"], "lon": "经度"}'}, 422),
        ({"source": "\x00"}, 422),
    ],
)
async def test_a_mapping_that_does_not_fit_is_refused(
    town: Town, fields: dict[str, str], status: int
) -> None:
    assert (await send(town, sheet(*GOOD), **fields)).status_code == status
    assert await town.rows("SELECT 1 AS x FROM cases.import") == []


async def test_only_who_may_import_sees_and_starts_imports(town: Town) -> None:
    assert (await send(town, sheet(*GOOD), account="lamps")).status_code == 403
    assert (await send(town, sheet(*GOOD), account="wang")).status_code == 403
    draft = (await send(town, sheet(*GOOD))).json()
    assert (await town.call("lamps", "GET", f"/api/v1/imports/{draft['id']}")).status_code == 403
    started = [await town.call("desk", "POST", f"/api/v1/imports/{draft['id']}/start") for _ in range(2)]
    assert [each.status_code for each in started] == [200, 409]
