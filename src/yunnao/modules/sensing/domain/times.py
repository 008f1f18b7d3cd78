"""Times of readings as columns: microseconds since 1970 UTC, int64."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from yunnao.kernel.errors import InvalidInput

Int64 = NDArray[np.int64]
TimeFormat = Literal["iso8601", "epoch_s", "epoch_ms"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNKNOWN_US = np.iinfo(np.int64).min
"""Stands for a time that is not known; earlier than every time."""
epoch_abs_max_us = 80_000_000_000_000_000
"""Year 4505: beyond it a number is not the time of a reading."""


def to_us(moment: datetime) -> int:
    """Exact, unlike `timestamp()`, whose floating point rounds microseconds."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def from_us(value: int) -> datetime:
    return EPOCH + timedelta(microseconds=int(value))


def parse(raw: Sequence[Any], form: TimeFormat) -> tuple[Int64, dict[int, str]]:
    """Times of `raw`, and the public code of the error of each that cannot be read, by index."""
    if form == "iso8601":
        return _parse_iso(raw)
    return _parse_epoch(raw, 1_000_000 if form == "epoch_s" else 1_000)


def _parse_iso(raw: Sequence[Any]) -> tuple[Int64, dict[int, str]]:
    texts = raw if set(map(type, raw)) <= {str} else [v if type(v) is str else None for v in raw]
    # %+ is chrono's name of ISO 8601 with an offset; what it does not read is tried one by one.
    parsed = pl.Series(texts, dtype=pl.String).str.to_datetime(
        "%+", time_unit="us", time_zone="UTC", strict=False
    )
    times = parsed.to_physical().fill_null(UNKNOWN_US).to_numpy().copy()
    errors: dict[int, str] = {}
    for index in np.flatnonzero(parsed.is_null().to_numpy()).tolist():
        try:
            times[index] = _iso_one(texts[index])
        except InvalidInput as error:
            errors[index] = error.code
    return times, errors


def _iso_one(text: str | None) -> int:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError as error:
        raise InvalidInput("time_unparsable") from error
    if moment.tzinfo is None:
        raise InvalidInput("time_without_zone", value=text)
    return to_us(moment)


def _parse_epoch(raw: Sequence[Any], unit_us: int) -> tuple[Int64, dict[int, str]]:
    numbers = as_floats(raw) * unit_us
    bad = ~(np.abs(numbers) <= epoch_abs_max_us)
    times = np.where(bad, 0, np.round(np.where(bad, 0, numbers))).astype(np.int64)
    times[bad] = UNKNOWN_US
    return times, dict.fromkeys(np.flatnonzero(bad).tolist(), "time_unparsable")


def as_floats(raw: Sequence[Any]) -> NDArray[np.float64]:
    """Numbers as float64; NaN for whatever is not one (a bool is not)."""
    if set(map(type, raw)) <= {int, float}:
        try:
            return np.array(raw, dtype=np.float64)
        except OverflowError:  # an integer beyond a float's range
            pass
    return np.array([_as_float(value) for value in raw], dtype=np.float64)


def _as_float(value: Any) -> float:
    try:
        return float(value) if type(value) in (int, float) else float("nan")
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
