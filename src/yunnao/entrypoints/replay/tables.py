"""CSV tables of readings: which column is what, and the messages that the rows make."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.packs.scene import Product

TIME_COLUMNS = ("timestamp", "time", "datetime", "date", "observed_at")
DEVICE_COLUMNS = ("device", "device_id", "station", "station_id", "sensor", "sensor_id", "place_id")
PLACE_COLUMNS = ("city", "region")
"""Where no column names the device, these together do: one station a region."""
LATITUDES = ("latitude", "lat")
LONGITUDES = ("longitude", "lon", "lng")
WORDS = {"temp": "temperature", "rh": "humidity", "ws": "windspeed", "p": "pressure"}
"""Abbreviations of meteorology, also behind `avg`: avgtemp, avgrh, avgws, avgp."""


@dataclass(frozen=True)
class Reading:
    """What one device said at one time; `values` by metric."""

    time: datetime
    device: str
    values: Mapping[str, float | int | str]


@dataclass(frozen=True)
class Layout:
    """How a table is to be read. Without `devices` every other column is a device (`wide`)."""

    time: str
    devices: Sequence[str]
    metrics: Mapping[str, str]
    wide: bool = False


def header(file: Path) -> list[str]:
    """The names of a CSV's columns. Raises InvalidInput `table_unreadable`."""
    try:
        return pl.read_csv(file, n_rows=0, infer_schema=False).columns
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InvalidInput("table_unreadable", file=str(file), reason=str(error)[:200]) from error


def rows_of(file: Path) -> pl.DataFrame:
    """The whole table as texts. Raises InvalidInput `table_unreadable`."""
    try:
        return pl.read_csv(file, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InvalidInput("table_unreadable", file=str(file), reason=str(error)[:200]) from error


def is_register(columns: Sequence[str]) -> bool:
    """A table of places and not of readings: coordinates, and no time."""
    return (
        first_of(columns, LATITUDES) is not None
        and first_of(columns, LONGITUDES) is not None
        and first_of(columns, TIME_COLUMNS) is None
    )


def first_of(columns: Sequence[str], names: Sequence[str]) -> str | None:
    """The column that has one of `names`, in order of the names, whatever its case."""
    known = {column.lower(): column for column in reversed(columns)}
    return next((known[name] for name in names if name in known), None)


def layout_of(
    columns: Sequence[str],
    product: Product,
    *,
    time: str | None = None,
    devices: Sequence[str] = (),
    mapping: Mapping[str, str] | None = None,
    wide: bool = False,
) -> Layout:
    """Finds out what each column is; what is given goes before what is guessed.

    Raises InvalidInput: `table_column_missing`, `table_without_time`, `metric_unknown`,
    `table_without_metrics`.
    """
    given = [*([time] if time else []), *devices, *(mapping or {})]
    for column in given:
        if column not in columns:
            raise InvalidInput("table_column_missing", column=column)
    for metric in (mapping or {}).values():
        if metric not in product.decoder.metrics:
            raise InvalidInput("metric_unknown", metric=metric, known=", ".join(product.decoder.metrics))
    time = time or first_of(columns, TIME_COLUMNS)
    if time is None:
        raise InvalidInput("table_without_time", columns=", ".join(columns[:20]))
    others = [column for column in columns if column != time and column not in devices]
    metrics = dict(mapping or {}) or {c: m for c in others if (m := metric_named(c, product)) is not None}
    if wide or (not metrics and len(product.decoder.metrics) == 1):
        return Layout(time, (), {c: next(iter(product.decoder.metrics)) for c in others}, wide=True)
    if not metrics:
        raise InvalidInput("table_without_metrics", known=", ".join(product.decoder.metrics))
    if not devices:
        one = first_of(columns, DEVICE_COLUMNS)
        devices = [one] if one else [c for name in PLACE_COLUMNS if (c := first_of(columns, [name]))]
    return Layout(time, tuple(devices), metrics)


def metric_named(column: str, product: Product) -> str | None:
    """The metric that a column's name means: PM2.5, PM25 and pm25 are one."""
    plain = _plain(column)
    meant = {plain, WORDS.get(plain.removeprefix("avg"), plain)}
    return next((metric for metric in product.decoder.metrics if _plain(metric) in meant), None)


def readings(
    table: pl.DataFrame, layout: Layout, product: Product, zone: ZoneInfo, fallback: str
) -> Iterator[Reading]:
    """Readings of a table; cells that are empty or no number are passed over, row by row.

    A time without a zone is `zone`'s. `fallback` names the device where no column does. Raises
    InvalidInput `table_time_unreadable`.
    """
    times = [_time(text, zone) for text in table[layout.time].to_list()]
    kinds = {column: product.metrics[metric].value_type for column, metric in layout.metrics.items()}
    cells = {column: _values(table[column], kinds[column]) for column in layout.metrics}
    if layout.wide:
        for row, time in enumerate(times):
            for device, metric in layout.metrics.items():
                value = cells[device][row]
                if value is not None:
                    yield Reading(time, device, {metric: value})
        return
    names = [table[column].to_list() for column in layout.devices]
    for row, time in enumerate(times):
        device = "-".join(str(column[row]) for column in names) if names else fallback
        values = {m: v for c, m in layout.metrics.items() if (v := cells[c][row]) is not None}
        if values:
            yield Reading(time, device, values)


def shifted(found: Sequence[Reading], now: datetime) -> list[Reading]:
    """The same readings, moved in time so that the last is now."""
    if not found:
        return []
    by: timedelta = now - max(reading.time for reading in found)
    return [Reading(reading.time + by, reading.device, reading.values) for reading in found]


def _values(column: pl.Series, kind: str) -> list[Any]:
    if kind == "string":
        return column.to_list()
    numbers = column.cast(pl.Float64, strict=False)
    numbers = numbers.set(numbers.is_nan().fill_null(False), None)
    whole = kind in {"integer", "boolean"}
    return numbers.cast(pl.Int64, strict=False).to_list() if whole else numbers.to_list()


def _time(text: str | None, zone: ZoneInfo) -> datetime:
    try:
        moment = datetime.fromisoformat((text or "").strip().replace("/", "-"))
    except ValueError as error:
        raise InvalidInput("table_time_unreadable", value=str(text)[:60]) from error
    return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
