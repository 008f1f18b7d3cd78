"""SensorThings: what OGC 18-088 promises to writers, on the platform's own model."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.integration.sensing_support import City, city_of, until, worker_of
from tests.integration.sensorthings_support import ROOT, client_of

from yunnao.infra.embedded.nats import EmbeddedNats, ensure_mqtt_stream
from yunnao.modules.sensing.lanes import ensure_consumers

START = datetime.now(UTC).replace(microsecond=0)
OM = "http://www.opengis.net/def/observationType/OGC-OM/2.0/"
SENSOR = {
    "name": "DHT22",
    "description": "d",
    "encodingType": "text/html",
    "metadata": "https://example.org/dht22",
}
HUMIDITY = {"name": "humidity", "definition": "https://example.org/humidity", "description": "d"}
DESK = {
    "name": "desk",
    "description": "where it stands",
    "encodingType": "application/geo+json",
    "location": {"type": "Point", "coordinates": [120.4, 36.1]},
}


def datastream(**more: Any) -> dict[str, Any]:
    unit = {"name": "percent", "symbol": "%", "definition": "ucum:%"}
    own = {
        "name": "air",
        "description": "d",
        "observationType": OM + "OM_Measurement",
        "unitOfMeasurement": unit,
    }
    return {**own, "Sensor": SENSOR, "ObservedProperty": HUMIDITY, **more}


@pytest.fixture
async def city(database_url: str, nats_server: EmbeddedNats, nats_url: str) -> AsyncIterator[City]:
    async with city_of(database_url, nats_url, START) as made:
        await ensure_mqtt_stream(made.nervous.jetstream, nats_server.platform)
        await ensure_consumers(made.nervous)
        yield made


@pytest.fixture
async def client(city: City, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(city, tmp_path, "data_steward") as made:
        yield made


async def post(client: httpx.AsyncClient, path: str, body: Any, status: int = 201) -> Any:
    answer = await client.post(f"{ROOT}/{path}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def get(client: httpx.AsyncClient, path: str, **options: str) -> Any:
    url = path if path.startswith("http") else f"{ROOT}/{path}"
    answer = await client.get(url, params={f"${k}": v for k, v in options.items()} or None)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_thing_comes_with_all_that_belongs_to_it(client: httpx.AsyncClient, city: City) -> None:
    """10.2.1: deep insert"""
    thing = {"name": "weather mast", "description": "on the roof", "properties": {"floor": {"n": 9}}}
    created = await post(client, "Things", {**thing, "Locations": [DESK], "Datastreams": [datastream()]})
    found = await get(
        client, created["@iot.selfLink"], expand="Locations,Datastreams/Sensor,Datastreams/ObservedProperty"
    )
    assert (found["name"], found["description"]) == ("weather mast", "on the roof")
    assert found["properties"]["floor"] == {"n": 9}
    assert found["Locations"][0]["name"] == "desk"
    (stream,) = found["Datastreams"]
    assert stream["unitOfMeasurement"]["symbol"] == "%"
    assert (stream["Sensor"]["name"], stream["ObservedProperty"]["name"]) == ("DHT22", "humidity")
    (entity,) = await city.rows("SELECT lon, lat FROM twin.entity WHERE id = %s", found["properties"]["urn"])
    assert (entity["lon"], entity["lat"]) == (120.4, 36.1)
    again = await post(client, f"Things({created['@iot.id']})/Datastreams", datastream(
        Sensor={"@iot.id": stream["Sensor"]["@iot.id"]},
        ObservedProperty={"@iot.id": stream["ObservedProperty"]["@iot.id"]},
    ))  # fmt: skip
    assert len((await get(client, f"Sensors({stream['Sensor']['@iot.id']})/Datastreams"))["value"]) == 2
    assert again["@iot.id"] != stream["@iot.id"]


async def test_a_posted_observation_is_read_under_the_id_that_was_answered(
    client: httpx.AsyncClient, city: City
) -> None:
    """10.2.2, and 8.2.7: what a reading has no room for is kept beside it"""
    thing = await post(client, "Things", {"name": "a", "description": "b", "Datastreams": [datastream()]})
    (stream,) = (await get(client, f"Things({thing['@iot.id']})/Datastreams"))["value"]
    feature = {
        "name": "room",
        "description": "d",
        "encodingType": "application/geo+json",
        "feature": DESK["location"],
    }
    time = (START - timedelta(minutes=1)).isoformat()
    body = {
        "phenomenonTime": time, "resultTime": START.isoformat(), "result": 42.5, "resultQuality": "good",
        "parameters": {"fan": 2}, "Datastream": {"@iot.id": stream["@iot.id"]}, "FeatureOfInterest": feature,
    }  # fmt: skip
    created = await post(client, "Observations", body)
    await post(
        client,
        f"Datastreams({stream['@iot.id']})/Observations",
        {"result": 43, "phenomenonTime": START.isoformat()},
    )
    async with worker_of(city):

        async def stored() -> bool:
            return (await client.get(created["@iot.selfLink"])).status_code == 200

        await until(stored)
    found = await get(client, created["@iot.selfLink"], expand="FeatureOfInterest")
    assert (found["result"], found["resultQuality"], found["parameters"]) == (42.5, "good", {"fan": 2})
    assert datetime.fromisoformat(found["phenomenonTime"]) == START - timedelta(minutes=1)
    assert datetime.fromisoformat(found["resultTime"]) == START
    assert found["FeatureOfInterest"]["name"] == "room"


async def test_data_arrays_are_taken_row_by_row(client: httpx.AsyncClient, city: City) -> None:
    """12.2: one link for each row, in order, or `error`"""
    streams = (await get(client, "Datastreams", filter="properties/metric eq 'level'"))["value"]
    first, second = (s["@iot.id"] for s in streams)
    told = ["phenomenonTime", "result"]
    times = [(START - timedelta(seconds=n)).isoformat() for n in range(3)]
    found = await post(client, "CreateObservations", [
        {"Datastream": {"@iot.id": first}, "components": told, "dataArray": [[times[0], 1], [times[1], 99]]},
        {"Datastream": {"@iot.id": second}, "components": told, "dataArray": [[times[2], 2.5], ["never", 1]]},
        {"Datastream": {"@iot.id": 999_999}, "components": told, "dataArray": [[times[2], 2.5]]},
    ])  # fmt: skip
    assert [link == "error" for link in found] == [False, True, False, True, True]
    async with worker_of(city):

        async def stored() -> bool:
            return [(await client.get(found[n])).status_code for n in (0, 2)] == [200, 200]

        await until(stored)
    assert (await get(client, found[2]))["result"] == 2.5


async def test_a_thing_that_moves_leaves_historical_locations(client: httpx.AsyncClient) -> None:
    """8.2.3"""
    thing = (await post(client, "Things", {"name": "van", "description": "d", "Locations": [DESK]}))[
        "@iot.id"
    ]
    place = {**DESK, "name": "depot", "location": {"type": "Point", "coordinates": [120.5, 36.2]}}
    await post(client, f"Things({thing})/Locations", place)
    assert [at["name"] for at in (await get(client, f"Things({thing})/Locations"))["value"]] == ["depot"]
    history = (await get(client, f"Things({thing})/HistoricalLocations", expand="Locations"))["value"]
    assert {"desk", "depot"} <= {at["name"] for h in history for at in h["Locations"]}


async def test_what_came_by_this_door_can_be_changed_and_deleted(client: httpx.AsyncClient) -> None:
    """10.3, 10.4"""
    sensor = await post(client, "Sensors", SENSOR)
    assert (await client.patch(sensor["@iot.selfLink"], json={"description": "new"})).status_code == 200
    found = await get(client, sensor["@iot.selfLink"])
    assert (found["name"], found["description"]) == ("DHT22", "new")
    assert (await client.delete(sensor["@iot.selfLink"])).status_code == 200
    assert (await client.get(sensor["@iot.selfLink"])).status_code == 404
    thing = await post(client, "Things", {"name": "a", "description": "b", "properties": {"k": 1}})
    assert (await client.patch(thing["@iot.selfLink"], json={"name": "c"})).status_code == 200
    found = await get(client, thing["@iot.selfLink"])
    assert (found["name"], found["description"], found["properties"]["k"]) == ("c", "b", 1)


async def test_what_is_declared_elsewhere_is_not_changed_and_readings_stay(client: httpx.AsyncClient) -> None:
    product = (await get(client, "Sensors"))["value"][0]["@iot.selfLink"]
    series = (await get(client, "Datastreams"))["value"][0]["@iot.selfLink"]
    for link in (product, series):
        answer = await client.patch(link, json={"name": "mine"})
        assert (answer.status_code, answer.json()["code"]) == (409, "sta_of_the_registry")
    assert (await client.delete(product)).status_code == 409
    assert (await client.delete(series)).status_code == 501
    assert (await client.delete(f"{ROOT}/Observations('1-1')")).status_code == 501


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("Things", {"name": "a"}, 422),
        ("Things", {"name": "a", "description": "b", "Nonsense": {}}, 422),
        ("Things", {"name": "a", "description": "b", "Locations": [{"@iot.id": 999_999}]}, 404),
        ("Things", [], 422),
        ("Datastreams", {"name": "a"}, 422),
        ("Datastreams", datastream(), 422),
        ("Locations", {**DESK, "location": {"type": "Point", "coordinates": [1, 200]}}, 422),
        ("Observations", {"result": 1}, 422),
        ("Observations", {"result": 1, "Datastream": {"@iot.id": "1; DROP TABLE"}}, 422),
        ("Observations", {"result": 1, "Datastream": {"@iot.id": 999_999}}, 404),
        ("CreateObservations", {}, 422),
        ("HistoricalLocations", {"time": "x"}, 501),
        ("Nonsense", {}, 404),
    ],
)
async def test_what_is_wrong_in_a_body_is_said(
    client: httpx.AsyncClient, path: str, body: Any, status: int
) -> None:
    assert (await post(client, path, body, status))["code"]


async def test_creating_needs_the_right_to_it(client: httpx.AsyncClient) -> None:
    client.headers["X-Role"] = "leader"
    await post(client, "Things", {"name": "a", "description": "b"}, 403)
    await post(client, "Observations", {"result": 1, "Datastream": {"@iot.id": 1}}, 403)
    await post(client, "CreateObservations", [], 403)
