"""Rules by HTTP: listed in words, run dry over the past, made by the city, kept quiet in maintenance."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI
from tests.integration.sensing_support import NOW, City, at, city_of, label

from yunnao.infra import http
from yunnao.kernel.ids import new_id
from yunnao.kernel.packs.alarming import AlarmDefaults
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import Text
from yunnao.modules.identity.facade import Identity, Policies
from yunnao.modules.sensing.history.duck_engine import DuckEngine
from yunnao.modules.sensing.history.history import History
from yunnao.modules.sensing.lake.tables import lake_at
from yunnao.modules.sensing.rules.domain.schedules import NATIONAL_TIME
from yunnao.modules.sensing.rules.facade import Rules
from yunnao.modules.sensing.rules.http import router
from yunnao.modules.sensing.sharing.rights import ReadingRights

ZONE = ZoneInfo("Asia/Shanghai")


@pytest.fixture
async def city(database_url: str, nats_url: str) -> AsyncIterator[City]:
    async with city_of(database_url, nats_url) as made:
        yield made


@pytest.fixture
async def steward(city: City) -> AsyncIterator[httpx.AsyncClient]:
    async with client(city, "data_steward") as made:
        yield made


def client(city: City, role: str) -> Any:
    return _Client(city, role)


class _Client:
    def __init__(self, city: City, role: str) -> None:
        self._city, self._role = city, role
        self._folder = TemporaryDirectory()

    async def __aenter__(self) -> httpx.AsyncClient:
        identity = Identity(self._city.clock, Policies.load(), None)
        lake = lake_at(str(Path(self._folder.name) / "lake"))
        history = History(self._city.clock, self._city.twin, lake, DuckEngine(lake.readings), ZONE)
        rules = Rules(
            self._city.clock, self._city.twin, history, ZONE, NATIONAL_TIME.is_workday, AlarmDefaults()
        )
        person = Principal(
            new_id(), "somebody", Text(zh="某人", en="Somebody"), roles=frozenset({self._role})
        )

        async def signed_in(*_: Any) -> Principal:
            return person

        app = FastAPI()
        http.install(app, self._city.database, signed_in)
        app.include_router(router(rules, identity, ReadingRights(self._city.clock, identity)))
        self._http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://city")
        return self._http

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()
        self._folder.cleanup()


def deep(**options: Any) -> dict[str, Any]:
    return {
        "operator": "threshold",
        "label": label("deep"),
        "product": "level",
        "message": label("deep"),
        "metric": "level",
        "above": 0.3,
        **options,
    }


def level(device: str, second: int, value: float) -> tuple[str, str, dict[str, Any]]:
    return ("level", device, {"level": value, "t": at(second)})


async def open_alarms(city: City) -> list[str]:
    rows = await city.rows(
        "SELECT r.rule FROM sensing.alarm a JOIN sensing.rule r ON r.number = a.rule"
        " WHERE a.state <> 'cleared' ORDER BY 1"
    )
    return [row["rule"] for row in rows]


async def test_rules_are_listed_with_their_condition_in_words(city: City, steward: httpx.AsyncClient) -> None:
    await city.take(level("L-1", 0, 0.4), level("L-1", 60, 0.4))
    items = (await steward.get("/rules")).json()["items"]
    assert [(i["scene"], i["rule"], i["alarms_open"], i["own"]) for i in items] == [
        ("water", "flooded", 1, False),
        ("water", "full", 0, False),
        ("water", "silent", 0, False),
    ]
    assert items[0]["words"]["en"] == "level above 0.3, for 1 min"
    assert items[1]["words"]["en"] == "free below 10% of capacity"
    assert items[2]["words"]["zh"] == "10 分钟没有数据"
    one = (await steward.get("/rules/water/flooded")).json()
    assert one["spec"]["above"] == 0.3
    assert (await steward.get("/rules/water/nothing")).status_code == 404


async def test_a_dry_run_finds_in_the_past_what_the_rule_finds_live(
    city: City, steward: httpx.AsyncClient
) -> None:
    for second, value in ((-300, 0.4), (-240, 0.5), (-120, 0.1), (-60, 0.6), (0, 0.6)):
        await city.take(level("L-1", second, value), level("L-2", second, 0.1))
    asked = {
        "rule": deep(clear=0.2),
        "from": (NOW - timedelta(days=1)).isoformat(),
        "to": (NOW + timedelta(seconds=60)).isoformat(),
    }
    found = (await steward.post("/rules/dry-run", json=asked)).json()
    assert (found["devices"], found["readings"], found["devices_in_alarm"]) == (2, 10, 1)
    assert (found["opened"], found["cleared"], found["open_at_end"]) == (2, 1, 1)
    assert found["per_day"] == [["2026-07-01", 2]]
    (worst,) = found["worst"]
    assert worst["device"] == "L-1"
    assert worst["share"] == pytest.approx((180 + 120) / (86_400 + 60))
    assert [a["value"] for a in worst["alarms"]] == [0.4, 0.6]
    assert worst["alarms"][1]["cleared_at"] is None
    assert found["share"] == pytest.approx(worst["share"] / 2)
    live = await city.rows("SELECT opened_at FROM sensing.alarm")
    assert live[0]["opened_at"] == NOW - timedelta(seconds=240)  # the pack's rule waits a minute


async def test_a_dry_run_of_silence_and_one_of_too_long_a_span(
    city: City, steward: httpx.AsyncClient
) -> None:
    await city.take(level("L-1", -2_000, 0.1), level("L-1", 0, 0.1))
    silent = {
        "operator": "silence",
        "label": label("s"),
        "product": "level",
        "message": label("s"),
        "after_s": 600,
    }
    span = {
        "from": (NOW - timedelta(hours=1)).isoformat(),
        "to": (NOW + timedelta(seconds=500)).isoformat(),
    }
    found = (await steward.post("/rules/dry-run", json={"rule": silent, **span})).json()
    assert (found["opened"], found["cleared"]) == (1, 1)
    far = {"from": (NOW - timedelta(days=300)).isoformat(), "to": NOW.isoformat()}
    refused = await steward.post("/rules/dry-run", json={"rule": silent, **far})
    assert (refused.status_code, refused.json()["code"]) == (422, "dry_run_span")


async def test_the_city_makes_changes_and_ends_a_rule_without_a_restart(
    city: City, steward: httpx.AsyncClient
) -> None:
    await city.take(level("L-1", 0, 0.25))
    assert (await steward.put("/rules/city/quick", json=deep(above=0.2))).status_code == 200
    await city.take(level("L-1", 10, 0.25))
    assert await open_alarms(city) == ["quick"]
    changed = (await steward.put("/rules/city/quick", json=deep(above=0.24, clear=0.22))).json()
    assert changed["change"]["revision"] == 2
    assert changed["change"]["changed_by"]["name"]["en"] == "Somebody"
    await city.take(level("L-1", 20, 0.21))
    assert await open_alarms(city) == []
    await city.take(level("L-1", 30, 0.25))
    assert (await steward.delete("/rules/city/quick")).status_code == 204
    assert await open_alarms(city) == []
    await city.take(level("L-1", 40, 0.27))
    assert await open_alarms(city) == []
    assert (await steward.delete("/rules/city/quick")).status_code == 404
    rows = await city.rows("SELECT revision, spec IS NULL AS ended FROM sensing.rule_revision ORDER BY 1")
    assert [(r["revision"], r["ended"]) for r in rows] == [(1, False), (2, False), (3, True)]


async def test_a_rule_that_cannot_be_is_refused_with_the_field(
    city: City, steward: httpx.AsyncClient
) -> None:
    both = await steward.put("/rules/city/one", json=deep(below=0.1))
    assert both.status_code == 422
    for spec, code in (
        (deep(metric="depth"), "rule_metric_unknown"),
        (deep(metric="note"), "rule_metric_not_numeric"),
        (deep(product="nothing"), "product_unknown"),
    ):
        refused = await steward.put("/rules/city/one", json=spec)
        assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert (await steward.put("/rules/city/One", json=deep())).json()["code"] == "rule_name_invalid"


@pytest.mark.parametrize(
    ("kind", "target"), [("device", "L-1"), ("entity", "urn:ngsi-ld:Underpass:l-1"), ("product", "level")]
)
async def test_a_device_in_maintenance_opens_no_alarm_and_opens_one_afterwards(
    city: City, steward: httpx.AsyncClient, kind: str, target: str
) -> None:
    await steward.put("/rules/city/quick", json=deep(above=0.2))
    window = {
        "kind": kind,
        "target": target,
        "from": NOW.isoformat(),
        "to": (NOW + timedelta(seconds=100)).isoformat(),
        "reason": "new probe",
    }
    made = (await steward.post("/maintenance", json=window)).json()
    await city.take(level("L-1", 10, 0.25))
    assert await open_alarms(city) == []
    listed = (await steward.get("/maintenance", params={"running": True})).json()["items"]
    assert [w["id"] for w in listed] == [made["id"]]
    await city.take(level("L-1", 110, 0.25))
    assert await open_alarms(city) == ["quick"]


async def test_a_window_is_ended_before_its_time_and_a_wrong_one_is_refused(
    city: City, steward: httpx.AsyncClient
) -> None:
    window = {
        "kind": "device",
        "target": "L-1",
        "from": (NOW - timedelta(seconds=50)).isoformat(),
        "to": (NOW + timedelta(days=1)).isoformat(),
        "reason": "new probe",
    }
    made = (await steward.post("/maintenance", json=window)).json()
    ended = (await steward.post(f"/maintenance/{made['id']}/end")).json()
    assert ended["to"] == NOW.isoformat().replace("+00:00", "Z")
    assert (await steward.post(f"/maintenance/{made['id']}/end")).status_code == 404
    for change, code in (
        ({"target": "L-404"}, "maintenance_target_unknown"),
        ({"to": NOW.isoformat()}, "maintenance_span"),
    ):
        refused = await steward.post("/maintenance", json=window | change)
        assert (refused.status_code, refused.json()["code"]) == (422, code)


async def test_who_only_watches_makes_no_rules(city: City) -> None:
    async with client(city, "leader") as leader:
        assert (await leader.get("/rules")).status_code == 200
        assert (await leader.put("/rules/city/quick", json=deep())).status_code == 403
        assert (await leader.delete("/rules/city/quick")).status_code == 403
        assert (await leader.post("/maintenance", json={})).status_code == 422
