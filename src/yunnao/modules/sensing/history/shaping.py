"""Answers as tables: several series on one axis of time, NULL where one has nothing."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from tsdownsample import LTTBDownsampler

from yunnao.kernel.packs.scene import Metric
from yunnao.modules.sensing.contracts import Int64
from yunnao.modules.sensing.history.buckets import starts_of
from yunnao.modules.sensing.history.contracts import Aggregate, Column, SeriesName
from yunnao.modules.sensing.lake.tables import READING

TIME = pl.Datetime("us", "UTC")


def column(name: SeriesName, metric: Metric, aggregate: Aggregate | None) -> Column:
    """A column of an answer; its name is unique there."""
    called = f"{name.device}:{name.metric}" + (f":{aggregate}" if aggregate else "")
    return Column(called, name.device, name.metric, metric.unit_label, aggregate)


def once(readings: pa.Table) -> pa.Table:
    """Each (series, time) once: both hot tables may have it for as long as a batch takes."""
    if not readings.num_rows:
        return readings
    return pl.DataFrame(readings).unique(["series", "time"], keep="first").to_arrow().cast(READING)


def as_read(
    readings: pa.Table, columns: Sequence[Column], series: Sequence[int], points: int | None
) -> pa.Table:
    """Readings, sorted by series and time, with a column for each of `series`; `points` of each by LTTB."""
    frame = pl.DataFrame(readings)
    parts = [pl.DataFrame({"time": pl.Series([], dtype=TIME)})]
    for each, number in zip(columns, series, strict=True):
        own = frame.filter(pl.col("series") == number)
        if points is not None and own.height > points:
            # x relative to the first: LTTB measures areas, and floating point has 53 bits.
            x = own["time"].to_physical().to_numpy()
            chosen: Any = _lttb().downsample(x - x[0], own["value"].to_numpy(), n_out=points)
            own = own[chosen.astype(np.int64)]
        textual = own["value_text"].null_count() < own.height
        value = pl.col("value_text") if textual else pl.col("value")
        parts.append(own.select(pl.col("time").cast(TIME), value.alias(each.name)))
    return pl.concat(parts, how="align").sort("time").to_arrow()


def on_buckets(
    found: pl.DataFrame, edges: Int64, columns: Sequence[Column], series: Sequence[int]
) -> pa.Table:
    """Aggregates (columns group, bucket, and one each) on the axis of all buckets. A count is never NULL."""
    axis = pl.DataFrame({"bucket": np.arange(len(edges) - 1, dtype=np.int64)})
    made = axis.select(pl.Series("time", starts_of(edges), dtype=TIME))
    for each, number in zip(columns, series, strict=True):
        own = found.filter(pl.col("group") == number).select("bucket", pl.col(each.aggregate or ""))
        values = axis.join(own, on="bucket", how="left", maintain_order="left")[each.aggregate or ""]
        made = made.with_columns(
            (values.fill_null(0) if each.aggregate == "count" else values).alias(each.name)
        )
    return made.to_arrow()


def of_groups(found: pl.DataFrame, edges: Int64, names: Sequence[str | None]) -> pa.Table:
    """Aggregates of groups (places among `names`) with the start of their bucket, those that have any."""
    starts = pl.Series("time", starts_of(edges), dtype=TIME)
    called = pl.Series("group", list(names), dtype=pl.String)
    return (
        found.with_columns(starts[found["bucket"]].alias("time"), called[found["group"]].alias("group"))
        .select("time", "group", pl.exclude("time", "group", "bucket"))
        .sort("time", "group", nulls_last=True)
        .to_arrow()
    )


def _lttb() -> Any:
    return LTTBDownsampler()  # type: ignore[no-untyped-call]
