"""Readings of a device that a department owns, at every door that tells readings, for two departments."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import h3
import httpx
import pytest
from fastapi import FastAPI, Request
from tests.integration.lake_support import lake_in
from tests.integration.sensing_support import PACK, City, at, city_of

from yunnao.infra import http
from yunnao.infra.postgres import Transaction
from yunnao.kernel.ids import new_id
from yunnao.kernel.packs.alarming import AlarmDefaults
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import Text
from yunnao.modules.geography.facade import Geography
from yunnao.modules.identity.facade import Identity, Policies
from yunnao.modules.sensing import http as sensing_http
from yunnao.modules.sensing.commands import http as commands_http
from yunnao.modules.sensing.commands.facade import Commands
from yunnao.modules.sensing.history import http as history_http
from yunnao.modules.sensing.history.duck_engine import DuckEngine
from yunnao.modules.sensing.history.history import History
from yunnao.modules.sensing.identifiers import http as identifiers_http
from yunnao.modules.sensing.identifiers.facade import Identifiers
from yunnao.modules.sensing.live import http as live_http
from yunnao.modules.sensing.rules import http as rules_http
from yunnao.modules.sensing.rules.domain.schedules import NATIONAL_TIME, CityTime
from yunnao.modules.sensing.rules.facade import Rules
from yunnao.modules.sensing.scheduled import http as scheduled_http
from yunnao.modules.sensing.scheduled.facade import Scheduled
from yunnao.modules.sensing.scheduled.past import WholePast
from yunnao.modules.sensing.sensorthings import http as sensorthings_http
from yunnao.modules.sensing.sensorthings.facade import SensorThings
from yunnao.modules.sensing.sensorthings.latest import LiveNewest
from yunnao.modules.sensing.sharing.contracts import ShareDraft
from yunnao.modules.sensing.sharing.rights import ReadingRights
from yunnao.modules.sensing.sharing.shares import Shares
from yunnao.modules.twin import http as twin_http

ZONE = ZoneInfo("Asia/Shanghai")
STA = "/sensorthings/v1.1"
LEVELS = {"metric": "level", "product": "level"}


@dataclass
class Doors:
    """Every door, as somebody of a department."""

    client: httpx.AsyncClient
    role: str = "department_staff"
    department: str = "water"

    async def __call__(self, path: str, method: str = "GET", **options: Any) -> Any:
        headers = {"X-Role": self.role, "X-Department": self.department, "Accept-Language": "en"}
        return await self.client.request(method, path, headers=headers, **options)

    async def get(self, path: str, **parameters: Any) -> Any:
        answer = await self(path, params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def refused(self, path: str, **parameters: Any) -> bool:
        answer = await self(path, params=parameters)
        assert answer.status_code in (200, 403), answer.text
        return bool(answer.status_code == 403)


@pytest.fixture
async def city(database_url: str, nats_url: str) -> AsyncIterator[City]:
    """L-1 is the water department's; L-2 no department's."""
    async with city_of(database_url, nats_url) as made:
        await made.rows(
            "UPDATE sensing.device SET owner = 'water', changed = (SELECT version + 1 FROM sensing.registry)"
            " WHERE id = 'L-1' RETURNING id"
        )
        await made.rows("UPDATE sensing.registry SET version = version + 1 RETURNING version")
        layer = PACK.layers["parks"].model_copy(
            update={"entity_type": "Underpass", "attribute": "waterLevel", "relative_to": None}
        )
        pack = PACK.model_copy(update={"layers": {**PACK.layers, "levels": layer}})
        async with made.database.transaction() as tx:
            await made.twin.install(tx, pack)
        for second, one, two in ((-20, 0.9, 0.1), (-10, 0.8, 0.2)):
            await made.take(("level", "L-1", {"level": one, "t": at(second)}))
            await made.take(("level", "L-2", {"level": two, "t": at(second)}))
        yield made


@pytest.fixture
async def client(city: City, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async def authenticate(request: Request, tx: Transaction) -> Principal:
        role, department = request.headers["x-role"], request.headers["x-department"] or None
        name = Text(zh=role, en=role)
        return Principal(new_id(), role, name, roles=frozenset({role}), department=department)

    clock, twin, sensing = city.clock, city.twin, city.sensing
    identity = Identity(clock, Policies.load(), None)
    rights = ReadingRights(clock, identity)
    lake = lake_in(tmp_path)
    history = History(clock, twin, lake, DuckEngine(lake.readings), ZONE)
    defaults = AlarmDefaults()
    rules = Rules(clock, twin, history, ZONE, NATIONAL_TIME.is_workday, defaults)
    things = SensorThings(clock, LiveNewest(city.table), history, sensing, twin, rights)
    scheduled = Scheduled(clock, twin, CityTime(ZONE, NATIONAL_TIME.is_workday), defaults, WholePast(history))
    identifiers = Identifiers(twin, "88.1")
    app = FastAPI()
    http.install(app, city.database, authenticate)
    for router in (
        sensing_http.router(sensing, twin, identity, identifiers, rights),
        live_http.router(sensing, twin, Geography(clock), identity, rights),
        history_http.router(history, identity, rights),
        scheduled_http.router(scheduled, rights),
        rules_http.router(rules, identity, rights),
        commands_http.router(Commands(clock, identity, rights)),
        twin_http.router(twin, identity, rights.hidden_attributes),
        sensorthings_http.router(things, identity),
        identifiers_http.router(identifiers, identity, rights),
    ):
        app.include_router(router)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://city") as made:
        yield made


@pytest.fixture
def water(client: httpx.AsyncClient) -> Doors:
    return Doors(client)


@pytest.fixture
def roads(client: httpx.AsyncClient) -> Doors:
    return Doors(client, department="roads")


async def share(city: City, **scope: Any) -> None:
    """Of L-1's readings with the roads department."""

    def person(role: str, department: str | None) -> Principal:
        return Principal(
            new_id(), role, Text(zh=role, en=role), roles=frozenset({role}), department=department
        )

    shares = Shares(city.clock, Identity(city.clock, Policies.load()))
    draft = ShareDraft("plan", city.clock.now() + timedelta(days=1), devices=["L-1"], **scope)
    async with city.database.transaction() as tx:
        asked = await shares.ask(tx, person("department_staff", "roads"), draft)
        await shares.grant(tx, person("data_steward", "water"), asked.id)


async def graded(city: City, grade: str) -> None:
    await city.rows(
        "UPDATE sensing.product SET spec = jsonb_set(spec, '{grade}', to_jsonb(%s::text))"
        " WHERE product = 'level' RETURNING 1",
        grade,
    )
    await city.rows(
        "WITH v AS (UPDATE sensing.registry SET version = version + 1 RETURNING version)"
        " UPDATE sensing.device SET changed = version FROM v RETURNING id"
    )


def levels(answer: Any) -> dict[str, Any]:
    return {
        one["device"]: one["latest"]["level"]["value"] for one in answer["items"] if "level" in one["latest"]
    }


BOTH = {"L-1": 0.8, "L-2": 0.2}


async def test_lists_of_devices_keep_anothers_newest_values_back(water: Doors, roads: Doors) -> None:
    for path, asked in (
        ("/devices", {}),
        ("/live/box", {"bbox": "120,36,121,37"}),
        ("/live/nearest", {"lon": 120.3, "lat": 36.1}),
    ):
        assert levels(await water.get(path, **asked)) == BOTH, path
        answer = await roads.get(path, **asked)
        assert levels(answer) == {"L-2": 0.2}, path
        assert {"L-1", "L-2"} <= {one["device"] for one in answer["items"]}, "that it is there is no secret"
    both = {"device": ["L-1", "L-2"]}
    assert levels(await water.get("/live/values", **both)) == BOTH
    found = await roads.get("/live/values", **both)
    assert (levels(found), found["hidden"]) == ({"L-2": 0.2}, 1)
    one = await roads.get("/devices/L-1")
    assert (one["latest"], one["hidden"]) == ({}, ["closed", "level", "note"])
    assert (await water.get("/devices/L-1"))["hidden"] == []


async def test_cells_of_the_map_count_only_what_may_be_read(city: City, water: Doors, roads: Doors) -> None:
    asked = LEVELS | {"resolution": 8}
    (cell,) = {h3.latlng_to_cell(36.1, 120.3, 8)}
    full, part = await water.get("/live/cells", **asked), await roads.get("/live/cells", **asked)
    assert (full["cell"], full["n"], full["maximum"], full["hidden"]) == ([cell], [2], [0.8], 0)
    assert (part["cell"], part["n"], part["maximum"], part["hidden"]) == ([cell], [1], [0.2], 1)
    assert part["devices"] == [2]
    await share(city, metrics=["level"])
    assert (await roads.get("/live/cells", **asked))["maximum"] == [0.8]


async def test_the_past_and_what_is_foretold_from_it(city: City, water: Doors, roads: Doors) -> None:
    for path, asked in (
        ("/history", {"series": ["L-2:level", "L-1:level"]}),
        ("/devices/L-1/readings", {"metric": "level"}),
        ("/forecast", {"device": "L-1", "metric": "level"}),
    ):
        assert not await water.refused(path, **asked), path
        assert await roads.refused(path, **asked), path
    groups = LEVELS | {"aggregate": "max", "by": "entity_type"}
    told = [(await who("/history/groups", params=groups)) for who in (water, roads)]
    assert ["0.9" in answer.text for answer in told] == [True, False]
    assert [answer.headers["x-yunnao-hidden"] for answer in told] == ["0", "1"]
    await share(city, metrics=["level"])
    assert not await roads.refused("/forecast", device="L-1", metric="level")
    assert await roads.refused("/devices/L-1/readings", metric="closed")
    assert "0.9" in (await roads("/history/groups", params=groups)).text


async def test_sensorthings_has_no_observation_that_may_not_be_read(
    city: City, water: Doors, roads: Doors
) -> None:
    async def streams(who: Doors) -> dict[str, int]:
        found = await who.get(f"{STA}/Datastreams", **{"$top": 100})
        return {
            one["properties"]["device"]: one["@iot.id"]
            for one in found["value"]
            if one["properties"]["metric"] == "level"
        }

    async def results(who: Doors, path: str, **more: Any) -> set[Any]:
        return {one["result"] for one in (await who.get(f"{STA}/{path}", **more))["value"]}

    ids = await streams(roads)
    assert set(ids) == {"L-1", "L-2"}
    assert await results(water, "Observations") == {0.9, 0.8, 0.1, 0.2}
    assert await results(roads, "Observations") == {0.1, 0.2}
    assert await results(roads, f"Datastreams({ids['L-1']})/Observations") == set()
    newest = {"$expand": "Observations($top=1;$orderby=phenomenonTime desc)"}
    for who, known in ((water, 1), (roads, 0)):
        found = await who.get(f"{STA}/Datastreams({ids['L-1']})", **newest)
        assert len(found["Observations"]) == known
    over = {"$filter": "Datastreams/Observations/result gt 0.5"}
    assert len((await water.get(f"{STA}/Things", **over))["value"]) == 1
    assert (await roads.get(f"{STA}/Things", **over))["value"] == []
    observations = await water.get(f"{STA}/Datastreams({ids['L-1']})/Observations")
    link = observations["value"][0]["@iot.selfLink"]
    assert (await roads(link)).status_code == 404
    assert (await water(link)).status_code == 200
    for who, attributes in ((water, {"waterLevel"}), (roads, set())):
        thing = await who.get(f"{STA}/Datastreams({ids['L-1']})/Thing")
        assert set(thing["properties"].get("attributes", {})) == attributes
    await share(city)
    assert await results(roads, "Observations") == {0.9, 0.8, 0.1, 0.2}


async def test_things_and_layers_do_not_show_what_their_devices_may_not(water: Doors, roads: Doors) -> None:
    thing = (await water.get("/devices/L-1"))["entity"]["id"]
    for who, value in ((water, 0.8), (roads, None)):
        entity = await who.get(f"/entities/{thing}")
        assert entity["attributes"].get("waterLevel", {}).get("value") == value
        (listed,) = [e for e in (await who.get("/entities", q=thing))["items"] if e["id"] == thing]
        assert listed == entity
        answer = await who.client.get(
            f"/id/88.1/{thing}",
            headers={"X-Role": who.role, "X-Department": who.department, "Accept": "application/ld+json"},
        )
        assert answer.json().get("waterLevel", {}).get("value") == value
        points = {
            p["properties"]["id"]: p["properties"]
            for p in (await who.get("/layers/water/levels"))["features"]
        }
        assert (points[thing]["value"], points[thing]["hidden"]) == (value, value is None)
        assert points[thing.replace("l-1", "l-2")]["value"] == 0.2


async def test_states_and_commands_of_a_device_are_told_to_whoever_may_read_or_command_it(
    city: City, water: Doors, roads: Doors
) -> None:
    for path in ("/devices/L-1/state", "/devices/L-1/commands"):
        assert not await water.refused(path)
        assert await roads.refused(path)
        assert not await roads.refused(path.replace("L-1", "L-2"))
    await share(city, metrics=["level"])
    assert await roads.refused("/devices/L-1/state"), "a share of one metric is none of the state"


async def test_a_dry_run_keeps_values_back(city: City, client: httpx.AsyncClient) -> None:
    rule = PACK.rules["flooded"].model_dump(mode="json") | {"for_s": 0}
    asked = {"rule": rule, "from": at(-60), "to": at(60)}
    for role, value in (("data_steward", 0.9), ("administrator", None)):
        answer = await Doors(client, role, "")("/rules/dry-run", "POST", json=asked)
        (worst,) = [one for one in answer.json()["worst"] if one["device"] == "L-1"]
        assert (worst["alarms"][0]["value"], worst["hidden"]) == (value, value is None)


async def test_core_readings_stay_with_their_department(city: City, client: httpx.AsyncClient) -> None:
    dispatcher = Doors(client, "dispatcher", "")
    assert levels(await dispatcher.get("/devices")) == BOTH
    await graded(city, "core")
    assert levels(await dispatcher.get("/devices")) == {"L-2": 0.2}
    assert (await dispatcher.get("/live/cells", **LEVELS, resolution=8))["hidden"] == 1
    assert levels(await Doors(client).get("/devices")) == BOTH
