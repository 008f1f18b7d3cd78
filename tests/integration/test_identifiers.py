"""Every device and entity has an identifier that people and machines can follow."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI, Request
from tests.integration.sensing_support import City, at, city_of

from yunnao.infra import http
from yunnao.infra.postgres import Transaction
from yunnao.kernel.ids import new_id
from yunnao.kernel.principal import ANONYMOUS, Principal
from yunnao.kernel.text import Text
from yunnao.modules.identity.facade import Identity, Policies
from yunnao.modules.sensing.identifiers import http as identifiers_http
from yunnao.modules.sensing.identifiers.facade import Identifiers
from yunnao.modules.sensing.sharing.rights import ReadingRights

PARK = "urn:ngsi-ld:CarPark:p1"
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture
async def city(database_url: str, nats_url: str) -> AsyncIterator[City]:
    async with city_of(database_url, nats_url) as made:
        await made.take(("car-park", "P-1", {"free": 17, "t": at(-5)}))
        await made.rows("UPDATE sensing.device SET owner = 'transport' WHERE id = 'P-1' RETURNING id")
        yield made


@pytest.fixture
async def client(city: City) -> AsyncIterator[httpx.AsyncClient]:
    async def authenticate(request: Request, tx: Transaction) -> Principal:
        role = request.headers.get("x-role")
        if role is None:
            return ANONYMOUS
        return Principal(new_id(), role, Text(zh=role, en=role), roles=frozenset({role}))

    app = FastAPI()
    http.install(app, city.database, authenticate)
    identity = Identity(city.clock, Policies.load(), None)
    app.include_router(
        identifiers_http.router(
            Identifiers(city.twin, "88.1234.5"), identity, ReadingRights(city.clock, identity)
        )
    )
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    headers = {"X-Role": "dispatcher", "Accept-Language": "en"}
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as made:
        yield made


async def test_a_device_resolves_to_a_record_of_typed_values(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/handles/88.1234.5/P-1")
    record = answer.json()
    assert (record["responseCode"], record["handle"]) == (1, "88.1234.5/P-1")
    values = {value["type"]: value["data"]["value"] for value in record["values"]}
    assert values["URL"] == "http://test/devices/P-1"
    assert values["OWNER"] == "transport"
    assert values["TYPE"] == "Device/car-park"
    assert values["LOCATION"] == "geo:36.07,120.38"
    assert values["ENTITY"] == f"88.1234.5/{PARK}"
    assert all({"index", "type", "data", "ttl", "timestamp"} == set(value) for value in record["values"])
    assert (await client.get(f"/id/{values['ENTITY']}")).status_code == 200


async def test_types_and_indexes_choose_values(client: httpx.AsyncClient) -> None:
    chosen = (await client.get("/api/handles/88.1234.5/P-1?type=URL&index=3")).json()
    assert [value["index"] for value in chosen["values"]] == [1, 3]
    assert (await client.get("/api/handles/88.1234.5/P-1?type=EMAIL")).json()["responseCode"] == 200


async def test_an_entity_resolves_to_linked_data_with_what_was_observed(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/id/88.1234.5/{PARK}", headers={"Accept": "application/ld+json"})
    found = answer.json()
    assert answer.headers["content-type"] == "application/ld+json"
    assert (found["id"], found["type"]) == (PARK, "CarPark")
    assert found["freeSpaces"] == {
        "type": "Property", "value": 17, "observedAt": "2026-07-01T07:59:55Z",
    }  # fmt: skip
    assert found["location"]["value"]["coordinates"] == [120.38, 36.07]
    record = (await client.get(f"/id/88.1234.5/{PARK}")).json()
    assert [v["data"]["value"] for v in record["values"] if v["type"] == "DEVICE"] == ["88.1234.5/P-1"]


async def test_a_browser_is_led_to_the_consoles_page(client: httpx.AsyncClient) -> None:
    for suffix in ("P-1", PARK):
        answer = await client.get(f"/id/88.1234.5/{suffix}", headers=BROWSER)
        assert (answer.status_code, answer.headers["location"]) == (303, "/devices/P-1")
    del client.headers["X-Role"]
    answer = await client.get("/id/88.1234.5/P-1", headers=BROWSER)
    assert (answer.status_code, answer.headers["location"]) == (303, "/devices/P-1")
    assert (await client.get("/id/88.1234.5/P-1")).status_code == 401


async def test_what_is_unknown_is_said_so(client: httpx.AsyncClient) -> None:
    for path, code in (
        ("/id/88.1234.5/ghost", "identifier_unknown"),
        ("/id/88.1234.5/urn:ngsi-ld:CarPark:ghost", "identifier_unknown"),
        ("/id/10.1000/1", "identifier_prefix_foreign"),
    ):
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, code)


async def test_many_are_resolved_at_once_in_their_order(client: httpx.AsyncClient) -> None:
    asked = ["88.1234.5/L-2", "88.1234.5/ghost", f"88.1234.5/{PARK}", "10.1/x", "nonsense"]
    answer = await client.post("/id/resolve", json={"identifiers": asked})
    items = answer.json()["items"]
    assert [item["handle"] for item in items] == asked
    assert [item["responseCode"] for item in items] == [1, 100, 1, 301, 301]
    assert (await client.post("/id/resolve", json={"identifiers": ["a/b"] * 1_001})).status_code == 422
