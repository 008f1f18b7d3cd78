"""SensorThings: what OGC 18-088 promises to readers, clause by clause."""

import re
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.integration.lake_support import keep, lake_in
from tests.integration.sensing_support import NOW, City, at, city_of
from tests.integration.sensorthings_support import ROOT, client_of

RING = "120.37 36, 120.39 36, 120.39 36.1, 120.37 36.1, 120.37 36"
HOLE = "120.379 36.06, 120.381 36.06, 120.381 36.08, 120.379 36.08, 120.379 36.06"
SHAPES = {
    "BOX": f"geography'POLYGON (({RING}))'",
    "HOLED": f"geography'POLYGON (({RING}), ({HOLE}))'",
    "BESIDE": "geography'POLYGON ((120.38 36, 120.39 36, 120.39 36.1, 120.38 36.1, 120.38 36))'",
    "LINE": "geography'LINESTRING (120.37 36.07, 120.39 36.07)'",
}


@pytest.fixture
async def city(database_url: str, nats_url: str) -> AsyncIterator[City]:
    async with city_of(database_url, nats_url) as made:
        await made.take(
            *[("level", "L-1", {"level": 0.1 * n, "t": at(-60 * n)}) for n in range(3)],
            ("level", "L-2", {"level": 2.5, "closed": True, "note": "it's; (odd), 路面", "t": at(0)}),
            ("car-park", "P-1", {"free": 17, "t": at(-5)}),
        )
        yield made


@pytest.fixture
async def client(city: City, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(city, tmp_path, "dispatcher") as made:
        yield made


async def get(client: httpx.AsyncClient, path: str, status: int = 200, **options: Any) -> Any:
    parameters = {f"${name}": value for name, value in options.items()}
    answer = await client.get(
        path if path.startswith("http") else f"{ROOT}/{path}", params=parameters or None
    )
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


def shaped(text: str) -> str:
    """The filter with the names of shapes replaced."""
    for name, shape in SHAPES.items():
        text = re.sub(rf"\b{name}\b", shape, text)
    return text


async def names(client: httpx.AsyncClient, path: str, **options: Any) -> list[str]:
    return [item["name"] for item in (await get(client, path, **options))["value"]]


async def stream(client: httpx.AsyncClient, device: str, metric: str) -> int:
    chosen = f"properties/device eq '{device}' and properties/metric eq '{metric}'"
    return int((await get(client, "Datastreams", filter=chosen))["value"][0]["@iot.id"])


async def results(client: httpx.AsyncClient, chosen: str) -> list[Any]:
    return [item["result"] for item in (await get(client, "Observations", filter=chosen))["value"]]


async def test_the_service_document_names_every_entity_set_and_what_holds(client: httpx.AsyncClient) -> None:
    """9.2.1"""
    found = await get(client, "")
    assert {item["name"] for item in found["value"]} == {
        "Things", "Locations", "HistoricalLocations", "Datastreams", "Sensors", "ObservedProperties",
        "Observations", "FeaturesOfInterest",
    }  # fmt: skip
    assert any(c.endswith("/req/data-array/data-array") for c in found["serverSettings"]["conformance"])
    for item in found["value"]:
        page = await get(client, item["url"])
        assert page["value"], item["name"]


async def test_every_entity_has_its_mandatory_properties_and_links_that_lead_on(
    client: httpx.AsyncClient,
) -> None:
    """8.2: tables of properties and relations; every link that is given is followed."""
    mandatory = {
        "Things": {"name", "description", "properties"},
        "Locations": {"name", "description", "encodingType", "location"},
        "HistoricalLocations": {"time"},
        "Datastreams": {"name", "description", "unitOfMeasurement", "observationType"},
        "Sensors": {"name", "description", "encodingType", "metadata"},
        "ObservedProperties": {"name", "definition", "description"},
        "Observations": {"phenomenonTime", "result", "resultTime"},
        "FeaturesOfInterest": {"name", "description", "encodingType", "feature"},
    }
    for entity_set, wanted in mandatory.items():
        one = (await get(client, entity_set))["value"][0]
        assert wanted | {"@iot.id", "@iot.selfLink"} <= set(one), entity_set
        assert await get(client, one["@iot.selfLink"]) == one
        for name, link in one.items():
            if name.endswith("@iot.navigationLink"):
                found = await get(client, link)
                assert ("value" in found) == name.split("@")[0].endswith(("s", "Interest@")), name


async def test_paths_lead_to_any_depth_and_to_properties_values_and_references(
    client: httpx.AsyncClient,
) -> None:
    """9.2.2 to 9.2.9"""
    level = await stream(client, "L-1", "level")
    thing = await get(client, f"Datastreams({level})/Thing")
    assert thing["name"] == "L-1"
    far = f"Things({thing['@iot.id']})/Datastreams({level})/Observations"
    found = (await get(client, far))["value"]
    assert [o["result"] for o in found] == [0.2, 0.1, 0.0]
    one = found[0]
    around = await get(client, f"Observations('{one['@iot.id']}')/Datastream/Thing/Locations")
    assert around["value"][0]["location"] == {"type": "Point", "coordinates": [120.3, 36.1]}
    assert await get(client, f"Observations('{one['@iot.id']}')/FeatureOfInterest/name") == {"name": "L-1"}
    raw = await client.get(f"{ROOT}/Datastreams({level})/unitOfMeasurement/symbol/$value")
    assert raw.text == "MTR"
    assert (await client.get(f"{ROOT}/Observations('{one['@iot.id']}')/result/$value")).text == "0.2"
    links = await get(client, f"Things({thing['@iot.id']})/Datastreams/$ref")
    assert len(links["value"]) == 3
    assert set(links["value"][0]) == {"@iot.selfLink"}
    for nowhere in (
        "Datastreams(999999)", "Datastreams(999999)/Observations", "Observations('1-1')", "Nonsense",
        "Things(1)/Nonsense", "Things/name", "Observations('x')", "Things('1')/Sensor",
        f"Things({thing['@iot.id']})/Datastreams(999999)/Observations",
    ):  # fmt: skip
        await get(client, nowhere, 404)


OBSERVATION_FILTERS: list[tuple[str, list[Any]]] = [
    ("result gt 0.1 and result lt 1", [0.2]),
    ("result eq 2.5 or result eq 17", [17, 2.5]),
    ("not (result ge 0.2)", [0.1, 0.0]),
    ("result eq true", [True]),
    ("result eq 'it''s; (odd), 路面'", ["it's; (odd), 路面"]),
    ("contains(result, '路面')", ["it's; (odd), 路面"]),
    ("result add 1 gt 3 and result sub 1 lt 2", [2.5]),
    ("result mul 2 eq 5", [2.5]),
    ("result div 5 eq 0.5", [2.5]),
    ("result mod 5 eq 2", [17]),
    ("round(result) eq 3", [2.5]),
    ("floor(result) eq 2 and ceiling(result) eq 3", [2.5]),
    ("-result eq -17", [17]),
    ("result in (17, 2.5)", [17, 2.5]),
    ("phenomenonTime eq 2026-07-01T07:58:00Z", [0.2]),
    ("phenomenonTime eq '2026-07-01T15:58:00+08:00'", [0.2]),
    ("minute(phenomenonTime) eq 58 and year(phenomenonTime) eq 2026", [0.2]),
    ("date(phenomenonTime) eq 2026-07-01 and time(phenomenonTime) lt 07:59:30", [0.2, 0.1]),
    ("second(resultTime) eq 55 and fractionalseconds(resultTime) eq 0", [17]),
    ("phenomenonTime lt now() sub duration'PT90S'", [0.2]),
    ("phenomenonTime gt mindatetime() and phenomenonTime lt 2026-07-01T07:58:30Z", [0.2]),
    ("Datastream/Thing/name eq 'Park one'", [17]),
    ("Datastream/ObservedProperty/name eq 'free'", [17]),
    ("startswith(Datastream/properties/device, 'P-')", [17]),
    ("FeatureOfInterest/properties/type eq 'CarPark'", [17]),
    ("geo.distance(FeatureOfInterest/feature, geography'POINT (120.38 36.07)') lt 0.001", [17]),
    ("st_within(FeatureOfInterest/feature, BOX)", [17]),
]  # fmt: skip


async def test_a_filter_chooses_observations(client: httpx.AsyncClient) -> None:
    """9.3.3.5"""
    for chosen, expected in OBSERVATION_FILTERS:
        assert Counter(await results(client, shaped(chosen))) == Counter(expected), chosen


THING_FILTERS: list[tuple[str, list[str]]] = [
    ("substringof('ark', name)", ["Park one"]),
    ("tolower(name) eq 'park one'", ["Park one"]),
    ("toupper(name) eq 'PARK ONE'", ["Park one"]),
    ("endswith(name, 'one') and length(name) eq 8", ["Park one"]),
    ("indexof(name, 'one') eq 5", ["Park one"]),
    ("substring(name, 5) eq 'one' and substring(name, 0, 4) eq 'Park'", ["Park one"]),
    ("concat(concat(name, '-'), 'x') eq 'Park one-x'", ["Park one"]),
    ("trim(concat(' ', name)) eq 'Park one'", ["Park one"]),
    ("properties/attributes/capacity/value gt 100", ["Park one"]),
    ("Datastreams/ObservedProperty/name eq 'free'", ["Park one"]),
    ("Datastreams/any(d: d/name eq 'Park one free' and d/observationType ne 'x')", ["Park one"]),
    ("Datastreams/all(d: d/ObservedProperty/name eq 'free')", ["Park one"]),
    ("Datastreams/Observations/result gt 10", ["Park one"]),
    ("id eq 1 and description eq 'car park'", ["Park one"]),
    ("geo.intersects(Locations/location, BOX)", ["Park one"]),
    ("st_intersects(Locations/location, LINE)", ["Park one"]),
    ("st_contains(BOX, Locations/location)", ["Park one"]),
    ("st_equals(Locations/location, geography'SRID=4326;POINT(120.38 36.07)')", ["Park one"]),
    ("st_touches(Locations/location, BESIDE)", ["Park one"]),
    ("not st_disjoint(Locations/location, geography'POINT(120.38 36.07)')", ["Park one"]),
    ("st_relate(Locations/location, BOX, 'T********')", ["Park one"]),
    ("st_crosses(Locations/location, LINE)", []),
    ("st_within(Locations/location, HOLED)", []),
    ("geo.length(geography'LINESTRING (0 0, 3 4)') eq 5 and name eq 'Park one'", ["Park one"]),
]  # fmt: skip


async def test_a_filter_chooses_things(client: httpx.AsyncClient) -> None:
    """9.3.3.5"""
    for chosen, expected in THING_FILTERS:
        assert await names(client, "Things", filter=shaped(chosen)) == expected, chosen


async def test_expands_nest_with_options_of_their_own(client: httpx.AsyncClient) -> None:
    """9.3.2.1, 9.3.3.1"""
    found = await get(
        client, "Things", filter="name eq 'L-1'",
        expand="Locations,Datastreams($filter=properties/metric eq 'level';$select=name;$count=true;$expand="
        "Observations($top=2;$orderby=phenomenonTime asc;$select=result;$count=true),ObservedProperty)",
    )  # fmt: skip
    (thing,) = found["value"]
    assert thing["Locations"][0]["location"]["coordinates"] == [120.3, 36.1]
    assert thing["Datastreams@iot.count"] == 1
    (datastream,) = thing["Datastreams"]
    assert datastream["name"] == "L-1 level"
    assert datastream["ObservedProperty"]["name"] == "level"
    assert [o["result"] for o in datastream["Observations"]] == [0.2, 0.1]
    assert datastream["Observations@iot.count"] == 3
    following = await get(client, datastream["Observations@iot.nextLink"])
    assert [o["result"] for o in following["value"]] == [0.0]
    path = await get(
        client, "Observations", expand="Datastream/Thing,Datastream/Sensor,FeatureOfInterest", top=1
    )
    assert {"Thing", "Sensor"} <= set(path["value"][0]["Datastream"])


async def test_the_latest_of_everything_is_asked_in_one_request(client: httpx.AsyncClient) -> None:
    found = await get(client, "Datastreams", expand="Observations($top=1;$orderby=phenomenonTime desc)")
    newest = {
        (d["properties"]["device"], d["properties"]["metric"]): [o["result"] for o in d["Observations"]]
        for d in found["value"]
    }
    assert newest[("L-1", "level")] == [0.0]
    assert newest[("L-2", "closed")] == [True]
    assert newest[("L-1", "note")] == []


async def test_select_order_top_skip_and_count_do_as_they_say(client: httpx.AsyncClient) -> None:
    """9.3.2.2, 9.3.3.2 to 9.3.3.4"""
    found = await get(client, "Things", select="name,id", orderby="name desc", top=2, skip=1, count="true")
    assert found["@iot.count"] == 3
    assert [set(item) for item in found["value"]] == [{"name", "@iot.id"}] * 2
    assert [item["name"] for item in found["value"]] == ["L-2", "L-1"]
    assert "@iot.nextLink" not in found
    assert await names(client, "Things", orderby="Datastreams/name desc", top=1) == ["Park one"]
    assert (await get(client, "Things", top=0, count="true"))["value"] == []


async def test_next_links_bring_everything_once(client: httpx.AsyncClient) -> None:
    """9.3.3.6"""
    for options in ({}, {"orderby": "phenomenonTime desc"}):
        page = await get(client, "Observations", top=2, **options)
        seen = [o["@iot.id"] for o in page["value"]]
        while "@iot.nextLink" in page:
            page = await get(client, page["@iot.nextLink"])
            seen += [o["@iot.id"] for o in page["value"]]
        assert len(seen) == len(set(seen)) == 7


async def test_observations_come_as_data_arrays(client: httpx.AsyncClient) -> None:
    """12.1"""
    level = await stream(client, "L-1", "level")
    found = await get(
        client, f"Datastreams({level})/Observations", resultFormat="dataArray", select="result,id"
    )
    (array,) = found["value"]
    assert array["Datastream@iot.navigationLink"].endswith(f"/Datastreams({level})")
    assert array["components"] == ["result", "id"]
    assert array["dataArray@iot.count"] == 3
    assert [row[0] for row in array["dataArray"]] == [0.2, 0.1, 0.0]


REFUSED: list[tuple[str, dict[str, str], str | None]] = [
    ("Things", {"filter": "name eq"}, "odata_syntax"),
    ("Things", {"filter": "name eq 'x"}, "odata_syntax"),
    ("Things", {"filter": "name eq 'x'; DROP TABLE twin.entity"}, "odata_syntax"),
    ("Things", {"filter": "nonsense eq 1"}, "odata_property_unknown"),
    ("Things", {"filter": "pg_sleep(10) eq 1"}, "odata_function_unknown"),
    ("Things", {"filter": "length(name, 1) eq 1"}, "odata_arguments"),
    ("Things", {"filter": "name gt 5"}, "odata_types"),
    ("Things", {"filter": "name"}, "odata_not_a_condition"),
    ("Things", {"filter": "Datastreams eq 1"}, "odata_not_a_value"),
    ("Things", {"filter": "st_within(Locations/location, geography'POLYGON((1 2')"}, "geography_invalid"),
    ("Things", {"filter": "(" * 900 + "1 eq 1" + ")" * 900}, None),
    ("Things", {"filter": "not " * 900 + "(1 eq 1)"}, None),
    ("Things", {"filter": "a" * 5_000}, "odata_too_long"),
    ("Things", {"filter": "id eq 99999999999999999999999"}, "odata_literal"),
    ("Observations", {"filter": "phenomenonTime gt 2026-13-01T00:00:00Z"}, None),
    ("Things", {"orderby": "name; DROP"}, "odata_syntax"),
    ("Things", {"orderby": "Datastreams"}, "odata_not_a_value"),
    ("Things", {"select": "name,pg_user"}, "odata_property_unknown"),
    ("Things", {"expand": "Nonsense"}, "odata_navigation_unknown"),
    ("Things", {"expand": "/".join(["Datastreams", "Thing"] * 4)}, "odata_expand_too_deep"),
    ("Things", {"top": "-1"}, "odata_not_whole"),
    ("Things", {"top": "1e9"}, "odata_not_whole"),
    ("Things", {"skip": "99999999999"}, "odata_skip_too_far"),
    ("Things", {"count": "yes"}, "odata_not_boolean"),
    ("Things", {"apply": "x"}, "odata_option_unknown"),
    ("Things", {"resultFormat": "CSV"}, "odata_result_format"),
]  # fmt: skip


async def test_what_cannot_be_understood_is_refused_with_a_reason(client: httpx.AsyncClient) -> None:
    for path, options, code in REFUSED:
        answer = await client.get(f"{ROOT}/{path}", params={f"${k}": v for k, v in options.items()})
        if code is None:
            assert answer.status_code in {200, 422}, answer.text
        else:
            assert (answer.status_code, answer.json()["code"]) == (422, code), options


async def test_sealed_observations_of_a_datastream_are_read_with_the_hot_ones(
    client: httpx.AsyncClient, city: City, tmp_path: Path
) -> None:
    hours = [-3 * 3600, -2 * 3600, -3600]
    await city.take(*[("level", "L-1", {"level": -n / 3600, "t": at(n)}) for n in hours])
    level = await stream(client, "L-1", "level")
    path = f"Datastreams({level})/Observations"
    before = await get(client, path, count="true")
    assert before["@iot.count"] == 6
    await keep(city, lake_in(tmp_path))
    await city.take(("level", "L-1", {"level": 4.5, "t": city.clock.now().isoformat()}))
    assert not await city.rows("SELECT 1 FROM sensing.reading WHERE series = %s AND value = 3", level)
    after = await get(client, path, count="true")
    assert after["@iot.count"] == 7
    assert [o["@iot.id"] for o in after["value"][:6]] == [o["@iot.id"] for o in before["value"]]
    oldest = before["value"][0]
    assert await get(client, oldest["@iot.selfLink"]) == oldest
    for name in ("Datastream", "FeatureOfInterest"):
        assert (await get(client, oldest[f"{name}@iot.navigationLink"]))["name"]
    newest = (await get(client, path, orderby="phenomenonTime desc", top=3))["value"]
    assert [o["result"] for o in newest] == [4.5, 0.0, 0.1]
    chosen = (
        f"Datastream/id eq {level} and phenomenonTime lt {at(-7000).replace('+00:00', 'Z')} and result gt 2.5"
    )
    assert await results(client, chosen) == [3]


async def test_sealed_observations_are_expanded_where_the_time_is_bounded(
    client: httpx.AsyncClient, city: City, tmp_path: Path
) -> None:
    hours = [-3 * 3600, -2 * 3600, -3600]
    for device in ("L-1", "L-2"):
        await city.take(*[("level", device, {"level": -n / 3600, "t": at(n)}) for n in hours])
    since = f"phenomenonTime ge {at(hours[0]).replace('+00:00', 'Z')}"
    expand = f"Observations($filter={since};$orderby=phenomenonTime;$count=true;$top=2)"
    asked = {"filter": "name ne 'none'", "expand": expand}
    before = await get(client, "Datastreams", **asked)
    await keep(city, lake_in(tmp_path))
    assert not await city.rows("SELECT 1 FROM sensing.reading WHERE value = 3")
    after = await get(client, "Datastreams", **asked)
    assert [each["Observations"] for each in after["value"]] == [
        each["Observations"] for each in before["value"]
    ]
    assert [3, 2] in [[o["result"] for o in each["Observations"]] for each in after["value"]]


async def test_a_huge_top_is_served_in_pages(client: httpx.AsyncClient) -> None:
    assert len((await get(client, "Observations", top=999_999_999))["value"]) == 7


async def test_texts_of_a_filter_never_become_sql(client: httpx.AsyncClient) -> None:
    for text in ("'; SELECT 1 --", "%(p1)s %s {a} {0}", "\\'; --", "$1"):
        quoted = text.replace("'", "''")
        assert (
            await names(client, "Things", filter=f"name eq '{quoted}' or properties/{'x'}/y eq '{quoted}'")
            == []
        )


async def test_reading_needs_the_right_to_it(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"{ROOT}/Things", headers={"X-Role": "citizen"})).status_code == 403
    del client.headers["X-Role"]
    assert (await client.get(f"{ROOT}/Things")).status_code == 401


async def test_names_are_in_the_readers_language(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{ROOT}/ObservedProperties", headers={"Accept-Language": "zh-CN"})
    assert "level（中）" in [item["name"] for item in answer.json()["value"]]


async def test_the_id_of_an_observation_tells_its_series_and_time(client: httpx.AsyncClient) -> None:
    level = await stream(client, "L-1", "level")
    since = (NOW - timedelta(seconds=60) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    found = await get(client, f"Observations('{level}-{since}')")
    assert found["result"] == 0.1
    assert await results(client, f"id eq '{level}-{since}'") == [0.1]
