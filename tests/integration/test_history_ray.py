"""The same questions by Daft on a Ray cluster of several processes: the answers are DuckDB's."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from yunnao.modules.sensing.domain.times import from_us, to_us
from yunnao.modules.sensing.history.contracts import Grid, Sources
from yunnao.modules.sensing.history.duck_engine import DuckEngine
from yunnao.modules.sensing.history.ray_engine import RayEngine
from yunnao.modules.sensing.lake import writing
from yunnao.modules.sensing.lake.hot import readings_table
from yunnao.modules.sensing.lake.tables import APPLICATION, Lake, lake_at

os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "DAFT_ANALYTICS_ENABLED": "0"}
ray = pytest.importorskip("ray")
pytest.importorskip("daft")

SERIES, HOURS, STEP_S = 12, 72, 600
START_US = to_us(datetime(2026, 7, 1, tzinfo=UTC))
STEP_US = STEP_S * 1_000_000
N = HOURS * 3_600 // STEP_S
ORDER = [("group", "ascending"), ("bucket", "ascending")]
OBJECT_STORE_BYTES = 80 * 1024**2


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Ray on this machine: its own processes, of which two work, without a network.

    Its sockets lie directly under /tmp: the path of one has at most 107 bytes, and TMPDIR may be long.
    """
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
    ray.init(
        _temp_dir=folder,
        _node_ip_address="127.0.0.1",
        num_cpus=2,
        object_store_memory=OBJECT_STORE_BYTES,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
    )
    try:
        yield
    finally:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


def made(random: np.random.Generator, first: int, last: int) -> pa.Table:
    """Readings number `first` to `last` of every series, sorted; the values have their number in them."""
    series = np.repeat(np.arange(1, SERIES + 1, dtype=np.int32), last - first)
    time_us = np.tile(START_US + np.arange(first, last, dtype=np.int64) * STEP_US, SERIES)
    return readings_table(series, time_us, np.round(random.normal(10, 3, len(series)), 2))


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, Sources]:
    """Three days: the question begins within the first; the last hours are hot, and some of those sealed
    already."""
    lake = lake_at(f"file://{tmp_path_factory.mktemp('ray')}/lake")
    random = np.random.default_rng(5)
    sealed = made(random, 0, N - 20)
    for number, part in enumerate((sealed.slice(0, 2_500), sealed.slice(2_500)), 1):
        with writing.DayWriter(lake.readings, f"seal-{number}-") as writer:
            writer.write(part)
        lake.readings.commit(writer.written, APPLICATION, number)
    late_us = START_US + (N - 30) * STEP_US
    late = sealed.filter(pa.compute.field("time") >= pa.scalar(from_us(late_us), sealed["time"].type))
    hot = pa.concat_tables([late, made(random, N - 20, N)])
    snapshot = lake.readings.snapshot()
    unsure = snapshot.overlapping("time", late_us, START_US + N * STEP_US)
    unsure |= snapshot.overlapping("time", START_US, START_US)
    files = [uri for uri, own in zip(snapshot.uris, unsure, strict=True) if not own]
    doubtful = [uri for uri, own in zip(snapshot.uris, unsure, strict=True) if own]
    assert files
    assert doubtful
    return lake, Sources(hot, files, doubtful, START_US + STEP_US, START_US + (N - 1) * STEP_US)


@pytest.mark.parametrize("ends", [False, True])
async def test_buckets_and_groups_are_equal(cluster: None, sources: tuple[Lake, Sources], ends: bool) -> None:
    lake, asked = sources
    series = np.arange(3, SERIES - 1, dtype=np.int32)
    group = series if ends else (series % 4).astype(np.int32)
    grid = Grid(START_US, 3_600_000_000)
    answers = [
        engine.aggregate(asked, series, group, grid, ends=ends).sort_by(ORDER)
        for engine in (DuckEngine(lake.readings), RayEngine(lake.readings))
    ]
    duck, by_ray = answers
    assert duck.num_rows == len(set(group.tolist())) * HOURS
    assert by_ray.column_names == duck.column_names
    for name in duck.column_names:
        mine, theirs = (table[name].to_numpy() for table in answers)
        # Sums are taken in another order: equal but for the last bits.
        np.testing.assert_allclose(mine.astype(float), theirs.astype(float), rtol=1e-12, err_msg=name)


async def test_readings_are_equal(cluster: None, sources: tuple[Lake, Sources]) -> None:
    lake, asked = sources
    duck, by_ray = (
        engine.readings(asked, [5, 11], 400)
        for engine in (DuckEngine(lake.readings), RayEngine(lake.readings))
    )
    assert duck.num_rows == 400
    assert duck.equals(by_ray)
