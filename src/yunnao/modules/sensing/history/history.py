"""What was measured, over hot readings and the lake together."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from psycopg.errors import QueryCanceled

from yunnao.infra.postgres import STATEMENT_TIMEOUT_S, Transaction, load_queries
from yunnao.kernel.errors import InvalidInput, NotFound, TooLarge
from yunnao.kernel.packs.scene import Metric
from yunnao.kernel.time import Clock
from yunnao.modules.sensing.contracts import Int32, Int64, Readings
from yunnao.modules.sensing.domain.times import from_us, to_us
from yunnao.modules.sensing.history import buckets, shaping
from yunnao.modules.sensing.history.contracts import (
    GROUP_AGGREGATES,
    PARTS,
    Aggregate,
    Answer,
    Engine,
    Grid,
    GroupAnswer,
    Grouping,
    GroupQuestion,
    Question,
    SeriesName,
    Sources,
)
from yunnao.modules.sensing.lake import hot
from yunnao.modules.sensing.lake.tables import Lake
from yunnao.modules.sensing.lake.writing import scan
from yunnao.modules.twin.facade import Twin

QUERIES = load_queries("yunnao.modules.sensing.history")
series_max = 20
rows_max = 2_000_000
"""Readings of a question without buckets."""
columns_rows_max = 20_000_000
"""Readings that are taken as columns at once, about 500 MB."""
points_max = 10_000
hot_rows_max = 5_000_000
"""Hot readings that one question takes into memory, about 150 MB."""
reduce_tries_max = 3
"""How often hot readings are reduced again because some were sealed meanwhile, once an hour."""
questions_at_once_max = 4
default_span = timedelta(hours=24)
NOTHING: Int32 = np.zeros(0, np.int32)
T = TypeVar("T")


@dataclass(frozen=True)
class Series:
    """A series that was asked for."""

    name: SeriesName
    number: int
    metric: Metric


class History:
    """What others may ask of the past; every method runs in the caller's transaction.

    `zone` is the city's: there its days, weeks and months begin.
    """

    def __init__(self, clock: Clock, twin: Twin, lake: Lake, engine: Engine, zone: ZoneInfo) -> None:
        self._clock = clock
        self._twin = twin
        self._lake = lake
        self._engine = engine
        self._zone = zone
        self._turns = asyncio.Semaphore(questions_at_once_max)

    def now(self) -> datetime:
        return self._clock.now()

    async def ask(self, tx: Transaction, question: Question) -> Answer:
        """Several series on one axis.

        Raises NotFound `series_not_found`; InvalidInput `range_empty`, `bucket_invalid`,
        `buckets_too_many`, `series_too_many`, `bucket_or_points`, `aggregate_of_text`; TooLarge
        `history_too_large`, `hot_too_large`, or as Duck does.
        """
        if question.bucket is not None and question.points is not None:
            raise InvalidInput("bucket_or_points")
        _check_range(question.start, question.until)
        series = await self._find(tx, question.series)
        if question.bucket is None:
            return await self._as_read(tx, question, series)
        _check_numeric(series, question.aggregates)
        bucket = buckets.parse_bucket(question.bucket)
        edges = buckets.edges_of(bucket, question.start, question.until, self._zone)
        numbers = np.unique(np.array([each.number for each in series], np.int32))
        found = await self._aggregated(
            tx, numbers, numbers, (question.start, question.until), edges, question.aggregates
        )
        columns = [shaping.column(s.name, s.metric, a) for s in series for a in question.aggregates]
        of = [s.number for s in series for _ in question.aggregates]
        return Answer(shaping.on_buckets(found, edges, columns, of), columns, question.start, question.until)

    async def groups(self, tx: Transaction, question: GroupQuestion, without: Int32 = NOTHING) -> GroupAnswer:
        """A metric of all devices of a product by area or type of what they watch, but for series `without`.

        Raises NotFound `product_unknown`, `metric_unknown`; InvalidInput as `ask` does,
        `aggregate_of_groups` for one that has no meaning for many series.
        """
        _check_range(question.start, question.until)
        for name in question.aggregates:
            if name not in GROUP_AGGREGATES:
                raise InvalidInput("aggregate_of_groups", aggregate=name, known=", ".join(GROUP_AGGREGATES))
        series, entities = await self._of_product(tx, question.product, question.metric)
        if len(without):
            kept = np.flatnonzero(~np.isin(series, without))
            series, entities = series[kept], [entities[i] for i in kept.tolist()]
        names, group = await self._grouped(tx, entities, question.by)
        edges = buckets.edges_of(
            buckets.parse_bucket(question.bucket), question.start, question.until, self._zone
        )
        span = (question.start, question.until)
        found = await self._aggregated(tx, series, group, span, edges, question.aggregates)
        return GroupAnswer(shaping.of_groups(found, edges, names), question.start, question.until)

    async def readings(
        self,
        tx: Transaction,
        device: str,
        metric: str,
        *,
        start: datetime | None = None,
        until: datetime | None = None,
        limit: int = 1_000,
    ) -> Readings:
        """The newest `limit` readings in [start, until); by default of the 24 hours before the newest.

        Raises NotFound `series_not_found`.
        """
        (series,) = await self._find(tx, [SeriesName(device, metric)])
        if until is None:
            until = self._clock.now() + timedelta(days=1)
        if start is None:
            start = min(await self._newest(tx, series.number) or until, until) - default_span
        sources = await self._sources(tx, [series.number], start, until)
        found = await self._run(lambda: self._engine.readings(sources, [series.number], limit))
        columns = (found[name].to_pylist() for name in ("time", "value", "value_text"))
        points = [
            (time, number if text is None else text) for time, number, text in zip(*columns, strict=True)
        ]
        return Readings(metric, series.metric.unit_label, points)

    async def rows(
        self, tx: Transaction, series: Int32, start: datetime, until: datetime, limit: int
    ) -> pa.Table:
        """Readings of `series` (ascending) in order of (series, time), in the lake's schema; the newest
        `limit` at most. Raises TooLarge `hot_too_large`."""
        numbers = series.tolist()
        sources = await self._sources(tx, numbers, start, until)
        return await self._run(lambda: self._engine.readings(sources, numbers, limit))

    async def count(self, tx: Transaction, devices: Sequence[str], start: datetime, last: datetime) -> int:
        """Readings of these devices from `start` to `last`, both included."""
        rows = await (await tx.execute(QUERIES["series_of_devices"], {"devices": list(devices)})).fetchall()
        series = np.array([row["series"] for row in rows], np.int32)
        if not len(series):
            return 0
        until = last + timedelta(microseconds=1)
        edges = np.array([to_us(start), to_us(until)], np.int64)
        found = await self._aggregated(tx, series, np.zeros_like(series), (start, until), edges, ["count"])
        return int(found["count"].sum())

    async def columns(self, tx: Transaction, series: Int32, start: datetime, until: datetime) -> pa.Table:
        """Readings of numbered `series` (ascending, not none) in the lake's schema, in order of series and
        time. Raises TooLarge `history_too_large`, `hot_too_large`."""
        sources = await self._sources(tx, series.tolist(), start, until)
        found = await self._run(lambda: self._engine.readings(sources, series.tolist(), columns_rows_max + 1))
        if found.num_rows > columns_rows_max:
            raise TooLarge("history_too_large", limit=columns_rows_max)
        return found

    async def steps(
        self, tx: Transaction, series: Int32, start: datetime, until: datetime, step_us: int
    ) -> pa.Table:
        """Means of numbered `series` (not none) over equal steps from `start` on, where there are
        readings: columns series, step and mean. Raises TooLarge `hot_too_large`."""
        grid = Grid(to_us(start), step_us)
        parts = await self._parts(tx, series, series, (start, until), grid)
        found = parts.group_by(["group", "bucket"]).aggregate([("sum", "sum"), ("n", "sum")])
        found = found.rename_columns(["group", "bucket", "sum", "n"])
        mean = pc.divide(found["sum"], pc.cast(found["n"], pa.float64()))
        return pa.table({"series": found["group"], "step": found["bucket"], "mean": mean})

    async def _as_read(self, tx: Transaction, question: Question, series: list[Series]) -> Answer:
        if question.points is not None:
            _check_numeric(series, ("mean",))
        numbers = sorted({each.number for each in series})
        sources = await self._sources(tx, numbers, question.start, question.until)
        found = await self._run(lambda: self._engine.readings(sources, numbers, rows_max + 1))
        if found.num_rows > rows_max:
            raise TooLarge("history_too_large", limit=rows_max)
        columns = [shaping.column(each.name, each.metric, None) for each in series]
        of = [each.number for each in series]
        table = await self._run(lambda: shaping.as_read(found, columns, of, question.points))
        return Answer(table, columns, question.start, question.until)

    async def _aggregated(
        self,
        tx: Transaction,
        series: Int32,
        group: Int32,
        span: tuple[datetime, datetime],
        edges: Int64,
        aggregates: Sequence[Aggregate],
    ) -> Any:
        """A polars frame of `group`, `bucket` (place between `edges`) and the aggregates."""
        if not len(series):
            return buckets.nothing(aggregates)
        grid = buckets.grid_of(edges)
        ends = "last" in aggregates or "rate" in aggregates
        if ends:
            sources = await self._sources(tx, series.tolist(), *span)
            table = await self._run(lambda: self._engine.aggregate(sources, series, group, grid, ends=True))
        else:
            table = await self._parts(tx, series, group, span, grid)
        return await self._run(
            lambda: buckets.measures(buckets.joined(table, grid, edges, ends=ends), aggregates)
        )

    async def _parts(
        self, tx: Transaction, series: Int32, group: Int32, span: tuple[datetime, datetime], grid: Grid
    ) -> pa.Table:
        """Parts of groups and buckets (PARTS, several of one possible).

        Hot readings later than all that is sealed are reduced in the database; earlier ones, which may be
        sealed as well, are few and go to the engine. Should something of the later ones have been sealed
        meanwhile, all is asked again. Raises TooLarge `hot_too_large`.
        """
        start, until = span
        for _ in range(reduce_tries_max):
            split = min(max(start, await asyncio.to_thread(self._sealed_until, series)), until)
            table = PARTS.empty_table()
            if start < split:
                sources = await self._sources(tx, series.tolist(), start, split)
                table = await self._run(
                    partial(self._engine.aggregate, sources, series, group, grid, ends=False)
                )
            later: list[Any] = []
            if split < until:
                tables, late = await _hot_tables(tx), (split, until)
                try:
                    later = await hot.parts(tx, tables, series, group, late, grid.origin_us, grid.width_us)
                except QueryCanceled as error:
                    raise TooLarge("question_too_long", limit_s=STATEMENT_TIMEOUT_S) from error
            if split == until or await asyncio.to_thread(self._sealed_until, series) <= split:
                return pa.concat_tables([table.cast(PARTS), pa.Table.from_pylist(later, PARTS)])
        raise TooLarge("hot_too_large", limit=hot_rows_max)

    def _sealed_until(self, series: Int32) -> datetime:
        """After the newest reading of the lake's files in which some of `series` (ascending) may be."""
        snapshot = self._lake.readings.snapshot()
        own = snapshot.overlapping("series", int(series[0]), int(series[-1]))
        return from_us(int(snapshot.bounds["time"][1][own].max(initial=-1)) + 1)

    async def _sources(
        self, tx: Transaction, series: Sequence[int], start: datetime, until: datetime
    ) -> Sources:
        """Where the readings are. The hot ones are read before the lake is looked at: what is sealed in
        between is then found twice, and counted once, instead of not at all."""
        tables = await _hot_tables(tx)
        few = len(series) <= series_max
        wanted = series if few else (series[0], series[-1])
        found = await hot.read(tx, tables, wanted, start=start, until=until, limit=hot_rows_max + 1)
        if found.num_rows > hot_rows_max:
            raise TooLarge("hot_too_large", limit=hot_rows_max)
        return await asyncio.to_thread(self._with_lake, found, series, to_us(start), to_us(until))

    def _with_lake(self, found: pa.Table, series: Sequence[int], first_us: int, until_us: int) -> Sources:
        snapshot = self._lake.readings.snapshot()
        keep = snapshot.overlapping("time", first_us, until_us - 1)
        if len(series) <= series_max:
            keep &= np.any([snapshot.overlapping("series", each, each) for each in series], axis=0)
        else:
            keep &= snapshot.overlapping("series", series[0], series[-1])
        minima, maxima = snapshot.bounds["time"]
        doubtful = keep & ((minima < first_us) | (maxima >= until_us))
        if found.num_rows:
            bounds = pc.min_max(found["time"].cast(pa.int64())).as_py()
            doubtful |= keep & snapshot.overlapping("time", bounds["min"], bounds["max"])
        files, unsure = (
            [snapshot.uris[i] for i in np.flatnonzero(mask).tolist()] for mask in (keep & ~doubtful, doubtful)
        )
        return Sources(shaping.once(found), files, unsure, first_us, until_us)

    async def _newest(self, tx: Transaction, series: int) -> datetime | None:
        """The time of a series' newest reading."""
        times: list[datetime | None] = []
        for table in await _hot_tables(tx):
            query = QUERIES["newest_hot_run" if table == hot.NUMBERS_ONLY else "newest_hot"]
            row = await (await tx.execute(query, {"series": series})).fetchone()
            times.append(row["time"] if row else None)
        sealed = await asyncio.to_thread(
            lambda: scan(self._lake.latest, self._lake.latest.snapshot(), ["time"], (series, series))
        )
        return max((time for time in [*times, *sealed["time"].to_pylist()] if time), default=None)

    async def _find(self, tx: Transaction, names: Sequence[SeriesName]) -> list[Series]:
        if len(names) > series_max:
            raise InvalidInput("series_too_many", limit=series_max)
        once = list(dict.fromkeys(names))
        rows = await (
            await tx.execute(
                QUERIES["series_find"],
                {"devices": [each.device for each in once], "metrics": [each.metric for each in once]},
            )
        ).fetchall()
        for row in rows:
            if row["series"] is None:
                raise NotFound("series_not_found", device=row["device"], metric=row["metric"])
        return [
            Series(name, row["series"], Metric.model_validate(row["spec"]))
            for name, row in zip(once, rows, strict=True)
        ]

    async def _of_product(self, tx: Transaction, product: str, metric: str) -> tuple[Int32, list[str]]:
        named = {"product": product, "metric": metric}
        spec = await (await tx.execute(QUERIES["metric_spec"], named)).fetchone()
        if spec is None:
            raise NotFound("product_unknown", product=product)
        if spec["spec"] is None:
            raise NotFound("product_without_metric", product=product, metric=metric)
        if spec["spec"]["value_type"] == "string":
            raise InvalidInput("aggregate_of_text", device=product, metric=metric)
        row = await (await tx.execute(QUERIES["series_of_metric"], named)).fetchone()
        if row is None or row["series"] is None:
            return np.zeros(0, np.int32), []
        return np.array(row["series"], np.int32), row["entities"]

    async def _grouped(
        self, tx: Transaction, entities: list[str], by: Grouping
    ) -> tuple[list[str | None], Int32]:
        """Names of the groups, and the place of each entity's group among them."""
        if by == "entity_type":
            found: list[str | None] = [entity.split(":", 3)[2] for entity in entities]
        else:
            areas = await self._twin.areas(tx, entities)
            found = [areas[entity][by] if entity in areas else None for entity in entities]
        names = list(dict.fromkeys(found))
        places = {name: place for place, name in enumerate(names)}
        return names, np.array([places[name] for name in found], np.int32)

    async def _run(self, work: Callable[[], T]) -> T:
        """Runs what blocks in a thread; few at a time, so that memory and processors suffice."""
        async with self._turns:
            return await asyncio.to_thread(work)


async def _hot_tables(tx: Transaction) -> list[str]:
    return [row["name"] for row in await (await tx.execute(QUERIES["hot_tables"])).fetchall()]


def _check_range(start: datetime, until: datetime) -> None:
    if start >= until:
        raise InvalidInput("range_empty")


def _check_numeric(series: Sequence[Series], aggregates: Sequence[Aggregate]) -> None:
    for each in series:
        if each.metric.value_type == "string" and set(aggregates) - {"count"}:
            raise InvalidInput("aggregate_of_text", device=each.name.device, metric=each.name.metric)
