"""History by DuckDB: hot readings and the lake's files in one statement."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads

from yunnao.infra.duck import Duck
from yunnao.infra.lake import LakeTable
from yunnao.infra.postgres import load_queries
from yunnao.modules.sensing.contracts import Int32
from yunnao.modules.sensing.history.contracts import Grid, Sources
from yunnao.modules.sensing.lake.tables import READING

QUERIES = load_queries("yunnao.modules.sensing.history", "duck.sql")
statement_s = 60.0
parts_max = 4_000_000
"""Series times buckets that are held at once, about 400 MB."""


class DuckEngine:
    """The engine of one machine. Files of an object store are read through Arrow's file systems."""

    def __init__(self, table: LakeTable) -> None:
        self._table = table
        self._duck = Duck()

    def readings(self, sources: Sources, series: Sequence[int], limit: int) -> pa.Table:
        wanted = np.array(series, np.int32)
        return self._answer("readings", sources, wanted, wanted, {"limit": limit}).cast(READING)

    def aggregate(self, sources: Sources, series: Int32, group: Int32, grid: Grid, *, ends: bool) -> pa.Table:
        buckets = (sources.until_us - grid.origin_us) // grid.width_us + 1
        parts = (int(series.max()) - int(series.min()) + 1) * buckets
        name = "aggregate_by_series" if parts <= parts_max else "aggregate"
        name = "aggregate_with_ends" if ends else name
        places = {"origin_us": grid.origin_us, "width_us": grid.width_us}
        return self._answer(name, sources, series, group, places)

    def _answer(
        self, name: str, sources: Sources, series: Int32, place: Int32, parameters: dict[str, Any]
    ) -> pa.Table:
        wanted = pa.table({"series": pa.array(series), "place": pa.array(place)})
        tables: dict[str, Any] = {"hot": sources.hot, "wanted": wanted}
        files: dict[str, Sequence[str]] = {}
        for part, uris in (("sure", sources.files), ("doubtful", sources.doubtful)):
            if not uris:
                tables[part] = READING.empty_table()
            elif self._table.local:
                files[part] = uris
            else:
                filesystem, _ = self._table.filesystem()
                tables[part] = pads.dataset(list(uris), READING, format="parquet", filesystem=filesystem)
        bounds = {
            "first_us": sources.first_us,
            "until_us": sources.until_us,
            "first_series": int(series.min()),
            "last_series": int(series.max()),
        }
        return self._duck.query(QUERIES[name], tables, files, bounds | parameters, statement_s=statement_s)
