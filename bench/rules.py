"""How many readings a second the rules of a city judge: 1,000 rules over ten million series.

Counted is each reading once, however many rules look at it: from columns of readings with their
series' prior ones beside to the alarms that open and clear, states kept. All of a batch's time is
counted but the making of the synthetic columns. `judge_with_database` adds what the intake does of
it: the version looked at, states and alarms written, the commit (of a server that does not wait for
the disk). `readings_per_cpu_s` is what the time of one processor alone gives, whoever else is busy.
The baseline is the same rules in plain Python, reading by reading and rule by rule, over a sample of
such readings. The readings of most devices are ordinary; some pass bounds, as they would in a city.
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

import numpy as np

from yunnao.infra.clock import SystemClock
from yunnao.infra.embedded.postgres import ensure_postgres, remove_postgres
from yunnao.infra.migrations import migrate
from yunnao.infra.postgres import Database
from yunnao.kernel.packs.alarming import AlarmDefaults
from yunnao.kernel.packs.rules import RulesFile
from yunnao.kernel.packs.scene import Product
from yunnao.kernel.packs.streaming_rules import RangeRule, RateRule, ReadingRule, StuckRule, ThresholdRule
from yunnao.modules.geography.facade import Geography
from yunnao.modules.sensing import store
from yunnao.modules.sensing.alarms import Teller
from yunnao.modules.sensing.blocks import Block
from yunnao.modules.sensing.domain.times import UNKNOWN_US
from yunnao.modules.sensing.live.table import LatestColumns
from yunnao.modules.sensing.registry import ProductDevices
from yunnao.modules.sensing.rules.domain.compiled import NumberedRule
from yunnao.modules.sensing.rules.domain.evaluation import Batch, MetricRules
from yunnao.modules.sensing.rules.domain.schedules import NATIONAL_TIME, in_force
from yunnao.modules.sensing.rules.domain.signals import Column
from yunnao.modules.sensing.rules.judging import Judge
from yunnao.modules.twin.facade import Twin

SERIES = 10_000_000
RULES = 1_000
RULES_PER_METRIC = 10
BATCH_ROWS = 200_000
BATCHES = 100
BASELINE_READINGS = 20_000
TROUBLED_SHARE = 0.001
"""Devices whose values swing beyond bounds."""
INTERVAL_US = 60_000_000
START_US = 1_780_000_000_000_000
TEXT = {"zh": "规则", "en": "rule"}


def rule(operator: str, **options: Any) -> ReadingRule:
    spec = {"label": TEXT, "product": "p", "message": TEXT, "operator": operator, "metric": "m", **options}
    found = RulesFile.model_validate({"rules": {"rule": spec}}).rules["rule"]
    assert isinstance(found, ReadingRule)
    return found


def rules_of_a_metric() -> list[ReadingRule]:
    """Ten rules as a scene would have them: six bounds, two rates, a band and a stuck value."""
    return [
        rule("threshold", above=60.0),
        rule("threshold", above=60.0, clear=55.0, for_s=120),
        rule("threshold", above=70.0, clear=65.0, for_s=300),
        rule("threshold", above=80.0, clear=70.0, for_s=60, readings=2),
        rule("threshold", below=5.0, clear=10.0, for_s=60),
        rule("threshold", above=65.0, active={"days": "working", "hours": [["07:00", "21:00"]]}),
        rule("range", minimum=0.0, maximum=75.0, margin=2.0, readings=3),
        rule("rate", per_minute=30.0, direction="up", clear=10.0),
        rule("rate", per_hour=600.0, over_s=300, for_s=600),
        rule("stuck", for_s=3600),
    ]


@dataclass
class Metric:
    """The series of one metric: latest readings as the live table has them, and rules with states."""

    rules: MetricRules
    latest_us: np.ndarray[Any, np.dtype[np.int64]]
    latest: np.ndarray[Any, np.dtype[np.float64]]


def city(series: int, rules: int) -> list[Metric]:
    """Metrics with ten rules each, between which the series are divided."""
    metrics = rules // RULES_PER_METRIC
    rows = series // metrics
    found = []
    for m in range(metrics):
        numbered = [
            NumberedRule(m * RULES_PER_METRIC + i, spec) for i, spec in enumerate(rules_of_a_metric())
        ]
        of = MetricRules(numbered)
        of.grow(rows)
        found.append(Metric(of, np.full(rows, UNKNOWN_US, np.int64), np.full(rows, np.nan)))
    return found


def readings(
    metrics: list[Metric], rows: int, batches: int, chance: np.random.Generator
) -> Iterator[list[tuple[Any, Any, Any]]]:
    """Batches: for each metric rows, times and values of devices that follow each other round."""
    each = rows // len(metrics)
    of_metric = len(metrics[0].latest)
    for batch in range(batches):
        made = []
        for _ in metrics:
            start = batch * each
            row = np.sort((start + np.arange(each)) % of_metric)
            swing = np.where(row % round(1 / TROUBLED_SHARE) == 0, 60.0, 8.0)
            value = np.clip(chance.normal(30.0, swing, each), 0.5, None)
            made.append((row, np.full(each, START_US + start * INTERVAL_US // of_metric), value))
        yield made


def kernel(series: int, rules: int, rows: int, batches: int) -> dict[str, Any]:
    """Readings judged a second, and what was found."""
    metrics = city(series, rules)
    chance = np.random.default_rng(7)
    force = _force()
    judged = transitions = 0
    elapsed = cpu = 0.0
    for batch in readings(metrics, rows, batches, chance):
        began, cpu_began = perf_counter(), process_time()
        for metric, (row, time_us, value) in zip(metrics, batch, strict=True):
            column = Column.of(row, time_us, value, metric.latest_us[row], metric.latest[row])
            told, _ = metric.rules.run(Batch(column, {}), force, [])
            metric.latest_us[row], metric.latest[row] = time_us, value
            judged += len(row)
            transitions += len(told.rule)
        elapsed += perf_counter() - began
        cpu += process_time() - cpu_began
    evaluations = sum(metric.rules.evaluations for metric in metrics)
    return {
        "readings_per_s": round(judged / elapsed),
        "evaluations_per_s": round(evaluations / elapsed),
        "readings": judged,
        "transitions": transitions,
        "elapsed_s": round(elapsed, 2),
        "readings_per_cpu_s": round(judged / cpu),
    }


@dataclass
class _Latest:
    """Stands for the live table."""

    time_us: np.ndarray[Any, np.dtype[np.int64]]
    value: np.ndarray[Any, np.dtype[np.float64]]

    def values(self, series: Any) -> LatestColumns:
        times = self.time_us[series]
        return LatestColumns(times, self.value[series], times)


def through_judge(devices: int, rows: int, batches: int) -> dict[str, Any]:
    """The same ten rules by the intake's own entry: states written through, a real database committing."""
    with TemporaryDirectory(prefix="yunnao-bench-") as folder:
        home = Path(folder) / "home"
        Path(folder).chmod(0o755)
        url = ensure_postgres(home, durable=False).url
        try:
            return asyncio.run(_on_database(url, devices, rows, batches))
        finally:
            remove_postgres(home)


async def _on_database(url: str, devices: int, rows: int, batches: int) -> dict[str, Any]:
    await migrate(url)
    async with Database(url) as database:
        return await _judged(database, devices, rows, batches)


async def _judged(database: Database, devices: int, rows: int, batches: int) -> dict[str, Any]:
    clock = SystemClock()
    product = Product.model_validate(
        {
            "label": TEXT,
            "entity_type": "Thing",
            "metrics": {"m": {"label": TEXT}},
            "decoder": {"metrics": {"m": "/m"}},
        }
    )
    async with database.transaction() as tx:
        await store.save_products(tx, "bench", {"p": product})
        specs: Any = {f"rule-{i}": spec for i, spec in enumerate(rules_of_a_metric())}
        await store.save_rules(tx, "bench", specs)
        await tx.execute(
            "INSERT INTO sensing.device (id, product, entity, name, registered_at)"
            " SELECT 'd-' || n, 'p', 'urn:ngsi-ld:Thing:' || n, '{\"zh\": \"d\", \"en\": \"d\"}', now()"
            " FROM generate_series(1, %s) AS n",
            (devices,),
        )
    known = ProductDevices(product, "p", numbers=np.arange(1, devices + 1, dtype=np.int32))
    teller = Teller(clock, Twin(clock, Geography(clock)), NATIONAL_TIME.zone, AlarmDefaults())
    judge = Judge(clock, teller, NATIONAL_TIME)
    latest = _Latest(np.full(devices, UNKNOWN_US, np.int64), np.full(devices, np.nan))
    chance = np.random.default_rng(7)
    elapsed = 0.0
    for batch in range(batches):
        row = np.sort((batch * rows + np.arange(rows)) % devices)
        time_us = np.full(rows, START_US + batch * rows * INTERVAL_US // devices)
        swing = np.where(row % round(1 / TROUBLED_SHARE) == 0, 60.0, 6.0)
        value = np.clip(chance.normal(30.0, swing), 10.0, None)
        block = Block(known, "m", row, row.astype(np.int32), time_us, value, None, time_us)
        began = perf_counter()
        async with database.transaction() as tx:
            await judge.refresh(tx)
        async with judge.batch() as journal, database.transaction() as tx:
            await judge.judge(tx, [block], latest, journal)
        elapsed += perf_counter() - began
        latest.time_us[row], latest.value[row] = time_us, value
    async with database.transaction() as tx:
        row = await (await tx.execute("SELECT count(*) AS n FROM sensing.alarm")).fetchone()
    return {
        "readings_per_s": round(rows * batches / elapsed),
        "batch_rows": rows,
        "alarms": row["n"] if row else 0,
    }


def _force() -> Any:
    return lambda schedule, time_us: in_force(schedule, time_us, NATIONAL_TIME)


def by_hand(count: int) -> float:
    """Readings a second of the same rules one after the other in plain Python."""
    rules = rules_of_a_metric()
    chance = np.random.default_rng(7)
    values = np.clip(chance.normal(30.0, 8.0, count), 0.5, None).tolist()
    devices = max(1, count // 10)
    points = [(n % devices, START_US + (n // devices) * INTERVAL_US, v) for n, v in enumerate(values)]
    state: dict[tuple[int, int], list[Any]] = {}
    anchors: dict[tuple[int, int], tuple[int, float]] = {}
    force = _force()
    in_hours = {
        spec.active: bool(force(spec.active, np.array([START_US]))[0]) for spec in rules if spec.active
    }
    began = perf_counter()
    for device, time_us, value in points:
        for number, spec in enumerate(rules):
            sides = _sides(spec, (device, number), time_us, value, anchors)
            if sides is None:
                continue
            held, passed = sides
            if spec.active is not None and not in_hours[spec.active]:
                held, passed = False, True
            _step(state, (device, number), spec, time_us, held=held, passed=passed)
    return count / (perf_counter() - began)


def _sides(
    spec: ReadingRule,
    key: tuple[int, int],
    time_us: int,
    value: float,
    anchors: dict[tuple[int, int], tuple[int, float]],
) -> tuple[bool, bool] | None:
    if isinstance(spec, ThresholdRule):
        if spec.above is not None:
            return value > spec.above, value <= (spec.above if spec.clear is None else spec.clear)
        assert spec.below is not None
        return value < spec.below, value >= (spec.below if spec.clear is None else spec.clear)
    if isinstance(spec, RangeRule):
        within = spec.minimum + spec.margin <= value <= spec.maximum - spec.margin
        return not spec.minimum <= value <= spec.maximum, within
    anchor = anchors.get(key)
    if isinstance(spec, RateRule):
        if anchor is not None and time_us - anchor[0] < spec.over_s * 1e6:
            return None
        anchors[key] = (time_us, value)
        if anchor is None or time_us - anchor[0] > spec.gap_max_s * 1e6:
            return None
        rate = (value - anchor[1]) / (time_us - anchor[0]) * spec.unit_s * 1e6
        size = rate if spec.direction == "up" else abs(rate)
        return size > spec.bound, size <= (spec.bound if spec.clear is None else spec.clear)
    assert isinstance(spec, StuckRule)
    if anchor is None or abs(value - anchor[1]) > spec.tolerance:
        anchor = anchors[key] = (time_us, value)
    stands = time_us - anchor[0] >= spec.for_s * 1e6
    return stands, not stands


def _step(
    state: dict[tuple[int, int], list[Any]],
    key: tuple[int, int],
    spec: ReadingRule,
    time_us: int,
    *,
    held: bool,
    passed: bool,
) -> None:
    if held:
        known = state.setdefault(key, [time_us, 0, False])
        known[1] += 1
        if time_us - known[0] >= spec.for_s * 1e6 and known[1] >= spec.readings:
            known[2] = True
    elif key in state and (passed or not state[key][2]):
        del state[key]


def run(quiet: bool = False, *, small: bool = False) -> dict[str, Any]:
    """`value`: readings a second; `baseline`: of the loop in plain Python."""
    scale = 20 if small else 1
    found = kernel(SERIES // scale, RULES, BATCH_ROWS, BATCHES // scale)
    small_batches = kernel(SERIES // scale, RULES, 20_000, 300 // scale)
    judged = through_judge(1_000_000 // scale, BATCH_ROWS // scale, 20)
    baseline = by_hand(BASELINE_READINGS // scale)
    result = {
        "value": found["readings_per_s"],
        "baseline": round(baseline),
        "ratio": round(found["readings_per_s"] / baseline, 1),
        "details": {
            "unit": "readings/s",
            "rules": RULES,
            "rules_per_reading": RULES_PER_METRIC,
            "series": SERIES // scale,
            "batch_rows": BATCH_ROWS,
            **found,
            "batches_of_20000": small_batches,
            "judge_with_database": judged,
        },
    }
    if not quiet:
        print(json.dumps(result))
    return result


if __name__ == "__main__":
    run(small="--small" in sys.argv)
