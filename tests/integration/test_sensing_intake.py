"""Batches of messages become readings, latest values, attributes, alarms and dead letters."""

from collections.abc import AsyncIterator
from datetime import timedelta

import numpy as np
import pytest
from tests.integration.sensing_support import NOW, PACK, City, at, city_of, maintained

from yunnao.kernel.errors import Conflict, InvalidInput, Unavailable
from yunnao.kernel.ids import new_id
from yunnao.modules.sensing import storing
from yunnao.modules.sensing.domain.times import to_us
from yunnao.modules.sensing.intake import Heard
from yunnao.modules.sensing.lanes import LaneHold


@pytest.fixture
async def city(database_url: str, nats_url: str) -> AsyncIterator[City]:
    async with city_of(database_url, nats_url) as made:
        yield made


async def test_a_message_becomes_readings_latest_values_and_attributes(city: City) -> None:
    stored = await city.take(("level", "L-1", {"level": 0.25, "closed": True, "note": "雨", "t": at(-5)}))
    assert stored.readings == 3
    async with city.database.transaction() as tx:
        device = await city.sensing.device(tx, "L-1")
        entity = await city.twin.get(tx, "urn:ngsi-ld:Underpass:l-1")
    assert device.state == "online"
    assert device.latest["level"].value == 0.25
    assert device.latest["note"].value == "雨"
    assert entity.attributes["waterLevel"].value == 0.25
    assert entity.attributes["waterLevel"].unit == "MTR"
    assert entity.attributes["waterLevel"].observed_at == NOW - timedelta(seconds=5)
    assert entity.attributes["closed"].value is True
    assert await city.points("L-1", "level") == [(NOW - timedelta(seconds=5), 0.25)]
    assert await city.points("L-1", "note") == [(NOW - timedelta(seconds=5), "雨")]


async def test_what_is_delivered_twice_is_stored_once(city: City) -> None:
    messages = [("level", "L-1", {"level": 0.1, "t": at(i)}) for i in range(5)]
    assert (await city.take(*messages)).readings == 5
    assert (await city.take(*messages, messages[0])).readings == 0
    assert (await city.rows("SELECT count(*) AS n FROM sensing.reading"))[0]["n"] == 5


async def test_messages_that_come_again_are_shown_and_not_stored(city: City) -> None:
    batch = city.messages(*(("level", "L-1", {"level": 0.1, "t": at(i)}) for i in range(3)))
    await city.take(("level", "L-2", {"level": 0.1, "t": at(0)}))
    assert city.hold is not None
    # As after a crash between the commit and the live table.
    await city.rows(
        "INSERT INTO sensing.reading (series, time, value) SELECT series, %s + n * interval '1 s', 0.1"
        " FROM sensing.series JOIN sensing.device ON number = device, generate_series(0, 2) AS n"
        " WHERE id = 'L-1' AND metric = 'level' RETURNING series",
        NOW,
    )
    await city.intake.take(city.database, city.hold, batch, Heard(0, [], NOW))
    assert (await city.rows("SELECT count(*) AS n FROM sensing.reading"))[0]["n"] == 4
    (shown,) = await city.rows(
        "SELECT series FROM sensing.series JOIN sensing.device ON number = device"
        " WHERE id = 'L-1' AND metric = 'level'"
    )
    assert city.table.times_us(np.array([shown["series"]], np.int32)).tolist() == [to_us(NOW) + 2_000_000]


async def test_a_stream_that_counts_from_one_again_is_stored(city: City) -> None:
    await city.take(*(("level", "L-1", {"level": 0.1, "t": at(i)}) for i in range(3)))
    city.sequence = 0
    city.clock.time += timedelta(seconds=1)
    assert (await city.take(("level", "L-1", {"level": 0.1, "t": at(9)}))).readings == 1


async def test_a_worker_whose_lane_was_taken_stores_nothing(city: City) -> None:
    await city.take(("level", "L-1", {"level": 0.1, "t": at(0)}))
    async with city.database.transaction() as tx:
        new = await LaneHold.take(tx, 0)
    assert city.hold is not None
    assert (new.epoch, new.batch, new.sequence) == (city.hold.epoch + 1, 1, 1)
    with pytest.raises(Unavailable, match="lane_lost"):
        await city.take(("level", "L-1", {"level": 0.1, "t": at(1)}))
    assert (await city.rows("SELECT count(*) AS n FROM sensing.reading"))[0]["n"] == 1


async def test_a_large_batch_becomes_a_run_and_what_it_holds_is_not_stored_again(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "run_rows_min", 100)
    large = [("level", "L-1", {"level": 0.1, "t": at(-i)}) for i in range(100)]
    assert (await city.take(*large)).readings == 100
    assert (await city.rows("SELECT count(*) AS n FROM sensing.reading_run"))[0]["n"] == 100
    late = ("level", "L-1", {"level": 0.1, "t": at(-0.5)})
    assert (await city.take(*large[40:60], late)).readings == 1
    assert (await city.rows("SELECT count(*) AS n FROM sensing.reading"))[0]["n"] == 1


async def test_a_live_table_that_lost_its_rows_doubles_nothing(city: City) -> None:
    messages = [("level", "L-1", {"level": 0.1, "t": at(i)}) for i in range(5)]
    await city.take(*messages)
    city.table.claim(new_id())
    assert (await city.take(*messages, ("level", "L-1", {"level": 0.2, "t": at(9)}))).readings == 1


async def test_an_hour_that_was_sealed_comes_back_for_what_is_late(city: City) -> None:
    await city.take(("level", "L-1", {"level": 0.1, "t": at(0)}))
    async with city.database.transaction() as tx:
        await tx.execute("DROP TABLE sensing.reading_2026070108, sensing.reading_run_2026070108")
    assert (await city.take(("level", "L-1", {"level": 0.1, "t": at(-1)}))).readings == 1


BAD: list[tuple[str, str, object, str]] = [
    ("level", "L-1", b"\xff\xfe", "payload_not_json"),
    ("level", "L-1", b"", "payload_not_json"),
    ("level", "L-1", b'{"level": 1', "payload_not_json"),
    ("level", "L-1", b"[" * 5_000, "payload_not_json"),
    ("level", "L-1", {"depth": 1, "t": at(0)}, "payload_without_metrics"),
    ("level", "L-1", b'"text"', "time_missing"),
    ("level", "L-1", {"level": 0.1}, "time_missing"),
    ("level", "L-1", {"level": 0.1, "t": "yesterday"}, "time_unparsable"),
    ("level", "L-1", {"level": 0.1, "t": 7}, "time_unparsable"),
    ("level", "L-1", {"level": 0.1, "t": "2026-07-01T08:00:00"}, "time_without_zone"),
    ("level", "L-1", {"level": 0.1, "t": at(301)}, "time_in_future"),
    ("level", "L-1", {"level": 0.1, "t": at(-86_400 * 31)}, "time_too_old"),
    ("level", "L-1", f'{{"level": NaN, "t": "{at(0)}"}}'.encode(), "value_not_finite"),
    ("level", "L-1", f'{{"level": -Infinity, "t": "{at(0)}"}}'.encode(), "value_not_finite"),
    ("level", "L-1", {"level": "0.1", "t": at(0)}, "value_wrong_type"),
    ("level", "L-1", {"level": True, "t": at(0)}, "value_wrong_type"),
    ("level", "L-1", {"level": [0.1], "t": at(0)}, "value_wrong_type"),
    ("level", "L-1", {"level": 5.1, "t": at(0)}, "value_out_of_range"),
    ("level", "L-1", {"level": -0.1, "t": at(0)}, "value_out_of_range"),
    ("level", "L-1", {"closed": "yes", "t": at(0)}, "value_wrong_type"),
    ("level", "L-1", {"note": "a\x00b", "t": at(0)}, "text_unusable"),
    ("level", "L-1", {"note": "x" * 1_001, "t": at(0)}, "text_unusable"),
    ("level", "L-1", {"note": "x" * 70_000, "t": at(0)}, "payload_too_large"),
    ("car-park", "P-1", {"free": 1.5, "t": at(0)}, "value_not_integer"),
    ("level", "nobody", {"level": 0.1, "t": at(0)}, "device_unknown"),
    ("level", "');DROP-TABLE-sensing.reading;--", {"level": 0.1, "t": at(0)}, "device_unknown"),
    ("nothing", "L-1", {"level": 0.1, "t": at(0)}, "product_unknown"),
    ("car-park", "L-1", {"free": 1, "t": at(0)}, "device_of_other_product"),
]


async def test_a_bad_message_is_a_dead_letter_and_its_neighbours_are_stored(city: City) -> None:
    for turn, (product, device, payload, code) in enumerate(BAD):
        before = ("level", "L-2", {"level": 0.1, "t": at(-2 * turn)})
        after = ("level", "L-2", {"level": 0.2, "t": at(-2 * turn - 1)})
        stored = await city.take(before, (product, device, payload), after)
        assert stored.readings == 2, payload
        assert (await city.letters())[-1][0] == code, payload
    assert len(await city.letters()) == len(BAD)


async def test_of_a_message_with_a_bad_metric_the_good_one_is_kept(city: City) -> None:
    stored = await city.take(("level", "L-1", {"level": 99, "closed": False, "t": at(0)}))
    assert stored.readings == 1
    assert [code for code, _ in await city.letters()] == ["value_out_of_range"]


async def test_a_late_reading_is_stored_and_changes_neither_latest_nor_attribute(city: City) -> None:
    await city.take(("level", "L-1", {"level": 0.2, "t": at(0)}))
    await city.take(("level", "L-1", {"level": 0.1, "t": at(-60)}))
    async with city.database.transaction() as tx:
        device = await city.sensing.device(tx, "L-1")
        entity = await city.twin.get(tx, "urn:ngsi-ld:Underpass:l-1")
    assert device.latest["level"].value == 0.2
    assert entity.attributes["waterLevel"].value == 0.2
    assert (await city.rows("SELECT count(*) AS n FROM sensing.reading"))[0]["n"] == 2


async def test_history_lies_in_wide_partitions_and_the_present_in_hours(city: City) -> None:
    days = [("car-park", "P-1", {"free": 9, "t": at(-86_400 * i)}) for i in range(0, 400, 5)]
    assert (await city.take(*days)).readings == 80
    names = {
        row["relname"]
        for row in await city.rows(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = 'sensing.reading'::regclass"
        )
    }
    assert "reading_2026070108" in names
    assert "reading_202605" in names
    assert len(names) < 25


async def test_an_alarm_opens_after_its_time_and_clears_past_its_bound(city: City) -> None:
    await city.take(("level", "L-1", {"level": 0.35, "t": at(0)}))
    assert await city.events() == []
    await city.take(("level", "L-1", {"level": 0.4, "t": at(61)}))
    await city.take(("level", "L-1", {"level": 0.25, "t": at(90)}))
    await city.take(("level", "L-1", {"level": 0.5, "t": at(120)}))
    (subject, data), *rest = await city.events()
    assert subject == "sensing.alarm.opened"
    assert rest == []
    assert data["rule"] == "flooded"
    assert data["scene"] == "water"
    assert data["entity"] == "urn:ngsi-ld:Underpass:l-1"
    assert data["value"] == 0.4
    assert data["opened_at"] == at(61)
    assert data["message"]["zh"] == "L-1积水 0.4 米，自 07月01日 16:00（UTC+0800） 起"
    assert data["case"] == {"case_type": "waterlogging", "category": "W02", "inform": ["W90"]}
    await city.take(("level", "L-1", {"level": 0.2, "t": at(150)}))
    cleared = (await city.events())[-1]
    assert cleared[0] == "sensing.alarm.cleared"
    assert cleared[1]["alarm_id"] == data["alarm_id"]
    assert cleared[1]["trace_id"] == data["trace_id"]
    assert cleared[1]["cleared_at"] == at(150)


async def test_an_alarm_may_open_clear_and_open_within_one_batch(city: City) -> None:
    levels = [(0, 0.4), (60, 0.4), (90, 0.1), (100, 0.4), (160, 0.4)]
    await city.take(*(("level", "L-1", {"level": v, "t": at(s)}) for s, v in reversed(levels)))
    told = [(subject.rsplit(".")[-1], data["opened_at"]) for subject, data in await city.events()]
    assert told == [("opened", at(60)), ("cleared", at(60)), ("opened", at(160))]
    states = [row["state"] for row in await city.rows("SELECT state FROM sensing.alarm ORDER BY opened_at")]
    assert states == ["cleared", "open"]


async def test_a_share_of_an_attribute_bounds_each_device_by_its_own(city: City) -> None:
    await city.register("car-park", "P-big", capacity=1_000)
    await city.register("car-park", "P-unknown")
    await city.take(*(("car-park", d, {"free": 50, "t": at(0)}) for d in ("P-1", "P-big", "P-unknown")))
    assert [data["device"] for _, data in await city.events()] == ["P-big"]


async def test_a_crash_between_batches_loses_no_state(city: City) -> None:
    await city.take(("level", "L-1", {"level": 0.4, "t": at(0)}))
    city.intake = city.sensing.intake()
    await city.take(("level", "L-1", {"level": 0.4, "t": at(60)}))
    assert [subject for subject, _ in await city.events()] == ["sensing.alarm.opened"]


async def test_silence_is_found_once_and_ends_with_the_next_message(city: City) -> None:
    await city.take(("level", "L-1", {"level": 0.1, "t": at(0)}))
    await city.take(("level", "L-2", {"level": 0.1, "t": at(0)}))
    for second in range(20, 661, 20):
        city.clock.time = NOW + timedelta(seconds=second)
        await city.take(("level", "L-2", {"level": 0.1, "t": at(second)}))
        async with city.database.transaction() as tx:
            await city.sensing.scan_silence(tx)
    ((subject, data),) = await city.events()
    assert subject == "sensing.alarm.opened"
    assert (data["device"], data["rule"], data["opened_at"]) == ("L-1", "silent", at(600))
    await city.take(("level", "L-1", {"level": 0.1, "t": at(655)}))
    assert [subject for subject, _ in await city.events()][1:] == ["sensing.alarm.cleared"]
    async with city.database.transaction() as tx:
        assert await city.sensing.scan_silence(tx) == 0


async def test_silence_in_maintenance_is_found_when_that_is_over(city: City) -> None:
    await maintained(city, "L-1", NOW, NOW + timedelta(seconds=800))
    await city.take(("level", "L-1", {"level": 0.1, "t": at(0)}))
    for second in range(20, 821, 20):
        city.clock.time = NOW + timedelta(seconds=second)
        await city.take(("level", "L-2", {"level": 0.1, "t": at(second)}))
        async with city.database.transaction() as tx:
            found = await city.sensing.scan_silence(tx)
        assert found == (second == 800)


async def test_a_platform_that_did_not_listen_takes_no_device_for_silent(city: City) -> None:
    await city.take(("level", "L-1", {"level": 0.1, "t": at(0)}))
    city.clock.time = NOW + timedelta(hours=2)
    await city.take(("level", "L-2", {"level": 0.1, "t": at(7200)}))
    async with city.database.transaction() as tx:
        assert await city.sensing.scan_silence(tx) == 0


async def test_whoever_hands_in_history_is_not_silent_afterwards(city: City) -> None:
    await city.take(("level", "L-1", {"level": 0.1, "t": at(-86_400)}))
    for second in range(20, 1_000, 20):
        city.clock.time = NOW + timedelta(seconds=second)
        await city.take(("level", "L-2", {"level": 0.1, "t": at(second)}))
    async with city.database.transaction() as tx:
        assert await city.sensing.scan_silence(tx) == 0


async def test_a_backlog_is_not_silence(city: City) -> None:
    await city.take(("level", "L-1", {"level": 0.1, "t": at(0)}))
    for second in range(20, 1_000, 20):
        city.clock.time = NOW + timedelta(seconds=second)
        await city.take(("level", "L-2", {"level": 0.1, "t": at(second)}), lanes=[0, 1, 2])
    async with city.database.transaction() as tx:
        assert await city.sensing.scan_silence(tx) == 0


async def test_a_rule_that_leaves_the_pack_ends_its_alarms(city: City) -> None:
    await city.take(*(("level", "L-1", {"level": 0.4, "t": at(s)}) for s in (0, 60)))
    without = PACK.model_copy(update={"rules": {"silent": PACK.rules["silent"]}})
    async with city.database.transaction() as tx:
        await city.sensing.install(tx, without, demo=False)
    await city.take(("level", "L-1", {"level": 0.5, "t": at(100)}))
    assert [subject for subject, _ in await city.events()][1:] == ["sensing.alarm.cleared"]


async def test_a_new_metric_and_a_new_rule_reach_a_worker_that_runs(city: City) -> None:
    await city.take(("level", "L-1", {"level": 0.1, "temp": 3, "t": at(0)}))
    document = PACK.model_dump(mode="json")
    document["products"]["level"]["metrics"]["temp"] = {"label": {"zh": "温度", "en": "temperature"}}
    document["products"]["level"]["decoder"]["metrics"]["temp"] = "/temp"
    async with city.database.transaction() as tx:
        await city.sensing.install(tx, type(PACK).model_validate(document), demo=False)
    assert (await city.take(("level", "L-1", {"temp": 4, "t": at(1)}))).readings == 1


async def test_installing_twice_changes_nothing(city: City) -> None:
    async with city.database.transaction() as tx:
        await city.twin.install(tx, PACK)
        await city.sensing.install(tx, PACK, demo=True)
    assert (await city.rows("SELECT count(*) AS n, max(number) AS last FROM sensing.device"))[0] == {
        "n": 3,
        "last": 3,
    }
    assert (await city.rows("SELECT count(*) AS n, max(series) AS last FROM sensing.series"))[0] == {
        "n": 7,
        "last": 7,
    }


async def test_a_device_with_an_unusable_name_product_or_place_is_refused_whole(city: City) -> None:
    for product, device, code in (("level", "a/b", "topic_level_invalid"), ("none", "x", "product_unknown")):
        with pytest.raises(InvalidInput, match=code):
            await city.register(product, "fine", device)
    with pytest.raises(Conflict, match="device_of_other_product"):
        await city.register("car-park", "L-1")
    assert (await city.rows("SELECT count(*) AS n FROM sensing.device"))[0]["n"] == 3


async def test_a_product_belongs_to_one_scene(city: City) -> None:
    other = PACK.model_copy(update={"manifest": PACK.manifest.model_copy(update={"scene": "other"})})
    with pytest.raises(Conflict, match="product_taken"):
        async with city.database.transaction() as tx:
            await city.sensing.install(tx, other, demo=False)
    with pytest.raises(Conflict, match="entity_type_taken"):
        async with city.database.transaction() as tx:
            await city.twin.install(tx, other)


async def test_the_overview_counts_devices_readings_and_alarms(city: City) -> None:
    await city.take(*(("level", "L-1", {"level": 0.4, "t": at(s)}) for s in (0, 60)))
    city.clock.time = NOW + timedelta(seconds=10)
    async with city.database.transaction() as tx:
        found = await city.sensing.overview(tx, NOW - timedelta(hours=1))
    assert (found.devices, found.online, found.readings_today, found.alarms_open) == (3, 1, 2, 1)
    assert found.readings_per_s == pytest.approx(0.1)
