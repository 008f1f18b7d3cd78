"""The doors to devices: registering by table, credentials, single devices, quarantine, rates."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from tests.integration.sensing_support import City, at, city_of

from yunnao.infra import http
from yunnao.infra.postgres import Transaction
from yunnao.kernel.ids import new_id
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import Text
from yunnao.modules.identity.facade import Identity, Policies
from yunnao.modules.sensing import http as sensing_http
from yunnao.modules.sensing.access import http as access_http
from yunnao.modules.sensing.access import http_management
from yunnao.modules.sensing.access.service import Access
from yunnao.modules.sensing.identifiers.facade import Identifiers
from yunnao.modules.sensing.sharing.rights import ReadingRights

TABLE = "device,product,name,lon,lat\n泵站-7,level,七号,120.3,36.1\nbad id,level,x,120.3,36.1\n"
CSV = {"Content-Type": "text/csv", "Accept-Language": "en"}


@pytest.fixture
async def city(database_url: str, nats_url: str) -> AsyncIterator[City]:
    async with city_of(database_url, nats_url) as opened:
        await opened.rows(
            "INSERT INTO identity.department (id, name, kind)"
            """ VALUES ('parks', '{"zh": "园林", "en": "Parks"}', 'bureau') RETURNING id"""
        )
        yield opened


@pytest.fixture
async def client(city: City) -> AsyncIterator[httpx.AsyncClient]:
    """A client that acts in the role of its header `X-Role`."""

    async def authenticate(request: Request, tx: Transaction) -> Principal:
        role = request.headers["x-role"]
        return Principal(new_id(), role, Text(zh=role, en=role), roles=frozenset({role}))

    identity = Identity(city.clock, Policies.load(), None)
    access = Access(city.clock, identity, city.twin, city.sensing)
    app = FastAPI()
    http.install(app, city.database, authenticate)
    api = APIRouter()
    api.include_router(
        sensing_http.router(
            city.sensing,
            city.twin,
            identity,
            Identifiers(city.twin, "yunnao.0"),
            ReadingRights(city.clock, identity),
        )
    )
    api.include_router(access_http.router(access, identity))
    api.include_router(http_management.router(access, identity))
    app.include_router(api)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://test", headers={"X-Role": "data_steward"}
    ) as made:
        yield made


async def test_a_table_is_registered_and_what_is_left_out_is_told(client: httpx.AsyncClient) -> None:
    answer = await client.post("/devices", content=TABLE.encode(), headers=CSV)
    body = answer.json()
    assert (answer.status_code, body["registered"], body["rejected"]) == (201, 1, 1)
    assert (body["rows"][0]["line"], body["rows"][0]["code"]) == (3, "topic_level_invalid")
    again = (await client.post("/devices", content=TABLE.encode(), headers=CSV)).json()
    assert (again["registered"], again["updated"], again["unchanged"]) == (0, 0, 1)
    other = await client.post("/devices", content=b"x", headers={"Content-Type": "image/png"})
    assert other.json()["code"] == "body_format_unknown"


async def test_a_token_is_shown_once_and_can_be_revoked(client: httpx.AsyncClient) -> None:
    issued = (await client.post("/devices/L-1/credentials")).json()
    assert (issued["user"], issued["topic"]) == ("L-1", "yunnao/v1/level/L-1")
    listed = (await client.get("/devices/L-1/credentials")).json()["items"]
    assert [(one["id"], one["state"]) for one in listed] == [(issued["id"], "live")]
    assert issued["token"] not in str(listed)
    path = f"/devices/L-1/credentials/{issued['id']}"
    assert (await client.delete(path)).status_code == 204
    assert (await client.get("/devices/L-1/credentials")).json()["items"][0]["state"] == "revoked"
    assert (await client.delete(path)).status_code == 404
    table = await client.post("/credentials", params={"product": "level"})
    assert table.headers["content-type"].startswith("text/csv")
    assert [line.split(",")[0] for line in table.text.splitlines()] == ["device", "L-1", "L-2"]


@pytest.mark.parametrize("role", ["dispatcher", "leader", "citizen"])
async def test_only_who_keeps_devices_may(client: httpx.AsyncClient, role: str) -> None:
    client.headers["X-Role"] = role
    asked = [
        await client.post("/devices", content=TABLE.encode(), headers=CSV),
        await client.post("/devices/L-1/credentials"),
        await client.get("/devices/L-1/credentials"),
        await client.post("/credentials"),
        await client.patch("/devices/L-1", json={"owner": "parks"}),
        await client.delete("/devices/L-1"),
        await client.get("/quarantine"),
        await client.post("/quarantine/release", json={"ids": [str(new_id())]}),
        await client.put("/limits/departments/parks", json={"messages_per_minute_max": 5}),
    ]
    assert {answer.status_code for answer in asked} == {403}


async def test_a_device_is_changed_found_by_what_it_is_and_retired(client: httpx.AsyncClient) -> None:
    changed = {"owner": "parks", "name": {"zh": "新名", "en": "New name"}, "attributes": {"closed": True}}
    assert (await client.patch("/devices/L-1", json=changed)).status_code == 204
    found = (await client.get("/devices", params={"owner": "parks"})).json()
    assert [(one["device"], one["owner"], one["standing"]) for one in found["items"]] == [
        ("L-1", "parks", "active")
    ]
    assert found["total"] == 1
    assert (await client.get("/devices", params={"q": "New na"})).json()["total"] == 1
    assert (await client.patch("/devices/L-1", json={"owner": None})).status_code == 204
    assert (await client.get("/devices/L-1")).json()["owner"] is None
    wrong = await client.patch("/devices/L-1", json={"owner": "nobody"})
    assert wrong.json()["code"] == "department_unknown"
    assert (await client.delete("/devices/L-1")).status_code == 204
    assert (await client.get("/devices/L-1")).json()["standing"] == "retired"
    assert "L-1" not in [one["device"] for one in (await client.get("/devices")).json()["items"]]
    assert (await client.delete("/devices/L-1")).json()["code"] == "device_is_retired"


async def test_a_stranger_is_registered_from_the_quarantine(city: City, client: httpx.AsyncClient) -> None:
    await city.take(("level", "stranger", {"level": 0.1, "t": at(0)}))
    listed = (await client.get("/quarantine", params={"reason": "unknown"})).json()
    assert listed["totals"] == [{"state": "held", "reason": "unknown", "n": 1}]
    (entry,) = listed["items"]
    assert '"level":0.1' in entry["sample"]
    path = f"/quarantine/{entry['id']}/register"
    assert (await client.post(path, json={"owner": "parks"})).status_code == 204
    assert (await client.get("/devices/stranger")).json()["owner"] == "parks"
    assert (await client.post(path, json={})).json()["code"] == "quarantine_of_known"
    assert (await client.get("/quarantine")).json()["items"][0]["state"] == "registered"
    assert (await city.take(("level", "stranger", {"level": 0.1, "t": at(1)}))).readings == 1


async def test_a_blocked_device_is_blocked_until_released(city: City, client: httpx.AsyncClient) -> None:
    await city.take(("car-park", "L-1", {"free": 1}), ("level", "stranger", {}))
    ids = [entry["id"] for entry in (await client.get("/quarantine")).json()["items"]]
    assert (await client.post("/quarantine/block", json={"ids": ids})).status_code == 204
    assert {e["state"] for e in (await client.get("/quarantine")).json()["items"]} == {"blocked"}
    assert (await client.post("/quarantine/release", json={"ids": ids})).status_code == 204
    unknown = await client.post("/quarantine/release", json={"ids": [str(new_id())]})
    assert unknown.json()["code"] == "quarantine_unknown"


async def test_departments_have_rates(client: httpx.AsyncClient) -> None:
    path = "/limits/departments/parks"
    assert (await client.put(path, json={"messages_per_minute_max": 5})).status_code == 204
    items = (await client.get("/limits/departments")).json()["items"]
    assert [(one["department"], one["messages_per_minute_max"]) for one in items] == [("parks", 5)]
    assert (await client.delete(path)).status_code == 204
    assert (await client.delete(path)).json()["code"] == "department_without_limit"
    nowhere = await client.put("/limits/departments/nowhere", json={"messages_per_minute_max": 5})
    assert nowhere.json()["code"] == "department_unknown"
