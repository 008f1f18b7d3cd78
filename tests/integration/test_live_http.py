"""The live doors: newest values by device, thing, place and cell; the net as a whole."""

from collections.abc import AsyncIterator
from datetime import timedelta

import h3
import httpx
import pytest
from fastapi import APIRouter, FastAPI
from tests.integration.sensing_support import City, at, city_of

from yunnao.infra import http
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import Text
from yunnao.modules.geography.facade import Geography
from yunnao.modules.identity.facade import Identity, Policies
from yunnao.modules.sensing.contracts import DeviceDraft
from yunnao.modules.sensing.live import http as live_http
from yunnao.modules.sensing.sharing.rights import ReadingRights

LEADER = Principal("person", "party", "p", "leader", roles=frozenset({"leader"}))
SQUARE = {
    "type": "Polygon",
    "coordinates": [[[120.3, 36.0], [120.35, 36.0], [120.35, 36.2], [120.3, 36.2], [120.3, 36.0]]],
}


@pytest.fixture
async def city(database_url: str, nats_url: str) -> AsyncIterator[City]:
    async with city_of(database_url, nats_url) as made:
        drafts = [
            DeviceDraft(f"R-{i}", "level", f"r-{i}", Text(zh=f"第{i}", en=f"no. {i}"), 120.3 + i / 100, 36.1)
            for i in range(10)
        ]
        async with made.database.transaction() as tx:
            await made.sensing.register_devices(tx, drafts)
        await made.take(*(("level", f"R-{i}", {"level": i / 10, "t": at(-5)}) for i in range(8)))
        yield made


@pytest.fixture
async def client(city: City) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()

    async def authenticate(*_: object) -> Principal:
        return LEADER

    http.install(app, city.database, authenticate)  # type: ignore[arg-type]
    api = APIRouter()
    identity = Identity(city.clock, Policies.load(), None)
    api.include_router(
        live_http.router(
            city.sensing, city.twin, Geography(city.clock), identity, ReadingRights(city.clock, identity)
        )
    )
    app.include_router(api)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://city") as made:
        yield made


async def test_the_newest_values_of_a_device_and_of_all_that_watch_a_thing(
    city: City, client: httpx.AsyncClient
) -> None:
    await city.take(("level", "R-3", {"note": "堵塞", "closed": True, "t": at(0)}))
    (found,) = (await client.get("/live/values", params={"device": "R-3"})).json()["items"]
    assert (found["device"], found["state"], found["name"]["en"]) == ("R-3", "online", "no. 3")
    assert {name: each["value"] for name, each in found["latest"].items()} == {
        "level": 0.3, "closed": True, "note": "堵塞",
    }  # fmt: skip
    assert found["latest"]["level"]["time"].endswith("Z")
    by_entity = (await client.get("/live/values", params={"entity": found["entity"]["id"]})).json()
    assert [each["device"] for each in by_entity["items"]] == ["R-3"]
    assert (await client.get("/live/values", params={"device": "R-77"})).json()["code"] == "device_not_found"
    assert (await client.get("/live/values")).json()["code"] == "live_device_or_entity"


async def test_devices_in_a_box_a_polygon_and_nearby(client: httpx.AsyncClient) -> None:
    box = {"bbox": "120.319,36.05,120.351,36.15", "metric": "level"}
    found = (await client.get("/live/box", params=box)).json()
    assert [each["device"] for each in found["items"]] == ["R-2", "R-3", "R-4", "R-5"]
    within = (await client.post("/live/within", json=SQUARE, params={"product": "level"})).json()
    names = [each["device"] for each in within["items"]]
    assert names == ["L-1", "L-2", "R-0", "R-1", "R-2", "R-3", "R-4", "R-5"]
    near = (await client.get("/live/nearest", params={"lon": 120.371, "lat": 36.1, "k": 3})).json()
    assert [each["device"] for each in near["items"]] == ["R-7", "R-8", "R-6"]
    assert near["items"][0]["metres"] == pytest.approx(90, abs=2)
    wrong = await client.get("/live/box", params={"bbox": "9,9,1,1"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "bbox_invalid")
    crossed = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}
    assert (await client.post("/live/within", json=crossed)).json()["code"] == "polygon_invalid"


async def test_the_newest_values_by_cell_at_any_resolution(client: httpx.AsyncClient) -> None:
    asked = {"metric": "level", "resolution": 4, "product": "level", "centre": "true"}
    cells = (await client.get("/live/cells", params=asked)).json()
    assert sum(cells["n"]) == 8
    assert sum(cells["online"]) == 8
    assert h3.get_resolution(cells["cell"][0]) == 4
    whole = (await client.get("/live/cells", params=asked | {"resolution": 10})).json()
    of_r3 = whole["cell"].index(h3.latlng_to_cell(36.1, 120.33, 10))
    assert (whole["n"][of_r3], whole["mean"][of_r3], whole["maximum"][of_r3]) == (1, 0.3, 0.3)
    boxed = asked | {"resolution": 10, "bbox": "120.319,36.05,120.351,36.15"}
    part = (await client.get("/live/cells", params=boxed)).json()
    assert set(part["cell"]) < set(whole["cell"])
    assert sum(part["n"]) == 4


async def test_cells_without_a_metric_count_every_device_that_has_a_place(
    city: City, client: httpx.AsyncClient
) -> None:
    whole = (await client.get("/live/cells", params={"resolution": 5, "boundary": "true"})).json()
    assert (sum(whole["devices"]), sum(whole["online"]), sum(whole["n"])) == (13, 8, 0)
    assert len(whole["boundary"]) == len(whole["cell"])
    boxed = {"resolution": 9, "bbox": "120.319,36.05,120.351,36.15", "product": "level"}
    assert sum((await client.get("/live/cells", params=boxed)).json()["devices"]) == 4
    with_metric = {"resolution": 5, "metric": "level"}
    of_level = (await client.get("/live/cells", params=with_metric)).json()
    assert (sum(of_level["devices"]), sum(of_level["n"])) == (12, 8)


async def test_the_net_as_a_whole_counts_online_and_silent_by_product(
    city: City, client: httpx.AsyncClient
) -> None:
    found = (await client.get("/net/overview")).json()
    assert (found["devices"], found["online"], found["silent"]) == (13, 8, 5)
    level = next(part for part in found["by_product"] if part["code"] == "level")
    assert (level["devices"], level["online"], level["label"]["en"]) == (12, 8, "level sensor")
    assert (found["never"], level["never"], found["quarantined"], found["strangers"]) == (5, 4, 0, 0)
    await city.take(("level", "stranger", {"level": 0.1, "t": at(0)}))
    held = (await client.get("/net/overview")).json()
    assert (held["quarantined"], held["strangers"], held["devices"]) == (1, 1, 13)
    city.clock.time += timedelta(hours=1)
    assert (await client.get("/net/overview")).json()["online"] == 0


async def test_the_trend_tells_readings_and_devices_online_by_step_and_leaves_gaps(
    city: City, client: httpx.AsyncClient
) -> None:
    async with city.database.transaction() as tx:
        await city.sensing.net.count(tx)
    city.clock.time += timedelta(minutes=3)
    async with city.database.transaction() as tx:
        await city.sensing.net.count(tx)
    city.clock.time += timedelta(minutes=1)
    found = (await client.get("/net/trend", params={"hours": 1})).json()
    assert (found["step_s"], len(found["time"]), found["time"][-1]) == (60, 60, "2026-07-01T08:03:00Z")
    assert found["readings_per_s"][-4:] == [8 / 60, 0, 0, 0]
    assert found["readings_per_s"][-5] is None
    assert (found["online"][-4:], found["devices"][-1], found["never"][-1]) == ([8, None, None, 0], 13, 5)
    day = (await client.get("/net/trend", params={"hours": 24})).json()
    assert (day["step_s"], len(day["time"])) == (300, 288)
    assert (await client.get("/net/trend", params={"hours": 73})).status_code == 422
    city.clock.time += timedelta(days=36)
    async with city.database.transaction() as tx:
        await city.sensing.prune(tx)
    assert await city.rows("SELECT * FROM sensing.net_count") == []


async def test_a_lane_whose_owner_does_not_answer_is_named(client: httpx.AsyncClient) -> None:
    found = (await client.get("/net/overview")).json()
    assert found["lanes_missing"] == [0, 1, 2, 3, 4]


async def test_a_device_that_moved_or_is_new_is_found_where_it_is(
    city: City, client: httpx.AsyncClient
) -> None:
    box = {"bbox": "121.9,36.9,122.1,37.1", "product": "level"}
    assert (await client.get("/live/box", params=box)).json()["items"] == []
    drafts = [
        DeviceDraft(name, "level", name.lower(), Text(zh=name, en=name), 122.0, 37.0)
        for name in ("R-2", "NEW-1")
    ]
    async with city.database.transaction() as tx:
        await city.sensing.register_devices(tx, drafts)
    await city.take(("level", "NEW-1", {"level": 0.7, "t": at(0)}))
    found = (await client.get("/live/box", params=box)).json()["items"]
    shown = {each["device"]: each["latest"]["level"]["value"] for each in found}
    assert shown == {"R-2": 0.2, "NEW-1": 0.7}
