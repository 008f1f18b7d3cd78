"""Open311 GeoReport v2 through its door: JSON and XML, its errors and its statuses."""

from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
from tests.integration.cases_support import SOUTH, Town, town

__all__ = ["town"]

REQUESTS = "/open311/v2/requests"


def form(**changes: str | None) -> dict[str, str]:
    sent: dict[str, str | None] = {
        "service_code": "L",
        "lat": str(SOUTH[1]),
        "long": str(SOUTH[0]),
        "description": "路灯不亮，晚上一片漆黑",
        "first_name": "三",
        "last_name": "张",
        "phone": "13800001234",
        **changes,
    }
    return {key: value for key, value in sent.items() if value is not None}


async def post(town: Town, form: dict[str, str], kind: str = "json", **headers: str) -> httpx.Response:
    async with town.client(**headers) as client:
        return await client.post(f"{REQUESTS}.{kind}", data=form)


async def test_services_are_listed_and_defined_in_both_formats(town: Town) -> None:
    listed = (await town.call(None, "GET", "/open311/v2/services.json")).json()
    assert [service["service_code"] for service in listed] == ["auto", "L", "G", "W", "T"]
    assert {"service_name", "description", "metadata", "type", "keywords", "group"} <= set(listed[1])
    assert listed[1]["group"] == "市容"
    answer = await town.call(None, "GET", "/open311/v2/services.xml")
    assert answer.headers["content-type"].startswith("text/xml")
    tree = ElementTree.fromstring(answer.text)
    assert tree.tag == "services"
    assert [each.findtext("service_code") for each in tree.findall("service")][1] == "L"

    defined = (await town.call(None, "GET", "/open311/v2/services/L.json")).json()
    assert defined["service_code"] == "L"
    assert {a["code"]: a["datatype"] for a in defined["attributes"]} == {
        "quantity": "number",
        "note": "string",
    }
    tree = ElementTree.fromstring((await town.call(None, "GET", "/open311/v2/services/L.xml")).text)
    assert tree.tag == "service_definition"
    assert len(tree.findall("attributes/attribute")) == 2
    missing = await town.call(None, "GET", "/open311/v2/services/nothing.json")
    assert missing.status_code == 404
    assert missing.json()[0]["code"] == 404


async def test_a_posted_request_is_a_case_that_can_be_read_back(town: Town) -> None:
    answer = await post(town, form(api_key=town.tokens["wang"], **{"attribute[quantity]": "2"}))
    assert answer.status_code == 201, answer.text
    number = answer.json()[0]["service_request_id"]
    read = (await town.call(None, "GET", f"{REQUESTS}/{number}.json")).json()
    assert len(read) == 1
    assert read[0]["status"] == "open"
    assert read[0]["service_code"] == "L"
    assert read[0]["agency_responsible"] == "路灯管理处"
    assert (read[0]["lat"], read[0]["long"]) == (SOUTH[1], SOUTH[0])
    assert read[0]["requested_datetime"] == "2026-11-23T02:00:00Z"
    assert read[0]["description"] is None
    own = await town.call("wang", "GET", f"{REQUESTS}/{number}.json")
    assert own.json()[0]["description"].startswith("路灯不亮")
    assert (await town.call("zhao", "GET", f"{REQUESTS}/{number}.json")).json()[0]["description"] is None
    assert "13800001234" not in str(read)
    assert "张" not in str(read)
    case = await town.rows('SELECT fields, reporter FROM cases."case"')
    assert case[0]["fields"] == {"quantity": 2}
    assert case[0]["reporter"] == {"name": "张 三", "phone": "13800001234"}
    tree = ElementTree.fromstring((await town.call(None, "GET", f"{REQUESTS}.xml")).text)
    assert tree.findtext("request/service_request_id") == number


async def test_the_city_finds_the_category_where_the_sender_does_not_know_it(town: Town) -> None:
    sent = form(api_key=town.tokens["wang"], service_code="auto", description="垃圾桶满了没人收")
    number = (await post(town, sent)).json()[0]["service_request_id"]
    read = (await town.call(None, "GET", f"{REQUESTS}/{number}.json")).json()
    assert read[0]["service_code"] == "G"


async def test_a_choice_that_the_text_contradicts_goes_to_the_desk(town: Town) -> None:
    sent = form(api_key=town.tokens["wang"], service_code="G")
    number = (await post(town, sent)).json()[0]["service_request_id"]
    read = (await town.call(None, "GET", f"{REQUESTS}/{number}.json")).json()
    assert read[0]["agency_responsible"] is None


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"api_key": None}, 403),
        ({"api_key": "ynk_wrong"}, 403),
        ({"service_code": None}, 400),
        ({"service_code": "nothing"}, 404),
        ({"service_code": "A"}, 404),
        ({"lat": "north"}, 400),
        ({"lat": "nan"}, 400),
        ({"lat": None}, 400),
        ({"lat": "120.38", "long": "36.07"}, 400),
        ({"description": "长" * 8001}, 400),
        ({"description": "a\x00b"}, 400),
        ({"attribute[quantity]": "many"}, 400),
        ({"attribute[quantity]": "0"}, 400),
        ({"attribute[other]": "1"}, 400),
    ],
)
@pytest.mark.parametrize("kind", ["json", "xml"])
async def test_errors_come_in_the_form_of_the_standard(
    town: Town, changes: dict[str, str | None], status: int, kind: str
) -> None:
    answer = await post(town, form(**{"api_key": town.tokens["wang"], **changes}), kind)
    assert answer.status_code == status, answer.text
    if kind == "json":
        errors: list[dict[str, Any]] = answer.json()
        assert set(errors[0]) == {"code", "description"}
        assert errors[0]["code"] == status
    else:
        tree = ElementTree.fromstring(answer.text)
        assert tree.findtext("error/code") == str(status)
    assert await town.rows('SELECT 1 AS x FROM cases."case"') == []


async def test_lists_are_filtered_by_service_status_time_and_id(town: Town) -> None:
    numbers = []
    for code in ("L", "G"):
        text = "路灯不亮，晚上一片漆黑" if code == "L" else "垃圾桶满了没人收"
        sent = form(api_key=town.tokens["wang"], service_code=code, description=text)
        numbers.append((await post(town, sent)).json()[0]["service_request_id"])
        town.clock.forward(days=1)
    for params, expected in (
        ({"service_code": "G"}, numbers[1:]),
        ({"status": "closed"}, []),
        ({"status": "open"}, numbers[::-1]),
        ({"start_date": "2026-11-24T00:00:00Z"}, numbers[1:]),
        ({"end_date": "2026-11-23T12:00:00+08:00"}, numbers[:1]),
        ({"service_request_id": f"{numbers[0]},QD-1"}, numbers[:1]),
        ({"page_size": "1", "page": "2"}, numbers[:1]),
    ):
        answer = await town.call(None, "GET", f"{REQUESTS}.json", params=params)
        assert answer.status_code == 200, answer.text
        assert [each["service_request_id"] for each in answer.json()] == expected, params
    for params in ({"start_date": "yesterday"}, {"status": "half"}, {"service_code": "\x00"}):
        answer = await town.call(None, "GET", f"{REQUESTS}.json", params=params)
        assert answer.status_code == 400, params


async def test_a_post_that_is_repeated_with_its_key_is_one_request(town: Town) -> None:
    sent = form(api_key=town.tokens["wang"])
    first = await post(town, sent, **{"Idempotency-Key": "a"})
    second = await post(town, sent, **{"Idempotency-Key": "a"})
    assert first.json() == second.json()
    assert len(await town.rows('SELECT 1 AS x FROM cases."case"')) == 1
