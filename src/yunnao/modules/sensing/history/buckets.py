"""Buckets of time: how they are written, where they begin in the city's zone, how parts of them join.

An engine aggregates over buckets of equal width. Days, weeks and months of a zone are not always of
equal width, but they begin at a whole quarter of an hour of UTC in every zone of today: they are joined
from such quarters.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pyarrow as pa

from yunnao.kernel.errors import InvalidInput
from yunnao.modules.sensing.contracts import Int64
from yunnao.modules.sensing.domain.times import from_us, to_us
from yunnao.modules.sensing.history.contracts import Aggregate, Grid

Unit = Literal["s", "min", "h", "d", "w", "mo"]

buckets_max = 20_000
QUARTER_US = 900_000_000
DAY_US = 86_400_000_000
_UNIT_US = {"s": 1_000_000, "min": 60_000_000, "h": 3_600_000_000}
_SHORT = re.compile(r"(\d{1,5})(s|m|min|h|d|w|mo)")
_ISO = re.compile(r"P(?:(\d{1,5})([DWM])|T(\d{1,5})([HMS]))")
_UNITS: dict[str, Unit] = {"s": "s", "m": "min", "min": "min", "h": "h", "d": "d", "w": "w", "mo": "mo"}
_ISO_UNITS: dict[str, Unit] = {"D": "d", "W": "w", "M": "mo"}
_ISO_TIME_UNITS: dict[str, Unit] = {"H": "h", "M": "min", "S": "s"}


@dataclass(frozen=True)
class Bucket:
    """`count` seconds, minutes, hours, or days, weeks (from Monday), months of the city's zone."""

    count: int
    unit: Unit


def parse_bucket(text: str) -> Bucket:
    """Reads 15m, 1h, 1d, 1w, 1mo, or an ISO 8601 duration of one part (PT15M, PT1H, P1D, P1W, P1M).

    Raises InvalidInput `bucket_invalid`.
    """
    found: Bucket | None = None
    if short := _SHORT.fullmatch(text):
        found = Bucket(int(short[1]), _UNITS[short[2]])
    elif iso := _ISO.fullmatch(text):
        found = (
            Bucket(int(iso[1]), _ISO_UNITS[iso[2]])
            if iso[1]
            else Bucket(int(iso[3]), _ISO_TIME_UNITS[iso[4]])
        )
    if found is None or not found.count:
        raise InvalidInput("bucket_invalid", value=text)
    return found


def edges_of(bucket: Bucket, start: datetime, until: datetime, zone: ZoneInfo) -> Int64:
    """Starts of the buckets that touch [start, until), and the end of the last, in microseconds.

    Seconds, minutes and hours are counted from 1970 in the zone's offset at `start`.
    Raises InvalidInput `buckets_too_many`.
    """
    if bucket.unit in _UNIT_US:
        width = bucket.count * _UNIT_US[bucket.unit]
        offset = (start.astimezone(zone).utcoffset() or timedelta()) // timedelta(microseconds=1)
        first = (to_us(start) + offset) // width * width - offset
        count = -(-(to_us(until) - first) // width)
        _check(count)
        return first + np.arange(count + 1, dtype=np.int64) * width
    days = {"d": 1, "w": 7, "mo": 28}[bucket.unit] * bucket.count
    _check((until - start) // timedelta(days=days))
    at = _floor(bucket, start.astimezone(zone))
    edges = [at]
    while edges[-1] < until:
        at = _next(bucket, at)
        edges.append(at)
    return np.array([to_us(edge) for edge in edges], np.int64)


def _check(count: int) -> None:
    if count > buckets_max:
        raise InvalidInput("buckets_too_many", limit=buckets_max)


def _floor(bucket: Bucket, local: datetime) -> datetime:
    """The start of a local time's bucket; days, weeks and months are counted from Monday, 1 January 1."""
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if bucket.unit == "mo":
        months = (midnight.year * 12 + midnight.month - 1) // bucket.count * bucket.count
        return midnight.replace(year=months // 12, month=months % 12 + 1, day=1)
    days = bucket.count * (7 if bucket.unit == "w" else 1)
    return midnight - timedelta(days=(midnight.toordinal() - 1) % days)


def _next(bucket: Bucket, local: datetime) -> datetime:
    if bucket.unit == "mo":
        months = local.year * 12 + local.month - 1 + bucket.count
        return local.replace(year=months // 12, month=months % 12 + 1)
    # A day later by the local calendar: datetime adds to local time where a zone is set.
    return local + timedelta(days=bucket.count * (7 if bucket.unit == "w" else 1))


def grid_of(edges: Int64) -> Grid:
    """Equal buckets, of which every bucket between `edges` is one or several."""
    widths = np.diff(edges)
    equal = len(widths) and bool((widths == widths[0]).all())
    return Grid(int(edges[0]), int(widths[0]) if equal else QUARTER_US)


def joined(found: pa.Table, grid: Grid, edges: Int64, *, ends: bool) -> pl.DataFrame:
    """An engine's groups and buckets as those between `edges`: `bucket` is its place there."""
    frame = pl.DataFrame(found)
    start_us = grid.origin_us + frame["bucket"].to_numpy() * grid.width_us
    place = np.searchsorted(edges, start_us, "right") - 1
    frame = frame.with_columns(pl.Series("bucket", place, pl.Int64))
    parts = [pl.col("n").sum(), pl.col("sum").sum(), pl.col("min").min(), pl.col("max").max()]
    if ends:
        parts += [
            pl.col("first").sort_by("first_us").first(),
            pl.col("first_us").min(),
            pl.col("last").sort_by("last_us").last(),
            pl.col("last_us").max(),
        ]
    return frame.group_by(["group", "bucket"]).agg(parts).sort(["group", "bucket"])


def measures(frame: pl.DataFrame, aggregates: Sequence[Aggregate]) -> pl.DataFrame:
    """`group`, `bucket` and a column for each aggregate.

    `rate`: change a second from the first to the last reading of the bucket; NULL with fewer than two.
    """
    span_us = pl.col("last_us") - pl.col("first_us")
    found = {
        "min": pl.col("min"),
        "max": pl.col("max"),
        "mean": pl.col("sum") / pl.col("n"),
        "count": pl.col("n"),
        "last": pl.col("last"),
        "rate": pl.when(span_us > 0).then((pl.col("last") - pl.col("first")) / span_us * 1e6),
    }
    return frame.select("group", "bucket", *(found[name].alias(name) for name in aggregates))


def starts_of(edges: Int64) -> list[datetime]:
    return [from_us(us) for us in edges[:-1].tolist()]


def nothing(aggregates: Sequence[Aggregate]) -> pl.DataFrame:
    """The measures of no readings."""
    schema: dict[str, pl.DataType] = {"group": pl.Int32(), "bucket": pl.Int64()}
    schema.update({name: pl.Int64() if name == "count" else pl.Float64() for name in aggregates})
    return pl.DataFrame(schema=schema)
