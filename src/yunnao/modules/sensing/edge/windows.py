"""Thinning: many messages of a window of time to one for each device."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yunnao.kernel.packs.scene import EdgeThinning, Product
from yunnao.modules.sensing.domain.decoding import Decoded, MetricColumn
from yunnao.modules.sensing.domain.encoding import encode
from yunnao.modules.sensing.domain.payloads import payload_of
from yunnao.modules.sensing.domain.times import Int64, from_us


@dataclass(frozen=True)
class Thinned:
    """A device's message for a window, as its product's devices write it."""

    device: str
    payload: bytes


def thin(product: Product, policy: EdgeThinning, devices: Sequence[str], decoded: Decoded) -> list[Thinned]:
    """One message for each device that has a reading; `devices` (n) beside the messages of `decoded`.

    Its time is that of the newest reading, so that the same messages make the same reading again.
    """
    names, number = np.unique(np.array(devices, np.str_), return_inverse=True)
    values: dict[int, dict[str, Any]] = {}
    newest = np.zeros(len(names), np.int64)
    for column in decoded.columns:
        of_row = number[decoded.message[column.rows]].astype(np.int64)
        time_us = decoded.time_us[column.rows]
        np.maximum.at(newest, of_row, time_us)
        for row, value in _reduced(policy, column, of_row, time_us):
            whole = product.metrics[column.metric].value_type
            values.setdefault(row, {})[column.metric] = _typed(value, whole)
    return [
        Thinned(
            str(names[row]), payload_of(product.decoder, encode(product, found, from_us(int(newest[row]))))
        )
        for row, found in values.items()
    ]


def _reduced(
    policy: EdgeThinning, column: MetricColumn, of_row: Int64, time_us: Int64
) -> list[tuple[int, Any]]:
    """(device's row, value) of one metric: aggregated, or the last where there is nothing to reckon."""
    order = np.lexsort((time_us, of_row))
    groups, start = np.unique(of_row[order], return_index=True)
    last = order[np.r_[start[1:], len(order)] - 1]
    if column.text is not None:
        return [(int(row), column.text[i]) for row, i in zip(groups, last, strict=True)]
    found: NDArray[np.float64]
    ordered = column.value[order]
    match policy.aggregate:
        case "mean":
            found = np.add.reduceat(ordered, start) / np.diff(np.r_[start, len(order)])
        case "minimum":
            found = np.minimum.reduceat(ordered, start)
        case "maximum":
            found = np.maximum.reduceat(ordered, start)
        case "last":
            found = column.value[last]
    return list(zip(groups.tolist(), found.tolist(), strict=True))


def _typed(value: Any, value_type: str) -> Any:
    """A value as the metric's type has it: whole, or yes where most of the window was."""
    if value_type == "integer":
        return round(value)
    if value_type == "boolean":
        return value >= 0.5
    return value
