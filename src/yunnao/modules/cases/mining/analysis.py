"""What a log of events says of a process: variants, what follows what, where time is spent.

A log is a frame with the columns case, activity (both text), time (UTC) and, where known, resource. All is
computed over columns; nothing loops over events. The directly-follows graph is that of van der Aalst,
Process Mining (2016), 6.1; what follows within a case is by time, and by the log's order at equal times.
"""

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from yunnao.kernel.errors import InvalidInput

VARIANTS_TOLD_MAX = 200
BOTTLENECKS_TOLD_MAX = 5
EXAMPLES_MAX = 3
SEPARATOR = "\x1f"
"""ASCII's unit separator joins activities; no name of one contains it."""


@dataclass(frozen=True)
class Activity:
    """One kind of event: how often, in how many cases, and how many cases begin or end with it."""

    name: str
    events: int
    cases: int
    starts: int
    ends: int


@dataclass(frozen=True)
class Follows:
    """`target` comes directly after `source`: how often, in how many cases, and the hours between.

    `share`: of all the time that passed between events of the log.
    """

    source: str
    target: str
    events: int
    cases: int
    median_h: float
    p90_h: float
    total_h: float
    share: float


@dataclass(frozen=True)
class Variant:
    """One sequence of activities: cases that ran so, and the hours from first to last event."""

    activities: tuple[str, ...]
    cases: int
    share: float
    median_h: float
    p90_h: float
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Process:
    """What a log says. `bottlenecks` are the steps between which most time passes, first the worst."""

    cases: int
    events: int
    first: datetime
    last: datetime
    median_h: float
    p90_h: float
    activities: list[Activity]
    follows: list[Follows]
    variants_total: int
    variants: list[Variant]
    bottlenecks: list[Follows]


def ordered(log: pl.DataFrame) -> pl.DataFrame:
    """The log by case and time, with `next` and the hours `wait_h` until it.

    Raises InvalidInput `process_log_empty`.
    """
    if log.is_empty():
        raise InvalidInput("process_log_empty")
    # A stable sort keeps the log's own order at equal times.
    inside = log.sort("case", "time", maintain_order=True)
    return inside.with_columns(
        pl.col("activity").shift(-1).over("case").alias("next"),
        (pl.col("time").shift(-1).over("case") - pl.col("time"))
        .dt.total_microseconds()
        .truediv(3_600_000_000)
        .alias("wait_h"),
    )


def analyse(log: pl.DataFrame) -> Process:
    """Raises InvalidInput `process_log_empty`."""
    steps = ordered(log)
    cases = sequences(steps)
    follows = _follows(steps)
    spans = cases.select(
        pl.col("hours").median().alias("median"),
        pl.col("hours").quantile(0.9, "linear").alias("p90"),
        pl.col("first").min(),
        pl.col("last").max(),
    ).row(0, named=True)
    variants = _variants(cases)
    return Process(
        cases=cases.height,
        events=steps.height,
        first=spans["first"],
        last=spans["last"],
        median_h=spans["median"],
        p90_h=spans["p90"],
        activities=_activities(steps),
        follows=follows,
        variants_total=variants.height,
        variants=[
            Variant(
                tuple(row["path"].split(SEPARATOR)),
                row["cases"],
                row["cases"] / cases.height,
                row["median_h"],
                row["p90_h"],
                tuple(row["examples"]),
            )
            for row in variants.head(VARIANTS_TOLD_MAX).to_dicts()
        ],
        bottlenecks=sorted(follows, key=lambda each: -each.total_h)[:BOTTLENECKS_TOLD_MAX],
    )


def sequences(steps: pl.DataFrame) -> pl.DataFrame:
    """One row a case: `path` (activities joined), `first`, `last`, `hours` between them."""
    return (
        steps.group_by("case", maintain_order=True)
        .agg(
            pl.col("activity").str.join(SEPARATOR).alias("path"),
            pl.col("time").first().alias("first"),
            pl.col("time").last().alias("last"),
        )
        .with_columns(
            (pl.col("last") - pl.col("first")).dt.total_microseconds().truediv(3_600_000_000).alias("hours")
        )
    )


def _variants(cases: pl.DataFrame) -> pl.DataFrame:
    return (
        cases.group_by("path")
        .agg(
            pl.len().alias("cases"),
            pl.col("hours").median().alias("median_h"),
            pl.col("hours").quantile(0.9, "linear").alias("p90_h"),
            pl.col("case").head(EXAMPLES_MAX).alias("examples"),
        )
        .sort(["cases", "path"], descending=[True, False])
    )


def _activities(steps: pl.DataFrame) -> list[Activity]:
    found = (
        steps.with_columns(
            (pl.col("case") != pl.col("case").shift(1)).fill_null(value=True).alias("start"),
            pl.col("next").is_null().alias("end"),
        )
        .group_by("activity")
        .agg(
            pl.len().alias("events"),
            pl.col("case").n_unique().alias("cases"),
            pl.col("start").sum().alias("starts"),
            pl.col("end").sum().alias("ends"),
        )
        .sort(["events", "activity"], descending=[True, False])
    )
    return [Activity(*row) for row in found.rows()]


def _follows(steps: pl.DataFrame) -> list[Follows]:
    inner = steps.filter(pl.col("next").is_not_null())
    found = (
        inner.group_by("activity", "next")
        .agg(
            pl.len().alias("events"),
            pl.col("case").n_unique().alias("cases"),
            pl.col("wait_h").median().alias("median_h"),
            pl.col("wait_h").quantile(0.9, "linear").alias("p90_h"),
            pl.col("wait_h").sum().alias("total_h"),
        )
        .sort(["events", "activity", "next"], descending=[True, False, False])
    )
    total = float(inner["wait_h"].sum()) or 1.0
    named = found.rename({"activity": "source", "next": "target"})
    return [Follows(**row, share=row["total_h"] / total) for row in named.to_dicts()]
