"""Tables of devices into the registry: every row is taken, or told with its reason."""

import io
from collections.abc import AsyncIterator
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.sensing_support import City, city_of, label

from yunnao.infra.nats_subjects import device_topic
from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.principal import SYSTEM
from yunnao.kernel.text import Text
from yunnao.modules.identity.facade import Identity, Policies
from yunnao.modules.sensing.access.checking import checked
from yunnao.modules.sensing.access.provisioning import Provisioned
from yunnao.modules.sensing.access.service import Access
from yunnao.modules.sensing.access.tables import Format, Known, table_of
from yunnao.modules.sensing.contracts import DeviceDraft

TABLE = """device,product,name,lon,lat,capacity,owner,gateway
GW-1,level,网关一,120.3,36.1,,parks,
泵站-7,level,七号泵站,120.31,36.11,,parks,GW-1
C-1,car-park,Car park,120.4,36.2,300,,
"""


@pytest.fixture
async def city(database_url: str, nats_url: str) -> AsyncIterator[City]:
    async with city_of(database_url, nats_url) as opened:
        await opened.rows(
            "INSERT INTO identity.department (id, name, kind) VALUES ('parks', %s, 'bureau') RETURNING id",
            Text(**label("parks")).model_dump_json(),
        )
        yield opened


@pytest.fixture
def access(city: City) -> Access:
    return Access(city.clock, Identity(city.clock, Policies.load()), city.twin, city.sensing)


async def register(city: City, access: Access, body: str | bytes, form: Format = "csv") -> Provisioned:
    data = body.encode() if isinstance(body, str) else body
    async with city.database.transaction() as tx:
        return await access.register_body(tx, data, form, None, SYSTEM)


async def test_a_table_brings_devices_their_things_and_their_gateways(city: City, access: Access) -> None:
    found = await register(city, access, TABLE)
    assert (found.new, found.updated, found.rejected.height) == (3, 0, 0)
    rows = await city.rows(
        "SELECT d.id, d.owner, g.id AS gateway, count(s.series) AS series"
        " FROM sensing.device d LEFT JOIN sensing.device g ON g.number = d.gateway"
        " JOIN sensing.series s ON s.device = d.number WHERE d.id IN ('泵站-7', 'C-1')"
        " GROUP BY d.number, g.id ORDER BY d.id"
    )
    assert [tuple(row.values()) for row in rows] == [("C-1", None, None, 1), ("泵站-7", "parks", "GW-1", 3)]
    things = await city.rows("SELECT name, lon FROM twin.entity WHERE id = 'urn:ngsi-ld:Underpass:泵站-7'")
    assert things == [{"name": {"zh": "七号泵站", "en": "七号泵站"}, "lon": 120.31}]


async def test_the_same_table_again_changes_nothing_and_says_so(city: City, access: Access) -> None:
    await register(city, access, TABLE)
    before = await city.rows("SELECT version FROM sensing.registry")
    again = await register(city, access, TABLE)
    assert (again.new, again.updated, again.unchanged) == (0, 0, 3)
    assert await city.rows("SELECT version FROM sensing.registry") == before


async def test_what_a_table_leaves_out_stays_as_it_is_known(city: City, access: Access) -> None:
    await register(city, access, TABLE)
    found = await register(city, access, "device,product,name_en\n泵站-7,level,Pump seven\n")
    assert (found.new, found.updated) == (0, 1)
    row = (await city.rows("SELECT lon, owner, gateway, name FROM sensing.device WHERE id = '泵站-7'"))[0]
    assert (row["lon"], row["owner"], row["name"]["en"]) == (120.31, "parks", "Pump seven")
    assert row["gateway"] is not None


async def test_every_row_that_is_left_out_is_told_with_its_line_and_reason(
    city: City, access: Access
) -> None:
    table = (
        "device,product,lon,lat,owner,gateway,freespaces\n"
        "good,level,120.3,36.1,,,\n"
        ",level,120.3,36.1,,,\n"
        "a/b,level,,,,,\n"
        "no-product,,,,,,\n"
        "moon,moon,,,,,\n"
        "swapped,level,36.1,120.3,,,\n"
        "text,level,east,36.1,,,\n"
        "half,level,120.3,,,,\n"
        "owned,level,,,nobody,,\n"
        "lost,level,,,,nowhere,\n"
        "self,level,,,,self,\n"
        "broken,level\n"
        "\n"
        "L-1,car-park,,,,,\n"
        "many,car-park,,,,,a lot\n"
        "twice,level,120.3,36.1,,,\n"
        "twice,level,120.5,36.1,,,\n"
    )
    found = await register(city, access, table)
    assert found.rejected.select("line", "code").rows() == [
        (3, "device_missing"),
        (4, "topic_level_invalid"),
        (5, "product_missing"),
        (6, "product_unknown"),
        (7, "coordinates_swapped"),
        (8, "coordinates_not_finite"),
        (9, "coordinates_half"),
        (10, "department_unknown"),
        (11, "gateway_unknown"),
        (12, "gateway_is_itself"),
        (13, "row_broken"),
        (15, "device_of_other_product"),
        (16, "attribute_unreadable"),
    ]
    assert found.repeated.select("line", "code").rows() == [(17, "device_repeated")]
    assert (await city.rows("SELECT lon FROM sensing.device WHERE id = 'twice'"))[0]["lon"] == 120.5
    assert found.new == 2


@pytest.mark.parametrize("form", ["parquet", "arrow"])
async def test_parquet_and_arrow_are_read_as_csv_is(city: City, access: Access, form: Format) -> None:
    out = io.BytesIO()
    frame = pl.read_csv(TABLE.encode())
    if form == "parquet":
        frame.write_parquet(out)
    else:
        frame.write_ipc_stream(out)
    found = await register(city, access, out.getvalue(), form)
    assert found.new == 3
    assert (await register(city, access, TABLE)).unchanged == 3


async def test_a_table_saved_by_a_chinese_spreadsheet_is_read(city: City, access: Access) -> None:
    table = "设备编号,产品,名称,经度,纬度\n泵站-8,level,八号泵站,120.3,36.1\n".encode("gb18030")
    assert (await register(city, access, table)).new == 1
    assert (await city.rows("SELECT name FROM sensing.device WHERE id = '泵站-8'"))[0]["name"][
        "zh"
    ] == "八号泵站"


@pytest.mark.parametrize(("body", "form"), [(b"PAR1", "parquet"), (b"", "csv"), (b"\x00\x01", "arrow")])
async def test_what_is_no_table_is_refused(city: City, access: Access, body: bytes, form: Format) -> None:
    with pytest.raises(InvalidInput, match="table_"):
        await register(city, access, body, form)


async def test_a_long_file_is_registered_part_by_part(
    city: City, access: Access, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("yunnao.modules.sensing.access.tables.PART_BYTES", 4_096)
    file = tmp_path / "devices.csv"
    file.write_text("device,product\n" + "".join(f"d-{n},level\n" for n in range(1_000)) + "x y,level\n")
    parts = [part async for part in access.register_file(city.database, file, "csv", None, SYSTEM)]
    assert len(parts) > 1
    assert sum(part.new for part in parts) == 1_000
    assert [part.rejected["line"].to_list() for part in parts if part.rejected.height] == [[1_002]]
    again = [part async for part in access.register_file(city.database, file, "csv", None, SYSTEM)]
    assert sum(part.unchanged for part in again) == 1_000
    dense = await city.rows("SELECT max(number) - count(*) AS gap FROM sensing.device")
    assert dense[0]["gap"] == 0


async def test_a_retired_device_that_is_registered_again_is_back(city: City, access: Access) -> None:
    await city.rows(
        "UPDATE sensing.device SET standing = 'retired', retired_at = now() WHERE id = 'L-1' RETURNING 1"
    )
    found = await register(city, access, "device,product,entity\nL-1,level,l-1\n")
    assert found.updated == 1
    assert (await city.rows("SELECT standing FROM sensing.device WHERE id = 'L-1'"))[0][
        "standing"
    ] == "active"


@given(st.lists(st.text(max_size=12), min_size=1, max_size=20))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_exactly_the_ids_that_can_stand_in_a_topic_are_taken(ids: list[str]) -> None:
    from tests.integration.sensing_support import PACK

    def usable(device: str) -> bool:
        try:
            device_topic("level", device)
        except InvalidInput:
            return False
        return True

    drafts = [DeviceDraft(device, "level", "e", Text(zh="n", en="n"), None, None) for device in ids]
    good, bad, repeated = checked(table_of(drafts), Known(PACK.products, PACK.entity_types))
    assert set(good["device"]) == {device for device in ids if usable(device)}
    assert good.height + bad.height + repeated.height == len(ids)
