"""Rules in the batch's transaction: what memory holds is what is committed, whoever judges next."""

from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from tests.integration.sensing_support import NOW, PACK, City, at, city_of, label

from yunnao.kernel.packs.rules import RulesFile
from yunnao.modules.sensing.intake import Heard


@pytest.fixture
async def city(database_url: str, nats_url: str) -> AsyncIterator[City]:
    async with city_of(database_url, nats_url) as made:
        yield made


async def install(city: City, **rules: dict[str, Any]) -> None:
    specs = {
        name.replace("_", "-"): {"label": label(name), "product": "level", "message": label(name), **spec}
        for name, spec in rules.items()
    }
    pack = PACK.model_copy(update={"rules": RulesFile.model_validate({"rules": specs}).rules})
    async with city.database.transaction() as tx:
        await city.sensing.install(tx, pack, demo=True)


async def alarms(city: City) -> list[tuple[str, str, str]]:
    rows = await city.rows(
        "SELECT r.rule, d.id, a.state FROM sensing.alarm a JOIN sensing.rule r ON r.number = a.rule"
        " JOIN sensing.device d ON d.number = a.device ORDER BY a.opened_at, d.id"
    )
    return [(row["rule"], row["id"], row["state"]) for row in rows]


def level(device: str, second: int, value: float) -> tuple[str, str, dict[str, Any]]:
    return ("level", device, {"level": value, "t": at(second)})


async def test_a_batch_that_is_rolled_back_leaves_the_states_of_rules_as_they_were(city: City) -> None:
    await install(city, deep={"operator": "threshold", "metric": "level", "above": 0.3, "readings": 2})
    await city.take(level("L-1", 0, 0.1))
    assert city.hold is not None
    beyond_integers = Heard(0, [1 << 40], NOW)  # what is written after the rules fails
    for _ in range(3):
        with pytest.raises(psycopg.errors.Error):
            await city.intake.take(
                city.database, city.hold, city.messages(level("L-1", 10, 0.4)), beyond_integers
            )
    await city.take(level("L-1", 10, 0.4))
    assert await alarms(city) == []
    await city.take(level("L-1", 20, 0.4))
    assert await alarms(city) == [("deep", "L-1", "open")]


async def test_another_worker_goes_on_where_the_first_one_stopped(city: City) -> None:
    await install(
        city,
        deep={"operator": "threshold", "metric": "level", "above": 0.3, "for_s": 60, "readings": 3},
        stuck={"operator": "stuck", "metric": "level", "for_s": 120},
    )
    for second in (0, 30, 60, 120):
        await city.take(level("L-1", second, 0.4))
        city.intake = city.sensing.intake()
    assert await alarms(city) == [("deep", "L-1", "open"), ("stuck", "L-1", "open")]
    await city.take(level("L-1", 150, 0.1))
    assert {state for _, _, state in await alarms(city)} == {"cleared"}
    assert await city.rows("SELECT * FROM sensing.rule_state") == []


async def test_a_rate_is_measured_from_the_latest_value_of_the_live_table(city: City) -> None:
    await install(city, rising={"operator": "rate", "metric": "level", "per_minute": 0.5, "direction": "up"})
    await city.take(level("L-1", 0, 0.1), level("L-2", 0, 0.1))
    city.intake = city.sensing.intake()
    await city.take(level("L-1", 60, 0.7), level("L-2", 60, 0.5))
    assert await alarms(city) == [("rising", "L-1", "open")]
    (row,) = await city.rows("SELECT value FROM sensing.alarm")
    assert row["value"] == pytest.approx(0.6)


async def test_a_rule_that_comes_while_a_worker_runs_leaves_the_others_their_states(city: City) -> None:
    deep = {"operator": "threshold", "metric": "level", "above": 0.3, "for_s": 60}
    await install(city, deep=deep)
    await city.take(level("L-1", 0, 0.4))
    await install(city, deep=deep, band={"operator": "range", "metric": "level", "minimum": 0, "maximum": 1})
    await city.take(level("L-1", 60, 1.4))
    assert sorted(await alarms(city)) == [("band", "L-1", "open"), ("deep", "L-1", "open")]


async def test_states_cost_a_row_only_where_there_is_something_to_remember(city: City) -> None:
    await install(
        city,
        deep={"operator": "threshold", "metric": "level", "above": 0.3, "for_s": 60},
        stuck={"operator": "stuck", "metric": "level", "for_s": 3600},
    )
    await city.take(*(level(device, s, 0.01 * s) for device in ("L-1", "L-2") for s in range(10)))
    assert await city.rows("SELECT * FROM sensing.rule_state") == []
    await city.take(level("L-1", 20, 0.5))
    (row,) = await city.rows("SELECT since, readings, alarm FROM sensing.rule_state")
    assert (row["alarm"], row["readings"]) == (None, 1)
