"""Every list, search, map and evaluation query of the case centre, asked through its door.

Each is asked many times with other words, codes and places, as people would: an answer that lies in a cache
for the second one tells nothing.
"""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import httpx
from bench._common import percentile

ROUNDS = 40
WARM_UP = 2
STAFF, CITIZEN = "department_staff", "citizen"


@dataclass(frozen=True)
class City:
    """What questions are made of."""

    categories: Sequence[str]
    tops: Sequence[str]
    districts: Sequence[str]
    streets: Sequence[str]
    departments: Sequence[str]
    words: Sequence[str]
    roads: Sequence[str]
    centre: tuple[float, float]
    indicators: Sequence[str]


QUESTIONS: dict[str, str] = {
    "newest": "/cases",
    "open, total": "/cases?status=open&total=1",
    "a status": "/cases?status={status}",
    "a category with all below": "/cases?category={top}",
    "a category, closed": "/cases?category={category}&status=closed",
    "a department, total": "/cases?department={department}&total=1",
    "a department's desk": "/cases?department={department}&status=desk",
    "a street": "/cases?area={street}",
    "a category in a street": "/cases?area={street}&category={category}",
    "a source in a district in a week": "/cases?area={district}&source=open311&{week}",
    "a small box": "/cases?bbox={box1}",
    "a category in a box in a year": "/cases?bbox={box5}&category={category}&{year}",
    "overdue by deadline, total": "/cases?overdue=1&sort=due&total=1",
    "a department's overdue": "/cases?overdue=1&sort=due&department={department}",
    "unrated of a month": "/cases?status=closed&flags=unrated&{month}",
    "a department's with photos": "/cases?flags=photos&department={department}",
    "an inbox": f"{STAFF}:/cases?status=open",
    "a department's own, a category": f"{STAFF}:/cases?category={{category}}",
    "a citizen's own": f"{CITIZEN}:/cases",
    "search: a word": "/cases?q={word}",
    "search: a word, total": "/cases?q={word}&total=1",
    "search: two words": "/cases?q={road}%20{word}",
    "search: an address": "/cases?q={road}{house}号",
    "search: a number": "/cases?q={day}-{serial}",
    "search: what is not there": "/cases?q={strange}{word}",
    "search: a phrase of frequent parts": "/cases?q=处理影响{character}",
    "search: one character": "/cases?q={character}",
    "search: English": "/cases?q={english}",
    "search: a word in a category": "/cases?q={word}&category={category}",
    "search: a word in a street in a month": "/cases?q={word}&area={street}&{month}",
    "search: a word in a box": "/cases?q={word}&bbox={box2}",
    "search: a word, open, by deadline": "/cases?q={word}&status=open&sort=due",
    "search: a department's own": f"{STAFF}:/cases?q={{word}}",
    "by risk": "/cases?sort=risk",
    "amber of a department": "/cases?flags=amber&sort=due&department={department}",
    "map: open in a box": "/cases/map?bbox={box5}",
    "map: open": "/cases/map",
    "map: cells of what is open": "/cases/map/cells",
    "map: cells of a month by day": "/cases/map/cells?status=&by_day=1&{month}",
    "map: cells of a category": "/cases/map/cells?status=&category={category}",
    "near": "/reports/near?{place}",
    "board: queue": "/cases/queue?status=open",
    "board: counts": "/cases/counts",
    "board: wall": "/cases/wall",
    "overview": "/overview",
    "views: counts": "/case-views/counts",
    "evaluation: figures": "/evaluation/figures?{days}",
    "evaluation: figures of a department": "/evaluation/figures?{days}&department={department}",
    "evaluation: by department": "/evaluation/breakdown?by=department&{days}",
    "evaluation: by category": "/evaluation/breakdown?by=category&{days}",
    "evaluation: trend": "/evaluation/trend?indicator={indicator}&{days}",
    "evaluation: ranking": "/evaluation/ranking?indicator=on-time-rate&{months}",
    "evaluation: cases behind": "/evaluation/cases?indicator={indicator}&{days}&department={department}",
}
"""Who asks (a dispatcher where nobody is named) and what; names in braces differ from time to time."""


def filled(question: str, city: City, dice: random.Random) -> str:
    west, south = (at + dice.uniform(-0.1, 0.1) for at in city.centre)
    day = datetime.now(UTC) - timedelta(days=dice.randrange(1, 500))

    def box(degrees: float) -> str:
        return f"{west:.5f},{south:.5f},{west + degrees:.5f},{south + degrees:.5f}"

    def span(days: int) -> str:
        until = day + timedelta(days=days)
        return f"since={quote(day.isoformat())}&until={quote(until.isoformat())}"

    word = dice.choice(city.words)
    first = day.replace(day=1)
    before = first - timedelta(days=1)
    return question.format(
        status=dice.choice(["desk", "checking", "rejected", "closed"]),
        top=dice.choice(city.tops),
        category=dice.choice(city.categories),
        department=dice.choice(city.departments),
        district=dice.choice(city.districts),
        street=dice.choice(city.streets),
        week=span(7),
        month=span(30),
        year=span(365),
        box1=box(0.01),
        box2=box(0.02),
        box5=box(0.05),
        place=f"lon={west}&lat={south}",
        word=word,
        character=word[0],
        road=dice.choice(city.roads),
        house=dice.randrange(1, 200),
        day=f"{day:%Y%m%d}",
        serial=f"{dice.randrange(1_000_000):07}",
        days=f"from={day - timedelta(days=dice.choice((7, 31, 92))):%Y-%m-%d}&to={day:%Y-%m-%d}",
        months=f"from={first - timedelta(days=dice.choice((1, 32, 92))):%Y-%m}-01&to={before:%Y-%m-%d}",
        indicator=dice.choice(city.indicators),
        strange=dice.choice("龘靐齉爩麤"),
        english=dice.choice(["send somebody", "street lamp", "litter", "manhole", "noise"]),
    )


def ask_all(
    base_url: str, tokens: dict[str, str], city: City, rounds: int = ROUNDS
) -> dict[str, dict[str, float]]:
    """Milliseconds of each question, p50 and p95; the worst first."""
    dice = random.Random(11)
    table: dict[str, dict[str, float]] = {}
    with httpx.Client(base_url=base_url, timeout=60) as client:
        for name, question in QUESTIONS.items():
            who, _, path = question.rpartition(":")
            headers = {"Authorization": f"Bearer {tokens[who or 'dispatcher']}"}
            took: list[float] = []
            for _ in range(rounds + WARM_UP):
                began = time.perf_counter()
                answer = client.get(filled(path, city, dice), headers=headers)
                took.append(1_000 * (time.perf_counter() - began))
                if answer.status_code != 200:
                    raise RuntimeError(f"{name}: {answer.status_code} {answer.text[:300]}")
            table[name] = {
                f"p{share}_ms": round(percentile(took[WARM_UP:], share / 100), 1) for share in (50, 95)
            }
    return dict(sorted(table.items(), key=lambda each: -each[1]["p95_ms"]))
