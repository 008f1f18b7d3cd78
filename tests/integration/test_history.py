"""History: hot and sealed readings answer as one, in buckets of the city's days, in four formats."""

import asyncio
import io
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastapi import APIRouter, FastAPI, Request
from tests.integration.lake_support import keep, lake_in
from tests.integration.sensing_support import NOW, City, at, city_of

from yunnao.infra import http
from yunnao.infra.postgres import Transaction
from yunnao.kernel.ids import new_id
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import Text
from yunnao.modules.identity.facade import Identity, Policies
from yunnao.modules.sensing.history import duck_engine
from yunnao.modules.sensing.history import history as history_room
from yunnao.modules.sensing.history import http as history_http
from yunnao.modules.sensing.history.contracts import Question, SeriesName
from yunnao.modules.sensing.history.duck_engine import DuckEngine
from yunnao.modules.sensing.history.history import History
from yunnao.modules.sensing.lake.tables import Lake
from yunnao.modules.sensing.sharing.rights import ReadingRights

ZONE = ZoneInfo("Asia/Shanghai")
HOUR_S = 3_600
LEVEL = "L-1:level"


@pytest.fixture
async def city(database_url: str, nats_url: str) -> AsyncIterator[City]:
    async with city_of(database_url, nats_url) as made:
        yield made


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return lake_in(tmp_path)


@pytest.fixture
def history(city: City, lake: Lake) -> History:
    return History(city.clock, city.twin, lake, DuckEngine(lake.readings), ZONE)


@pytest.fixture
async def client(city: City, history: History) -> AsyncIterator[httpx.AsyncClient]:
    async def authenticate(request: Request, tx: Transaction) -> Principal:
        role = request.headers["x-role"]
        return Principal(new_id(), role, Text(zh=role, en=role), roles=frozenset({role}))

    app = FastAPI()
    http.install(app, city.database, authenticate)
    api = APIRouter(prefix="/api/v1")
    identity = Identity(city.clock, Policies.load(), None)
    api.include_router(history_http.router(history, identity, ReadingRights(city.clock, identity)))
    app.include_router(api)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://test/api/v1",
        headers={"X-Role": "dispatcher", "Accept-Language": "en"},
    ) as made:
        yield made


async def measure(city: City, device: str, seconds: range, **more: Any) -> None:
    await city.take(*(("level", device, {"level": s % 7 / 2, "t": at(s), **more}) for s in seconds))


def span(start_s: float, until_s: float) -> dict[str, str]:
    return {"from": at(start_s), "to": at(until_s)}


async def test_hot_and_sealed_readings_are_one_history(
    city: City, lake: Lake, client: httpx.AsyncClient
) -> None:
    await measure(city, "L-1", range(-3 * HOUR_S, 0, 60))
    query = {"series": LEVEL, **span(-4 * HOUR_S, HOUR_S)}
    before = (await client.get("/history", params=query)).json()
    assert len(before["time"]) == 180
    await keep(city, lake)
    await measure(city, "L-1", range(-3 * HOUR_S, 600, 90))
    after = (await client.get("/history", params=query)).json()
    merged = sorted({*range(-3 * HOUR_S, 0, 60), *range(-3 * HOUR_S, 600, 90)})
    assert [datetime.fromisoformat(t) for t in after["time"]] == [NOW + timedelta(seconds=s) for s in merged]
    assert after["series"][0]["values"] == [s % 7 / 2 for s in merged]


async def test_several_series_stand_on_one_axis_with_their_gaps(
    city: City, client: httpx.AsyncClient
) -> None:
    await city.take(
        ("level", "L-1", {"level": 1, "note": "甲", "t": at(0)}),
        ("level", "L-2", {"level": 2, "t": at(30)}),
        ("level", "L-1", {"level": 3, "t": at(60)}),
    )
    series = ["L-1:level", "L-2:level", "L-1:note"]
    found = (await client.get("/history", params={"series": series, **span(0, 100)})).json()
    assert found["time"] == ["2026-07-01T08:00:00Z", "2026-07-01T08:00:30Z", "2026-07-01T08:01:00Z"]
    assert [each["values"] for each in found["series"]] == [[1, None, 3], [None, 2, None], ["甲", None, None]]
    csv = (await client.get("/history", params={"series": series, **span(0, 100), "format": "csv"})).text
    assert csv.splitlines()[0] == '"time","L-1:level","L-2:level","L-1:note"'
    assert csv.splitlines()[2] == '"2026-07-01T08:00:30.000000Z",,2,'


async def test_days_are_those_of_the_city_and_empty_ones_are_told(
    city: City, client: httpx.AsyncClient
) -> None:
    # Midnight in Qingdao is 16:00 UTC.
    for hours, level in ((-17, 1), (-15, 2), (7, 4), (56, 5)):
        city.clock.time = max(city.clock.time, NOW + timedelta(hours=hours))
        await city.take(("level", "L-1", {"level": level, "t": at(hours * HOUR_S)}))
    query = {
        "series": LEVEL,
        **span(-40 * HOUR_S, 60 * HOUR_S),
        "bucket": "1d",
        "aggregate": "mean,count,max,last,rate",
    }
    found = (await client.get("/history", params=query)).json()
    midnights = [datetime.fromisoformat(t).astimezone(ZONE) for t in found["time"]]
    assert {(m.hour, m.minute) for m in midnights} == {(0, 0)}
    values = {each["aggregate"]: each["values"] for each in found["series"]}
    by_day: dict[Any, list[float]] = {}
    for hours, level in ((-17, 1), (-15, 2), (7, 4), (56, 5)):
        by_day.setdefault((NOW + timedelta(hours=hours)).astimezone(ZONE).date(), []).append(level)
    for place, midnight in enumerate(midnights):
        levels = by_day.get(midnight.date())
        assert values["count"][place] == len(levels or [])
        assert values["mean"][place] == (sum(levels) / len(levels) if levels else None)
        assert values["last"][place] == (levels[-1] if levels else None)
        assert (values["rate"][place] is None) == (len(levels or []) < 2)


async def test_points_are_chosen_so_that_the_shape_stays(city: City, client: httpx.AsyncClient) -> None:
    city.clock.time += timedelta(hours=1)
    await measure(city, "L-1", range(0, HOUR_S, 20))
    await city.take(("level", "L-1", {"level": 5, "t": at(1_801)}))
    found = (await client.get("/history", params={"series": LEVEL, **span(0, HOUR_S), "points": 50})).json()
    assert len(found["time"]) == 50
    assert max(found["series"][0]["values"]) == 5


async def test_the_four_formats_say_the_same(city: City, client: httpx.AsyncClient) -> None:
    city.clock.time += timedelta(hours=1)
    await measure(city, "L-1", range(0, 1000, 10))
    query = {"series": LEVEL, **span(0, 1000), "bucket": "PT5M", "aggregate": "min,mean"}
    told = (await client.get("/history", params=query)).json()
    arrow = await client.get(
        "/history", params=query, headers={"Accept": "application/vnd.apache.arrow.stream"}
    )
    parquet = await client.get("/history", params={**query, "format": "parquet"})
    tables = [pa.ipc.open_stream(arrow.content).read_all(), pq.read_table(io.BytesIO(parquet.content))]
    for table in tables:
        assert table["L-1:level:mean"].to_pylist() == told["series"][1]["values"]
        assert [t.isoformat() for t in table["time"].to_pylist()] == [
            t.replace("Z", "+00:00") for t in told["time"]
        ]
    assert len(told["time"]) == 4


@pytest.mark.parametrize("parts_max", [0, duck_engine.parts_max])
async def test_groups_are_those_of_the_things_that_are_watched(
    city: City, lake: Lake, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, parts_max: int
) -> None:
    """Both ways of grouping, of which many buckets take the one."""
    monkeypatch.setattr(duck_engine, "parts_max", parts_max)
    await measure(city, "L-1", range(-2 * HOUR_S, 0, 600))
    await keep(city, lake)
    await city.take(("level", "L-2", {"level": 5, "t": at(100)}))
    await city.rows("UPDATE twin.entity SET district = '370202' WHERE id LIKE '%%l-1' RETURNING 1")
    query = {"product": "level", "metric": "level", **span(-9 * HOUR_S, HOUR_S), "aggregate": "count,mean"}
    found = (await client.get("/history/groups", params=query)).json()["items"]
    assert [(each["group"], each["count"]) for each in found] == [("370202", 12), (None, 1)]
    of_type = (await client.get("/history/groups", params={**query, "by": "entity_type"})).json()["items"]
    assert [(each["group"], each["count"]) for each in of_type] == [("Underpass", 13)]


WRONG = [
    ({"series": "L-1"}, "series_name_invalid"),
    ({"series": ["L-1:level", "L-9:level"]}, "series_not_found"),
    ({"series": LEVEL, "bucket": "1 hour"}, "bucket_invalid"),
    ({"series": LEVEL, "bucket": "1s", **span(0, 10 * 24 * HOUR_S)}, "buckets_too_many"),
    ({"series": LEVEL, "bucket": "1h", "points": 100}, "bucket_or_points"),
    ({"series": LEVEL, "bucket": "1h", "aggregate": "median"}, "aggregate_unknown"),
    ({"series": "L-1:note", "bucket": "1h"}, "aggregate_of_text"),
    ({"series": LEVEL, "format": "xml"}, "format_unknown"),
    ({"series": LEVEL, **span(10, 0)}, "range_empty"),
    ({"series": LEVEL, "from": "2026-07-01T08:00:00"}, "time_without_zone"),
]


async def test_what_cannot_be_answered_is_a_clear_error(client: httpx.AsyncClient) -> None:
    for query, code in WRONG:
        answer = await client.get("/history", params=query)  # type: ignore[arg-type]
        assert answer.json()["code"] == code, query
        assert answer.json()["detail"]
    missing = await client.get("/history", params={"series": ["L-1:level", "L-9:level"]})
    assert "L-9" in missing.json()["detail"]
    assert (
        await client.get("/history", params={"series": LEVEL}, headers={"X-Role": "citizen"})
    ).status_code == 403
    groups = {"product": "level", "metric": "level"}
    for more, code in (
        ({"by": "colour"}, "grouping_unknown"),
        ({"aggregate": "rate"}, "aggregate_of_groups"),
    ):
        assert (await client.get("/history/groups", params={**groups, **more})).json()["code"] == code


async def test_limits_are_told(city: City, history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    await measure(city, "L-1", range(0, 100, 10))
    question = Question([SeriesName("L-1", "level")], NOW, NOW + timedelta(hours=1))
    for name, code in (("rows_max", "history_too_large"), ("hot_rows_max", "hot_too_large")):
        with monkeypatch.context() as patched:
            patched.setattr(history_room, name, 5)
            async with city.database.transaction() as tx:
                with pytest.raises(Exception, match=code):
                    await history.ask(tx, question)


async def test_a_device_page_reads_past_the_sealing(
    city: City, lake: Lake, client: httpx.AsyncClient
) -> None:
    await measure(city, "L-1", range(-2 * HOUR_S, 0, 600), note="湿")
    await keep(city, lake)
    found = (await client.get("/devices/L-1/readings", params={"metric": "level", "limit": 3})).json()
    assert [value for _, value in found["points"]] == [s % 7 / 2 for s in (-1800, -1200, -600)]
    notes = (await client.get("/devices/L-1/readings", params={"metric": "note"})).json()
    assert [value for _, value in notes["points"]] == ["湿"] * 12
    for query, status in (("metric=none", 404), ("metric=level&from=x", 422)):
        assert (await client.get(f"/devices/L-1/readings?{query}")).status_code == status
    nothing = {"metric": "level", "to": "2020-01-01T00:00:00Z"}
    assert (await client.get("/devices/L-1/readings", params=nothing)).json()["points"] == []


async def test_readings_are_counted_over_both(city: City, lake: Lake, history: History) -> None:
    await measure(city, "L-1", range(-2 * HOUR_S, 0, 600))
    await keep(city, lake)
    await measure(city, "L-1", range(-2 * HOUR_S, 300, 150))
    async with city.database.transaction() as tx:
        n = await history.count(tx, ["L-1"], NOW - timedelta(hours=2), NOW)
    assert n == 12 * 4 + 1


async def test_files_of_an_object_store_answer_the_same(city: City, lake: Lake, history: History) -> None:
    """Arrow's reading, which serves every file system, in place of DuckDB's own."""

    class Remote(type(lake.readings)):  # type: ignore[misc]
        local = False

        def filesystem(self) -> Any:
            return pa.fs.LocalFileSystem(), ""

    await measure(city, "L-1", range(-2 * HOUR_S, 0, 600))
    await keep(city, lake)
    distant = Remote("file:///nowhere", lake.readings.layout)
    other = History(city.clock, city.twin, lake, DuckEngine(distant), ZONE)
    question = Question([SeriesName("L-1", "level")], NOW - timedelta(hours=9), NOW, "1h", ("mean", "last"))
    async with city.database.transaction() as tx:
        near, far = await history.ask(tx, question), await other.ask(tx, question)
    assert near.table.equals(far.table)
    assert near.table.num_rows == 9


async def test_any_number_of_hot_readings_is_reduced_beside_the_sealed_ones(
    city: City, lake: Lake, history: History, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_room, "hot_rows_max", 5)
    level = {"product": "level", "metric": "level", "bucket": "1h", "aggregate": "count,min,max,mean"}
    asked = {**level, **span(-3 * HOUR_S, HOUR_S)}
    await measure(city, "L-1", range(-2 * HOUR_S, 0, 60))
    before = (await client.get("/history/groups", params=asked)).json()["items"]
    assert [each["count"] for each in before] == [60, 60]
    await keep(city, lake)
    assert (await client.get("/history/groups", params=asked)).json()["items"] == before
    # Late ones, of which one is sealed already, and more than are held at once of the hour that runs.
    await measure(city, "L-1", range(-2 * HOUR_S, -2 * HOUR_S + 61, 30))
    await measure(city, "L-2", range(60, 660, 60))
    found = (await client.get("/history/groups", params=asked)).json()["items"]
    assert [each["count"] for each in found] == [61, 60, 10]
    assert found[1:2] == before[1:]
    levels = [s % 7 / 2 for s in range(60, 660, 60)]
    assert (found[2]["min"], found[2]["max"], found[2]["mean"]) == (
        min(levels),
        max(levels),
        sum(levels) / len(levels),
    )


async def test_questions_wait_for_their_turn(city: City, history: History) -> None:
    await measure(city, "L-1", range(0, 100, 10))
    question = Question([SeriesName("L-1", "level")], NOW, NOW + timedelta(hours=1), "1h")

    async def ask() -> int:
        async with city.database.transaction() as tx:
            return (await history.ask(tx, question)).table.num_rows

    assert await asyncio.gather(*(ask() for _ in range(12))) == [1] * 12
