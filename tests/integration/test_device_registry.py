"""The registry's version, by which caches of devices learn what changed."""

from collections.abc import AsyncIterator

import pytest
from tests.integration.sensing_support import PACK, City, city_of, label

from yunnao.kernel.packs.scene import ScenePack


@pytest.fixture
async def city(database_url: str, nats_url: str) -> AsyncIterator[City]:
    async with city_of(database_url, nats_url) as opened:
        yield opened


async def version(city: City) -> int:
    return int((await city.rows("SELECT version FROM sensing.registry"))[0]["version"])


async def changed_after(city: City, seen: int) -> list[str]:
    rows = await city.rows("SELECT id FROM sensing.device WHERE changed > %s ORDER BY id", seen)
    return [row["id"] for row in rows]


async def test_what_is_registered_has_changed_in_the_registrys_new_version(city: City) -> None:
    seen = await version(city)
    await city.register("level", "L-2", "L-3", closed=True)
    assert await changed_after(city, seen) == ["L-2", "L-3"]
    assert await version(city) == seen + 1
    await city.register("level", "L-2", "L-3", closed=True)
    assert await version(city) == seen + 1


async def test_devices_of_a_product_that_gains_a_metric_have_changed(city: City) -> None:
    body = PACK.model_dump(mode="json")
    body["products"]["level"]["metrics"]["battery"] = {"label": label("battery"), "unit": "P1"}
    seen = await version(city)
    async with city.database.transaction() as tx:
        await city.sensing.install(tx, ScenePack.model_validate(body), demo=False)
    assert await changed_after(city, seen) == ["L-1", "L-2"]
