"""The HTTP doors of sensing and twin: rights, shapes, limits, errors."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from tests.integration import sensing_support
from tests.integration.sensing_support import City, city_of

from yunnao.infra import http
from yunnao.infra.embedded.nats import EmbeddedNats, ensure_mqtt_stream
from yunnao.infra.nats_subjects import MQTT_STREAM
from yunnao.infra.postgres import Transaction
from yunnao.kernel.ids import new_id
from yunnao.kernel.principal import ANONYMOUS, Principal
from yunnao.kernel.text import Text
from yunnao.modules.identity.facade import Identity, Policies
from yunnao.modules.sensing import http as sensing_http
from yunnao.modules.sensing import store
from yunnao.modules.sensing.alarming import http as alarms_http
from yunnao.modules.sensing.batches import http as batches_http
from yunnao.modules.sensing.batches.door import BatchDoor
from yunnao.modules.sensing.identifiers.facade import Identifiers
from yunnao.modules.sensing.lanes import ensure_consumers
from yunnao.modules.sensing.sharing.rights import ReadingRights
from yunnao.modules.twin import http as twin_http

START = datetime.now(UTC)
API = "/api/v1"


def at(seconds: float) -> str:
    return sensing_support.at(seconds, START)


@pytest.fixture
async def city(database_url: str, nats_server: EmbeddedNats, nats_url: str) -> AsyncIterator[City]:
    async with city_of(database_url, nats_url, START) as made:
        await ensure_mqtt_stream(made.nervous.jetstream, nats_server.platform)
        await ensure_consumers(made.nervous)
        yield made


@pytest.fixture
async def client(city: City) -> AsyncIterator[httpx.AsyncClient]:
    """A client that acts in the role of its header `X-Role`."""

    async def authenticate(request: Request, tx: Transaction) -> Principal:
        role = request.headers.get("x-role")
        if role is None:
            return ANONYMOUS
        return Principal(new_id(), role, Text(zh=role, en=role), roles=frozenset({role}))

    identity = Identity(city.clock, Policies.load(), None)
    app = FastAPI()
    http.install(app, city.database, authenticate)
    api = APIRouter(prefix=API)
    api.include_router(alarms_http.router(city.alarms, identity, ReadingRights(city.clock, identity)))
    api.include_router(
        sensing_http.router(
            city.sensing,
            city.twin,
            identity,
            Identifiers(city.twin, "yunnao.0"),
            ReadingRights(city.clock, identity),
        )
    )
    door = BatchDoor(city.clock, city.nervous)
    api.include_router(batches_http.router(city.sensing, door, identity))
    api.include_router(
        twin_http.router(city.twin, identity, ReadingRights(city.clock, identity).hidden_attributes)
    )
    app.include_router(api)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://test" + API, headers={"X-Role": "dispatcher"}
    ) as made:
        yield made


STEWARD = {"X-Role": "data_steward", "Accept-Language": "en"}
ADMINISTRATOR = {"X-Role": "administrator", "Accept-Language": "en"}


def alarming() -> list[tuple[str, str, Any]]:
    return [("level", "L-1", {"level": 0.4, "t": at(seconds)}) for seconds in (-60, 0)]


async def test_readings_are_accepted_when_the_stream_has_them_and_refused_one_by_one(
    city: City, client: httpx.AsyncClient
) -> None:
    messages = [
        {"device": "L-1", "payload": {"level": 0.1, "t": at(0)}},
        {"device": "L-1", "payload": {"level": 9, "t": at(0)}},
        {"device": "ghost", "payload": {"level": 0.1, "t": at(0)}},
        {"device": "L-2", "payload": "<script>alert(1)</script>"},
    ]
    answer = await client.post("/readings", json={"product": "level", "messages": messages}, headers=STEWARD)
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 1
    refused = [(item["index"], item["code"]) for item in answer.json()["rejected"]]
    assert refused == [(1, "value_out_of_range"), (2, "device_unknown"), (3, "time_missing")]
    assert answer.json()["rejected"][1]["detail"].startswith('The device "ghost" is not registered.')
    assert (await city.nervous.jetstream.stream_info(MQTT_STREAM)).state.messages == 1
    assert len(await city.letters()) == 3


async def test_a_nan_in_a_batch_is_told_as_such(city: City, client: httpx.AsyncClient) -> None:
    body = '{"readings": [{"device": "L-1", "metric": "level", "value": NaN}]}'
    answer = await client.post(
        "/readings", content=body, headers={**STEWARD, "Content-Type": "application/json"}
    )
    assert [item["code"] for item in answer.json()["rejected"]] == ["value_not_finite"]


WRONG_BODIES: list[tuple[dict[str, Any], int]] = [
    ({}, 422),
    ({"messages": [{"device": "L-1"}]}, 422),
    ({"messages": [{"device": "x" * 129, "payload": {}}]}, 422),
    ({"readings": [{"device": "L-1", "metric": "level", "time": "soon", "value": 1}]}, 422),
    ({"messages": [{"device": "L-1", "payload": {}}] * 10_001}, 413),
    ({"messages": [{"device": "L-1", "payload": "x" * (17 * 1024 * 1024)}]}, 413),
]


async def test_a_body_that_is_wrong_as_a_whole_is_refused_as_a_whole(client: httpx.AsyncClient) -> None:
    for body, status in WRONG_BODIES:
        answer = await client.post("/readings", json=body, headers=STEWARD)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"]


async def test_batches_come_as_lines_or_columns_and_other_content_is_refused(
    city: City, client: httpx.AsyncClient
) -> None:
    def kind(name: str) -> dict[str, str]:
        return {**STEWARD, "Content-Type": name}

    line = f'{{"device": "L-1", "metric": "level", "time": "{at(0)}", "value": 0.1}}'
    answer = await client.post("/readings", content=f"{line}\nx", headers=kind("application/x-ndjson"))
    assert answer.status_code == 202
    assert answer.json() == {
        "accepted": 1,
        "refused": 1,
        "rejected": [
            {"index": 1, "code": "payload_not_json", "detail": "The message is not valid JSON in UTF-8."}
        ],
    }
    arrow = kind("application/vnd.apache.arrow.stream")
    assert (await client.post("/readings", content=b"x", headers=arrow)).json()["code"] == "arrow_unreadable"
    refused = await client.post("/readings", content=b"x", headers=kind("image/png"))
    assert (refused.status_code, refused.json()["code"]) == (422, "content_type_unknown")
    one, other = "level,device=L-2 level=0.1", "level level=1"
    text = kind("text/plain")
    assert (await client.post("/influx/write", content=one, headers=text)).status_code == 204
    partly = await client.post("/influx/write?precision=s", content=f"{one}\n{other}", headers=text)
    assert (partly.status_code, partly.json()["refused"]) == (200, 1)
    assert (await client.post("/influx/write", content=one)).status_code == 403


async def test_who_may_not_is_told_so(client: httpx.AsyncClient) -> None:
    body = {"product": "level", "messages": []}
    assert (await client.post("/readings", json=body)).status_code == 403
    assert (await client.get("/devices", headers={"X-Role": "citizen"})).status_code == 403
    assert (await client.get("/dead-letters")).status_code == 403
    del client.headers["X-Role"]
    assert (await client.get("/alarms")).status_code == 401


async def test_devices_and_products_have_the_promised_shapes(city: City, client: httpx.AsyncClient) -> None:
    await city.take(("level", "L-1", {"level": 0.25, "t": at(-5)}))
    products = (await client.get("/products")).json()["items"]
    assert products[1]["metrics"]["level"]["unit"] == "MTR"
    page = (await client.get("/devices", params={"limit": 2})).json()
    assert [device["id"] for device in page["items"]] == ["L-1", "L-2"]
    assert page["total"] == 3
    following = (await client.get("/devices", params={"cursor": page["next"]})).json()
    assert [device["id"] for device in following["items"]] == ["P-1"]
    online = (await client.get("/devices", params={"state": "online", "product": "level"})).json()
    assert [device["device"] for device in online["items"]] == ["L-1"]
    assert products[1]["metrics"]["level"]["value_type"] == "number"
    device = (await client.get("/devices/L-1")).json()
    assert device["identifier"] == "yunnao.0/L-1"
    assert device["latest"]["level"]["value"] == 0.25
    assert device["entity"] == {"id": "urn:ngsi-ld:Underpass:l-1", "name": {"zh": "L-1", "en": "L-1"}}


async def test_devices_are_listed_by_part_state_and_standing(city: City, client: httpx.AsyncClient) -> None:
    await city.take(("level", "L-1", {"level": 0.25, "t": at(-5)}))
    async with city.database.transaction() as tx:
        changed = await store.bump(tx)
        await tx.execute(
            "UPDATE sensing.device SET district = '370202', owner = 'drainage', changed = %s"
            " WHERE product = 'level'",
            [changed],
        )

    async def listed(**filters: str) -> tuple[list[str], int]:
        found = (await client.get("/devices", params=filters)).json()
        return [device["id"] for device in found["items"]], found["total"]

    assert await listed(district="370202") == (["L-1", "L-2"], 2)
    assert await listed(district="370299") == ([], 0)
    assert await listed(owner="none") == (["P-1"], 1)
    assert await listed(owner="drainage", state="online") == (["L-1"], 1)
    assert await listed(district="370202", state="never") == (["L-2"], 1)
    assert await listed(state="silent") == (["L-2", "P-1"], 2)
    assert await listed(state="silent", q="l-") == (["L-2"], 1)
    async with city.database.transaction() as tx:
        changed = await store.bump(tx)
        await tx.execute(
            "UPDATE sensing.device SET standing = 'retired', changed = %s WHERE id = 'L-2'", [changed]
        )
    assert await listed() == (["L-1", "P-1"], 2)
    assert await listed(standing="retired") == (["L-2"], 1)
    assert await listed(q="l-") == (["L-1"], 1)


WRONG_PATHS = [
    ("/devices/none", 404),
    ("/devices?cursor=%21", 422),
    ("/devices?limit=501", 422),
    ("/devices?q=%00", 422),
    ("/devices?q=%27%3BDROP%20TABLE%20sensing.device", 200),
    ("/alarms?cursor=MQ", 422),
    ("/alarms?state=closed", 422),
    ("/entities?cursor=MQ", 422),
    ("/entities/none", 404),
    ("/layers/water/none", 404),
]


async def test_what_cannot_be_answered_is_a_clear_error(client: httpx.AsyncClient) -> None:
    for path, status in WRONG_PATHS:
        assert (await client.get(path)).status_code == status, path


async def test_an_alarm_is_listed_acknowledged_once_and_told(city: City, client: httpx.AsyncClient) -> None:
    await city.take(*alarming())
    (alarm,) = (await client.get("/alarms", params={"state": "open"})).json()["items"]
    assert alarm["severity"] == "severe"
    assert alarm["case_id"] is None
    for _ in range(2):
        answer = await client.post(f"/alarms/{alarm['id']}/acknowledge")
        assert (answer.status_code, answer.json()["state"]) == (200, "acknowledged")
    assert [subject for subject, _ in await city.events()][1:] == ["sensing.alarm.acknowledged"]
    await city.take(("level", "L-1", {"level": 0.0, "t": at(1)}))
    cleared = (await client.get("/alarms", params={"state": "cleared"})).json()["items"]
    assert [item["id"] for item in cleared] == [alarm["id"]]
    again = await client.post(f"/alarms/{alarm['id']}/acknowledge")
    assert again.json()["code"] == "alarm_cleared"
    unknown = await client.post(f"/alarms/{new_id()}/acknowledge")
    assert unknown.status_code == 404


async def test_alarms_page_from_the_newest(city: City, client: httpx.AsyncClient) -> None:
    for device in ("L-1", "L-2"):
        await city.take(*((p, device, body) for p, _, body in alarming()))
    first = (await client.get("/alarms", params={"limit": 1})).json()
    second = (await client.get("/alarms", params={"limit": 1, "cursor": first["next"]})).json()
    assert [page["items"][0]["device"] for page in (first, second)] == ["L-2", "L-1"]
    assert second["next"] is None


async def test_entities_and_layers_show_what_devices_said(city: City, client: httpx.AsyncClient) -> None:
    await city.take(("car-park", "P-1", {"free": 150, "t": at(0)}))
    (entity,) = (await client.get("/entities", params={"type": "CarPark"})).json()["items"]
    assert entity["attributes"]["freeSpaces"]["value"] == 150
    assert entity == (await client.get(f"/entities/{entity['id']}")).json()
    (layer,) = (await client.get("/layers")).json()["items"]
    points = (await client.get(f"/layers/{layer['scene']}/{layer['layer']}")).json()
    assert points["features"][0]["properties"]["token"] == "good"


async def test_dead_letters_are_listed_and_replayed(city: City, client: httpx.AsyncClient) -> None:
    await city.take(("level", "L-9", {"level": 0.1, "t": at(0)}))
    (letter,) = (await client.get("/dead-letters", headers=ADMINISTRATOR)).json()["items"]
    assert letter["code"] == "device_unknown"
    assert "L-9" in letter["detail"]
    path = f"/dead-letters/{letter['id']}/replay"
    assert (await client.post(path)).status_code == 403
    assert (await client.post(path, headers=ADMINISTRATOR)).status_code == 200
    assert (await client.get("/dead-letters", headers=ADMINISTRATOR)).json()["items"] == []
    assert (await city.nervous.jetstream.stream_info(MQTT_STREAM)).state.messages == 1
