"""Devices registered a second: a CSV of a million of them, with places, owners and gateways.

The file goes the way of `yunnao device register`: read, checked, entities with their areas, devices,
series. The baseline is a raw COPY of the same file's columns into a plain table, in the same run.
`YUNNAO_BENCH_DEVICES` sets another number for trying.
"""

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psutil
from bench._common import own_city

from yunnao.bootstrap import Platform, open_platform
from yunnao.infra.copying import copy_frame
from yunnao.infra.paths import project_root
from yunnao.infra.settings import Settings
from yunnao.kernel.principal import SYSTEM

DEVICES = 1_000_000
GATEWAYS = 1_000
PRODUCT = "underpass-level"


def run(quiet: bool = False) -> dict[str, Any]:
    count = int(os.environ.get("YUNNAO_BENCH_DEVICES", DEVICES))
    with tempfile.TemporaryDirectory(prefix="yunnao-bench-") as folder, own_city() as city:
        file = Path(folder) / "devices.csv"
        settings = Settings.from_environment(city.environment, project_root())
        result = asyncio.run(_measure(settings, file, count, quiet))
        result["details"]["file_mb"] = round(file.stat().st_size / 1e6, 1)
        return result


async def _measure(settings: Settings, file: Path, count: int, quiet: bool) -> dict[str, Any]:
    async with open_platform(settings, "bench") as platform:
        table = _table(count, platform)
        table.write_csv(file)
        raw_s = await _copy(platform, table)
        first_s, new = await _register(platform, file, quiet)
        again_s, _ = await _register(platform, file, quiet)
        async with platform.database.transaction() as tx:
            rows = await (await tx.execute("SELECT count(*) AS n FROM sensing.series")).fetchall()
    value, baseline = round(count / first_s), round(count / raw_s)
    return {
        "value": value,
        "unit": "devices/s",
        "baseline": baseline,
        "baseline_what": "raw COPY of the same columns into a plain table, rows/s",
        "ratio": round(value / baseline, 3),
        "details": {
            "devices": count,
            "new": new,
            "series": rows[0]["n"],
            "seconds": round(first_s, 1),
            "again_unchanged_s": round(again_s, 1),
            "resident_mb": round(psutil.Process().memory_info().rss / 1e6),
        },
    }


def _table(count: int, platform: Platform) -> pl.DataFrame:
    """Gateways first; every other device is behind one."""
    random = np.random.default_rng(3)
    west, south, east, north = 120.0, 35.9, 120.7, 36.5
    number = np.arange(count)
    departments = [department.id for department in platform.city.departments][:20]
    behind = [None if n < GATEWAYS else f"bench-{n % GATEWAYS:07}" for n in number.tolist()]
    return pl.DataFrame(
        {
            "device": [f"bench-{n:07}" for n in number.tolist()],
            "product": [PRODUCT] * count,
            "name_zh": [f"{n}号水位计" for n in number.tolist()],
            "name_en": [f"Level gauge {n}" for n in number.tolist()],
            "lon": random.uniform(west, east, count).round(6),
            "lat": random.uniform(south, north, count).round(6),
            "owner": [departments[n % len(departments)] for n in number.tolist()],
            "gateway": behind,
        }
    )


async def _copy(platform: Platform, table: pl.DataFrame) -> float:
    began = time.perf_counter()
    async with platform.database.transaction() as tx:
        await tx.execute(
            "CREATE TABLE bench_raw (device text, product text, name_zh text, name_en text,"
            " lon float8, lat float8, owner text, gateway text)"
        )
        await copy_frame(tx, "COPY bench_raw FROM STDIN (FORMAT csv)", table)
    seconds = time.perf_counter() - began
    async with platform.database.transaction() as tx:
        await tx.execute("DROP TABLE bench_raw")
    return seconds


async def _register(platform: Platform, file: Path, quiet: bool) -> tuple[float, int]:
    began, new, rows = time.perf_counter(), 0, 0
    async for part in platform.access.register_file(platform.database, file, "csv", None, SYSTEM):
        new += part.new
        rows += part.new + part.updated + part.unchanged
        if part.rejected.height:
            raise RuntimeError(f"rejected: {part.rejected.head(3)}")
        if not quiet:
            print(f"{rows:,} in {time.perf_counter() - began:.1f} s", file=sys.stderr)
    return time.perf_counter() - began, new


if __name__ == "__main__":
    print(run())
