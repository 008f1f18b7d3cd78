"""Observations of one Datastream over hot and sealed readings alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from odata_query import ast

from yunnao.infra.postgres import Transaction, load_queries
from yunnao.kernel.errors import TooLarge
from yunnao.modules.sensing.contracts import Int32, Readings
from yunnao.modules.sensing.sensorthings.domain.options import Options
from yunnao.modules.sensing.sensorthings.domain.paths import ResourcePath
from yunnao.modules.sensing.sensorthings.latest import NewestReadings

QUERIES = load_queries("yunnao.modules.sensing.sensorthings")
past_rows_max = 100_000
"""Readings that a request takes from sealed hours; it says so where more would be needed."""
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 1, 1, tzinfo=UTC)
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Span:
    """Readings of `series` that a request may concern: of [`start`, `until`)."""

    series: int
    start: datetime
    until: datetime


class History(Protocol):
    """The port to readings, wherever they are."""

    async def readings(
        self,
        tx: Transaction,
        device: str,
        metric: str,
        *,
        start: datetime | None = None,
        until: datetime | None = None,
        limit: int = 1_000,
    ) -> Readings: ...

    async def rows(
        self, tx: Transaction, series: Int32, start: datetime, until: datetime, limit: int
    ) -> pa.Table: ...


def span_of(path: ResourcePath, options: Options) -> Span | None:
    """What a request for Observations of one Datastream concerns; None for any other request."""
    if path.target.name != "Observations":
        return None
    last = path.steps[-1]
    if last.key is not None:
        series, time = last.key
        assert isinstance(series, int)
        assert isinstance(time, datetime)
        return Span(series, time, time + _INSTANT)
    parent = path.steps[-2] if len(path.steps) > 1 else None
    series_found: int | None = None
    if parent is not None and parent.entity_set.name == "Datastreams" and parent.key is not None:
        first = parent.key[0]
        series_found = first if isinstance(first, int) else None
    for operator, name, value in _conjuncts(options.filter):
        if name == "Datastream/id" and operator == "Eq" and isinstance(value, int):
            series_found = value
    return None if series_found is None else Span(series_found, *bounds_of(options))


def bounds_of(options: Options) -> tuple[datetime, datetime]:
    """[start, until) that `$filter` leaves of phenomenonTime; everything where it says nothing of it."""
    start, until = _FIRST, _LAST
    for operator, name, value in _conjuncts(options.filter):
        if name == "phenomenonTime" and isinstance(value, datetime):
            at = value if value.tzinfo else value.replace(tzinfo=UTC)
            if operator in {"Gt", "GtE", "Eq"}:
                start = max(start, at)
            if operator in {"Lt", "LtE", "Eq"}:
                until = min(until, at + _INSTANT)
    return start, until


def newest_first(options: Options) -> bool:
    """Whether rows come in falling order of time, so that hot readings come before sealed ones."""
    if options.count or len(options.orderby) != 1:
        return False
    node, down = options.orderby[0]
    return down and isinstance(node, ast.Identifier) and node.name == "phenomenonTime"


async def past_of(tx: Transaction, history: History, span: Span) -> NewestReadings | None:
    """All readings of the span, hot ones too; None where none of them can be sealed.

    Raises TooLarge `sta_past_too_long`.
    """
    asked = {"series": span.series, "start": span.start, "until": span.until}
    row = await (await tx.execute(QUERIES["sealed_series"], asked)).fetchone()
    if row is None or span.start >= span.until:
        return None
    found = await history.readings(
        tx, row["device"], row["metric"], start=span.start, until=span.until, limit=past_rows_max + 1
    )
    if len(found.points) > past_rows_max:
        raise TooLarge("sta_past_too_long", limit_rows=past_rows_max)
    out = NewestReadings()
    for time, value in found.points:
        textual = isinstance(value, str)
        out.series.append(span.series)
        out.time.append(time)
        out.value.append(None if textual else value)
        out.text.append(value if textual else None)
    return out


async def past_of_many(
    tx: Transaction, history: History, series: Sequence[int], options: Options
) -> NewestReadings | None:
    """All readings of several series (ascending) that `$filter` bounds in time from below, hot
    ones too; None where it does not, or none of them can be sealed.

    Raises TooLarge `sta_past_too_long`.
    """
    start, until = bounds_of(options)
    if not series or start == _FIRST or start >= until:
        return None
    row = await (await tx.execute(QUERIES["sealed_in"], {"start": start, "until": until})).fetchone()
    if row is None or not row["sealed"]:
        return None
    found = await history.rows(tx, np.array(series, np.int32), start, until, past_rows_max + 1)
    if found.num_rows > past_rows_max:
        raise TooLarge("sta_past_too_long", limit_rows=past_rows_max)
    return NewestReadings(*(found[name].to_pylist() for name in ("series", "time", "value", "value_text")))


def _conjuncts(node: Any) -> list[tuple[str, str, Any]]:
    """Comparisons of a name with a literal that all must hold: (operator, name, value)."""
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        return [*_conjuncts(node.left), *_conjuncts(node.right)]
    if not isinstance(node, ast.Compare):
        return []
    name = _named(node.left)
    if name is None or not isinstance(node.right, ast.Integer | ast.DateTime):
        return []
    try:
        return [(type(node.comparator).__name__, name, node.right.py_val)]
    except (ValueError, OverflowError):
        return []


def _named(node: Any) -> str | None:
    if isinstance(node, ast.Identifier):
        return str(node.name)
    if isinstance(node, ast.Attribute) and isinstance(node.owner, ast.Identifier):
        return f"{node.owner.name}/{node.attr}"
    return None
