"""Milliseconds (p99) to find 10,000 devices in a box and read their newest values, of 10 million series.

A writer of another process applies batches meanwhile. Beside it: all series to H3 cells, the rate of updates,
memory, and the seconds to rebuild a lost table from hot readings in a PostgreSQL of its own. The
baseline is the same question by a scan over all columns. `YUNNAO_BENCH_SERIES` makes it smaller for trying.
"""

import asyncio
import multiprocessing
import multiprocessing.connection
import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from bench._common import percentile

from yunnao.infra.clock import SystemClock
from yunnao.infra.embedded.postgres import ensure_postgres, remove_postgres
from yunnao.infra.migrations import migrate
from yunnao.infra.postgres import Database
from yunnao.kernel.packs.scene import Product
from yunnao.modules.sensing.contracts import Newest
from yunnao.modules.sensing.copying import packed, timestamps
from yunnao.modules.sensing.lake.tables import lake_at
from yunnao.modules.sensing.live import whole
from yunnao.modules.sensing.live.domain.cells import cells_of
from yunnao.modules.sensing.live.index import Columns, Index, Names, Orders
from yunnao.modules.sensing.live.rebuild import Rebuild
from yunnao.modules.sensing.live.shared import Head, Held, Shared
from yunnao.modules.sensing.live.table import LiveTable

SERIES = int(os.environ.get("YUNNAO_BENCH_SERIES", "10_000_000"))
BATCH = 20_000
WRITES_PER_S = 10
UPDATE_BATCHES = 100
BOXES = 300
DEVICES_IN_BOX = 10_000
RESOLUTION = 8
CELLS_ROUNDS = 10
HOT_READINGS = min(5_000_000, SERIES)
WEST, SOUTH, WIDE, HIGH = 119.5, 35.6, 1.5, 1.5
INTERVAL_US = 60_000_000


def synthetic_columns(random: np.random.Generator) -> Columns:
    """One series of one metric each, at places all over a city, in no order."""
    lon, lat = WEST + random.random(SERIES) * WIDE, SOUTH + random.random(SERIES) * HIGH
    lon[0] = lat[0] = np.nan  # numbers begin at 1
    zeros, own = np.zeros(SERIES, np.int32), np.arange(SERIES, dtype=np.int32)
    product = zeros.copy()
    product[0] = -1
    return Columns(product, lon, lat, zeros, zeros, cells_of(lon, lat), own, zeros)


def opened(folder: Path) -> Index:
    """The index of the file that processes share."""
    label = {"zh": "合成", "en": "synthetic"}
    spec = Product.model_validate(
        {
            "label": label,
            "entity_type": "Thing",
            "metrics": {"level": {"label": label}},
            "decoder": {"metrics": {"level": "/level"}, "time": "/t"},
        }
    )
    held = Shared(folder).read()
    assert held is not None
    return Index(1, Names(["synthetic"], [spec], ["level"], ["d"], ["o"]), held.columns, held.orders)


def share(folder: Path, columns: Columns) -> None:
    head = Head("bench", 1, {"products": ["synthetic"]}, 0.0, 0.0)
    Shared(folder).write(Held(head, columns, Orders.of(columns)))


def open_and_ask(
    folder: Path, box: tuple[float, float, float, float], told: multiprocessing.connection.Connection
) -> None:
    """Milliseconds to the first answer of another process, and the megabytes it then has of its own."""
    private = psutil.Process().memory_full_info().uss
    took_s, _ = seconds(lambda: box_question(opened(folder), LiveTable(folder), box))
    more = psutil.Process().memory_full_info().uss - private
    told.send({"other_first_box_ms": round(took_s * 1_000), "other_private_mb": round(more / 1_000_000)})


def ask_in_another_process(folder: Path, box: tuple[float, float, float, float]) -> dict[str, int]:
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    process = context.Process(target=open_and_ask, args=(folder, box, there), daemon=True)
    process.start()
    found: dict[str, int] = here.recv()
    process.join()
    return found


def batch_of(random: np.random.Generator, time_us: int) -> Newest:
    series = np.unique(random.integers(1, SERIES, BATCH)).astype(np.int32)
    times = np.full(len(series), time_us)
    return Newest(series, times, random.random(len(series)), [], times)


def now_us() -> int:
    return time.time_ns() // 1_000


def write_for_ever(folder: Path, ready: Event) -> None:
    table, random = LiveTable(folder), np.random.default_rng(2)
    while True:
        table.apply(1, 1, batch_of(random, now_us()))
        ready.set()
        time.sleep(1 / WRITES_PER_S)


def seconds(action: Callable[[], Any]) -> tuple[float, float]:
    """By the clock, and of the processor: on a busy machine the first is mostly waiting."""
    began, worked = time.perf_counter(), time.thread_time()
    action()
    return time.perf_counter() - began, time.thread_time() - worked


def percentiles_ms(took: list[tuple[float, float]], share: float) -> tuple[float, float]:
    clock, processor = zip(*took, strict=True)
    return round(percentile(list(clock), share) * 1_000, 2), round(
        percentile(list(processor), share) * 1_000, 2
    )


def boxes(random: np.random.Generator) -> list[tuple[float, float, float, float]]:
    """Of `DEVICES_IN_BOX` devices each, give or take."""
    share = min(DEVICES_IN_BOX / SERIES, 1.0) ** 0.5
    wide, high = WIDE * share, HIGH * share
    corners = random.random((BOXES, 2)) * (WIDE - wide, HIGH - high) + (WEST, SOUTH)
    return [(w, s, w + wide, s + high) for w, s in corners.tolist()]


def box_question(index: Index, table: LiveTable, box: tuple[float, float, float, float]) -> int:
    """Devices, their newest values of a metric, and whether each is online; answers how many."""
    devices = np.sort(index.grid.box(*box))
    series, place = index.series_of(devices, 0)
    held = table.values(series)
    online = held.seen_us > now_us() - index.patience_of(devices[place])
    return len(online)


def scan_question(index: Index, table: LiveTable, box: tuple[float, float, float, float]) -> int:
    """The same by looking at every device."""
    west, south, east, north = box
    lon, lat = index.columns.lon, index.columns.lat
    found = np.flatnonzero((lon >= west) & (lon <= east) & (lat >= south) & (lat <= north))
    return len(table.values(found.astype(np.int32)).value)


def cells_question(index: Index, table: LiveTable) -> int:
    """The newest value of every series to H3 cells, with who is online."""
    everything = table.scan()
    online, _ = whole.heard(index, everything.seen_us, now_us())
    return len(whole.cells(index, (0, None, RESOLUTION), everything.value, online)[0].cell)


async def rebuild(folder: Path, random: np.random.Generator) -> float:
    """Seconds to a whole table out of `HOT_READINGS` rows of an hour."""
    server = ensure_postgres(folder / "home")
    try:
        await migrate(server.url)
        clock = SystemClock()
        async with Database(server.url) as database:
            start = now_us() - 3_600_000_000
            series = random.permutation(HOT_READINGS).astype(np.int32)
            time_us = np.full(HOT_READINGS, start)
            async with database.transaction() as tx:
                await tx.execute("CREATE TABLE sensing.bench PARTITION OF sensing.reading_run DEFAULT")
                async with (
                    tx.cursor() as cursor,
                    cursor.copy("COPY sensing.reading_run FROM STDIN (FORMAT BINARY)") as copy,
                ):
                    await copy.write(packed(series, timestamps(time_us), random.random(HOT_READINGS)))
            table = LiveTable(folder / "rebuilt")
            began = time.perf_counter()
            await Rebuild(clock, table, lake_at(f"file://{folder}/lake")).ensure(database, {0: 1})
            took = time.perf_counter() - began
            assert (table.times_us(np.arange(HOT_READINGS, dtype=np.int32)) == start).all()
            return took
    finally:
        remove_postgres(folder / "home")


def measure(folder: Path) -> dict[str, Any]:
    random = np.random.default_rng(1)
    process = psutil.Process()
    before = process.memory_info().rss
    columns, table = synthetic_columns(random), LiveTable(folder / "live")
    table.times_us(np.zeros(0, np.int32))
    share_s, share_cpu_s = seconds(partial(share, table.folder, columns))
    del columns
    index = opened(table.folder)
    every = np.arange(1, SERIES, dtype=np.int32)
    times = np.full(len(every), now_us())
    table.apply(0, 1, Newest(every, times, random.random(len(every)), [], times))
    del every, times
    batches = [batch_of(random, now_us()) for _ in range(UPDATE_BATCHES)]
    updated = sum(len(batch.series) for batch in batches)

    def apply_all() -> None:
        for number, batch in enumerate(batches):
            table.apply(0, number, batch)

    update_s, update_cpu_s = seconds(apply_all)
    first_cells_s, first_cells_cpu_s = seconds(lambda: cells_question(index, table))
    found = box_question(index, table, boxes(random)[0])
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    writer = context.Process(target=write_for_ever, args=(folder / "live", ready), daemon=True)
    writer.start()
    ready.wait(60)
    try:
        asked = boxes(random)
        box_s = [seconds(partial(box_question, index, table, box)) for box in asked]
        scan_s = [seconds(partial(scan_question, index, table, box)) for box in asked[:20]]
        cells_s = [seconds(lambda: cells_question(index, table)) for _ in range(CELLS_ROUNDS)]
    finally:
        writer.kill()
        writer.join()
    resident = process.memory_info().rss - before
    other = ask_in_another_process(table.folder, asked[0])
    (value, box_cpu_ms), (baseline, _) = percentiles_ms(box_s, 0.99), percentiles_ms(scan_s, 0.99)
    cells_ms, cells_cpu_ms = percentiles_ms(cells_s, 0.99)
    return {
        "value": value,
        "baseline": baseline,
        "ratio": round(baseline / value, 1),
        "unit": "ms",
        "details": {
            "series": SERIES,
            "devices_in_box": found,
            "box_p50_ms": percentiles_ms(box_s, 0.5)[0],
            "box_cpu_ms": box_cpu_ms,
            "cells_ms": cells_ms,
            "cells_cpu_ms": cells_cpu_ms,
            "cells": len(index.cells_of_metric(0, None, RESOLUTION)[0]),
            "cells_first_ms": round(first_cells_s * 1_000),
            "cells_first_cpu_ms": round(first_cells_cpu_s * 1_000),
            "updates_per_s": round(updated / update_s),
            "updates_per_cpu_s": round(updated / update_cpu_s),
            "written_meanwhile_per_s": BATCH * WRITES_PER_S,
            "resident_mb": round(resident / 1_000_000),
            "places_mb": round((table.folder / "places").stat().st_size / 1_000_000),
            "places_order_s": round(share_s, 1),
            "places_order_cpu_s": round(share_cpu_s, 1),
            **other,
        },
    }


def run(quiet: bool = False) -> dict[str, Any]:
    def tell(text: str) -> None:
        if not quiet:
            print(text, file=sys.stderr)

    with tempfile.TemporaryDirectory(prefix="yunnao-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        tell(f"{SERIES:,} series: boxes, cells, updates")
        result = measure(folder)
        tell(f"a lost table out of {HOT_READINGS:,} hot readings")
        took = asyncio.run(rebuild(folder, np.random.default_rng(3)))
        result["details"] |= {"rebuild_s": round(took, 2), "rebuild_readings": HOT_READINGS}
    return result
