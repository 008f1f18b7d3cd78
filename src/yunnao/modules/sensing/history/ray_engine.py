"""History by Daft on Ray, for a lake that has outgrown one machine: the same questions, files, answers.

Ray's processes read the files themselves, so the lake lies where all of them reach it. `RAY_ADDRESS`
names the cluster; without one, Ray starts on this machine.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from yunnao.infra.lake import LakeTable
from yunnao.kernel.errors import Unavailable
from yunnao.modules.sensing.contracts import Int32
from yunnao.modules.sensing.history.contracts import PARTS, Grid, Sources
from yunnao.modules.sensing.lake.tables import READING

KEY = ["series", "time"]
PLACE = ["group", "bucket"]
ENDS = pa.schema(
    [
        *PARTS,
        ("first_us", pa.int64()),
        ("first", pa.float64()),
        ("last_us", pa.int64()),
        ("last", pa.float64()),
    ]
)


class RayEngine:
    """The engine of a cluster. Raises Unavailable `cluster_missing` where the extra is not installed."""

    def __init__(self, table: LakeTable) -> None:
        self._table = table

    def readings(self, sources: Sources, series: Sequence[int], limit: int) -> pa.Table:
        daft = _daft()
        found = self._relation(daft, sources, np.array(series, np.int32), ["value", "value_text"])
        newest = found.where(daft.col("series").is_in(list(series))).sort("time", desc=True).limit(limit)
        answer = newest.sort(KEY).to_arrow()
        return answer.select(READING.names).cast(READING)

    def aggregate(self, sources: Sources, series: Int32, group: Int32, grid: Grid, *, ends: bool) -> pa.Table:
        daft = _daft()
        col = daft.col
        places = daft.from_arrow(pa.table({"series": pa.array(series), "group": pa.array(group)}))
        us = col("time").cast(daft.DataType.int64())
        placed = (
            self._relation(daft, sources, series, ["value"])
            .join(places, on="series")
            .with_column("us", us)
            .with_column("bucket", (col("us") - grid.origin_us) // grid.width_us)
        )
        value = col("value")
        measures = [
            col("us").count().alias("n"),
            value.sum().alias("sum"),
            value.min().alias("min"),
            value.max().alias("max"),
        ]
        if not ends:
            return _as(placed.groupby(*PLACE).agg(*measures), PARTS)
        measures += [col("us").min().alias("first_us"), col("us").max().alias("last_us")]
        found = placed.groupby(*PLACE).agg(*measures)
        for end in ("first", "last"):
            # A group's first and last are read where their time stands: Daft has no arg_min.
            at_end = placed.select(*PLACE, "us", value.alias(end)).distinct()
            found = found.join(at_end, left_on=[*PLACE, f"{end}_us"], right_on=[*PLACE, "us"])
        return _as(found, ENDS)

    def _relation(self, daft: Any, sources: Sources, series: Int32, columns: list[str]) -> Any:
        """The readings of all sources; what is hot counts once, though it may be sealed already."""
        names = [*KEY, *columns]
        hot = daft.from_arrow(sources.hot.select(names))
        found = hot
        if sources.files:
            found = found.concat(daft.read_parquet(self._reached(sources.files)).select(*names))
        if sources.doubtful:
            doubtful = daft.read_parquet(self._reached(sources.doubtful)).select(*names)
            found = found.concat(doubtful.join(hot.select(*KEY), on=KEY, how="anti"))
        us = daft.col("time").cast(daft.DataType.int64())
        number = daft.col("series")
        return found.where(
            (number >= int(series.min()))
            & (number <= int(series.max()))
            & (us >= sources.first_us)
            & (us < sources.until_us)
        )

    def _reached(self, files: Sequence[str]) -> list[str]:
        scheme = self._table.scheme
        return list(files) if self._table.local else [f"{scheme}://{file}" for file in files]


def _daft() -> Any:
    """Daft with Ray beneath it; imported by the first question, since few cities have a cluster."""
    try:
        import daft
    except ImportError as error:
        raise Unavailable("cluster_missing") from error
    daft.set_runner_ray(noop_if_initialized=True)
    return daft


def _as(found: Any, schema: pa.Schema) -> pa.Table:
    return found.to_arrow().select(schema.names).cast(schema)
