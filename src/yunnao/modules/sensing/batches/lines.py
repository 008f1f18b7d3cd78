"""Batches as JSON lines: one reading a line, {"device", "metric", "time", "value"}."""

from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from yunnao.kernel.errors import TooLarge
from yunnao.modules.sensing.batches.contracts import Columns, rejected, rows_max
from yunnao.modules.sensing.contracts import Floats, Int32, Rejected
from yunnao.modules.sensing.domain import times

FIELDS = ("device", "metric", "time", "value")


def columns(body: bytes) -> Columns:
    """The readings of the lines; empty ones count for the places and say nothing. Raises TooLarge."""
    lines = body.split(b"\n")
    if len(lines) > rows_max:
        raise TooLarge("batch_too_large", limit_rows=rows_max)
    told: list[Rejected] = []
    items, index = _items(lines, told)
    device, metric, time, value = ([item.get(name) for item in items] for name in FIELDS)
    devices, device_at = coded(device)
    metrics, metric_at = coded(metric)
    time_us, errors = times.parse(time, "iso8601")
    good = np.ones(len(items), np.bool_)
    for row, code in errors.items():
        good[row] = False
        told.append(rejected(index[row], "time_missing" if time[row] is None else code, value=time[row]))
    values = _numbers(value)
    for row in np.flatnonzero(np.isnan(values) & good).tolist():
        good[row] = False
        told.append(rejected(index[row], "value_wrong_type", metric=metric[row], value=value[row]))
    rows = np.flatnonzero(good)
    places = np.array(index, np.int64)
    return Columns(
        devices,
        device_at[rows],
        metrics,
        metric_at[rows],
        time_us[rows],
        values[rows],
        places[rows],
        told=told,
    )


def coded(texts: list[Any]) -> tuple[list[str], Int32]:
    """Distinct texts and each one's place among them; what is no text is the empty one."""
    if not texts:
        return [], np.zeros(0, np.int32)
    if not set(map(type, texts)) <= {str}:
        texts = [text if type(text) is str else "" for text in texts]
    found = pa.array(texts, pa.string()).dictionary_encode()
    return found.dictionary.to_pylist(), found.indices.to_numpy().astype(np.int32, copy=False)


def _items(lines: list[bytes], told: list[Rejected]) -> tuple[list[dict[str, Any]], list[int]]:
    """Objects, and the lines that they stand on. All at once where every line is good."""
    index = [place for place, line in enumerate(lines) if line.strip()]
    try:
        found = orjson.loads(b"[" + b",".join(lines[place] for place in index) + b"]")
        if len(found) == len(index) and set(map(type, found)) <= {dict}:
            return found, index
    except orjson.JSONDecodeError:
        pass
    items: list[dict[str, Any]] = []
    places: list[int] = []
    for place in index:
        try:
            item = orjson.loads(lines[place])
        except orjson.JSONDecodeError:
            item = None
        if isinstance(item, dict):
            items.append(item)
            places.append(place)
        else:
            told.append(rejected(place, "payload_not_json"))
    return items, places


def _numbers(raw: list[Any]) -> Floats:
    """Booleans are 0 and 1; what is no number is NaN."""
    if bool in set(map(type, raw)):
        raw = [float(value) if type(value) is bool else value for value in raw]
    return times.as_floats(raw)
