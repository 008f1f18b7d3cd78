"""Which device is where is read from PostgreSQL by one process of a machine and mapped by the others."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from unittest.mock import ANY

import numpy as np
import pytest
from tests.integration.sensing_support import City, city_of

from yunnao.infra.postgres import Transaction
from yunnao.kernel.text import Text
from yunnao.modules.sensing.contracts import DeviceDraft
from yunnao.modules.sensing.live.index import Index
from yunnao.modules.sensing.live.places import Places

WORLD = (-180.0, -90.0, 180.0, 90.0)


@pytest.fixture
async def city(database_url: str, nats_url: str) -> AsyncIterator[City]:
    async with city_of(database_url, nats_url) as made:
        yield made


async def register(city: City, tx: Transaction, lon: float, *names: str) -> None:
    drafts = [DeviceDraft(n, "level", n.lower(), Text(zh=n, en=n), lon, 36.1) for n in names]
    await city.sensing.register_devices(tx, drafts)


async def asked(city: City, *places: Places) -> Sequence[Index]:
    async with city.database.transaction() as tx:
        return [await each.index(tx) for each in places]


def found(index: Index) -> list[tuple[float, list[int]]]:
    devices = np.sort(index.grid.box(*WORLD))
    return [(index.columns.lon[d], index.series_of(np.array([d]))[0].tolist()) for d in devices.tolist()]


async def test_processes_of_a_machine_share_one_file_and_follow_a_change_by_whoever_asks_first(
    city: City, tmp_path: Path
) -> None:
    first, second = Places(tmp_path), Places(tmp_path)
    one, other = await asked(city, first, second)
    assert found(one) == found(other) == found((await asked(city, Places(tmp_path / "alone")))[0])
    assert not one.columns.lon.flags.writeable
    written = (tmp_path / "places").stat().st_ino
    async with city.database.transaction() as tx:
        await register(city, tx, 121.0, "N-1", "L-1")
    late, again = await asked(city, second, first)
    assert (tmp_path / "places").stat().st_ino != written
    assert found(late) == found(again) == found((await asked(city, Places(tmp_path / "new")))[0])
    assert (late.columns.lon[late.grid.box(*WORLD)] == 121.0).sum() == 2
    # Who began with the former version goes on with it.
    assert found(one) == found(other) != found(late)


async def test_what_is_not_committed_is_not_told_to_others(city: City, tmp_path: Path) -> None:
    places = Places(tmp_path)
    async with city.database.transaction() as tx:
        await register(city, tx, 121.0, "N-1")
        assert (121.0, ANY) in found(await places.index(tx))
        await tx.execute("ROLLBACK")
    assert not (tmp_path / "places").exists()
    assert (121.0, ANY) not in found((await asked(city, places))[0])


async def test_a_file_that_is_of_another_database_or_broken_is_made_anew(city: City, tmp_path: Path) -> None:
    (before,) = await asked(city, Places(tmp_path))
    await city.rows("UPDATE sensing.live SET id = gen_random_uuid() RETURNING id")
    (anew,) = await asked(city, Places(tmp_path))
    assert found(anew) == found(before)
    for rubbish in (b"", b"YN", b"other" * 50):
        (tmp_path / "places").write_bytes(rubbish)
        (again,) = await asked(city, Places(tmp_path))
        assert found(again) == found(before)
