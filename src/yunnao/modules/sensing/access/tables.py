"""Tables of devices as people have them (CSV, Parquet, Arrow), brought to one form."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import orjson
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet

from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.packs.scene import EntityType, Product
from yunnao.modules.sensing.contracts import DeviceDraft

Format = Literal["csv", "parquet", "arrow"]

PART_BYTES = 8 * 1024 * 1024
"""Of a CSV that is read at once."""
PART_ROWS = 100_000
"""Of a Parquet file that are read at once."""
HEADER_BYTES_MAX = 64 * 1024

DEVICE_TABLE = pl.Schema(
    {
        "line": pl.Int64,
        "device": pl.String,
        "product": pl.String,
        "entity": pl.String,
        "name": pl.String,
        "lon": pl.Float64,
        "lat": pl.Float64,
        "owner": pl.String,
        "gateway": pl.String,
        "attributes": pl.String,
        "synthetic": pl.Boolean,
        "problem": pl.String,
        "value": pl.String,
    }
)
"""Devices as columns. `entity` is the local part of its URN, `name` and `attributes` are JSON as in
`DeviceDraft`. What is null stays as it is known, or is told by the device's id. `problem` is the
code of what is wrong with a row, `value` what is to be told of it."""

NAMES: Mapping[str, Sequence[str]] = {
    "device": ("device", "device_id", "id", "station_id", "sensor_id", "place_id", "设备编号", "设备"),
    "product": ("product", "产品"),
    "entity": ("entity", "entity_id", "实体"),
    "name_zh": ("name_zh", "name", "device_name", "place_name", "station_name", "title", "名称", "设备名称"),
    "name_en": ("name_en",),
    "lon": ("lon", "longitude", "lng", "经度"),
    "lat": ("lat", "latitude", "纬度"),
    "owner": ("owner", "department", "归属部门", "部门"),
    "gateway": ("gateway", "gateway_id", "网关"),
}
"""By which names, whatever their case, a column is known."""
ATTRIBUTE_NAMES = {"capacity": ("num_all", "spaces", "total")}
"""Other names under which registers carry an attribute (`num_all`: ParkAPI)."""


@dataclass(frozen=True)
class Known:
    """What devices may name: products with the types of their entities, and departments.

    `departments` is None where owners are not checked.
    """

    products: Mapping[str, Product]
    types: Mapping[str, EntityType]
    departments: frozenset[str] | None = None


@dataclass(frozen=True)
class Part:
    """Rows of a table with their lines in the file; `broken`: lines that could not be read."""

    rows: pl.DataFrame
    lines: pl.Series
    broken: Mapping[int, str]


def parts_of(source: Path | bytes, form: Format) -> Iterator[Part]:
    """The table in parts. Raises InvalidInput `table_unreadable`."""
    with _readable(source):
        if form == "csv":
            yield from _csv_parts(source)
            return
        batches = (
            pa.parquet.ParquetFile(_opened(source)).iter_batches(PART_ROWS)
            if form == "parquet"
            else pa.ipc.open_stream(_opened(source))
        )
        line = 1
        for batch in batches:
            rows = pl.DataFrame(pl.from_arrow(batch))
            yield Part(rows, pl.int_range(line, line + rows.height, dtype=pl.Int64, eager=True), {})
            line += rows.height


def devices_of(part: Part, known: Known, product: str | None) -> pl.DataFrame:
    """A part as `DEVICE_TABLE`; `product` is that of rows that name none."""
    raw, columns = part.rows, {name.strip().lower(): name for name in reversed(part.rows.columns)}

    def text(field: str) -> pl.Expr:
        name = next((columns[n] for n in NAMES[field] if n in columns), None)
        if name is None and field == "device" and columns:
            name = part.rows.columns[0]
        return _text(pl.lit(None, pl.String) if name is None else pl.col(name)).alias(field)

    base = raw.select(*(text(field) for field in NAMES), part.lines.alias("line"))
    base = base.with_columns(pl.col("product").fill_null(pl.lit(product, pl.String)))
    zh, en = pl.col("name_zh"), pl.col("name_en")
    named = pl.struct(pl.coalesce(zh, en).alias("zh"), pl.coalesce(en, zh).alias("en")).struct.json_encode()
    made = base.with_columns(
        pl.when(zh.is_not_null() | en.is_not_null()).then(named).alias("name"),
        *(pl.col(c).cast(pl.Float64, strict=False).alias(f"{c}_number") for c in ("lon", "lat")),
        pl.lit(False).alias("synthetic"),
    )
    unreadable = pl.any_horizontal(
        pl.col(c).is_not_null() & ~pl.col(f"{c}_number").is_finite().fill_null(False) for c in ("lon", "lat")
    )
    at = pl.format("{},{}", pl.col("lon").fill_null("-"), pl.col("lat").fill_null("-"))
    made = made.with_columns(
        pl.when(unreadable).then(pl.lit("coordinates_not_finite")).alias("problem"),
        pl.when(unreadable).then(at).alias("value"),
    )
    made = _with_attributes(made, raw, columns, known)
    made = made.with_columns(lon=pl.col("lon_number"), lat=pl.col("lat_number"))
    broken = [(line, "row_broken", value) for line, value in part.broken.items()]
    lost = pl.DataFrame(broken, {n: DEVICE_TABLE[n] for n in ("line", "problem", "value")}, orient="row")
    whole = pl.concat([made.select(DEVICE_TABLE.names()), lost], how="diagonal")
    return whole.cast(dict(DEVICE_TABLE))  # type: ignore[arg-type]


def table_of(drafts: Sequence[DeviceDraft]) -> pl.DataFrame:
    """Drafts as `DEVICE_TABLE`; lines count from 0, as their places in the list do."""
    rows = [
        (
            line,
            d.id,
            d.product,
            d.entity,
            d.name.model_dump_json(),
            d.lon,
            d.lat,
            d.owner,
            d.gateway,
            orjson.dumps(d.attributes).decode(),
            d.synthetic,
            None,
            None,
        )
        for line, d in enumerate(drafts)
    ]
    return pl.DataFrame(rows, DEVICE_TABLE, orient="row")


def _with_attributes(
    made: pl.DataFrame, raw: pl.DataFrame, columns: Mapping[str, str], known: Known
) -> pl.DataFrame:
    """The column `attributes`: of each row those that the type of its product's entities declares."""
    attributes = pl.Series("attributes", ["{}"], pl.String).new_from_index(0, made.height)
    problem, value = made["problem"], made["value"]
    for product in made["product"].unique().drop_nulls():
        if product not in known.products:
            continue
        sources = _sources(known.types[known.products[product].entity_type], columns)
        if not sources:
            continue
        mine = (made["product"] == product).fill_null(False)
        texts = raw.select(
            _text(pl.col(column)).alias(attribute) for attribute, (column, _) in sources.items()
        )
        cells = texts.select(_typed(pl.col(attribute), kind) for attribute, (_, kind) in sources.items())
        lost = [texts[attribute].is_not_null() & cells[attribute].is_null() for attribute in sources]
        told = [
            pl.when(gone).then(pl.format("{}={}", pl.lit(a), texts[a]))
            for a, gone in zip(sources, lost, strict=True)
        ]
        found = pl.select(
            attributes=pl.struct(cells.get_columns()).struct.json_encode(),
            lost=pl.any_horizontal(lost) & mine,
            told=pl.concat_str(told, separator=", ", ignore_nulls=True),
        )
        attributes = attributes.zip_with(~mine, found["attributes"])
        fresh = found["lost"] & problem.is_null()
        problem = problem.zip_with(~fresh, pl.Series(["attribute_unreadable"]).new_from_index(0, made.height))
        value = value.zip_with(~fresh, found["told"])
    return made.with_columns(attributes.alias("attributes"), problem.alias("problem"), value.alias("value"))


def _sources(entity_type: EntityType, columns: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Of each attribute of the type that a column carries, the column and the type of its values."""
    found: dict[str, tuple[str, str]] = {}
    for attribute, spec in entity_type.attributes.items():
        names = (attribute.lower(), *ATTRIBUTE_NAMES.get(attribute, ()))
        column = next((columns[name] for name in names if name in columns), None)
        if column is not None:
            found[attribute] = column, spec.value_type
    return found


def _text(column: pl.Expr) -> pl.Expr:
    """Trimmed; what is empty is null."""
    trimmed = column.cast(pl.String).str.strip_chars()
    return pl.when(trimmed != "").then(trimmed)


def _typed(text: pl.Expr, kind: str) -> pl.Expr:
    if kind == "string":
        return text
    if kind == "boolean":
        return text.str.to_lowercase().replace_strict(
            {"true": True, "1": True, "false": False, "0": False}, default=None, return_dtype=pl.Boolean
        )
    number = text.cast(pl.Float64, strict=False)
    number = pl.when(number.is_finite()).then(number)
    return number.cast(pl.Int64, strict=False) if kind == "integer" else number


@contextmanager
def _readable(source: Path | bytes) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError, csv.Error, pl.exceptions.PolarsError) as error:
        name = source.name if isinstance(source, Path) else "-"
        raise InvalidInput("table_unreadable", file=name, reason=str(error)[:200]) from error


def _opened(source: Path | bytes) -> Any:
    return pa.OSFile(str(source)) if isinstance(source, Path) else pa.BufferReader(source)


def _csv_parts(source: Path | bytes) -> Iterator[Part]:
    start = _opened(source).read(HEADER_BYTES_MAX)
    encoding = _encoding(start)
    names = next(csv.reader(io.StringIO(start.decode(encoding, "ignore"))), [])
    if len(set(names)) < len(names) or not names:
        raise InvalidInput("table_columns_repeated", columns=", ".join(names)[:200])
    invalid: dict[int, str] = {}

    def note(row: Any) -> str:
        invalid[row.number] = f"{row.actual_columns}/{row.expected_columns}"
        return "skip"

    reader = pa.csv.open_csv(
        _opened(source),
        # One thread: only then the numbers of broken rows are known.
        pa.csv.ReadOptions(
            use_threads=False,
            block_size=PART_BYTES,
            column_names=names,
            skip_rows=1,
            encoding=encoding.removesuffix("-sig"),
        ),
        pa.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=note),
        pa.csv.ConvertOptions(column_types={name: pa.string() for name in names}, strings_can_be_null=False),
    )
    line, told = 2, 0
    for batch in reader:
        lines: list[int] = []
        while len(lines) < batch.num_rows:
            if line not in invalid:
                lines.append(line)
            line += 1
        fresh = dict(list(invalid.items())[told:])
        told = len(invalid)
        rows = pl.DataFrame(pl.from_arrow(batch))
        # Empty lines are counted, and are nothing else.
        said = rows.select(pl.any_horizontal(pl.all() != "")).to_series()
        yield Part(rows.filter(said), pl.Series(lines, dtype=pl.Int64).filter(said), fresh)


def _encoding(start: bytes) -> str:
    """UTF-8 with or without its mark, else GB 18030, in which spreadsheets in China are saved."""
    try:
        start.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(start) - 4:
            return "gb18030"
    return "utf-8-sig" if start.startswith(b"\xef\xbb\xbf") else "utf-8"
