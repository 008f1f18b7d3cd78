"""Tables of readings and registers: what each column is found to be; and the synthetic city."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from yunnao.entrypoints.replay.registers import devices_in
from yunnao.entrypoints.replay.tables import (
    Reading,
    header,
    is_register,
    layout_of,
    readings,
    rows_of,
    shifted,
)
from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.packs.scene import DemoDevice, EntityType, Product, Rhythm
from yunnao.modules.sensing.domain.decoding import decode
from yunnao.modules.sensing.simulate import (
    RAIN_EVERY_S,
    RAIN_FIRST_S,
    SyntheticDevice,
    rain_at,
    storm_at,
    storm_share,
    value_at,
)

TEXT = {"zh": "一", "en": "one"}
ZONE = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 7, 1, 4, 0, tzinfo=UTC)


def product(**metrics: str) -> Product:
    return Product.model_validate(
        {
            "label": TEXT,
            "entity_type": "Thing",
            "metrics": {name: {"label": TEXT, "value_type": kind} for name, kind in metrics.items()},
            "decoder": {"metrics": {name: f"/{name}" for name in metrics}, "time": "/t"},
        }
    )


PARKING = product(free="integer")
AIR = product(pm25="number", temperature="number")


def table(folder: Path, text: str) -> Path:
    file = folder / "table.csv"
    file.write_text(text, encoding="utf-8")
    return file


def read(file: Path, spec: Product, **given: object) -> list[Reading]:
    layout = layout_of(header(file), spec, **given)  # type: ignore[arg-type]
    return list(readings(rows_of(file), layout, spec, ZONE, file.stem))


def test_a_wide_table_has_a_column_a_device_and_empty_cells_say_nothing(tmp_path: Path) -> None:
    file = table(tmp_path, "timestamp,P-1,P-2\n2026-07-01T04:00:00+00:00,203,\n2026-07-01T04:15:00Z,,x\n")
    assert read(file, PARKING) == [Reading(NOON, "P-1", {"free": 203})]


def test_a_long_table_is_read_by_the_names_of_its_columns(tmp_path: Path) -> None:
    text = "date,PM2.5,avgtemp,city,region,noise\n2026-07-01 12:00:00,116.3,7.5,qingdao,east,1\n"
    (found,) = read(table(tmp_path, text), AIR)
    assert found == Reading(NOON, "qingdao-east", {"pm25": 116.3, "temperature": 7.5})


def test_what_is_given_goes_before_what_is_guessed(tmp_path: Path) -> None:
    text = "when,box,a\n2026-07-01T12:00:00+08:00,B-7,3\n"
    found = read(table(tmp_path, text), AIR, time="when", devices=["box"], mapping={"a": "pm25"})
    assert found == [Reading(NOON, "B-7", {"pm25": 3.0})]


@pytest.mark.parametrize(
    ("text", "given", "code"),
    [
        ("a,b\n1,2\n", {}, "table_without_time"),
        ("time,b\n2026-07-01,2\n", {}, "table_without_metrics"),
        ("time,b\n2026-07-01,2\n", {"devices": ["c"]}, "table_column_missing"),
        ("time,b\n2026-07-01,2\n", {"mapping": {"b": "pm1"}}, "metric_unknown"),
        ("time,pm25\nyesterday,2\n", {}, "table_time_unreadable"),
    ],
)
def test_a_table_that_cannot_be_read_says_why(
    tmp_path: Path, text: str, given: dict[str, object], code: str
) -> None:
    with pytest.raises(InvalidInput, match=code):
        read(table(tmp_path, text), AIR, **given)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="table_unreadable"):
        header(tmp_path / "none.csv")


def test_times_can_be_moved_so_that_the_last_is_now() -> None:
    old = [Reading(NOON, "a", {}), Reading(NOON + timedelta(hours=1), "b", {})]
    moved = shifted(old, NOON + timedelta(days=9))
    assert [r.time for r in moved] == [NOON + timedelta(days=9, hours=-1), NOON + timedelta(days=9)]
    assert shifted([], NOON) == []


def test_a_register_gives_places_and_attributes_and_leaves_out_what_is_unusable(tmp_path: Path) -> None:
    kind = EntityType.model_validate(
        {"label": TEXT, "attributes": {"capacity": {"label": TEXT, "value_type": "integer"}}}
    )
    file = table(
        tmp_path,
        "place_id,place_name,num_all,latitude,longitude\n"
        "P-1,Rathaus,605,50.7,6.1\nP-2,Dom,,95,6.1\na/b,Nowhere,1,50,6\nP-3,,x,,\n",
    )
    assert is_register(header(file))
    found = {draft.id: draft for draft in devices_in(file, "car-park", kind)}
    assert set(found) == {"P-1", "P-2", "P-3"}
    assert (found["P-1"].lon, found["P-1"].lat) == (6.1, 50.7)
    assert found["P-1"].attributes == {"capacity": 605}
    assert found["P-1"].name.zh == "Rathaus"
    assert found["P-2"].lon is None
    assert found["P-3"].name.en == "P-3"


def test_it_rains_within_the_first_minute_and_stops_and_comes_again() -> None:
    assert rain_at(0) == 0
    assert rain_at(RAIN_FIRST_S + 60) == 1
    assert rain_at(RAIN_FIRST_S + 600) == 0
    assert rain_at(RAIN_FIRST_S + RAIN_EVERY_S + 60) == 1
    assert all(0 <= rain_at(second) <= 1 for second in range(3_000))


def test_a_rhythm_follows_the_day_and_the_rain_within_its_bounds() -> None:
    curve = Rhythm(base=10, daily_amplitude=5, peak_hour=14, rain_gain=100, maximum=50)
    assert value_at(curve, 14, 0, 0, {}) == 15
    assert value_at(curve, 2, 0, 0, {}) == pytest.approx(5)
    assert value_at(curve, 14, 1, 0, {}) == 50
    share = Rhythm(base=0.5, noise=0.1, share_of="capacity")
    assert value_at(share, 0, 0, 1, {"capacity": 200}) == pytest.approx(120)


def test_a_storm_is_about_one_place_and_the_next_about_another() -> None:
    places = [device_at(120.0 + 0.05 * i) for i in range(20)]
    storms = [storm_at(RAIN_FIRST_S + RAIN_EVERY_S * i + 1, places, seed=7) for i in range(10)]
    assert len({storm.lon for storm in storms if storm is not None}) > 3
    shares = [storm_share(place, places[0]) for place in places]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == 1
    assert storm_share(places[0], storm_at(30, [], seed=7)) == 0


def device_at(lon: float) -> DemoDevice:
    return DemoDevice.model_validate(
        {
            "device": f"W-{lon:.2f}",
            "product": "level",
            "entity": f"w{lon:.2f}",
            "name": TEXT,
            "lon": lon,
            "lat": 36.0,
            "rhythm": {"level": {"base": 0, "rain_gain": 0.6}},
        }
    )


def test_what_a_synthetic_device_says_is_what_its_product_reads() -> None:
    device = DemoDevice.model_validate(
        {
            "device": "P-1",
            "product": "car-park",
            "entity": "p1",
            "name": TEXT,
            "lon": 120.3,
            "lat": 36.0,
            "attributes": {"capacity": 333},
            "rhythm": {"free": {"base": 0.5, "noise": 0.2, "share_of": "capacity", "maximum": 1}},
        }
    )
    synthetic = SyntheticDevice(device, PARKING, 0.0)
    chance = random.Random(1)
    said = [synthetic.payload(NOON + timedelta(seconds=i), 0.0, chance) for i in range(50)]
    found = decode(PARKING, said, None)
    assert found.refusals == []
    assert 0 <= found.columns[0].value.min() <= found.columns[0].value.max() <= 333
