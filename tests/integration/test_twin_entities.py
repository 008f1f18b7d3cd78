"""Entities of the twin: type, place, attributes, relations, and the layers of the map."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.integration.sensing_support import NOW, PACK, SetClock

from yunnao.infra.postgres import Database
from yunnao.kernel.errors import InvalidInput, NotFound
from yunnao.kernel.text import Text
from yunnao.modules.geography.contracts import AreaCodes
from yunnao.modules.twin.contracts import EntityDraft, Floats, ObservedAttributes, urn
from yunnao.modules.twin.facade import Twin


class WestAndEast:
    """A city of two districts, divided at 120.4 degrees; nothing beyond 121."""

    def codes_of(self, lons: Floats, lats: Floats) -> AreaCodes:
        found = [None if lon > 121 else "west" if lon < 120.4 else "east" for lon in lons.tolist()]
        return AreaCodes(found, [None] * len(found))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url) as opened:
        yield opened


@pytest.fixture
async def twin(database: Database) -> Twin:
    made = Twin(SetClock(), WestAndEast())
    async with database.transaction() as tx:
        await made.install(tx, PACK)
    return made


def park(local: str, lon: float | None = 120.3, capacity: int = 100, name: str = "停车场") -> EntityDraft:
    return EntityDraft(
        urn("CarPark", local),
        "CarPark",
        Text(zh=name, en=local),
        lon,
        None if lon is None else 36.0,
        {"capacity": capacity},
        {"partOf": urn("Underpass", "u1")},
    )


def free(entity: str, value: float, seconds: int) -> ObservedAttributes:
    at = NOW + timedelta(seconds=seconds)
    return ObservedAttributes([entity], ["freeSpaces"], [value], [None], [False], ["C62"], [at])


async def test_an_entity_lies_in_its_district_and_keeps_attributes_in_normalized_form(
    database: Database, twin: Twin
) -> None:
    async with database.transaction() as tx:
        await twin.upsert_entities(tx, [park("a"), park("b", 120.5), park("c", 130.0), park("d", None)])
        districts = [(await twin.get(tx, urn("CarPark", x))).district for x in "abcd"]
        entity = await twin.get(tx, urn("CarPark", "a"))
        cursor = await tx.execute("SELECT attributes, relations, h3 FROM twin.entity ORDER BY id LIMIT 1")
        row = await cursor.fetchone()
    assert districts == ["west", "east", None, None]
    assert entity.relations == {"partOf": urn("Underpass", "u1")}
    assert row is not None
    assert row["attributes"] == {"capacity": {"type": "Property", "value": 100}}
    assert row["relations"] == {"partOf": {"type": "Relationship", "object": urn("Underpass", "u1")}}
    assert row["h3"] > 0


async def test_observations_survive_a_new_declaration_and_older_ones_change_nothing(
    database: Database, twin: Twin
) -> None:
    one = urn("CarPark", "a")
    async with database.transaction() as tx:
        await twin.upsert_entities(tx, [park("a")])
        await twin.apply_attributes(tx, free(one, 40, 10))
        await twin.apply_attributes(tx, free(one, 50, 5))
        await twin.apply_attributes(tx, free(urn("CarPark", "unknown"), 1, 5))
        await twin.upsert_entities(tx, [park("a", capacity=90), park("a", capacity=80)])
        entity = await twin.get(tx, one)
    assert entity.attributes["freeSpaces"].value == 40
    assert entity.attributes["freeSpaces"].observed_at == NOW + timedelta(seconds=10)
    assert entity.attributes["freeSpaces"].unit == "C62"
    assert entity.attributes["capacity"].value == 80


BROKEN = [
    (park("a", 720.0), "coordinates_out_of_range"),
    (park("a", float("nan")), "coordinates_not_finite"),
    (EntityDraft("urn:ngsi-ld:Other:a", "CarPark", Text(zh="", en=""), None, None), "entity_id_invalid"),
    (EntityDraft(urn("Moon", "a"), "Moon", Text(zh="", en=""), None, None), "entity_type_unknown"),
]


async def test_a_broken_entity_is_refused_with_its_reason(database: Database, twin: Twin) -> None:
    for draft, code in BROKEN:
        with pytest.raises(InvalidInput, match=code):
            async with database.transaction() as tx:
                await twin.upsert_entities(tx, [park("b"), draft])
    async with database.transaction() as tx:
        assert (await twin.page(tx, entity_type=None, q=None, after=None, limit=10)).total == 0


async def test_pages_follow_each_other_and_a_search_takes_its_text_as_it_is(
    database: Database, twin: Twin
) -> None:
    async with database.transaction() as tx:
        await twin.upsert_entities(tx, [park(f"{i:03}", name=f"停车场{i}") for i in range(25)])
        await twin.upsert_entities(tx, [park("percent", name="100% 车位_")])
        seen: list[str] = []
        after: str | None = None
        while True:
            page = await twin.page(tx, entity_type="CarPark", q=None, after=after, limit=10)
            seen += [item.id for item in page.items]
            after = page.after
            if after is None:
                break
        percent = await twin.page(tx, entity_type=None, q="% 车位_", after=None, limit=10)
        attack = await twin.page(tx, entity_type=None, q="' OR 1=1 --", after=None, limit=10)
    assert len(seen) == len(set(seen)) == page.total == 26
    assert [item.id for item in percent.items] == [urn("CarPark", "percent")]
    assert attack.total == 0


async def test_a_layer_colours_points_by_their_share(database: Database, twin: Twin) -> None:
    async with database.transaction() as tx:
        await twin.upsert_entities(tx, [park("full"), park("empty"), park("new"), park("nowhere", None)])
        await twin.apply_attributes(tx, free(urn("CarPark", "full"), 2, 0))
        await twin.apply_attributes(tx, free(urn("CarPark", "empty"), 80, 0))
        (layer,) = await twin.layers(tx)
        found = await twin.layer_geojson(tx, layer.scene, layer.layer)
        with pytest.raises(NotFound, match="layer_unknown"):
            await twin.layer_geojson(tx, "water", "none")
    tokens = {f["properties"]["name_en"]: f["properties"]["token"] for f in found["features"]}
    assert tokens == {"full": "danger", "empty": "good", "new": "neutral"}
    assert found["features"][0]["geometry"]["coordinates"] == [120.3, 36.0]
