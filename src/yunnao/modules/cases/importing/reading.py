"""Reading sheets that anybody may have made: encodings, separators, archives that unpack to more than fits.

Formulas are never evaluated: of an XLSX cell the value that was stored with it is taken, and in a CSV
a text that begins with `=` is a text.
"""

import codecs
import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any, Literal

from openpyxl import load_workbook

from yunnao.kernel.errors import InvalidInput, TooLarge
from yunnao.modules.cases.importing.contracts import SheetRow

Format = Literal["csv", "xlsx"]

FILE_BYTES_MAX = 128 * 1024 * 1024
ROWS_MAX = 500_000
COLUMNS_MAX = 200
CELL_CHARS_MAX = 32_767
"""What a spreadsheet can hold."""
UNPACKED_BYTES_MAX = 1024 * 1024 * 1024
PACKED_RATIO_MAX = 200
ENTRIES_MAX = 2_000
HEADER_ROWS_MAX = 20
ENCODINGS = ("utf-8-sig", "gb18030")
CHUNK_BYTES = 1024 * 1024


def format_of(content: bytes) -> Format:
    """By content, not by name. Raises InvalidInput `import_xls_old`, TooLarge."""
    if len(content) > FILE_BYTES_MAX:
        raise TooLarge("body_too_large", limit_bytes=FILE_BYTES_MAX)
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise InvalidInput("import_xls_old")
    return "xlsx" if content.startswith(b"PK\x03\x04") else "csv"


def rows(content: bytes, form: Format) -> Iterator[SheetRow]:
    """The records below the header, empty rows left out.

    Raises InvalidInput: `import_unreadable`, `import_encoding_unknown`, `import_header_missing`,
    `import_too_many_columns`, `import_archive_too_large`; TooLarge `import_too_many_rows`.
    """
    try:
        yield from _records(_csv(content) if form == "csv" else _xlsx(content))
    except (csv.Error, UnicodeError) as error:
        raise InvalidInput("import_unreadable", detail=str(error)[:200]) from error


def header(content: bytes, form: Format) -> list[str]:
    """The names of the columns; raises as `rows`."""
    for _, cells in _numbered(_csv(content) if form == "csv" else _xlsx(content)):
        if any(cells):
            return _names(cells)
    raise InvalidInput("import_header_missing")


def _records(table: Iterator[list[str]]) -> Iterator[SheetRow]:
    names: list[str] | None = None
    count = 0
    for number, cells in _numbered(table):
        if not any(cells):
            if names is None and number > HEADER_ROWS_MAX:
                break
            continue
        if names is None:
            names = _names(cells)
            continue
        count += 1
        if count > ROWS_MAX:
            raise TooLarge("import_too_many_rows", limit=ROWS_MAX)
        yield SheetRow(number, dict(zip(names, cells, strict=False)))
    if names is None:
        raise InvalidInput("import_header_missing")


def _numbered(table: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    return enumerate(table, start=1)


def _names(cells: list[str]) -> list[str]:
    """Unnamed and repeated columns get a number, so that each can be mapped."""
    while cells and not cells[-1]:
        cells.pop()
    if len(cells) > COLUMNS_MAX:
        raise InvalidInput("import_too_many_columns", limit=COLUMNS_MAX)
    names: list[str] = []
    for position, cell in enumerate(cells, start=1):
        name = cell.strip()[:100] or f"#{position}"
        names.append(name if name not in names else f"{name} #{position}")
    return names


def _csv(content: bytes) -> Iterator[list[str]]:
    encoding = _encoding(content)
    lines = io.TextIOWrapper(io.BytesIO(content), encoding=encoding, newline="")
    first = lines.readline()
    lines.seek(0)
    separator = max(",;\t|", key=first.count)
    for cells in csv.reader(lines, delimiter=separator):
        yield [cell[:CELL_CHARS_MAX].strip() for cell in cells]


def _encoding(content: bytes) -> str:
    """UTF-8 if all of it is, else GB 18030, which holds GBK; UTF-16 by its mark."""
    if content[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
        return "utf-16"
    for encoding in ENCODINGS:
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            for start in range(0, len(content), CHUNK_BYTES):
                decoder.decode(content[start : start + CHUNK_BYTES])
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        return encoding
    raise InvalidInput("import_encoding_unknown")


def _xlsx(content: bytes) -> Iterator[list[str]]:
    _check_archive(content)
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        sheet = book.worksheets[0]
        # A file may state dimensions that it does not have.
        sheet.reset_dimensions()
        for cells in sheet.iter_rows(values_only=True):
            yield [_text(cell) for cell in cells]
    except InvalidInput:
        raise
    except Exception as error:  # readers raise whatever a broken file brings them to
        raise InvalidInput("import_unreadable", detail=type(error).__name__) from error


def _check_archive(content: bytes) -> None:
    """Before anything is unpacked: what the archive says that it holds."""
    try:
        entries = zipfile.ZipFile(io.BytesIO(content)).infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError) as error:
        raise InvalidInput("import_unreadable", detail=type(error).__name__) from error
    unpacked = sum(each.file_size for each in entries)
    if (
        len(entries) > ENTRIES_MAX
        or unpacked > UNPACKED_BYTES_MAX
        or unpacked > PACKED_RATIO_MAX * max(1, len(content))
    ):
        raise InvalidInput("import_archive_too_large", limit_bytes=UNPACKED_BYTES_MAX)


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    return str(cell)[:CELL_CHARS_MAX].strip()
