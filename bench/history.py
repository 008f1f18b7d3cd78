"""History: p99 of one series over 30 days out of a billion readings, and their daily mean by district.

Registers the devices in a city of its own, writes 30 days of a reading a minute (with some jitter, two
decimals) by the same code that sealing and compaction use, and asks through the HTTP door. The baseline
is DuckDB over the same files with its own defaults, in the same run. `YUNNAO_BENCH_SERIES` and
`YUNNAO_BENCH_DAYS` set a smaller lake for trying.
"""

import asyncio
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import httpx
import numpy as np
import polars as pl
import pyarrow as pa
from bench._common import own_city, percentile

from yunnao.bootstrap import open_platform
from yunnao.infra.child_city import ChildCity
from yunnao.infra.lake import WrittenFile
from yunnao.infra.paths import project_root
from yunnao.infra.settings import Settings
from yunnao.kernel.principal import SYSTEM
from yunnao.modules.sensing.lake import writing
from yunnao.modules.sensing.lake.hot import readings_table
from yunnao.modules.sensing.lake.tables import APPLICATION, lake_at

SERIES = 23_148
DAYS = 30
PER_DAY = 1_440
STEP_US = 60_000_000
JITTER_MS = 500
CHUNK_SERIES = 1_500
THREADS = 2
QUESTIONS = 200
POINTS = 1_000
RAW_QUESTIONS = 20
PATIENCE_S = 90.0
PRODUCT, METRIC = "underpass-level", "level"


def run(quiet: bool = False) -> dict[str, Any]:
    count = int(os.environ.get("YUNNAO_BENCH_SERIES", SERIES))
    days = int(os.environ.get("YUNNAO_BENCH_DAYS", DAYS))
    end = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with own_city() as city:
        settings = Settings.from_environment(city.environment, project_root())
        series, districts = asyncio.run(_register(settings, city.home, count))
        began = time.perf_counter()
        _generate(settings.lake_url, series, end, days)
        generated_s = time.perf_counter() - began
        snapshot = lake_at(settings.lake_url).readings.snapshot()
        rows, size = int(snapshot.rows.sum()), int(snapshot.bytes.sum())
        if not quiet:
            print(f"{rows:,} readings, {size / 1e9:.2f} GB, {generated_s:.0f} s", file=sys.stderr)
        asked = _ask(city, count, end, days)
        raw = _raw(snapshot.uris, series, districts, end, days)
    return {
        "value": asked["one_p99_ms"],
        "unit": "ms",
        "baseline": raw["one_p99_ms"],
        "baseline_what": "DuckDB's own scan of the same files for one series over the same days, p99",
        "ratio": round(asked["one_p99_ms"] / raw["one_p99_ms"], 2),
        "details": {
            "readings": rows,
            "series": len(series),
            "days": days,
            "files": len(snapshot.uris),
            "gigabytes": round(size / 1e9, 2),
            "bytes_per_reading": round(size / rows, 2),
            "generated_s": round(generated_s, 1),
            **asked,
            "raw_all_s": raw["all_s"],
        },
    }


async def _register(settings: Settings, home: Path, count: int) -> tuple[np.ndarray, list[str | None]]:
    """Devices in the city's districts; answers their series and each one's district."""
    random = np.random.default_rng(7)
    names = [_name(n) for n in range(count)]
    table = pl.DataFrame(
        {
            "device": names,
            "product": [PRODUCT] * count,
            "name_zh": names,
            "name_en": names,
            "lon": random.uniform(120.2, 120.6, count).round(6),
            "lat": random.uniform(36.0, 36.4, count).round(6),
        }
    )
    with tempfile.TemporaryDirectory(dir=home) as folder:
        file = Path(folder) / "devices.parquet"
        table.write_parquet(file)
        async with open_platform(settings, "bench") as platform:
            async for part in platform.access.register_file(platform.database, file, "parquet", None, SYSTEM):
                if part.rejected.height:
                    raise RuntimeError(f"rejected: {part.rejected.head(3)}")
            async with platform.database.transaction() as tx:
                query = (
                    "SELECT s.series, e.district FROM sensing.device d"
                    " JOIN sensing.series s ON s.device = d.number"
                    " JOIN twin.entity e ON e.id = d.entity"
                    " WHERE d.id LIKE 'bench-%%' AND s.metric = %s ORDER BY s.series"
                )
                found = await (await tx.execute(query, (METRIC,))).fetchall()
    return np.array([row["series"] for row in found], np.int32), [row["district"] for row in found]


def _name(number: int) -> str:
    return f"bench-{number:06}"


def _generate(url: str, series: np.ndarray, end: datetime, days: int) -> None:
    table = lake_at(url).readings
    starts = [end - timedelta(days=days - n) for n in range(days)]
    with ThreadPoolExecutor(THREADS) as pool:
        parts = pool.map(_one_day, [url] * days, [series] * days, starts, range(days))
        for number, written in enumerate(parts):
            table.commit(written, APPLICATION, number + 1)


def _one_day(url: str, series: np.ndarray, start: datetime, number: int) -> list[WrittenFile]:
    random = np.random.default_rng(number)
    minutes = np.arange(PER_DAY, dtype=np.int64)
    start_us = int(start.timestamp()) * 1_000_000
    curve = 0.4 * np.sin(minutes / PER_DAY * 2 * np.pi)
    with writing.DayWriter(lake_at(url).readings, f"day-{number}-") as writer:
        for first in range(0, len(series), CHUNK_SERIES):
            part = series[first : first + CHUNK_SERIES]
            shape = (len(part), PER_DAY)
            phase = part[:, None].astype(np.int64) * 997 % (STEP_US // 1000 - 2 * JITTER_MS) + JITTER_MS
            jitter = random.integers(-JITTER_MS, JITTER_MS, shape)
            time_us = start_us + minutes * STEP_US + (phase + jitter) * 1000
            base = 1 + (part[:, None] % 97) / 50
            value = np.round(base + curve + random.standard_normal(shape, np.float32) * 0.05, 2)
            writer.write(readings_table(np.repeat(part, PER_DAY), time_us.ravel(), value.ravel()))
    return writer.written


def _ask(city: ChildCity, count: int, end: datetime, days: int) -> dict[str, Any]:
    client = city.signed_in(city.accounts()["dispatcher"])
    client.timeout = httpx.Timeout(PATIENCE_S)
    span = {"from": (end - timedelta(days=days)).isoformat(), "to": end.isoformat()}
    random = np.random.default_rng(11)
    took: dict[str, list[float]] = {"points": [], "arrow": [], "hours": []}
    more = {
        "points": {"points": POINTS},
        "arrow": {"format": "arrow"},
        "hours": {"bucket": "1h", "aggregate": "min,mean,max"},
    }
    for kind, parameters in more.items():
        for number in random.integers(0, count, QUESTIONS if kind == "points" else QUESTIONS // 4).tolist():
            query = {"series": f"{_name(number)}:{METRIC}", **span, **parameters}
            took[kind].append(_timed(client, "/history", query))
    groups = {"product": PRODUCT, "metric": METRIC, **span, "bucket": "1d", "aggregate": "mean"}
    all_s = [_timed(client, "/history/groups", groups) for _ in range(2)]
    return {
        "one_p99_ms": round(percentile(took["points"], 0.99) * 1000, 1),
        "one_p50_ms": round(percentile(took["points"], 0.5) * 1000, 1),
        "one_first_ms": round(took["points"][0] * 1000, 1),
        "one_all_readings_arrow_p99_ms": round(percentile(took["arrow"], 0.99) * 1000, 1),
        "one_by_hours_p99_ms": round(percentile(took["hours"], 0.99) * 1000, 1),
        "all_s": round(min(all_s), 2),
    }


def _timed(client: httpx.Client, path: str, query: dict[str, Any]) -> float:
    began = time.perf_counter()
    client.get(path, params=query).raise_for_status()
    return time.perf_counter() - began


def _raw(
    files: list[str], series: np.ndarray, districts: list[str | None], end: datetime, days: int
) -> dict[str, Any]:
    """The same two questions to DuckDB alone."""
    connection = duckdb.connect(config={"threads": THREADS})
    connection.register("place", pa.table({"series": pa.array(series), "district": pa.array(districts)}))
    took = []
    for number in np.random.default_rng(13).integers(0, len(series), RAW_QUESTIONS).tolist():
        began = time.perf_counter()
        connection.sql(
            "SELECT time, value FROM read_parquet($files) WHERE series = $series AND time < $end"
            " ORDER BY time",
            params={"files": files, "series": int(series[number]), "end": end},
        ).to_arrow_table()
        took.append(time.perf_counter() - began)
    began = time.perf_counter()
    connection.sql(
        "SELECT district, epoch_us(time) // 86400000000 AS day, avg(value) FROM read_parquet($files)"
        " JOIN place USING (series) GROUP BY ALL",
        params={"files": files},
    ).to_arrow_table()
    return {
        "one_p99_ms": round(percentile(took, 0.99) * 1000, 1),
        "all_s": round(time.perf_counter() - began, 2),
    }
