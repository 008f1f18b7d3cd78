"""Questions of evaluation over a million cases (p95); baseline: one of them by GROUP BY over the cases."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any
from zoneinfo import ZoneInfo

from bench._common import percentile

from yunnao.infra.clock import SystemClock
from yunnao.infra.embedded.postgres import ensure_postgres, remove_postgres
from yunnao.infra.files import FileStore
from yunnao.infra.migrations import migrate
from yunnao.infra.paths import project_root
from yunnao.infra.postgres import Database, Transaction
from yunnao.infra.webhook_targets import Targets
from yunnao.modules.cases.evaluation.domain import Filter
from yunnao.modules.cases.evaluation.facade import Evaluation
from yunnao.modules.cases.facade import Cases
from yunnao.modules.geography.facade import Geography
from yunnao.modules.identity.facade import Identity, Policies
from yunnao.modules.notifications.facade import Notifications, Ways
from yunnao.scenes import load_city, load_scene

CASES = 1_000_000
DAYS = 365
ROUNDS = 12
YEAR = (date(2025, 11, 1), date(2026, 11, 1))
MONTH = (date(2026, 10, 1), date(2026, 11, 1))
ODD = (date(2026, 3, 11), date(2026, 10, 20))
LOAD_CASES = """
INSERT INTO cases."case" (id, number, tracking_hash, source, scene, case_type, flow_hash, status, category,
    department, title, text, district, street, reporter, automatic, confidence, dispatch, opened_at, due_at,
    closed_at, changed_at, score, workflow)
SELECT uuidv7(opened_at - clock_timestamp()), 'B-' || n, int8send(n), source, 'urban-management', t.type,
    t.flow_hash, CASE WHEN done THEN 'closed' ELSE 'handling' END,
    c.codes[1 + (h1 %% array_length(c.codes, 1))],
    -- A category is the duty of some departments, not of all.
    d.ids[1 + ((h1 * 7 + h2 %% 4) %% array_length(c.codes, 1)) %% array_length(d.ids, 1)], 'x', 'x',
    a.districts[1 + (h1 %% array_length(a.districts, 1))],
    a.streets[1 + (h2 %% array_length(a.streets, 1))], NULL, h1 %% 100 < 93, 0.9, '{}', opened_at,
    opened_at + interval '72 hours', CASE WHEN done THEN closed_at END, opened_at,
    CASE WHEN done AND h3 %% 10 < 3 THEN 1 + h3 %% 5 END, '{"at": null, "done": [], "steps": 0}'
FROM (SELECT n, h1, h2, h3,
          timestamptz '2025-11-01' + (n::float8 / %(cases)s * %(days)s) * interval '1 day' AS opened_at,
          timestamptz '2025-11-01' + (n::float8 / %(cases)s * %(days)s) * interval '1 day'
              + (h2 %% 120) * interval '1 hour' AS closed_at, h3 %% 100 < 97 AS done,
          (ARRAY['citizen', 'hotline', 'hotline', 'officer', 'alarm'])[1 + (h3 %% 5)::int] AS source
      FROM (SELECT n, abs(hashint8(n)::bigint) AS h1, abs(hashint8(n * 7919)::bigint) AS h2,
                   abs(hashint8(n * 104729)::bigint) AS h3
            FROM generate_series(%(from)s::bigint, %(to)s::bigint) AS n) AS random) AS made
CROSS JOIN (SELECT type, flow_hash FROM cases.case_type ORDER BY position LIMIT 1) AS t
CROSS JOIN (SELECT array_agg(code ORDER BY code) AS codes FROM cases.category
            WHERE NOT EXISTS (SELECT FROM cases.category below WHERE below.parent = category.code)) AS c
CROSS JOIN (SELECT array_agg(id ORDER BY id) AS ids FROM identity.department) AS d
CROSS JOIN (SELECT array_agg(code) FILTER (WHERE level = 'district') AS districts,
                   array_agg(code) FILTER (WHERE level = 'street') AS streets FROM geography.area) AS a
"""
LOAD_TIMELINE = """
INSERT INTO cases.timeline (id, case_id, time, event, actor_id, actor_name, actor_kind)
SELECT uuidv7(), c.id, c.opened_at + e.part * (coalesce(c.closed_at, c.opened_at) - c.opened_at), e.event,
    ('00000000-0000-7000-8000-' || lpad((abs(hashtext(c.number)) %% 500)::text, 12, '0'))::uuid,
    '{"zh": "某人", "en": "Someone"}', 'person'
FROM cases."case" c
CROSS JOIN (VALUES ('accept', 0.2), ('rework', 0.6), ('finish', 0.9)) AS e (event, part)
WHERE c.number = ANY(SELECT 'B-' || n FROM generate_series(%(from)s::bigint, %(to)s::bigint) AS n)
  AND (e.event <> 'rework' OR hashtext(c.number) %% 20 = 0)
"""
PLAIN = """
SELECT department, count(*) AS closed, count(*) FILTER (WHERE closed_at <= due_at) AS on_time,
    avg(extract(epoch FROM closed_at - opened_at)) AS seconds, avg(score) AS score,
    count(*) FILTER (WHERE EXISTS (
        SELECT FROM cases.timeline t WHERE t.case_id = c.id AND t.event = 'rework')) AS reworked
FROM cases."case" c
WHERE status IN ('closed', 'rated') AND closed_at >= '2025-11-01' AND closed_at < '2026-11-01'
GROUP BY department
"""
LOAD_ROWS = 50_000

Question = Callable[[Transaction], Awaitable[object]]


async def load(database: Database, cases: int) -> float:
    """So many cases of a year with their timelines; seconds."""
    began = perf_counter()
    for start in range(1, cases + 1, LOAD_ROWS):
        params = {"cases": cases, "days": DAYS, "from": start, "to": min(start + LOAD_ROWS - 1, cases)}
        async with database.transaction() as tx:
            await tx.execute("SET LOCAL statement_timeout = 0")
            await tx.execute(LOAD_CASES.encode(), params)
            await tx.execute(LOAD_TIMELINE.encode(), params)
    return perf_counter() - began


async def keep(database: Database, evaluation: Evaluation) -> float:
    """Turns of the timer until nothing waits; seconds."""
    began = perf_counter()
    while True:
        async with database.transaction() as tx:
            await tx.execute("SET LOCAL statement_timeout = 0")
            await evaluation.keep(tx)
            standing = await evaluation.standing(tx)
        if not standing.cases_due and not standing.days_due:
            break
    while True:
        async with database.transaction() as tx:
            await tx.execute("SET LOCAL statement_timeout = 0")
            if not await evaluation.keep_months(tx):
                break
    async with database.connection() as connection:
        await connection.execute("VACUUM ANALYZE cases.fact, cases.evaluation_day, cases.evaluation_month")
        await connection.execute('ANALYZE cases."case", cases.timeline')
    return perf_counter() - began


def questions(evaluation: Evaluation, department: str, category: str) -> dict[str, Question]:
    """What screens ask, all declared indicators at once unless named."""
    year, month, odd = Filter(*YEAR), Filter(*MONTH), Filter(*ODD)
    own = Filter(*YEAR, department=department)
    both = Filter(*YEAR, department=department, category=category)
    of_category = Filter(*YEAR, category=category)
    return {
        "figures of a month": lambda tx: evaluation.figures(tx, month, before=True),
        "figures of a year": lambda tx: evaluation.figures(tx, year, before=True),
        "figures of 32 odd weeks": lambda tx: evaluation.figures(tx, odd),
        "figures of a department, a year": lambda tx: evaluation.figures(tx, own, before=True),
        "figures of a department and category, a year": lambda tx: evaluation.figures(tx, both),
        "trend by day of a year": lambda tx: evaluation.trend(tx, year, "on-time-rate", "day"),
        "trend by month of a department": lambda tx: evaluation.trend(tx, own, "on-time-rate", "month"),
        "departments of a year": lambda tx: evaluation.breakdown(tx, year, (), "department"),
        "streets of a year": lambda tx: evaluation.breakdown(tx, year, (), "street"),
        "persons of a month": lambda tx: evaluation.breakdown(tx, month, (), "person"),
        "categories of a department, a year": lambda tx: evaluation.breakdown(tx, own, (), "category"),
        "departments of a category, a year": lambda tx: evaluation.breakdown(
            tx, of_category, (), "department"
        ),
        "ranking of departments, a year": lambda tx: evaluation.ranking(
            tx, "on-time-rate", "department", *YEAR
        ),
        "ranking of streets, a month": lambda tx: evaluation.ranking(tx, "on-time-rate", "street", *MONTH),
        "cases behind, a year": lambda tx: evaluation.behind(tx, year, "on-time-rate", "rest", None, 50),
        "cases behind, a department": lambda tx: evaluation.behind(
            tx, own, "rework-rate", "numerator", None, 50
        ),
    }


async def timed(database: Database, question: Question) -> float:
    async with database.transaction() as tx:
        began = perf_counter()
        await question(tx)
        return perf_counter() - began


async def measure(url: str, folder: str, cases: int) -> dict[str, Any]:
    await migrate(url)
    clock = SystemClock()
    identity, geography = Identity(clock, Policies.load()), Geography(clock)
    notices = Notifications(clock, identity, ZoneInfo("Asia/Shanghai"), Ways(Targets()))
    centre = Cases(clock, identity, geography, FileStore(f"file://{folder}/files"), notices)
    city = load_city(project_root() / "cities" / "qingdao")
    scene = load_scene(project_root() / "scenes" / "urban-management")
    async with Database(url) as database:
        async with database.transaction() as tx:
            await identity.install(tx, city, demo=False)
            await geography.install(tx, city)
            await centre.install_city(tx, city)
            await centre.install_scene(tx, scene)
        load_s = await load(database, cases)
        keep_s = await keep(database, centre.evaluation)
        async with database.transaction() as tx:
            common = await (
                await tx.execute(
                    "SELECT department, mode() WITHIN GROUP (ORDER BY category) AS category FROM cases.fact"
                    " GROUP BY department ORDER BY count(*) DESC LIMIT 1"
                )
            ).fetchone()
            assert common is not None
        asked = questions(centre.evaluation, common["department"], common["category"])
        spent: dict[str, list[float]] = {name: [] for name in asked}
        for _ in range(ROUNDS):
            for name, question in asked.items():
                spent[name].append(await timed(database, question))
        plain = [await timed(database, lambda tx: tx.execute(PLAIN.encode())) for _ in range(5)]
    every = [seconds for told in spent.values() for seconds in told]
    value, baseline = percentile(every, 0.95) * 1000, percentile(plain, 0.5) * 1000
    return {
        "value": round(value, 1),
        "unit": "ms, p95 of every question",
        "baseline": round(baseline, 1),
        "baseline_what": "departments of a year by GROUP BY over the cases and their timeline, median",
        "ratio": round(baseline / value, 1),
        "details": {
            "cases": cases,
            "median_ms": round(percentile(every, 0.5) * 1000, 1),
            "median_ms_of": {n: round(percentile(told, 0.5) * 1000, 1) for n, told in spent.items()},
            "load_average": os.getloadavg()[0],
            "p95_ms_of": {name: round(percentile(told, 0.95) * 1000, 1) for name, told in spent.items()},
            "load_s": round(load_s, 1),
            "keep_s": round(keep_s, 1),
            "kept_cases_per_s": round(cases / keep_s),
        },
    }


def run(quiet: bool = False, *, cases: int = CASES) -> dict[str, Any]:
    """`value`: p95 in milliseconds over every question of screens; `baseline`: one of them, plainly."""
    with TemporaryDirectory(prefix="yunnao-bench-") as folder:
        Path(folder).chmod(0o755)
        home = Path(folder) / "home"
        url = ensure_postgres(home, durable=False).url
        try:
            result = asyncio.run(measure(url, folder, cases))
        finally:
            remove_postgres(home)
    if not quiet:
        print(json.dumps(result, ensure_ascii=False))
    return result


if __name__ == "__main__":
    run(cases=20_000 if "--small" in sys.argv else CASES)
