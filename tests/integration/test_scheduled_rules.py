"""Scheduled rules over stored readings: alarms by the clock, the same after a restart; forecasts."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from math import pi, sin
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.integration.lake_support import keep, lake_in
from tests.integration.sensing_support import PACK, City, city_of, maintained

from yunnao.kernel.errors import NotFound
from yunnao.kernel.packs.alarming import AlarmDefaults
from yunnao.kernel.packs.rules import RulesFile
from yunnao.kernel.text import Text
from yunnao.modules.sensing.history.duck_engine import DuckEngine
from yunnao.modules.sensing.history.history import History
from yunnao.modules.sensing.lake.tables import Lake
from yunnao.modules.sensing.rules.domain.schedules import NATIONAL_TIME
from yunnao.modules.sensing.rules.facade import Rules
from yunnao.modules.sensing.scheduled.facade import Scheduled
from yunnao.modules.sensing.scheduled.past import WholePast
from yunnao.modules.twin.contracts import EntityDraft, urn

NOW = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)
TEXT = {"zh": "{entity} {value}", "en": "{entity} {value}"}


ZONE = ZoneInfo("Asia/Shanghai")
Anew = Callable[[], Scheduled]
"""Makes whoever evaluates, as a process that has just started."""


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return lake_in(tmp_path)


@pytest.fixture
def anew(city: City, lake: Lake) -> Anew:
    def made() -> Scheduled:
        history = History(city.clock, city.twin, lake, DuckEngine(lake.readings), ZONE)
        return Scheduled(city.clock, city.twin, NATIONAL_TIME, AlarmDefaults(), WholePast(history))

    return made


@pytest.fixture
async def city(database_url: str, nats_url: str) -> AsyncIterator[City]:
    async with city_of(database_url, nats_url, NOW) as made:
        yield made


async def with_rule(city: City, operator: str, **fields: Any) -> None:
    """Installs one scheduled rule on levels."""
    common = {"operator": operator, "label": TEXT, "message": TEXT, "product": "level", "metric": "level"}
    rules = RulesFile.model_validate({"rules": {"found": {**common, **fields}}}).rules
    async with city.database.transaction() as tx:
        await city.sensing.install(tx, PACK.model_copy(update={"rules": rules}), demo=False)


async def say(city: City, device: str, *values: tuple[datetime, float]) -> None:
    await city.take(*(("level", device, {"level": v, "t": t.isoformat()}) for t, v in values))


async def run(city: City, runner: Scheduled, after: timedelta = timedelta()) -> int:
    city.clock.time += after
    async with city.database.transaction() as tx:
        return await runner.run(tx)


async def told(city: City) -> list[tuple[str, str, str]]:
    return [
        (subject.rsplit(".", 1)[1], data["device"], data["cleared_at"] or data["opened_at"])
        for subject, data in await city.events()
        if subject.startswith("sensing.alarm.")
    ]


def ago(**parts: float) -> datetime:
    return NOW - timedelta(**parts)


async def test_a_window_opens_and_clears_and_a_restart_changes_nothing(city: City, anew: Anew) -> None:
    await with_rule(city, "window", statistic="mean", window_s=600, above=1, every_s=300)
    runner = anew()
    await say(city, "L-1", *((ago(minutes=m), 2.0) for m in range(6, 15)))
    await say(city, "L-2", *((ago(minutes=m), 0.5) for m in range(6, 15)))
    assert await run(city, runner, timedelta(minutes=-4)) == 1
    assert await told(city) == [("opened", "L-1", "2026-07-01T07:55:00+00:00")]
    assert await run(city, runner) == 0
    assert await run(city, anew()) == 0
    assert await run(city, anew(), timedelta(minutes=5)) == 0
    await say(city, "L-1", (city.clock.now(), 0.1))
    assert await run(city, anew(), timedelta(minutes=12)) == 1
    assert [event for event, _, _ in await told(city)] == ["opened", "cleared"]


async def test_a_duration_is_kept_over_a_restart(city: City, anew: Anew) -> None:
    rule = {"statistic": "max", "window_s": 300, "above": 1, "every_s": 300, "for_s": 300}
    await with_rule(city, "window", **rule)
    runner = anew()
    await say(city, "L-1", *((ago(minutes=m), 2.0) for m in range(20)))
    assert await run(city, runner, timedelta(minutes=-6)) == 0
    assert await run(city, anew(), timedelta(minutes=5)) == 1
    assert (await told(city))[0][2] == "2026-07-01T07:55:00+00:00"


async def test_in_maintenance_nothing_opens_and_it_opens_afterwards(city: City, anew: Anew) -> None:
    await with_rule(city, "window", statistic="mean", window_s=600, above=1, every_s=300)
    await maintained(city, "L-1", NOW - timedelta(minutes=10), NOW)
    await say(city, "L-1", *((ago(minutes=m), 2.0) for m in range(15)))
    assert await run(city, anew(), timedelta(minutes=-4)) == 0
    assert await run(city, anew(), timedelta(minutes=5)) == 1
    assert await told(city) == [("opened", "L-1", NOW.isoformat())]


async def test_outside_of_its_hours_a_rule_holds_nothing_and_clears(city: City, anew: Anew) -> None:
    active = {"hours": [["15:30", "16:00"]]}  # NOW is 16:00 in the city
    await with_rule(city, "window", statistic="mean", window_s=600, above=1, every_s=300, active=active)
    await say(city, "L-1", *((ago(minutes=m), 2.0) for m in range(15)))
    assert await run(city, anew(), timedelta(minutes=-4)) == 1
    assert await run(city, anew(), timedelta(minutes=5)) == 1
    assert [event for event, _, _ in await told(city)] == ["opened", "cleared"]


@pytest.mark.parametrize(
    "rule",
    [
        {"operator": "window", "statistic": "mean", "window_s": 600, "above": 1.2, "for_s": 300},
        {"operator": "neighbours", "within_m": 500, "above": 0.5, "neighbours_min": 3},
        {"operator": "same-hour", "window_s": 600, "weeks": 3, "weeks_min": 3, "above": 4, "spread_min": 0.1},
        {"operator": "forecast", "step_s": 3600, "history_days": 6, "share": 0.99, "above": 1},
    ],
    ids=lambda rule: rule["operator"],
)
async def test_a_dry_run_finds_what_the_clock_found(
    city: City, anew: Anew, lake: Lake, rule: dict[str, Any]
) -> None:
    start, every_s = ago(hours=3), 300
    spec = {**rule, "every_s": every_s}
    await with_rule(city, **spec)
    await city.register("level", "N-1", "N-2", "N-3", "N-4")
    for device in ("N-1", "N-2", "N-3", "N-4"):
        strange = device == "N-2"
        await days(city, device, 7)
        for week in (3, 2, 1):
            then = [ago(weeks=week, minutes=m) for m in range(5, 200, 5)]
            await say(city, device, *((t, 1.0) for t in then))
        late = ((ago(minutes=m), 5.0 if strange and 60 < m < 120 else 1.0) for m in range(2, 200, 5))
        await say(city, device, *late)
    city.clock.time = start
    runner = anew()
    while city.clock.time < NOW:
        await run(city, runner, timedelta(seconds=every_s))
    live = sorted((event, device, at) for event, device, at in await told(city))
    history = History(city.clock, city.twin, lake, DuckEngine(lake.readings), ZONE)
    rules = Rules(city.clock, city.twin, history, ZONE, lambda day: True, AlarmDefaults())
    texts = {"label": TEXT, "message": TEXT, "product": "level", "metric": "level"}
    model = RulesFile.model_validate({"rules": {"found": {**spec, **texts}}}).rules["found"]
    async with city.database.transaction() as tx:
        found = await rules.dry_run(tx, model, start, NOW, None)
    dry = [("opened", w.device, a.opened_at.isoformat()) for w in found.worst for a in w.alarms]
    dry += [
        ("cleared", w.device, a.cleared_at.isoformat()) for w in found.worst for a in w.alarms if a.cleared_at
    ]
    assert live
    assert sorted(dry) == live
    assert found.readings > 0


async def test_the_same_hour_of_past_weeks(city: City, anew: Anew) -> None:
    fields = {"window_s": 3600, "weeks": 4, "weeks_min": 3, "above": 4, "spread_min": 0.05}
    await with_rule(city, "same-hour", **fields)
    runner = anew()
    for device, today in (("L-1", 1.5), ("L-2", 1.02)):
        past = [(ago(weeks=w, minutes=30), 1 + w / 100) for w in (1, 2, 3, 4)]
        await say(city, device, *past, (ago(minutes=30), today))
    assert await run(city, runner) == 1
    assert [device for _, device, _ in await told(city)] == ["L-1"]


async def test_hours_that_are_sealed_count_as_hot_ones_do(city: City, anew: Anew, lake: Lake) -> None:
    await with_rule(city, "same-hour", weeks=3, weeks_min=3, above=4, spread_min=0.05)
    await say(city, "L-1", *((ago(weeks=w, minutes=30), 1.0) for w in (1, 2, 3)))
    await keep(city, lake)
    assert await city.rows("SELECT 1 FROM sensing.reading") == []
    city.clock.time = NOW
    await say(city, "L-1", (ago(minutes=30), 1.5))
    assert await run(city, anew()) == 1


async def test_a_device_that_disagrees_with_its_neighbours(city: City, anew: Anew) -> None:
    await with_rule(city, "neighbours", within_m=500, above=0.5, neighbours_min=3)
    runner = anew()
    await city.register("level", "N-1", "N-2", "N-3", "N-4")
    for device in ("N-1", "N-2", "N-3", "N-4"):
        await say(city, device, (ago(minutes=7), 3.0 if device == "N-2" else 1.0))
    assert await run(city, runner) == 1
    assert [device for _, device, _ in await told(city)] == ["N-2"]


async def test_what_is_lost_between_upstream_and_downstream(city: City, anew: Anew) -> None:
    other = {"relation": "fedBy", "product": "level", "metric": "level"}
    await with_rule(city, "related", other=other, below=-0.5)
    runner = anew()
    draft = EntityDraft(
        urn("Underpass", "l-2"), "Underpass", Text(zh="二", en="Two"), 120.3, 36.1,
        relations={"fedBy": urn("Underpass", "l-1")},
    )  # fmt: skip
    async with city.database.transaction() as tx:
        await city.twin.upsert_entities(tx, [draft])
    await say(city, "L-1", (ago(minutes=7), 2.0))
    await say(city, "L-2", (ago(minutes=7), 1.0))
    assert await run(city, runner) == 1
    assert [device for _, device, _ in await told(city)] == ["L-2"]


def tide(time: datetime) -> float:
    return 2 + sin(2 * pi * time.hour / 24) + 0.01 * (time.toordinal() * 7 % 5)


async def days(city: City, device: str, count: int) -> None:
    await say(city, device, *((t, tide(t)) for h in range(1, count * 24 + 1) if (t := ago(hours=h))))


async def test_a_reading_outside_its_forecast(city: City, anew: Anew) -> None:
    fields = {"step_s": 3600, "history_days": 6, "share": 0.99, "above": 1, "every_s": 3600}
    await with_rule(city, "forecast", **fields)
    runner = anew()
    for device in ("L-1", "L-2"):
        await days(city, device, 7)
    city.clock.time += timedelta(hours=1, minutes=1)
    await say(city, "L-1", (NOW + timedelta(minutes=5), 4.9))
    await say(city, "L-2", (NOW + timedelta(minutes=5), tide(NOW)))
    assert await run(city, runner) == 1
    assert [device for _, device, _ in await told(city)] == ["L-1"]


async def test_a_forecast_for_a_chart(city: City, anew: Anew) -> None:
    await days(city, "L-1", 5)
    async with city.database.transaction() as tx:
        found = await anew().forecast(tx, "L-1", "level", 6)
        nothing = await anew().forecast(tx, "L-2", "level", 6)
        with pytest.raises(NotFound):
            await anew().forecast(tx, "L-1", "none", 6)
    assert [time for time, *_ in found.points] == [NOW + timedelta(hours=h) for h in range(6)]
    assert all(abs(value - tide(time)) < 0.3 for time, value, _, _ in found.points)
    assert all(low <= value <= high for _, value, low, high in found.points)
    assert nothing.points == []
