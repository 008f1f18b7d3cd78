"""Full intakes a second that the case centre holds on top of a million stored cases, and its slowest query.

Part A sends reports and officers' cases (text, place, dispatch, flow, deadline, search, timeline, outbox) at
a steady rate through the HTTP door of a real city; latency counts from the planned moment of each. Value:
intakes a second that were answered. The baseline is the same rows in plain transactions of one connection.
Part B asks every list, search, map and evaluation query through its door. `YUNNAO_BENCH_SCALE=0.02` tries it.
"""

import asyncio
import json
import os
import random
import sys
import time
from typing import Any

import psycopg
from bench._cases_load import Plan, Sent, send
from bench._cases_queries import QUESTIONS, City, ask_all
from bench._cases_stored import ENDS, QUERIES, STREETS, SYNTHETIC, WHERE, fill, open_patterns, place
from bench._common import own_city, percentile

from yunnao.bootstrap import Platform, open_platform
from yunnao.infra.child_city import ChildCity
from yunnao.infra.embedded.postgres import find_postgres
from yunnao.infra.paths import project_root
from yunnao.infra.settings import Settings

STORED = 1_000_000
RATE_PER_S = 100
DURATION_S = 300
WARM_UP_S = 10
BODIES = 3_000
RAW_S = 10
P99_MS_MAX, QUERY_P95_MS_MAX = 500, 150
ROLES = ("dispatcher", "citizen", "department_staff")
KEYWORDS_CHARS_MIN = 2


def run(quiet: bool = False) -> dict[str, Any]:
    scale = float(os.environ.get("YUNNAO_BENCH_SCALE", "1"))

    def tell(text: str) -> None:
        if not quiet:
            print(text, file=sys.stderr, flush=True)

    with own_city(extra={"YUNNAO_API_WORKERS": "2"}) as city:
        settings = Settings.from_environment(city.environment, project_root())
        made, bodies, below = asyncio.run(_prepare(settings))
        url = _database_url(city)
        stored = max(round(STORED * scale), 1_000)
        tell(f"storing {stored:,} cases")
        filled_s = fill(url, stored, below, quiet)
        tell("evaluating")
        asyncio.run(_evaluate(settings))
        tokens = _tokens(city)
        tell("queries")
        table = ask_all(f"{city.base_url}/api/v1", tokens, made)
        requests = [_request(n, body, tokens) for n, body in enumerate(bodies)]
        send(Plan("127.0.0.1", city.port, RATE_PER_S / 2, WARM_UP_S, requests))
        tell(f"{RATE_PER_S} intakes/s")
        sent = send(Plan("127.0.0.1", city.port, RATE_PER_S, max(DURATION_S * scale, 5.0), requests))
        whole = _whole(url)
        raw = _raw(url)
    return _result(sent, table, raw, {"stored": stored, "filled_s": round(filled_s), **whole})


async def _evaluate(settings: Settings) -> None:
    """What the worker does by and by: facts and sums of all that was stored."""
    async with open_platform(settings, "bench") as platform:
        while True:
            async with platform.database.transaction() as tx:
                cases = await platform.cases.evaluation.keep(tx)
            async with platform.database.transaction() as tx:
                months = await platform.cases.evaluation.keep_months(tx)
            if not cases and not months:
                break


async def _prepare(settings: Settings) -> tuple[City, list[dict[str, Any]], dict[str, list[str]]]:
    """What questions are made of, what people send, and the streets of each district."""
    async with open_platform(settings, "bench") as platform:
        texts = [text for scene in platform.scenes for of in scene.examples.values() for text in of]
        await open_patterns(platform, texts)
        async with platform.database.transaction() as tx:
            categories = await platform.cases.categories(tx)
            areas = await platform.geography.areas(tx)
            departments = await platform.identity.departments(tx)
        made = City(
            [each["code"] for each in categories if each["parent"]],
            [each["code"] for each in categories if not each["parent"]],
            [area.code for area in areas if area.level == "district"],
            [area.code for area in areas if area.level == "street"],
            [department.id for department in departments],
            [word for word in _keywords(platform) if len(word) >= KEYWORDS_CHARS_MIN],
            STREETS,
            platform.city.manifest.centre,
            [name for scene in platform.scenes for name in scene.indicators],
        )
        below: dict[str, list[str]] = {}
        for area in areas:
            if area.level == "street" and area.parent is not None:
                below.setdefault(area.parent, []).append(area.code)
        dice = random.Random(3)
        return made, [_body(platform, dice, texts) for _ in range(BODIES)], below


def _keywords(platform: Platform) -> list[str]:
    nodes = [node for scene in platform.scenes for node in scene.categories.values()]
    return [word for node in nodes for word in node.keywords]


def _body(platform: Platform, dice: random.Random, texts: list[str]) -> dict[str, Any]:
    lon, lat = place(platform, dice)
    street, house = dice.choice(STREETS), dice.randrange(1, 200)
    text = f"{street}{house}号{dice.choice(WHERE)}{dice.choice(texts)}。{dice.choice(ENDS)}"
    return {"text": text, "lon": lon, "lat": lat, "address": f"{street}{house}号"}


def _request(number: int, body: dict[str, Any], tokens: dict[str, str]) -> tuple[str, str, str]:
    """Every second is a citizen's report, the others are officers' cases."""
    if number % 2:
        return "/api/v1/cases", tokens["dispatcher"], json.dumps(body)
    reporter = {"name": "合成", "phone": "13800000000"}
    return "/api/v1/reports", tokens["citizen"], json.dumps({**body, "reporter": reporter})


def _tokens(city: ChildCity) -> dict[str, str]:
    accounts = city.accounts()
    found = {}
    for role in ROLES:
        answer = city.signed_in(accounts[role]).post("/tokens", json={"name": "bench"})
        answer.raise_for_status()
        found[role] = answer.json()["token"]
    return found


def _database_url(city: ChildCity) -> str:
    server = find_postgres(city.home)
    if server is None:
        raise RuntimeError("the city's database does not run")
    return server.url


def _whole(url: str) -> dict[str, int]:
    """Of the intakes: how many there are, and how many lack a part."""
    with psycopg.connect(url) as connection:
        row = connection.execute(QUERIES["whole"], {"like": SYNTHETIC}).fetchone()
    return {"opened": row[0], "incomplete": row[1]} if row else {}


def _raw(url: str) -> float:
    """The rows of a case a second, each case in a transaction of its own, by one connection."""
    with psycopg.connect(url) as connection:
        connection.execute(QUERIES["raw_begin"], {"like": SYNTHETIC})
        connection.commit()
        began, done = time.perf_counter(), 0
        while time.perf_counter() - began < RAW_S:
            connection.execute(QUERIES["raw_one"])
            connection.commit()
            done += 1
        return round(done / (time.perf_counter() - began), 1)


def _result(
    sent: Sent, table: dict[str, dict[str, float]], raw: float, more: dict[str, Any]
) -> dict[str, Any]:
    answered = sent.statuses.get("201", 0)
    held = round(answered / sent.took_s, 1)
    p99_ms = round(1_000 * percentile(sent.seconds, 0.99), 1)
    worst = next(iter(table))
    query_p95_ms = table[worst]["p95_ms"]
    return {
        "value": held,
        "unit": "intakes/s",
        "baseline": raw,
        "baseline_what": "the rows of a case in plain transactions of one connection, a second",
        "ratio": round(held / raw, 2),
        "details": {
            "asked_per_s": RATE_PER_S,
            "seconds": round(sent.took_s, 1),
            "statuses": sent.statuses,
            "p50_ms": round(1_000 * percentile(sent.seconds, 0.5), 1),
            "p99_ms": p99_ms,
            "max_ms": round(1_000 * max(sent.seconds), 1),
            "query_p95_ms": query_p95_ms,
            "query_worst": worst,
            "holds": answered == len(sent.seconds)
            and p99_ms <= P99_MS_MAX
            and query_p95_ms <= QUERY_P95_MS_MAX,
            **more,
            "questions": len(QUESTIONS),
            "queries": table,
        },
    }
