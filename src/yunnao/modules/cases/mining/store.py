"""Our own log: the timeline of cases as a frame."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any

import polars as pl

from yunnao.infra.postgres import Row, Transaction, load_queries

QUERIES = load_queries("yunnao.modules.cases.mining")

COLUMNS = {
    "case": pl.String,
    "activity": pl.String,
    "time": pl.Int64,
    "resource": pl.String,
    "department": pl.String,
    "category": pl.String,
}


@dataclass(frozen=True)
class Chosen:
    """Which cases a process is seen from; None leaves a column open. Times bound the opening."""

    start: datetime
    end: datetime
    case_type: str | None = None
    department: str | None = None
    district: str | None = None
    categories: Sequence[str] | None = None
    source: str | None = None
    flow_hash: str | None = None
    closed_only: bool = False


async def flows(tx: Transaction, chosen: Chosen) -> list[Row]:
    """Versions of flows that the chosen cases run on: flow_hash, case_type, cases, most first."""
    return await (await tx.execute(QUERIES["flows_of_cases"], _params(chosen))).fetchall()


async def log(tx: Transaction, chosen: Chosen, cases_max: int) -> pl.DataFrame:
    """case (number), activity (event), time (UTC), resource, department, category of the newest cases.

    By COPY: a million events come in a second, as columns.
    """
    out = BytesIO()
    async with (
        tx.cursor() as cursor,
        cursor.copy(QUERIES["log"], {**_params(chosen), "limit": cases_max}) as copy,
    ):
        async for piece in copy:
            out.write(piece)
    if not out.tell():
        return pl.DataFrame(schema={**COLUMNS, "time": pl.Datetime("us", "UTC")})
    frame = pl.read_csv(
        out.getvalue(), has_header=False, new_columns=list(COLUMNS), schema_overrides=list(COLUMNS.values())
    )
    return frame.with_columns(pl.from_epoch("time", "us").dt.replace_time_zone("UTC"))


def _params(chosen: Chosen) -> dict[str, Any]:
    return {
        "start": chosen.start,
        "end": chosen.end,
        "case_type": chosen.case_type,
        "department": chosen.department,
        "district": chosen.district,
        "categories": None if chosen.categories is None else list(chosen.categories),
        "source": chosen.source,
        "flow_hash": chosen.flow_hash,
        "closed_only": chosen.closed_only,
    }
