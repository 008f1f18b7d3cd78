"""Cases as a file: CSV, XLSX or GeoJSON, written row by row."""

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol
from zoneinfo import ZoneInfo

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from yunnao.kernel.text import Language, Text, catalogue

Format = Literal["csv", "xlsx", "geojson"]
MEDIA_TYPES: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "geojson": "application/geo+json",
}
COLUMNS = (
    "number", "title", "text", "status", "source", "category", "department", "area", "address", "lon", "lat",
    "opened_at", "due_at", "closed_at", "overdue", "severity", "automatic", "confidence",
)  # fmt: skip

View = dict[str, Any]


class Sheet(Protocol):
    def add(self, case: View) -> None: ...


@contextmanager
def sheet(file: Path, kind: Format, language: Language, zone: ZoneInfo) -> Iterator[Sheet]:
    """Cases are added as lists show them; the file is whole when the block ends. Times are of `zone`."""
    makers = {"csv": _csv, "xlsx": _xlsx, "geojson": _geojson}
    with makers[kind](file, language, zone) as made:
        yield made


def harmless(text: str) -> str:
    """`text`, which no spreadsheet takes for a formula (OWASP, CSV injection)."""
    return "'" + text if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


@contextmanager
def _csv(file: Path, language: Language, zone: ZoneInfo) -> Iterator[Sheet]:
    # With a byte-order mark, by which spreadsheets know that it is UTF-8.
    with file.open("w", encoding="utf-8-sig", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(_heads(language))

        class Rows:
            def add(self, case: View) -> None:
                writer.writerow(_cells(case, language, zone))

        yield Rows()


@contextmanager
def _xlsx(file: Path, language: Language, zone: ZoneInfo) -> Iterator[Sheet]:
    book = Workbook(write_only=True)
    page = book.create_sheet(catalogue()["export_sheet"].to(language))
    page.freeze_panes = "B2"
    page.append(_heads(language))

    class Rows:
        def add(self, case: View) -> None:
            page.append([_cell(page, value) for value in _cells(case, language, zone)])

    yield Rows()
    book.save(file)


def _cell(page: Any, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    cell = WriteOnlyCell(page, ILLEGAL_CHARACTERS_RE.sub("", value))
    cell.data_type = "s"
    return cell


@contextmanager
def _geojson(file: Path, language: Language, zone: ZoneInfo) -> Iterator[Sheet]:
    """RFC 7946; a case without a place has no geometry."""
    with file.open("w", encoding="utf-8") as opened:
        opened.write('{"type": "FeatureCollection", "features": [')
        between = "\n"

        class Features:
            def add(self, case: View) -> None:
                nonlocal between
                cells = dict(zip(COLUMNS, _cells(case, language, zone), strict=True))
                lon, lat = cells.pop("lon"), cells.pop("lat")
                geometry = {"type": "Point", "coordinates": [lon, lat]} if lon is not None else None
                feature = {"type": "Feature", "geometry": geometry, "properties": cells}
                opened.write(between + json.dumps(feature, ensure_ascii=False))
                between = ",\n"

        yield Features()
        opened.write("\n]}\n")


def _heads(language: Language) -> list[str]:
    return [catalogue()[f"export_column_{name}"].to(language) for name in COLUMNS]


def _cells(case: View, language: Language, zone: ZoneInfo) -> list[Any]:
    return [_value(name, case[name], language, zone) for name in COLUMNS]


def _value(name: str, value: Any, language: Language, zone: ZoneInfo) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if name == "status":
        return catalogue()[f"case_status_{value}"].to(language)
    if isinstance(value, dict):
        named: Text = value["name"]
        return harmless(named.to(language))
    if name.endswith("_at"):
        return value.astimezone(zone).isoformat(timespec="seconds")
    return harmless(str(value))
