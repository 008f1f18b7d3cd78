"""Bad input: a precise error, nothing stored, the neighbour untouched."""

from typing import Any

import pytest
from tests.integration.cases_support import SOUTH, Town, town

__all__ = ["town"]

TEXT = "路灯不亮，晚上一片漆黑"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"text": "   "}, 422, "text_missing"),
        ({"text": "长" * 8001}, 413, "text_too_long"),
        ({"text": "a\x00b"}, 422, "text_unreadable"),
        ({"text": TEXT, "lon": 36.07, "lat": 120.38}, 422, "coordinates_swapped"),
        ({"text": TEXT, "lon": 500, "lat": 36}, 422, "coordinates_out_of_range"),
        ({"text": TEXT, "lon": 120.3}, 422, "coordinates_half"),
        ({"text": TEXT, "lon": "NaN", "lat": 36}, 422, "invalid_request"),
        ({"text": TEXT, "surprise": 1}, 422, "invalid_request"),
        ({"text": TEXT, "photos": ["00000000-0000-0000-0000-000000000000"]}, 422, "photo_unknown"),
        ({"text": TEXT, "reporter": {"name": "名" * 101}}, 413, "text_too_long"),
    ],
)
async def test_a_bad_report_is_refused_and_leaves_nothing(
    town: Town, body: dict[str, Any], status: int, code: str
) -> None:
    answer = await town.call(None, "POST", "/api/v1/reports", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.json()["detail"] != code
    assert await town.rows('SELECT 1 AS x FROM cases."case"') == []
    assert await town.rows("SELECT 1 AS x FROM infra.outbox") == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"text": TEXT, "category": "ZZ"}, "category_unknown"),
        ({"text": TEXT, "case_type": "none"}, "case_type_unknown"),
        ({"text": TEXT, "fields": {"quantity": 0}}, "fields_invalid"),
        ({"text": TEXT, "fields": {"note": "\x00"}}, "fields_invalid"),
        ({"text": TEXT, "fields": {"note": "长" * 9000}}, "fields_invalid"),
        ({"text": TEXT, "fields": {"other": 1}}, "fields_invalid"),
    ],
)
async def test_a_bad_form_is_refused_with_its_place(town: Town, body: dict[str, Any], code: str) -> None:
    answer = await town.call("desk", "POST", "/api/v1/cases", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert await town.rows('SELECT 1 AS x FROM cases."case"') == []


async def test_script_in_a_text_stays_text(town: Town) -> None:
    text = "<script>alert('路灯不亮')</script> & \"路灯\" <img src=x onerror=alert(1)>"
    told = await town.report(text)
    case = await town.get("desk", f"/cases/{told['case_id']}")
    assert case["text"] == text
    answer = await town.call("desk", "GET", f"/open311/v2/requests/{told['number']}.xml")
    assert "<script>" not in answer.text
    assert "&lt;script&gt;" in answer.text


async def test_sql_in_a_filter_finds_nothing_and_breaks_nothing(town: Town) -> None:
    told = await town.report("路灯不亮，坏了100%的时间_长")
    hostile = ["' OR 1=1 --", "%", "_", "\\", '\'; DROP TABLE cases."case"; --', "100%_"]
    for name in ("q", "department", "category", "area", "source"):
        for value in hostile:
            items = (await town.get("desk", "/cases", params={name: value}))["items"]
            expected = 1 if name == "q" and value in {"%", "_"} else 0
            assert len(items) == expected, (name, value)
    assert len((await town.get("desk", "/cases", params={"q": "100%的"}))["items"]) == 1
    assert len((await town.get("desk", "/cases", params={"q": told["number"]}))["items"]) == 1
    for params in ({"status": "x' OR 1=1"}, {"cursor": "@@@"}, {"limit": 501}, {"area": "\x00"}):
        answer = await town.call("desk", "GET", "/api/v1/cases", params=params)
        assert answer.status_code == 422, params


async def test_an_unknown_status_says_which_are_known(town: Town) -> None:
    answer = await town.call("desk", "GET", "/api/v1/cases", params={"status": "flying"})
    assert "rejected" in answer.json()["detail"]


async def test_a_request_sent_again_with_its_key_is_one_case(town: Town) -> None:
    body = {"text": TEXT, "lon": SOUTH[0], "lat": SOUTH[1]}
    first, second = [
        await town.call(None, "POST", "/api/v1/reports", json=body, headers={"Idempotency-Key": "k-1"})
        for _ in range(2)
    ]
    assert first.json() == second.json()
    assert (await town.get(None, f"/reports/{second.json()['tracking_code']}"))["number"]
    other = await town.call(
        None, "POST", "/api/v1/reports", json={**body, "text": "另一件事"}, headers={"Idempotency-Key": "k-1"}
    )
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    kept = await town.rows("SELECT response::text AS text, key FROM infra.idempotency")
    assert first.json()["tracking_code"] not in kept[0]["text"]
    assert kept[0]["key"] != "k-1"

    case, again = [
        await town.call("desk", "POST", "/api/v1/cases", json=body, headers={"Idempotency-Key": "k-1"})
        for _ in range(2)
    ]
    assert case.status_code == again.status_code == 201
    assert case.json()["id"] == again.json()["id"]
    assert len(await town.rows('SELECT 1 AS x FROM cases."case"')) == 2


async def test_a_flood_from_one_address_is_slowed_down(town: Town) -> None:
    from yunnao.modules.cases.limits import REPORTS_PER_ADDRESS_MAX

    for _ in range(REPORTS_PER_ADDRESS_MAX):
        await town.report("你好")
    answer = await town.call(None, "POST", "/api/v1/reports", json={"text": "你好"})
    assert (answer.status_code, answer.json()["code"]) == (429, "reports_too_many")
    assert (await town.call("wang", "POST", "/api/v1/reports", json={"text": "你好"})).status_code == 201


async def test_the_timeline_cannot_be_rewritten(town: Town) -> None:
    await town.report()
    for sql in ("UPDATE cases.timeline SET event = 'x'", "DELETE FROM cases.timeline"):
        with pytest.raises(Exception, match="append-only"):
            await town.rows(sql)


HOSTILE = [
    "\ud800",
    "\x00",
    "\x1b[2J",
    "\u202e\u2066",
    "{{7*7}}${7*7}<%=7%>",
    "../../../../etc/passwd",
    "' OR '1'='1' --",
    "%s%s%n",
    "\\u0000",
    "ﷺ" * 500,
    "e\u0301" * 300,
    "1e999",
    "-0",
    "NaN",
    "[]",
    "{}",
    "null",
    "\r\nSet-Cookie: a=b",
    "😀" * 400,
    "",
]


@pytest.mark.parametrize("door", ["reports", "cases", "open311", "track", "list", "photo", "action"])
async def test_hostile_values_never_break_a_door(town: Town, door: str) -> None:
    """Whatever comes in, the answer is an answer of ours: no status of 500 or above."""
    case_id = (await town.report())["case_id"]
    bearer = {"Authorization": f"Bearer {town.tokens['desk']}"}
    async with town.client(**bearer) as client:
        for value in HOSTILE:
            calls: dict[str, Any] = {
                "reports": [("POST", "/api/v1/reports", {"json": {"text": value, "address": value}})],
                "cases": [
                    ("POST", "/api/v1/cases", {"json": {"text": TEXT, name: each}})
                    for name, each in (
                        ("category", value),
                        ("case_type", value),
                        ("fields", {"note": value}),
                        ("fields", {value: value}),
                        ("lon", value),
                        ("photos", [value]),
                        ("reporter", {"name": value, "phone": value}),
                    )
                ],
                "open311": [
                    ("POST", "/open311/v2/requests.xml", {"data": {"api_key": town.tokens["desk"], **sent}})
                    for sent in (
                        {"service_code": value},
                        {"service_code": "auto", "description": value},
                        {"service_code": "L", "description": TEXT, "lat": value, "long": value},
                        {"service_code": "L", f"attribute[{value}]": value},
                    )
                ],
                "track": [("GET", "/open311/v2/requests.json", {"params": {"start_date": value}})],
                "list": [
                    ("GET", "/api/v1/cases", {"params": {name: value}})
                    for name in ("q", "area", "status", "cursor", "limit", "department", "overdue")
                ],
                "photo": [("POST", "/api/v1/photos", {"files": {"file": (value or "x", b"x")}})],
                "action": [
                    ("POST", f"/api/v1/cases/{case_id}/actions/reassign", {"json": {"department": value}})
                ],
            }
            for method, path, options in calls[door]:
                try:
                    request = client.build_request(method, path, **options)
                except (UnicodeEncodeError, ValueError):
                    continue
                answer = await client.send(request)
                assert answer.status_code < 500, (method, path, options, answer.text)


@pytest.mark.parametrize(
    "body",
    [
        r'{"text": "\ud800"}',
        r'{"text": "a", "fields": {"note": "\udfff"}}',
        r'{"text": "a", "fields": {"\ud800": 1}}',
        '{"text": "a", "fields": {"n": 1e999}}',
        '{"text": "a", "lon": 1e999, "lat": 1}',
        '{"text": "a", "fields": ' + '{"a":' * 3000 + "1" + "}" * 3001,
        "[]",
        "{",
        "",
    ],
)
async def test_a_body_that_is_no_sound_json_is_refused(town: Town, body: str) -> None:
    for path in ("/api/v1/cases", "/api/v1/reports"):
        answer = await town.call(
            "desk", "POST", path, content=body.encode(), headers={"Content-Type": "application/json"}
        )
        assert 400 <= answer.status_code < 500, answer.text
    assert await town.rows('SELECT 1 AS x FROM cases."case"') == []
