"""Who sends too much or is not known is held back, counted and listed; an operator decides."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from tests.integration.sensing_support import PACK, City, at, city_of

from yunnao.kernel.errors import NotFound
from yunnao.kernel.ids import new_id
from yunnao.kernel.packs.scene import ScenePack
from yunnao.kernel.principal import SYSTEM
from yunnao.modules.identity.facade import Identity, Policies
from yunnao.modules.sensing.access import guard
from yunnao.modules.sensing.access.guard import Guard
from yunnao.modules.sensing.access.service import Access


@pytest.fixture
async def city(database_url: str, nats_url: str) -> AsyncIterator[City]:
    async with city_of(database_url, nats_url) as opened:
        yield opened


@pytest.fixture
def access(city: City) -> Access:
    return Access(city.clock, Identity(city.clock, Policies.load()), city.twin, city.sensing)


async def limit(city: City, messages_per_minute_max: int) -> None:
    body = PACK.model_dump(mode="json")
    body["products"]["level"]["messages_per_minute_max"] = messages_per_minute_max
    async with city.database.transaction() as tx:
        await city.sensing.install(tx, ScenePack.model_validate(body), demo=False)


def messages(device: str, count: int, start: int = 0) -> list[tuple[str, str, Any]]:
    return [("level", device, {"level": 0.1, "t": at(-n - start)}) for n in range(count)]


async def standing(city: City, device: str) -> str:
    return str((await city.rows("SELECT standing FROM sensing.device WHERE id = %s", device))[0]["standing"])


async def entries(city: City, access: Access, **filters: Any) -> list[dict[str, Any]]:
    async with city.database.transaction() as tx:
        return await access.quarantine.page(tx, limit=50, **filters)


async def test_messages_beyond_a_products_rate_are_refused_and_one_is_kept_as_a_sample(city: City) -> None:
    await limit(city, 3)
    first = await city.take(*messages("L-1", 2), *messages("L-2", 5))
    assert (first.readings, dict(first.refused)) == (5, {"rate_exceeded": 2})
    second = await city.take(*messages("L-1", 2, start=100))
    assert (second.readings, dict(second.refused)) == (1, {"rate_exceeded": 1})
    assert [code for code, _ in await city.letters()] == ["rate_exceeded", "rate_exceeded"]
    city.clock.time += timedelta(minutes=1)
    assert (await city.take(*messages("L-1", 3, start=200))).refused == {}


async def test_a_department_has_a_rate_of_all_its_devices_together(city: City) -> None:
    await city.rows(
        "UPDATE sensing.device SET owner = 'parks', changed = 99 WHERE id LIKE 'L-%%' RETURNING id"
    )
    await city.rows("INSERT INTO sensing.department_limit VALUES ('parks', 4, now()) RETURNING department")
    found = await city.take(
        *messages("L-1", 3), *messages("L-2", 3), ("car-park", "P-1", {"free": 3, "t": at(0)})
    )
    assert (found.readings, dict(found.refused)) == (5, {"department_rate_exceeded": 2})


async def test_who_goes_too_far_again_and_again_is_quarantined_until_released(
    city: City, access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "over_rate_max", 4)
    await limit(city, 1)
    await city.take(*messages("L-1", 4))
    assert await standing(city, "L-1") == "active"
    city.clock.time += timedelta(minutes=1)
    await city.take(*messages("L-1", 4, start=100))
    assert await standing(city, "L-1") == "quarantined"
    city.clock.time += timedelta(minutes=1)
    held = await city.take(*messages("L-1", 1, start=200), *messages("L-2", 1))
    assert (held.readings, dict(held.refused)) == (1, {"device_quarantined": 1})
    (entry,) = await entries(city, access, state="held")
    assert (entry["device"], entry["reason"], entry["codes"]["device_quarantined"]) == ("L-1", "over_rate", 1)
    async with city.database.transaction() as tx:
        await access.quarantine.release(tx, [entry["id"]], SYSTEM)
    city.clock.time += timedelta(minutes=1)
    assert (await city.take(*messages("L-1", 1, start=300))).readings == 1


async def test_a_device_whose_messages_are_refused_again_and_again_is_quarantined(
    city: City, access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "refused_max", 5)
    await city.take(*[("level", "L-1", {"level": 99, "t": at(-n)}) for n in range(6)])
    assert await standing(city, "L-1") == "quarantined"
    (entry,) = await entries(city, access)
    assert (entry["reason"], entry["state"]) == ("refusals", "held")
    assert b"99" in bytes(entry["sample"])


async def test_a_storm_is_noticed_where_no_rate_is_declared(
    city: City, access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "storm_floor", 0)
    monkeypatch.setattr(guard, "storm_factor", 2)
    monkeypatch.setattr(guard, "over_rate_max", 3)
    found = await city.take(*messages("L-1", 6))
    assert found.readings == 6
    assert await standing(city, "L-1") == "quarantined"
    assert [entry["reason"] for entry in await entries(city, access)] == ["value_storm"]


async def test_unknown_devices_are_listed_with_a_sample_and_their_messages_are_kept_up_to_a_limit(
    city: City, access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "letters_max", 3)
    await city.take(*messages("stranger", 2), ("car-park", "L-1", {"free": 1}), ("moon", "x", {}))
    await city.take(*messages("stranger", 2, start=50))
    listed = {(e["device"], e["reason"]): e["messages"] for e in await entries(city, access)}
    assert listed == {("stranger", "unknown"): 4, ("L-1", "other_product"): 1, ("x", "unknown"): 1}
    assert len([1 for code, _ in await city.letters() if code == "device_unknown"]) == 3


async def test_a_stranger_that_is_registered_leaves_the_quarantine(city: City, access: Access) -> None:
    await city.take(*messages("stranger", 1))
    await city.register("level", "stranger")
    assert [entry["state"] for entry in await entries(city, access)] == ["registered"]
    assert (await city.take(*messages("stranger", 1, start=9))).readings == 1


async def test_what_a_blocked_device_sends_is_dropped(city: City, access: Access) -> None:
    await city.take(*messages("stranger", 1))
    (entry,) = await entries(city, access)
    async with city.database.transaction() as tx:
        await access.quarantine.block(tx, [entry["id"]], SYSTEM)
    before = len(await city.letters())
    found = await city.take(*messages("stranger", 3, start=10))
    assert dict(found.refused) == {"device_unknown": 3}
    assert len(await city.letters()) == before
    with pytest.raises(NotFound, match="quarantine_unknown"):
        async with city.database.transaction() as tx:
            await access.quarantine.block(tx, [new_id()], SYSTEM)


async def test_a_batch_that_fails_is_not_counted_twice(city: City) -> None:
    await limit(city, 2)
    numbers = await city.rows("SELECT number FROM sensing.device WHERE id = 'L-1'")
    watching = Guard(city.clock)
    for _ in range(3):  # the transaction is rolled back each time, so `keep` is not called
        async with city.database.transaction() as tx:
            watch = await watching.begin(tx, 0, np.zeros(1, np.int64))
            spec = PACK.products["level"].model_copy(update={"messages_per_minute_max": 2})
            keys = np.array([numbers[0]["number"]] * 2, np.int32)
            assert watch.look("level", spec, keys, np.arange(2), np.zeros(2, np.int64)) == []


async def test_the_quarantine_is_bounded(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "quarantine_rows_max", 2)
    await city.take(*[("level", f"s-{n}", {}) for n in range(5)])
    async with city.database.transaction() as tx:
        await Guard(city.clock).prune(tx)
    assert len(await city.rows("SELECT id FROM sensing.quarantine")) == 2
