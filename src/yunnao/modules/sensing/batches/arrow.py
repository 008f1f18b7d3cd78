"""Batches as an Arrow IPC stream: long (device, metric, time, value) or wide (a column a metric).

Source: Apache Arrow columnar format 1.5, IPC streaming format.
"""

import numpy as np
import pyarrow as pa

from yunnao.kernel.errors import InvalidInput, TooLarge
from yunnao.modules.sensing.batches.contracts import Columns, rows_max
from yunnao.modules.sensing.contracts import Floats, Int32, Int64
from yunnao.modules.sensing.domain.times import UNKNOWN_US

TIME_US = pa.timestamp("us", "UTC")


def columns(body: bytes) -> Columns:
    """The readings of a stream. Raises InvalidInput `arrow_unreadable`, `arrow_columns`; TooLarge."""
    try:
        with pa.ipc.open_stream(body) as reader:
            table = reader.read_all()
    except (pa.ArrowException, OSError) as error:
        raise InvalidInput("arrow_unreadable", reason=str(error)) from error
    names = table.column_names
    if "device" not in names or "time" not in names or not pa.types.is_timestamp(table["time"].type):
        raise InvalidInput("arrow_columns", found=", ".join(names))
    if table["time"].type.tz is None:
        raise InvalidInput("time_without_zone", value="time")
    try:
        return _long(table) if {"metric", "value"} <= set(names) else _wide(table)
    except (pa.ArrowException, ValueError) as error:
        raise InvalidInput("arrow_columns", found=f"{', '.join(names)}: {error}") from error


def _long(table: pa.Table) -> Columns:
    _limit(table.num_rows)
    devices, device = _coded(table["device"])
    metrics, metric = _coded(table["metric"])
    index = np.arange(table.num_rows, dtype=np.int64)
    return Columns(devices, device, metrics, metric, _times(table["time"]), _values(table["value"]), index)


def _wide(table: pa.Table) -> Columns:
    """A null is no reading."""
    metrics = [name for name in table.column_names if name not in {"device", "time"}]
    _limit(table.num_rows * len(metrics))
    devices, device = _coded(table["device"])
    time_us = _times(table["time"])
    there = [np.flatnonzero(table[name].is_valid().to_numpy()) for name in metrics]
    values = [_values(table[name]) for name in metrics]
    nothing = np.zeros(0, np.int64)
    rows = np.concatenate([nothing, *there])
    return Columns(
        devices,
        device[rows],
        metrics,
        np.repeat(np.arange(len(metrics), dtype=np.int32), [len(at) for at in there]),
        time_us[rows],
        np.concatenate([np.zeros(0), *(value[at] for value, at in zip(values, there, strict=True))]),
        rows,
    )


def _limit(rows: int) -> None:
    if rows > rows_max:
        raise TooLarge("batch_too_large", limit_rows=rows_max)


def _coded(column: pa.ChunkedArray) -> tuple[list[str], Int32]:
    """Distinct texts and each row's place among them; a null is the empty text."""
    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.string()).dictionary_encode()
    coded = column.unify_dictionaries().combine_chunks()
    if isinstance(coded, pa.ChunkedArray):  # no rows, so no chunks
        return [], np.zeros(0, np.int32)
    texts = [text or "" for text in coded.dictionary.cast(pa.string()).to_pylist()]
    places = coded.indices
    if places.null_count:
        texts.append("")
        places = places.fill_null(len(texts) - 1)
    return texts, places.to_numpy(zero_copy_only=False).astype(np.int32, copy=False)


def _times(column: pa.ChunkedArray) -> Int64:
    found: Int64 = column.cast(TIME_US, safe=False).cast(pa.int64()).fill_null(int(UNKNOWN_US)).to_numpy()
    return found


def _values(column: pa.ChunkedArray) -> Floats:
    """NaN for null."""
    found: Floats = column.cast(pa.float64(), safe=False).fill_null(float("nan")).to_numpy()
    return found
