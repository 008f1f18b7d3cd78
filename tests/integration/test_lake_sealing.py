"""Sealing: every reading of a closed hour comes to the lake once, whatever happens on the way."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.integration.lake_support import cold, hot, keep, lake_in, latest
from tests.integration.sensing_support import NOW, City, at, city_of, until

from yunnao.infra.postgres import Database
from yunnao.modules.sensing.lake import sealing
from yunnao.modules.sensing.lake.keeper import LakeKeeper
from yunnao.modules.sensing.lake.schedule import late_rest, sealing_grace, settling
from yunnao.modules.sensing.lake.tables import Lake

ROOT = Path(__file__).parents[2]
HOUR_S = 3_600
STEPS_MAX = 14
Rows = list[tuple[int, datetime, Any]]


@pytest.fixture
async def city(database_url: str, nats_url: str) -> AsyncIterator[City]:
    async with city_of(database_url, nats_url) as made:
        yield made


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return lake_in(tmp_path)


async def measure(city: City, seconds: range) -> None:
    """Numbers, booleans and texts of two devices, at `seconds` after `NOW`."""
    await city.take(
        *(
            (
                "level",
                device,
                {"level": second % 50 / 10, "closed": True, "note": f"第{second}次\n'", "t": at(second)},
            )
            for second in seconds
            for device in ("L-1", "L-2")
        )
    )


async def test_closed_hours_go_to_the_lake_whole_and_leave_postgresql(city: City, lake: Lake) -> None:
    await measure(city, range(-3 * HOUR_S, 60, 300))
    everything = await hot(city)
    assert await keep(city, lake) == len(everything)
    assert await hot(city) == []
    assert cold(lake) == everything
    newest = {series: (series, time, value) for series, time, value in everything}
    assert latest(lake) == sorted(newest.values())
    assert [row["n"] for row in await city.rows("SELECT count(*) AS n FROM sensing.late_reading")] == [0]


async def test_large_batches_and_small_ones_of_an_hour_are_sealed_together(city: City, lake: Lake) -> None:
    await measure(city, range(-HOUR_S, 0, 300))
    everything = await hot(city)
    runs = [(series, NOW - timedelta(seconds=i + 0.5), i / 8) for series in (2, 1) for i in range(500)]
    async with city.database.transaction() as tx, tx.cursor() as cursor:
        await cursor.executemany("INSERT INTO sensing.reading_run VALUES (%s, %s, %s)", runs)
        await cursor.execute(
            "INSERT INTO sensing.reading_run SELECT series, time, value FROM sensing.reading"
            " WHERE value IS NOT NULL"
        )
    assert await keep(city, lake) == len(everything) + len(runs)
    assert cold(lake) == sorted([*everything, *runs])
    assert await city.rows("SELECT FROM sensing.reading_run") == []


async def test_hours_that_may_still_get_readings_stay(city: City, lake: Lake) -> None:
    await measure(city, range(-HOUR_S, 0, 300))
    keeper = LakeKeeper(city.clock, city.database, lake)
    await keeper.round()
    city.clock.time = NOW + sealing_grace - timedelta(seconds=1)
    assert await keeper.round() == 0
    city.clock.time += timedelta(seconds=1)
    assert await keeper.round() > 0


async def test_late_readings_are_merged_and_redelivered_ones_are_not_doubled(city: City, lake: Lake) -> None:
    await measure(city, range(-2 * HOUR_S, 0, 300))
    everything = await hot(city)
    await keep(city, lake)
    await measure(city, range(-2 * HOUR_S, 0, 200))
    late = await hot(city)
    keeper = LakeKeeper(city.clock, city.database, lake)
    await keeper.round()
    city.clock.time += settling
    assert await keeper.round() == 0, "a span rests after it was sealed"
    city.clock.time += late_rest
    merged = sorted({*everything, *late})
    assert await keeper.round() == len(merged) - len(everything)
    assert cold(lake) == merged
    assert await hot(city) == []


async def test_what_arrives_while_its_hour_is_sealed_is_never_lost(
    city: City, lake: Lake, database_url: str
) -> None:
    await measure(city, range(-HOUR_S, 0, 300))
    everything = await hot(city)
    arrived: Rows = []

    def arrive(step: str) -> None:
        if step == "dropped":
            return
        with psycopg.connect(database_url) as connection:
            time = NOW - timedelta(seconds=1 + len(arrived))
            arrived.append((1, time, 4.0))
            connection.execute("INSERT INTO sensing.reading VALUES (%s, %s, %s)", arrived[-1])

    keeper = LakeKeeper(city.clock, city.database, lake, arrive)
    await keep(city, lake, keeper)
    assert len(arrived) >= 4
    assert sorted({*cold(lake), *await hot(city)}) == sorted([*everything, *arrived])
    city.clock.time += late_rest
    await keep(city, lake)
    assert cold(lake) == sorted([*everything, *arrived])


async def test_a_writer_that_knew_the_dropped_partition_makes_it_anew(city: City, lake: Lake) -> None:
    await measure(city, range(-HOUR_S, 0, 600))
    await keep(city, lake)
    stored = await city.take(("level", "L-1", {"level": 1, "t": at(-7)}))
    assert stored.readings == 1
    assert len(await hot(city)) == 1


async def test_ranges_of_series_bound_the_memory(
    city: City, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "range_rows_max", 20)
    await measure(city, range(-HOUR_S, 0, 100))
    everything = await hot(city)
    parts = 0

    def count(step: str) -> None:
        nonlocal parts
        parts += step == "part"

    await keep(city, lake, LakeKeeper(city.clock, city.database, lake, count))
    assert parts > 2
    assert cold(lake) == everything


async def test_a_keeper_killed_at_any_step_loses_and_doubles_nothing(
    city: City, lake: Lake, tmp_path: Path, database_url: str
) -> None:
    """Each round a new hour, a late reading for the one before, and a keeper that dies a step later."""
    expected: set[tuple[int, datetime, Any]] = set()
    for steps in range(STEPS_MAX):
        await measure(city, range(steps * HOUR_S, (steps + 1) * HOUR_S, 900))
        await measure(city, range((steps - 1) * HOUR_S + 7, (steps - 1) * HOUR_S + 8))
        expected.update(await hot(city))
        city.clock.time = NOW + timedelta(hours=steps + 2)
        code = await asyncio.to_thread(run_keeper, database_url, tmp_path, city.clock.time, steps)
        assert code in (0, -9), code
        assert {*cold(lake), *await hot(city)} >= expected, steps
        assert len(cold(lake)) == len(set(cold(lake)))
    city.clock.time += late_rest
    await keep(city, lake)
    assert await hot(city) == []
    assert cold(lake) == sorted(expected)


def run_keeper(database_url: str, folder: Path, now: datetime, steps: int) -> int:
    command = [sys.executable, "-m", "tests.integration.lake_process", database_url, str(folder)]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
    return subprocess.run(
        [*command, str(now.timestamp()), str(steps)], cwd=ROOT, env=environment, check=False
    ).returncode


async def test_one_keeper_works_and_another_takes_over(city: City, lake: Lake, database_url: str) -> None:
    stops = [asyncio.Event(), asyncio.Event()]

    async def holders() -> int:
        rows = await city.rows("SELECT count(*) AS n FROM pg_locks WHERE objid = 7202043 AND granted")
        return int(rows[0]["n"])

    async def holds(n: int) -> bool:
        return await holders() == n

    async with Database(database_url) as other:
        tasks = [
            asyncio.create_task(LakeKeeper(city.clock, database, lake).run(stop))
            for database, stop in zip((city.database, other), stops, strict=True)
        ]
        check: Callable[[], Awaitable[bool]] = lambda: holds(1)  # noqa: E731
        await until(check)
        for stop, task in zip(stops, tasks, strict=True):
            stop.set()
            await asyncio.wait_for(task, 30)
    assert await holders() == 0
