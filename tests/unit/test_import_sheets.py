"""Sheets of hotline records: which column is what, and files that nobody should have made."""

import io
import time
import zipfile
from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from yunnao.infra.sheets import harmless
from yunnao.kernel.errors import InvalidInput, YunnaoError
from yunnao.modules.cases.importing import mapping, reading
from yunnao.modules.cases.importing.contracts import ColumnMapping, SheetRow

ZONE = ZoneInfo("Asia/Shanghai")
WHEN = datetime(2026, 11, 1, 8, 30)  # noqa: DTZ001  a sheet knows no zones


def xlsx(*rows: list[object]) -> bytes:
    book, out = Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)  # type: ignore[union-attr]
    book.save(out)
    return out.getvalue()


def read(content: bytes) -> list[SheetRow]:
    return list(reading.rows(content, reading.format_of(content)))


def test_headers_of_hotlines_are_understood_in_both_languages() -> None:
    assert mapping.guess(
        ["留言编号", "留言用户", "留言主题", "留言时间", "留言详情", "一级标签"]
    ) == ColumnMapping(text=["留言主题", "留言详情"], reference="留言编号", time="留言时间")
    assert mapping.guess(
        ["CASE_ENQUIRY_ID", "open_dt", "CASE_TITLE", "Location", "Latitude", "Longitude"]
    ) == ColumnMapping(
        text=["CASE_TITLE"], reference="CASE_ENQUIRY_ID", time="open_dt", address="Location",
        lat="Latitude", lon="Longitude",
    )  # fmt: skip
    found = mapping.guess(["工单编号", "诉求内容", "联系人", "联系电话", "事发地址", "经度", "纬度"])
    assert (found.reference, found.name, found.phone, found.address) == (
        "工单编号",
        "联系人",
        "联系电话",
        "事发地址",
    )
    assert mapping.guess(["a", "b"]) == ColumnMapping()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_a_csv_is_read_in_any_usual_encoding_and_separator(encoding: str, separator: str) -> None:
    text = f'编号{separator}内容\r\n1{separator}路灯不亮\r\n\r\n2{separator}"垃圾\r\n成堆"\r\n'
    assert read(text.encode(encoding)) == [
        SheetRow(2, {"编号": "1", "内容": "路灯不亮"}),
        SheetRow(4, {"编号": "2", "内容": "垃圾\r\n成堆"}),
    ]


def test_an_xlsx_gives_values_and_no_formula_is_evaluated() -> None:
    content = xlsx(["编号", "内容", "时间"], [17, "=1+1", WHEN], [], [18.0, "路灯", None])
    assert read(content) == [
        SheetRow(2, {"编号": "17", "内容": "", "时间": "2026-11-01T08:30:00"}),
        SheetRow(4, {"编号": "18", "内容": "路灯"}),
    ]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_what_a_spreadsheet_would_run_is_a_text_when_it_leaves(start: str) -> None:
    assert harmless(f"{start}cmd|'/c calc'!A1").startswith("'")
    assert harmless("路灯") == "路灯"


def test_an_archive_that_unpacks_to_too_much_is_refused_at_once() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (64 * 1024 * 1024))
    began = time.monotonic()
    with pytest.raises(InvalidInput, match="import_archive_too_large"):
        read(out.getvalue())
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "import_header_missing"),
        (b"\n" * 30, "import_header_missing"),
        (b"PK\x03\x04broken", "import_unreadable"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1old", "import_xls_old"),
        (b"\xff\x00\xfe\x81\x20\xff", "import_encoding_unknown"),
        (",".join(f"c{n}" for n in range(300)).encode(), "import_too_many_columns"),
    ],
)
def test_a_file_that_is_no_sheet_is_refused_with_a_reason(content: bytes, code: str) -> None:
    with pytest.raises(YunnaoError, match=code):
        read(content)


@given(st.binary(max_size=400))
def test_any_file_is_read_or_refused(content: bytes) -> None:
    with suppress(YunnaoError):
        read(content)


@given(st.dictionaries(st.sampled_from(["t", "n", "x", "y", "w", "c"]), st.text(max_size=30), max_size=6))
def test_any_record_becomes_a_case_or_an_error(cells: dict[str, str]) -> None:
    wanted = ColumnMapping(text=["t"], reference="n", lon="x", lat="y", time="w", category="c", datum="gcj02")
    try:
        reference, new, _ = mapping.record(SheetRow(2, cells), wanted, ZONE, {"路灯": "L"})
    except YunnaoError:
        return
    assert reference
    assert new.text.strip()
    assert (new.lon is None) == (new.lat is None)


def test_a_record_without_a_number_is_known_by_its_content() -> None:
    wanted = ColumnMapping(text=["t"])
    one, again, other = [
        mapping.record(SheetRow(n, {"t": text}), wanted, ZONE, {})[0]
        for n, text in ((2, "路灯"), (9, "路灯"), (3, "垃圾"))
    ]
    assert one == again != other


def test_times_without_a_zone_are_the_citys() -> None:
    wanted = ColumnMapping(text=["t"], time="w")
    for written in ("2026/11/21 10:00", "2026-11-21T10:00:00", "2026-11-21T02:00:00Z"):
        found = mapping.record(SheetRow(2, {"t": "路灯", "w": written}), wanted, ZONE, {})[2]
        assert found is not None
        assert found.astimezone(UTC) == datetime(2026, 11, 21, 2, tzinfo=UTC)
