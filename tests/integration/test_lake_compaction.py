"""Compaction and retention: days in few sorted files, without what is older than its product allows."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from psycopg.types.json import Jsonb
from tests.integration.lake_support import cold, hot, keep, lake_in
from tests.integration.sensing_support import NOW, City, at, city_of

from yunnao.infra.lake import row_group_rows
from yunnao.modules.sensing.lake import compaction, writing
from yunnao.modules.sensing.lake.hot import readings_table
from yunnao.modules.sensing.lake.keeper import LakeKeeper, vacuum_every
from yunnao.modules.sensing.lake.schedule import late_rest
from yunnao.modules.sensing.lake.tables import APPLICATION, Lake

HOUR_S = 3_600
DAY = timedelta(days=1)


@pytest.fixture
async def city(database_url: str, nats_url: str) -> AsyncIterator[City]:
    async with city_of(database_url, nats_url) as made:
        yield made


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return lake_in(tmp_path)


async def measure(city: City, seconds: range) -> None:
    await city.take(*(("level", "L-1", {"level": s % 7 / 2, "note": str(s), "t": at(s)}) for s in seconds))
    await city.take(*(("car-park", "P-1", {"free": s % 100, "t": at(s)}) for s in seconds))


def files(lake: Lake, day: date = NOW.date()) -> list[str]:
    snapshot = lake.readings.snapshot()
    return [uri for uri, of in zip(snapshot.uris, snapshot.partitions, strict=True) if of == day]


def on_disk(folder: Path) -> list[str]:
    return [str(file) for file in folder.glob("lake/readings/*/*.parquet")]


async def test_the_hours_of_a_closed_day_become_one_sorted_file(city: City, lake: Lake) -> None:
    await measure(city, range(-6 * HOUR_S, 0, 600))
    everything = await hot(city)
    await keep(city, lake)
    assert len(files(lake)) == 6
    city.clock.time += DAY
    await keep(city, lake)
    (one,) = files(lake)
    assert cold(lake) == everything
    found = pq.read_table(one, columns=["series", "time"])
    keys = list(zip(found["series"].to_pylist(), found["time"].to_pylist(), strict=True))
    assert keys == sorted(keys)


async def test_late_readings_of_a_compacted_day_do_not_rewrite_it_each_time(city: City, lake: Lake) -> None:
    await measure(city, range(-2 * HOUR_S, 0, 600))
    city.clock.time += DAY
    await keep(city, lake)
    for number in range(2):
        await measure(city, range(-HOUR_S + 1 + number, -HOUR_S + 2 + number))
        city.clock.time += late_rest
        await keep(city, lake)
    assert len(files(lake)) == 3
    everything = cold(lake)
    for number in range(2, compaction.loose_files_max + 1):
        await measure(city, range(-HOUR_S + 1 + number, -HOUR_S + 2 + number))
        city.clock.time += late_rest
        await keep(city, lake)
    assert len(files(lake)) == 1
    assert set(everything) < set(cold(lake))


@pytest.mark.parametrize("at_step", ["rewritten", "replaced"])
async def test_an_interrupted_rewrite_changes_nothing_that_is_read(
    city: City, lake: Lake, at_step: str
) -> None:
    await measure(city, range(-3 * HOUR_S, 0, 600))
    everything = await hot(city)
    await keep(city, lake)

    def fall(step: str) -> None:
        if step == at_step:
            raise KeyboardInterrupt

    city.clock.time += DAY
    with pytest.raises(KeyboardInterrupt):
        await keep(city, lake, LakeKeeper(city.clock, city.database, lake, fall))
    assert cold(lake) == everything
    await keep(city, lake)
    assert cold(lake) == everything
    assert len(files(lake)) == 1


async def test_ranges_of_series_bound_the_memory_of_a_rewrite(
    city: City, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "range_rows_max", 10)
    await measure(city, range(-3 * HOUR_S, 0, 600))
    everything = await hot(city)
    city.clock.time += DAY
    await keep(city, lake)
    assert cold(lake) == everything


async def test_what_is_older_than_its_product_allows_is_removed_and_nothing_else(
    city: City, lake: Lake
) -> None:
    await measure(city, range(-2 * HOUR_S, 0, 600))
    everything = await hot(city)
    parks = [
        row["series"] for row in await city.rows("SELECT series FROM sensing.series WHERE metric = 'free'")
    ]
    await city.rows(
        "UPDATE sensing.product SET spec = spec || %s WHERE product = 'level' RETURNING product",
        Jsonb({"retention_days": 3}),
    )
    city.clock.time += DAY
    await keep(city, lake)
    assert cold(lake) == everything
    city.clock.time += 3 * DAY
    await keep(city, lake)
    assert cold(lake) == [row for row in everything if row[0] in parks]
    assert (await city.rows("SELECT expired FROM sensing.lake_day"))[0]["expired"] == ["level"]
    await measure(city, range(-HOUR_S, -HOUR_S + 1))
    await keep(city, lake)
    assert {row[0] for row in cold(lake)} == set(parks), "late readings expire like others"


async def test_files_that_nobody_reads_any_more_are_deleted_in_time(
    city: City, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await measure(city, range(-3 * HOUR_S, 0, 600))
    await keep(city, lake)
    with pytest.raises(KeyboardInterrupt), lake.readings.writer("orphan-", NOW.date()):
        raise KeyboardInterrupt
    city.clock.time += DAY
    keeper = LakeKeeper(city.clock, city.database, lake)
    await keep(city, lake, keeper)
    assert len(on_disk(tmp_path)) == 5
    monkeypatch.setattr(compaction, "files_kept", timedelta(0))
    city.clock.time += vacuum_every
    await keep(city, lake, keeper)
    assert on_disk(tmp_path) == files(lake)


def test_a_reading_takes_at_most_six_bytes(lake: Lake) -> None:
    """A day of instruments with two decimals, a minute apart give or take half a second."""
    series, n = 300, 1_440
    rng = np.random.default_rng(1)
    number = np.repeat(np.arange(series, dtype=np.int32), n)
    start = int(datetime(2026, 7, 1, tzinfo=UTC).timestamp() * 1_000_000)
    time_us = start + np.tile(np.arange(n) * 60_000_000, series) + rng.integers(0, 1000, series * n) * 1000
    value = np.round(20 + rng.normal(0, 2, series * n), 2)
    with writing.DayWriter(lake.readings, "day-1-") as writer:
        writer.write(readings_table(number, time_us.astype(np.int64), value))
    lake.readings.commit(writer.written, APPLICATION, 1)
    snapshot = lake.readings.snapshot()
    assert snapshot.bytes.sum() / snapshot.rows.sum() <= 6
    metadata = pq.ParquetFile(snapshot.uris[0]).metadata
    assert metadata.row_group(0).num_rows == row_group_rows
    assert metadata.row_group(1).column(0).statistics.min >= metadata.row_group(0).column(0).statistics.max
