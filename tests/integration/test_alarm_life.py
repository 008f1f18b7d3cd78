"""The life of alarms: what people and time do with them, floods, and causes."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from tests.integration.sensing_support import NOW, PACK, City, at, city_of

from yunnao.kernel.errors import Conflict, InvalidInput
from yunnao.kernel.ids import UUID, new_id
from yunnao.kernel.packs.alarming import CauseLink, FloodLimit, Grouping
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import Text
from yunnao.modules.sensing.alarming.contracts import Alarm, AlarmFilter
from yunnao.modules.twin.contracts import EntityDraft, urn

LI = Principal(None, "li", Text(zh="李", en="Li"), "person", frozenset({"dispatcher"}))


@pytest.fixture
async def city(database_url: str, nats_url: str) -> AsyncIterator[City]:
    async with city_of(database_url, nats_url) as made:
        yield made


def wet(device: str, second: float = 0, level: float = 0.4) -> list[tuple[str, str, Any]]:
    return [("level", device, {"level": level, "t": at(second + s)}) for s in (-60, 0)]


def dry(device: str, second: float) -> tuple[str, str, Any]:
    return ("level", device, {"level": 0.0, "t": at(second)})


async def with_rule(city: City, **changes: Any) -> None:
    """Installs the pack again with the rule `flooded` changed."""
    rule = PACK.rules["flooded"].model_copy(update=changes)
    pack = PACK.model_copy(update={"rules": {**PACK.rules, "flooded": rule}})
    async with city.database.transaction() as tx:
        await city.sensing.install(tx, pack, demo=False)


async def alarms(city: City, **wanted: Any) -> list[Alarm]:
    async with city.database.transaction() as tx:
        return (await city.alarms.page(tx, AlarmFilter(**wanted), limit=500)).items


async def sweep(city: City, after: timedelta) -> None:
    city.clock.time += after
    async with city.database.transaction() as tx:
        await city.alarms.sweep(tx)


async def raised(city: City) -> list[str]:
    """Alarms whose opening asked for a case, in order."""
    events = await city.events()
    return [data["alarm_id"] for subject, data in events if subject.endswith(".opened") and data["case"]]


async def story(city: City, alarm: UUID) -> list[str]:
    async with city.database.transaction() as tx:
        return [entry.event for entry in await city.alarms.timeline(tx, alarm)]


async def test_people_handle_an_alarm_and_its_timeline_tells_who_did_what(city: City) -> None:
    await city.take(*wet("L-1"))
    (alarm,) = await alarms(city)
    async with city.database.transaction() as tx:
        await city.alarms.comment(tx, alarm.id, LI, "on the way")
        await city.alarms.acknowledge(tx, alarm.id, LI)
        closed = await city.alarms.close(tx, alarm.id, LI, "a broken float")
        assert closed.state == "cleared"
        timeline = await city.alarms.timeline(tx, alarm.id)
    assert [e.event for e in timeline] == ["opened", "commented", "acknowledged", "closed"]
    assert [e.actor.en for e in timeline] == ["System", "Li", "Li", "Li"]
    assert timeline[-1].comment == "a broken float"
    with pytest.raises(Conflict):
        async with city.database.transaction() as tx:
            await city.alarms.close(tx, alarm.id, LI, "again")


async def test_what_was_closed_by_hand_opens_anew_only_after_its_condition_has_ended(city: City) -> None:
    await city.take(*wet("L-1"))
    (alarm,) = await alarms(city)
    async with city.database.transaction() as tx:
        await city.alarms.close(tx, alarm.id, LI, "seen to")
    await city.take(*wet("L-1", 120))
    assert len(await alarms(city)) == 1
    await city.take(dry("L-1", 180))
    await city.take(*wet("L-1", 280))
    assert [a.state for a in await alarms(city)] == ["open", "cleared"]


async def test_a_timeline_cannot_be_changed(city: City) -> None:
    await city.take(*wet("L-1"))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await city.rows("UPDATE sensing.alarm_event SET comment = 'x' RETURNING id")


async def test_a_suppressed_alarm_rests_and_comes_back(city: City) -> None:
    await city.take(*wet("L-1"))
    (alarm,) = await alarms(city)
    async with city.database.transaction() as tx:
        until = NOW + timedelta(hours=1)
        await city.alarms.suppress(tx, alarm.id, LI, until=until, reason="roadworks")
    assert [a.state for a in await alarms(city, state="suppressed")] == ["suppressed"]
    await sweep(city, timedelta(minutes=59))
    assert await story(city, alarm.id) == ["opened", "suppressed"]
    await sweep(city, timedelta(minutes=1))
    assert await story(city, alarm.id) == ["opened", "suppressed", "returned"]
    assert [a.state for a in await alarms(city)] == ["open"]
    assert await raised(city) == [str(alarm.id)]


async def test_what_opens_while_suppressed_raises_its_case_only_if_it_still_stands_then(city: City) -> None:
    await city.take(*wet("L-1"))
    (first,) = await alarms(city)
    async with city.database.transaction() as tx:
        await city.alarms.suppress(tx, first.id, LI, until=NOW + timedelta(hours=1), reason="test")
    await city.take(dry("L-1", 60))
    await city.take(*wet("L-1", 300))
    second = (await alarms(city))[0]
    assert second.state == "suppressed"
    assert await raised(city) == [str(first.id)]
    await sweep(city, timedelta(hours=1))
    assert await raised(city) == [str(first.id), str(second.id)]


async def test_a_suppression_has_an_end(city: City) -> None:
    await city.take(*wet("L-1"))
    (alarm,) = await alarms(city)
    for until in (NOW, NOW + timedelta(days=31)):
        with pytest.raises(InvalidInput):
            async with city.database.transaction() as tx:
                await city.alarms.suppress(tx, alarm.id, LI, until=until, reason="for ever")


async def test_an_alarm_that_nobody_acknowledges_escalates_once_a_step(city: City) -> None:
    await city.take(*wet("L-1"), *wet("L-2"))
    heard, unheard = sorted(await alarms(city), key=lambda a: a.device or "")
    async with city.database.transaction() as tx:
        await city.alarms.acknowledge(tx, heard.id, LI)
    for _ in range(2):
        await sweep(city, timedelta(minutes=30))
    states = {a.device: (a.severity, a.level) for a in await alarms(city)}
    assert states == {"L-1": ("severe", 0), "L-2": ("extreme", 1)}
    assert [s for s, _ in await city.events()].count("sensing.alarm.escalated") == 1
    assert await story(city, unheard.id) == ["opened", "escalated"]


async def test_lists_are_filtered_and_counted(city: City) -> None:
    await city.take(*wet("L-1"), *wet("L-2"))
    await city.take(dry("L-2", 60))
    async with city.database.transaction() as tx:
        page = await city.alarms.page(
            tx, AlarmFilter(state="open", severity="severe", rule="flooded"), limit=1
        )
    assert [a.device for a in page.items] == ["L-1"]
    assert (page.total, page.by_state, page.by_severity) == (1, {"open": 1, "cleared": 1}, {"severe": 1})
    assert [a.device for a in await alarms(city, device="L-2")] == ["L-2"]
    assert await alarms(city, since=NOW + timedelta(days=1)) == []
    assert await alarms(city, district="370202") == []


async def test_a_flood_is_one_alarm_that_raises_one_case(city: City) -> None:
    await with_rule(city, flood=FloodLimit(openings_max=3, window_s=300))
    devices = [f"F-{n}" for n in range(6)]
    await city.register("level", *devices)
    await city.take(*(m for device in devices for m in wet(device)))
    (summary,) = await alarms(city, roots=True)
    assert (summary.kind, summary.device, summary.members) == ("flood", None, 6)
    assert await raised(city) == [str(summary.id)]
    await city.take(*wet("L-1", 30))
    assert (await alarms(city, roots=True))[0].members == 7
    await city.take(*(dry(d, 100) for d in [*devices, "L-1"]))
    await sweep(city, timedelta(minutes=20))
    assert {a.state for a in await alarms(city)} == {"cleared"}
    assert await story(city, summary.id) == ["opened", "cleared"]


async def test_alarms_that_come_slowly_are_no_flood(city: City) -> None:
    await with_rule(city, flood=FloodLimit(openings_max=1, window_s=60))
    await city.take(*wet("L-1"))
    await city.take(*wet("L-2", 61))
    assert {a.kind for a in await alarms(city)} == {"single"}


async def related(city: City, **grouping: Any) -> None:
    """L-2 is fed by L-1."""
    links = [CauseLink(relation="fedBy")]
    await with_rule(city, group=Grouping(links=links, within_s=600, **grouping))
    two, one = urn("Underpass", "l-2"), urn("Underpass", "l-1")
    draft = EntityDraft(two, "Underpass", Text(zh="二", en="Two"), 120.3, 36.1, relations={"fedBy": one})
    async with city.database.transaction() as tx:
        await city.twin.upsert_entities(tx, [draft])


async def link(city: City, alarm: UUID) -> UUID:
    case = new_id()
    async with city.database.transaction() as tx:
        await city.alarms.link_case(tx, alarm, case)
    return case


async def test_a_consequence_goes_beneath_its_cause_and_raises_no_case(city: City) -> None:
    await related(city)
    await city.take(*wet("L-1"))
    await city.take(*wet("L-2", 60))
    effect, cause = await alarms(city)
    assert (effect.parent, cause.members) == (cause.id, 1)
    assert await raised(city) == [str(cause.id)]
    assert await story(city, effect.id) == ["opened", "grouped"]


async def test_each_may_raise_a_case_where_the_rule_says_so(city: City) -> None:
    await related(city, case="each")
    await city.take(*wet("L-1"), *wet("L-2"))
    assert len(await raised(city)) == 2


@pytest.mark.parametrize("linked_before", [True, False])
async def test_a_cause_that_comes_later_takes_over_the_case(city: City, linked_before: bool) -> None:
    await related(city)
    await city.take(*wet("L-2"))
    (effect,) = await alarms(city)
    case = await link(city, effect.id) if linked_before else None
    await city.take(*wet("L-1", 60))
    case = case or await link(city, effect.id)
    (cause,) = await alarms(city, roots=True)
    assert (cause.device, cause.case_id, cause.members) == ("L-1", case, 1)
    assert await raised(city) == [str(effect.id)]


async def test_what_outlives_its_cause_stands_by_itself(city: City) -> None:
    await related(city)
    await city.take(*wet("L-1"), *wet("L-2"))
    (effect,) = await alarms(city, device="L-2")
    await city.take(dry("L-1", 60))
    await sweep(city, timedelta(minutes=3))
    assert len(await raised(city)) == 1
    await sweep(city, timedelta(minutes=4))
    assert (await raised(city))[1:] == [str(effect.id)]
    assert (await alarms(city, device="L-2"))[0].parent is None
    assert await story(city, effect.id) == ["opened", "grouped", "released"]
