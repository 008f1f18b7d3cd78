"""Batches by HTTP as columns, whatever the format that they came in."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from yunnao.modules.sensing.contracts import Floats, Int32, Int64, Rejected

rows_max = 4_000_000
"""Readings of one request; its body has a limit of its own."""
rejected_listed_max = 1_000
"""Rejections that an answer lists one by one."""


@dataclass(frozen=True)
class Columns:
    """n readings. `device` and `metric` are places in `devices` and `metrics`; `index` is the place of
    each in the request, NaN and `UNKNOWN_US` stand for what is missing.

    `told`: what the format itself did not allow.
    """

    devices: Sequence[str]
    device: Int32
    metrics: Sequence[str]
    metric: Int32
    time_us: Int64
    value: Floats
    index: Int64
    product: str | None = None
    told: Sequence[Rejected] = field(default=())


@dataclass(frozen=True)
class Taken:
    """How many readings of a batch are in the stream, how many are not, and the first of those."""

    accepted: int
    refused: int
    rejected: list[Rejected]


def rejected(index: int, code: str, **params: Any) -> Rejected:
    return Rejected(index, code, params)
