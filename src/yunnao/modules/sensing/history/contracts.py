"""What a question to the history is made of, and what comes back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

import pyarrow as pa

from yunnao.kernel.text import Text
from yunnao.modules.sensing.contracts import Int32

Aggregate = Literal["min", "max", "mean", "count", "last", "rate"]
AGGREGATES: tuple[Aggregate, ...] = ("min", "max", "mean", "count", "last", "rate")
GROUP_AGGREGATES: tuple[Aggregate, ...] = ("min", "max", "mean", "count")
Grouping = Literal["district", "street", "entity_type"]


@dataclass(frozen=True)
class SeriesName:
    """One metric of one device."""

    device: str
    metric: str


@dataclass(frozen=True)
class Question:
    """Several series over [`start`, `until`): as read, in `points` chosen by LTTB, or in buckets."""

    series: Sequence[SeriesName]
    start: datetime
    until: datetime
    bucket: str | None = None
    aggregates: Sequence[Aggregate] = ("mean",)
    points: int | None = None


@dataclass(frozen=True)
class GroupQuestion:
    """A metric of all devices of a product, over [`start`, `until`) in buckets, by what they watch."""

    product: str
    metric: str
    by: Grouping
    start: datetime
    until: datetime
    bucket: str = "1d"
    aggregates: Sequence[Aggregate] = ("mean",)


@dataclass(frozen=True)
class Column:
    """A column of an answer: a series as it was read (`aggregate` none), or an aggregate of it."""

    name: str
    device: str
    metric: str
    unit_label: Text | None
    aggregate: Aggregate | None


@dataclass(frozen=True)
class Answer:
    """Aligned series: a column `time` (start of the bucket, where there are buckets) and one for each of
    `columns`, NULL where a series has nothing at that time."""

    table: pa.Table
    columns: Sequence[Column]
    start: datetime
    until: datetime


@dataclass(frozen=True)
class GroupAnswer:
    """Columns `time`, `group` (code of an area, or an entity type) and one for each aggregate."""

    table: pa.Table
    start: datetime
    until: datetime


@dataclass(frozen=True)
class Sources:
    """Where readings of [`first_us`, `until_us`) are: hot ones in hand, and the lake's files.

    `files` have no reading outside, and none that is hot: their times need not be looked at. In
    `doubtful` there may be some of both; a reading counts once.
    """

    hot: pa.Table
    files: Sequence[str]
    doubtful: Sequence[str]
    first_us: int
    until_us: int


@dataclass(frozen=True)
class Grid:
    """Buckets of equal width: number i is [origin + i * width, origin + (i + 1) * width)."""

    origin_us: int
    width_us: int


PARTS = pa.schema(
    [
        ("group", pa.int32()),
        ("bucket", pa.int64()),
        ("n", pa.int64()),
        ("sum", pa.float64()),
        ("min", pa.float64()),
        ("max", pa.float64()),
    ]
)
"""What is known of a group and bucket: parts of one add up, wherever they were made."""


class Engine(Protocol):
    """Whoever reads the sources; every call blocks and is made in a thread."""

    def readings(self, sources: Sources, series: Sequence[int], limit: int) -> pa.Table:
        """The newest `limit` readings at most, in order of (series, time), in the lake's schema."""
        ...

    def aggregate(self, sources: Sources, series: Int32, group: Int32, grid: Grid, *, ends: bool) -> pa.Table:
        """For each group and bucket that has readings: `n`, `sum`, `min`, `max` of all series of the group.

        `series` and `group`: pairs, each series once. With `ends` also `first_us`, `first`, `last_us`,
        `last`. Columns group (int32), bucket (int64), n (int64), others float64 and int64 (times).
        """
        ...
