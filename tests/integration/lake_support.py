"""A lake beside the small city of sensors."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from tests.integration.sensing_support import City

from yunnao.modules.sensing.lake import writing
from yunnao.modules.sensing.lake.keeper import LakeKeeper
from yunnao.modules.sensing.lake.schedule import sealing_grace, settling
from yunnao.modules.sensing.lake.tables import Lake, lake_at

EVERYTHING = (0, np.iinfo(np.int32).max)


def lake_in(folder: Path) -> Lake:
    return lake_at(f"file://{folder}/lake")


def cold(lake: Lake) -> list[tuple[int, datetime, Any]]:
    """Every reading of the lake, in order; a double would show."""
    return _rows(lake.readings)


def latest(lake: Lake) -> list[tuple[int, datetime, Any]]:
    return _rows(lake.latest)


def _rows(table: Any) -> list[tuple[int, datetime, Any]]:
    found: pa.Table = writing.scan(
        table, table.snapshot(), ["series", "time", "value", "value_text"], EVERYTHING
    )
    return sorted(
        (row["series"], row["time"], row["value"] if row["value_text"] is None else row["value_text"])
        for row in found.to_pylist()
    )


async def hot(city: City) -> list[tuple[int, datetime, Any]]:
    rows = await city.rows("SELECT series, time, value, value_text FROM sensing.reading")
    return sorted(
        (row["series"], row["time"], row["value"] if row["value_text"] is None else row["value_text"])
        for row in rows
    )


async def keep(city: City, lake: Lake, keeper: LakeKeeper | None = None) -> int:
    """One round of a keeper, when everything has settled and every hour before now is over."""
    keeper = keeper or LakeKeeper(city.clock, city.database, lake)
    await keeper.round()
    city.clock.time += settling + sealing_grace + timedelta(hours=1)
    return await keeper.round()
