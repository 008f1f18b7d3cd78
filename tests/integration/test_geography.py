"""Geography through its doors: installation, areas, shapes, places."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yunnao.infra import http as edge
from yunnao.infra.postgres import Database, Transaction
from yunnao.kernel.errors import InvalidInput, NotFound, Unavailable
from yunnao.kernel.packs.city import CityPack
from yunnao.kernel.principal import ANONYMOUS, Principal
from yunnao.modules.geography import http as geography_http
from yunnao.modules.geography.facade import Geography
from yunnao.scenes import load_city

ROOT = Path(__file__).parents[2]
QINGDAO = load_city(ROOT / "cities" / "qingdao")


class Noon:
    def now(self) -> datetime:
        return datetime(2026, 7, 20, 4, tzinfo=UTC)


@pytest.fixture
async def geography(database: Database) -> Geography:
    """Qingdao, installed and in memory."""
    found = Geography(Noon())
    async with database.transaction() as tx:
        await found.install(tx, QINGDAO)
        await found.refresh(tx)
    return found


@pytest.fixture
async def client(database: Database, geography: Geography) -> AsyncIterator[httpx.AsyncClient]:
    async def nobody(_: Request, __: Transaction) -> Principal:
        return ANONYMOUS

    app = FastAPI()
    edge.install(app, database, nobody)
    app.include_router(geography_http.router(geography))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://city") as opened:
        yield opened


def smaller(pack: CityPack) -> CityPack:
    """The city without its streets and without Laixi's shape."""
    districts = [area for area in pack.areas if area.level == "district"]
    shapes = {code: geometry for code, geometry in pack.shapes.items() if code != "370285"}
    return pack.model_copy(update={"areas": districts, "shapes": shapes})


async def test_an_installation_replaces_what_was_there(database: Database, geography: Geography) -> None:
    assert geography.resolve(120.52, 36.89).district is not None
    async with database.transaction() as tx:
        await geography.install(tx, smaller(QINGDAO))
        assert len(await geography.areas(tx)) == 10
        assert await geography.areas(tx, "street") == []
    assert geography.resolve(120.52, 36.89).district is not None, "memory is old until refreshed"
    async with database.transaction() as tx:
        await geography.refresh(tx)
    assert geography.resolve(120.52, 36.89).district is None


async def test_an_installation_that_is_rolled_back_leaves_nothing(
    database: Database, geography: Geography
) -> None:
    async def fail() -> None:
        async with database.transaction() as tx:
            await geography.install(tx, smaller(QINGDAO))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    async with database.transaction() as tx:
        assert len(await geography.areas(tx)) == len(QINGDAO.areas)


async def test_a_second_process_sees_an_installation_once_it_refreshes(
    database: Database, geography: Geography
) -> None:
    other = Geography(Noon())
    with pytest.raises(Unavailable):
        other.resolve(120.38, 36.07)
    async with database.transaction() as tx:
        await other.refresh(tx)
    assert other.revision == geography.revision
    assert other.resolve(120.38, 36.07) == geography.resolve(120.38, 36.07)


async def test_the_calendar_is_the_packs(database: Database, geography: Geography) -> None:
    async with database.transaction() as tx:
        calendar = await geography.calendar(tx)
    friday = datetime(2026, 7, 17, 9, 0, tzinfo=UTC)  # 17:00 in Qingdao
    assert calendar.add_working_hours(friday, 1) == datetime(2026, 7, 20, 1, 30, tzinfo=UTC)


async def test_ancestors_lead_from_a_street_to_its_district(geography: Geography) -> None:
    assert [area.code for area in geography.ancestors("370202001")] == ["370202001", "370202"]
    with pytest.raises(NotFound):
        geography.ancestors("999999")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(119, 122), st.floats(35, 38)), max_size=20))
async def test_many_positions_resolve_as_one_by_one(
    geography: Geography, places: list[tuple[float, float]]
) -> None:
    lons, lats = [lon for lon, _ in places], [lat for _, lat in places]
    assert geography.resolve_many(lons, lats) == [geography.resolve(lon, lat) for lon, lat in places]


async def test_one_wrong_position_among_many_is_named(geography: Geography) -> None:
    with pytest.raises(InvalidInput) as refused:
        geography.resolve_many([120.0, 36.0], [36.0, 120.0])
    assert refused.value.code == "coordinates_swapped"
    with pytest.raises(InvalidInput, match="coordinates_many_uneven"):
        geography.resolve_many([120.0], [])


async def test_areas_are_served_by_level_in_two_languages(client: httpx.AsyncClient) -> None:
    districts = (await client.get("/areas", params={"level": "district"})).json()["items"]
    assert len(districts) == 10
    assert districts[0] == {
        "code": "370202",
        "name": {"zh": "市南区", "en": "Shinan District"},
        "level": "district",
        "parent": None,
    }
    assert len((await client.get("/areas")).json()["items"]) == len(QINGDAO.areas)


async def test_shapes_are_geojson_and_are_not_sent_twice(client: httpx.AsyncClient) -> None:
    answer = await client.get("/areas/shapes", params={"level": "district"})
    collection = answer.json()
    assert collection["type"] == "FeatureCollection"
    assert len(collection["features"]) == 10
    assert set(collection["features"][0]["properties"]) == {"code", "name_zh", "name_en"}
    again = await client.get("/areas/shapes", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    assert not again.content


async def test_a_place_is_resolved_in_any_datum(client: httpx.AsyncClient) -> None:
    here = (await client.get("/areas/resolve", params={"lon": 120.384, "lat": 36.066})).json()
    assert here == {
        "district": {"code": "370202", "name": {"zh": "市南区", "en": "Shinan District"}},
        "street": None,
    }
    shifted = {"lon": 120.389, "lat": 36.066, "datum": "gcj02"}
    assert (await client.get("/areas/resolve", params=shifted)).json() == here
    away = (await client.get("/areas/resolve", params={"lon": 116.4, "lat": 39.9})).json()
    assert away == {"district": None, "street": None}


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"lon": "36.07", "lat": "120.38"}, "coordinates_swapped"),
        ({"lon": "120.38", "lat": "91"}, "coordinates_out_of_range"),
        ({"lon": "nan", "lat": "36"}, "coordinates_not_finite"),
        ({"lon": "x' OR 1=1", "lat": "36"}, "invalid_request"),
        ({"lon": "120"}, "invalid_request"),
    ],
)
async def test_a_wrong_place_is_refused_with_its_reason(
    client: httpx.AsyncClient, params: dict[str, str], code: str
) -> None:
    answer = await client.get("/areas/resolve", params=params)
    assert answer.status_code == 422
    assert answer.json()["code"] == code
