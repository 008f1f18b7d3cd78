"""A live table that was lost, or whose lanes another machine owned, holds all that is committed again."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tests.integration.sensing_support import NOW, City, at, city_of

from yunnao.kernel.ids import new_id
from yunnao.modules.sensing.contracts import Newest
from yunnao.modules.sensing.domain.times import UNKNOWN_US, to_us
from yunnao.modules.sensing.lake.tables import READING, lake_at
from yunnao.modules.sensing.lake.writing import write_latest
from yunnao.modules.sensing.live.rebuild import Rebuild
from yunnao.modules.sensing.live.table import LiveTable


async def series_of(city: City, device: str, metric: str) -> int:
    (row,) = await city.rows(
        "SELECT s.series FROM sensing.series s JOIN sensing.device d ON d.number = s.device"
        " WHERE d.id = %s AND s.metric = %s", device, metric,
    )  # fmt: skip
    return int(row["series"])


@pytest.fixture
async def city(database_url: str, nats_url: str) -> AsyncIterator[City]:
    async with city_of(database_url, nats_url) as made:
        yield made


async def test_the_newest_of_hot_readings_and_of_sealed_ones_is_found_again(
    city: City, tmp_path: Path
) -> None:
    for second in (0, 60, 30):
        await city.take(("level", "L-1", {"level": 0.1 + second / 1000, "t": at(second)}))
    await city.take(("level", "L-2", {"note": "dry", "t": at(5)}))
    level, note = await series_of(city, "L-1", "level"), await series_of(city, "L-2", "note")
    parked = await series_of(city, "P-1", "free")
    lake = lake_at(f"file://{tmp_path}/lake")
    sealed = pa.table(
        [
            [level, parked],
            pa.array([to_us(NOW) - 9, to_us(NOW) - 5]).cast(READING.field("time").type),
            [9.9, 77.0],
            [None, None],
        ],
        schema=READING,
    )
    lake.latest.commit(write_latest(lake.latest, sealed, 1), "test", 1)

    table = LiveTable(tmp_path / "live")
    rebuild = Rebuild(city.clock, table, lake)
    assert await rebuild.ensure(city.database, {0: 7, 3: 2})
    held = table.values(np.array([level, note, parked], np.int32))
    assert held.time_us.tolist() == [to_us(NOW) + 60_000_000, to_us(NOW) + 5_000_000, to_us(NOW) - 5]
    assert held.value[[0, 2]].tolist() == [0.16, 77.0]
    assert np.isnan(held.value[1])
    assert held.seen_us.max() <= to_us(city.clock.now())
    assert (table.applied(0), table.applied(3)) == (7, 2)
    assert not await rebuild.ensure(city.database, {0: 7, 3: 2})
    assert await rebuild.ensure(city.database, {0: 8})


async def test_after_a_rebuild_silence_is_judged_from_then_on(city: City, tmp_path: Path) -> None:
    await city.take(("level", "L-1", {"level": 0.1, "t": at(0)}))
    city.clock.time += timedelta(hours=5)
    table = LiveTable(tmp_path / "live")
    await Rebuild(city.clock, table, lake_at(f"file://{tmp_path}/lake")).ensure(city.database, {0: 1})
    watches = await city.rows("SELECT watching_since FROM sensing.watch WHERE lane = 0")
    assert [row["watching_since"] for row in watches] == [city.clock.now()]


async def test_a_table_of_another_database_is_emptied_first(city: City, tmp_path: Path) -> None:
    table = LiveTable(tmp_path / "live")
    stray = np.array([1], np.int32)
    table.claim(new_id())
    table.apply(0, 1, Newest(stray, np.array([5]), np.array([5.0]), [None], np.array([5])))
    await Rebuild(city.clock, table, lake_at(f"file://{tmp_path}/lake")).ensure(city.database, {0: 1})
    assert table.times_us(stray).tolist() == [UNKNOWN_US]
