"""Open311 GeoReport v2 as the standard has it: definitions, posting, tokens, windows, extensions."""

import asyncio
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
import requests
from jsonschema import Draft7Validator, FormatChecker
from referencing import Registry, Resource
from tests.integration.cases_support import CITY, SCENE, SOUTH, Town, town

from yunnao.infra.paths import project_root
from yunnao.kernel.packs.doors import Doors

__all__ = ["town"]

DOOR = "/open311/v2"
SCHEMAS = project_root().parent / "shared" / "suites" / "open311"
needs_schemas = pytest.mark.skipif(not SCHEMAS.is_dir(), reason="no ../shared/suites/open311")

FORM = {
    "type": "object",
    "additionalProperties": False,
    "required": ["severity"],
    "properties": {
        "severity": {"type": "string", "title": "程度 / Severity", "enum": ["low", "high"]},
        "kinds": {
            "type": "array",
            "items": {
                "oneOf": [{"const": "a", "title": "甲 / First"}, {"const": "b", "title": "乙 / Second"}]
            },
        },
        "seen_at": {"type": "string", "format": "date-time"},
        "story": {"type": "string", "maxLength": 2_000},
        "label": {"type": "string", "maxLength": 20},
        "quantity": {"type": "integer", "minimum": 1},
        "dangerous": {"type": "boolean"},
        "advice": {"type": "string", "readOnly": True, "description": "离远一点 / Keep away"},
        "object": {"type": "object"},
    },
}


@pytest.fixture
async def city(town: Town) -> Town:
    """The town with a richer form and a name on the web."""
    scene = SCENE.model_copy(
        update={"case_types": {"report": SCENE.case_types["report"].model_copy(update={"form": FORM})}}
    )
    manifest = CITY.manifest.model_copy(update={"doors": Doors(jurisdictions=["qingdao.gov.cn"])})
    async with town.database.transaction() as tx:
        await town.cases.install_scene(tx, scene)
        await town.cases.install_city(tx, CITY.model_copy(update={"manifest": manifest}))
    return town


def form(town: Town, **changes: str | None) -> dict[str, Any]:
    sent = {
        "api_key": town.tokens["wang"],
        "service_code": "L",
        "lat": str(SOUTH[1]),
        "long": str(SOUTH[0]),
        "description": "路灯不亮，晚上一片漆黑",
        "attribute[severity]": "high",
        **changes,
    }
    return {key: value for key, value in sent.items() if value is not None}


async def post(town: Town, sent: dict[str, Any], kind: str = "json", **headers: str) -> httpx.Response:
    async with town.client(**headers) as client:
        return await client.post(f"{DOOR}/requests.{kind}", data=sent)


async def get(town: Town, path: str, account: str | None = None, **params: str) -> httpx.Response:
    return await town.call(account, "GET", f"{DOOR}{path}", params=params)


async def test_each_kind_of_field_has_its_datatype_and_titles(city: Town) -> None:
    told = (await get(city, "/services/L.json")).json()
    found = {each["code"]: each for each in told["attributes"]}
    assert {code: each["datatype"] for code, each in found.items()} == {
        "severity": "singlevaluelist",
        "kinds": "multivaluelist",
        "seen_at": "datetime",
        "story": "text",
        "label": "string",
        "quantity": "number",
        "dangerous": "singlevaluelist",
        "advice": "string",
    }
    assert [each["order"] for each in told["attributes"]] == list(range(1, 9))
    assert found["severity"]["required"] is True
    assert found["quantity"]["required"] is False
    assert found["advice"]["variable"] is False
    assert found["kinds"]["values"] == [{"key": "a", "name": "甲"}, {"key": "b", "name": "乙"}]
    assert found["advice"]["datatype_description"] == "离远一点"
    listed = (await get(city, "/services.json")).json()
    assert {each["service_code"]: each["metadata"] for each in listed}["L"] is True
    assert {each["service_code"]: each["metadata"] for each in listed}["auto"] is False


async def test_what_was_filled_in_is_kept_in_the_types_of_the_form(city: Town) -> None:
    sent = form(
        city,
        **{
            "attribute[kinds][]": ["a", "b"],
            "attribute[seen_at]": "2026-11-22T08:00:00+08:00",
            "attribute[quantity]": "3",
            "attribute[dangerous]": "true",
            "attribute[label]": " ",
        },
    )
    assert (await post(city, sent)).status_code == 201
    assert (await city.rows('SELECT fields FROM cases."case"'))[0]["fields"] == {
        "severity": "high",
        "kinds": ["a", "b"],
        "seen_at": "2026-11-22T00:00:00+00:00",
        "quantity": 3,
        "dangerous": True,
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"attribute[severity]": None},
        {"attribute[severity]": "medium"},
        {"attribute[kinds][]": ["c"]},
        {"attribute[severity]": ["low", "high"]},
        {"attribute[seen_at]": "2026-11-22T08:00:00"},
        {"attribute[quantity]": "1.5"},
        {"attribute[quantity]": "1_0"},
        {"attribute[dangerous]": "perhaps"},
        {"attribute[advice]": "no"},
        {"attribute[object]": "{}"},
        {"attribute[label]": "x" * 21},
        {"lat": None, "long": None},
        {"media_url": "javascript:alert(1)"},
        {"email": "nobody"},
        {"phone": "<b>"},
        {"address_id": "1" * 201},
    ],
)
async def test_a_form_that_does_not_hold_is_refused_and_leaves_nothing(
    city: Town, changes: dict[str, Any]
) -> None:
    answer = await post(city, form(city, **changes))
    assert answer.status_code == 400, answer.text
    assert answer.json()[0]["description"]
    assert await city.rows('SELECT 1 AS x FROM cases."case"') == []


@pytest.mark.parametrize("place", [{"address_string": "香港中路 1 号"}, {"address_id": "370202-0001"}])
async def test_an_address_or_its_number_is_place_enough(city: Town, place: dict[str, str]) -> None:
    answer = await post(city, form(city, lat=None, long=None, **place))
    assert answer.status_code == 201, answer.text
    read = (await get(city, f"/requests/{answer.json()[0]['service_request_id']}.json")).json()[0]
    assert (read["address"], read["address_id"]) == (place.get("address_string"), place.get("address_id"))
    assert (read["lat"], read["long"]) == (None, None)


async def test_only_this_citys_jurisdiction_is_served(city: Town) -> None:
    for name, status in (("", 200), ("qingdao.gov.cn", 200), ("370200", 200), ("sfgov.org", 404)):
        for path in ("/services.json", "/services/L.json", "/requests.json"):
            assert (await get(city, path, jurisdiction_id=name)).status_code == status, (path, name)
        answer = await post(city, form(city, jurisdiction_id=name))
        assert answer.status_code == (201 if status == 200 else 404), answer.text


async def test_a_deferred_request_has_a_token_until_its_number_is_known(city: Town) -> None:
    answer = await post(city, form(city, phone="13800001234"), Prefer="respond-async")
    assert answer.status_code == 201
    told = answer.json()[0]
    assert "service_request_id" not in told
    waiting = (await get(city, f"/tokens/{told['token']}.json")).json()
    assert waiting == [{"service_request_id": None, "token": told["token"]}]
    async with city.database.transaction() as tx:
        assert await city.cases.open311.open_deferred(tx) == 1
    number = (await get(city, f"/tokens/{told['token']}.json")).json()[0]["service_request_id"]
    assert (await get(city, f"/requests/{number}.json")).json()[0]["service_request_id"] == number
    tree = ElementTree.fromstring((await get(city, f"/tokens/{told['token']}.xml")).text)
    assert tree.findtext("request/service_request_id") == number
    kept = await city.rows("SELECT request, token_hash FROM cases.open311_token")
    assert kept[0]["request"] is None
    assert told["token"].encode() not in bytes(kept[0]["token_hash"])
    assert (await get(city, "/tokens/AAAA-AAAA-AAAA-AAAA.json")).status_code == 404
    assert (await get(city, "/tokens/x.xml")).status_code == 404


async def test_a_deferred_request_that_cannot_be_opened_says_why_and_holds_nobody_up(city: Town) -> None:
    bad, good = [
        (await post(city, form(city, lat=lat), Prefer="respond-async")).json()[0]["token"]
        for lat in ("500", str(SOUTH[1]))
    ]
    async with city.database.transaction() as tx:
        assert await city.cases.open311.open_deferred(tx) == 2
        assert await city.cases.open311.open_deferred(tx) == 0
    answer = await get(city, f"/tokens/{bad}.json")
    assert answer.status_code == 400
    assert "500" in answer.json()[0]["description"]
    assert (await get(city, f"/tokens/{good}.json")).json()[0]["service_request_id"]


async def test_without_a_window_it_is_the_last_ninety_days_and_numbers_override(city: Town) -> None:
    city.clock.forward(days=-91)
    old = (await post(city, form(city))).json()[0]["service_request_id"]
    city.clock.forward(days=91)
    new = (await post(city, form(city, service_code="G", description="垃圾堆在路口"))).json()[0]
    for params, expected in (
        ({}, [new["service_request_id"]]),
        ({"start_date": "2026-08-01T00:00:00Z"}, [old]),
        ({"start_date": "2026-08-20T00:00:00Z", "end_date": "2027-11-01T00:00:00Z"}, [old]),
        ({"end_date": "2026-10-01T00:00:00Z"}, [old]),
        ({"service_request_id": old, "status": "closed", "service_code": "G"}, [old]),
        ({"updated_after": "2026-11-01T00:00:00Z"}, [new["service_request_id"]]),
        ({"updated_before": "2026-10-01T00:00:00Z"}, [old]),
        ({"status": "open,closed"}, [new["service_request_id"]]),
        ({"status": ""}, [new["service_request_id"]]),
    ):
        found = (await get(city, "/requests.json", **params)).json()
        assert [each["service_request_id"] for each in found] == expected, params
    for params in ({"page_size": "many"}, {"page": "0"}, {"updated_after": "soon"}):
        assert (await get(city, "/requests.json", **params)).status_code == 400, params


async def test_extensions_tell_what_happened_and_nothing_personal(city: Town) -> None:
    sent = form(
        city, first_name="三", last_name="张", phone="13800001234", description="路灯不亮，电话13800001234"
    )
    number = (await post(city, sent)).json()[0]["service_request_id"]
    read = (await get(city, f"/requests/{number}.json", extensions="true")).json()[0]
    assert read["notes"][0]["type"] == "opened"
    assert read["extended_attributes"]["channel"] == "open311"
    assert "13800001234" not in json.dumps(read)
    assert "张" not in json.dumps(read, ensure_ascii=False)
    tree = ElementTree.fromstring((await get(city, f"/requests/{number}.xml", extensions="true")).text)
    assert tree.findtext("request/notes/note/type") == "opened"
    assert "notes" not in (await get(city, f"/requests/{number}.json")).json()[0]


async def test_discovery_points_to_this_door_in_both_forms(city: Town) -> None:
    for path in ("/open311/discovery", "/open311/v2/discovery"):
        told = (await city.call(None, "GET", f"{path}.json")).json()
        assert told["endpoints"][0]["url"] == "http://city/open311/v2"
        assert told["endpoints"][0]["formats"] == ["text/xml", "application/json"]
        tree = ElementTree.fromstring((await city.call(None, "GET", f"{path}.xml")).text)
        assert tree.tag == "discovery"
        assert [each.text for each in tree.findall("endpoints/endpoint/formats/format")] == [
            "text/xml",
            "application/json",
        ]
    assert (await get(city, "/services.yaml")).status_code == 404
    headers = (await get(city, "/services.json")).headers
    assert headers["content-type"] == "application/json; charset=utf-8"


async def test_a_post_may_bring_its_photo(city: Town) -> None:
    from tests.integration.cases_support import jpeg

    async with city.client() as client:
        answer = await client.post(
            f"{DOOR}/requests.json", data=form(city), files={"media": ("a.jpg", jpeg(), "image/jpeg")}
        )
        broken = await client.post(
            f"{DOOR}/requests.json", data=form(city), files={"media": ("a.jpg", b"GIF89a", "image/jpeg")}
        )
    assert answer.status_code == 201, answer.text
    assert broken.status_code == 400
    rows = await city.rows("SELECT case_id FROM cases.photo")
    assert len(rows) == 1
    assert rows[0]["case_id"] is not None
    # Nothing of a photo is public before it has been looked through.
    number = answer.json()[0]["service_request_id"]
    assert (await get(city, f"/requests/{number}.json")).json()[0]["media_url"] is None


@pytest.mark.parametrize("kind", ["json", "xml"])
async def test_a_client_that_others_wrote_reads_this_door(
    city: Town, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """georeport, its requests carried to the application without a socket."""
    georeport = pytest.importorskip("georeport")
    loop = asyncio.get_running_loop()
    posted = [(await post(city, form(city))).json()[0]["service_request_id"] for _ in range(2)]

    def carried(url: str, params: dict[str, str]) -> requests.Response:
        call = city.call(None, "GET", url.removeprefix("http://city"), params=params)
        found = asyncio.run_coroutine_threadsafe(call, loop).result()
        told = requests.Response()
        told.status_code, told._content = found.status_code, found.content
        return told

    def used() -> None:
        client = georeport.GeoReport("http://city/open311/v2", "qingdao.gov.cn", output_format=kind)
        services = client.get_service_list()
        assert [each["service_code"] for each in services] == ["auto", "L", "G", "W", "T"]
        told = client.get_service_definition("L")
        attributes = told["attributes"] if kind == "json" else told["attributes"]["attribute"]
        assert [each["code"] for each in attributes][:2] == ["severity", "kinds"]
        assert client.get_service_request(posted[0])["service_request_id"] == posted[0]
        found = client.get_service_requests(service_code="L", status="open")
        assert [each["service_request_id"] for each in found] == posted[::-1]
        with pytest.raises(requests.HTTPError):
            client.get_service_definition("nothing")

    monkeypatch.setattr(requests, "get", carried)
    await asyncio.to_thread(used)


@needs_schemas
async def test_answers_fit_the_schemas_that_open311_publishes(city: Town) -> None:
    """https://github.com/open311/schema-validation: written by others."""
    schemas = {name: json.loads((SCHEMAS / name).read_text()) for name in ("request.json", "requests.json")}
    registry: Registry[Any] = Registry().with_resources(
        [
            (name, Resource.from_contents(each, default_specification=_draft7()))
            for name, each in schemas.items()
        ]
    )
    await post(city, form(city))
    await post(city, form(city, service_code="auto", lat=None, long=None, **{"attribute[severity]": None}))
    listed = (await get(city, "/requests.json", account="desk")).json()
    assert len(listed) == 2
    checker = FormatChecker()
    Draft7Validator(schemas["requests.json"], registry=registry, format_checker=checker).validate(listed)
    for each in listed:
        Draft7Validator(schemas["request.json"], format_checker=checker).validate(each)
    definition = json.loads((SCHEMAS / "service-definition.json").read_text())
    for code in ("L", "auto"):
        Draft7Validator(definition).validate((await get(city, f"/services/{code}.json")).json())


def _draft7() -> Any:
    from referencing.jsonschema import DRAFT7

    return DRAFT7


def test_the_schemas_are_where_the_tests_look(tmp_path: Path) -> None:
    """A path that is wrong would skip the check without anybody noticing."""
    if (project_root().parent / "shared").is_dir():
        assert SCHEMAS.is_dir()
