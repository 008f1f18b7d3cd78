"""Batches as InfluxDB line protocol: `product,device=ID field=value,… timestamp`.

Source: InfluxDB v2 documentation, "Line protocol" and "Write data"; the measurement is the product
and each field a metric. Other tags than `device` are passed over, since they say nothing of a reading.
"""

import re
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from yunnao.kernel.errors import TooLarge
from yunnao.modules.sensing.batches.contracts import Columns, rejected, rows_max
from yunnao.modules.sensing.batches.lines import coded
from yunnao.modules.sensing.contracts import Rejected
from yunnao.modules.sensing.domain.times import epoch_abs_max_us

Precision = Literal["ns", "us", "ms", "s", "n", "u", "m", "h"]
PER_US: dict[str, tuple[int, int]] = {
    "ns": (1, 1_000),
    "n": (1, 1_000),
    "us": (1, 1),
    "u": (1, 1),
    "ms": (1_000, 1),
    "s": (1_000_000, 1),
    "m": (60_000_000, 1),
    "h": (3_600_000_000, 1),
}
"""A unit of time as µs: multiply by the first, divide by the second."""
LINE = re.compile(
    r"(?P<measurement>(?:[^,\s\\]|\\.)+)"
    r"(?P<tags>(?:,(?:[^,=\s\\]|\\.)+=(?:[^,=\s\\]|\\.)+)*)"
    r" +(?P<fields>(?:[^\s\"\\]|\\.|\"(?:[^\"\\]|\\.)*\")+)"
    r"(?: +(?P<time>-?\d{1,20}))?\s*"
)
TAG = re.compile(r",((?:[^,=\s\\]|\\.)+)=((?:[^,=\s\\]|\\.)+)")
FIELD = re.compile(r"((?:[^,=\s\\]|\\.)+)=(\"(?:[^\"\\]|\\.)*\"|[^,\s\"]+)(?:,|$)")
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
ESCAPED = re.compile(r"\\([,= ])")
BOOLEANS = {
    **dict.fromkeys(("t", "T", "true", "True", "TRUE"), 1.0),
    **dict.fromkeys(("f", "F", "false", "False", "FALSE"), 0.0),
}


@dataclass
class Points:
    """The readings of one measurement."""

    devices: list[str] = field(default_factory=list)
    metrics: list[str] = field(default_factory=list)
    times_us: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    index: list[int] = field(default_factory=list)

    def columns(self, product: str) -> Columns:
        devices, device = coded(self.devices)
        metrics, metric = coded(self.metrics)
        times_us = np.array(self.times_us, np.int64)
        value, index = np.array(self.values, np.float64), np.array(self.index, np.int64)
        return Columns(devices, device, metrics, metric, times_us, value, index, product=product)


@dataclass
class Read:
    """What a body holds: readings by measurement, and lines that break the protocol."""

    points: dict[str, Points] = field(default_factory=dict)
    told: list[Rejected] = field(default_factory=list)


def read(body: bytes, precision: Precision, now_us: int) -> Read:
    """Lines without a time are of `now_us`. Raises TooLarge `batch_too_large`."""
    lines = body.decode("utf-8", "replace").split("\n")
    if len(lines) > rows_max:
        raise TooLarge("batch_too_large", limit_rows=rows_max)
    found = Read()
    for place, line in enumerate(lines):
        if line.strip() and not line.startswith("#"):
            code = _read_line(found, place, line, PER_US[precision], now_us)
            if code:
                found.told.append(rejected(place, code, line=line[:120]))
    return found


def _read_line(found: Read, place: int, line: str, unit: tuple[int, int], now_us: int) -> str | None:
    """Adds a line's readings; answers the code of what is wrong with it. Nothing of a bad line is kept."""
    parsed = LINE.fullmatch(line)
    if parsed is None:
        return "influx_line_unreadable"
    device = next((_plain(v) for k, v in TAG.findall(parsed["tags"]) if _plain(k) == "device"), None)
    if device is None:
        return "influx_device_missing"
    time_us = now_us if parsed["time"] is None else int(parsed["time"]) * unit[0] // unit[1]
    if abs(time_us) > epoch_abs_max_us:
        return "time_unparsable"
    fields: list[tuple[str, float]] = []
    end = 0
    while end < len(parsed["fields"]):
        one = FIELD.match(parsed["fields"], end)
        value = None if one is None else _value(one[2])
        if one is None or value is None:
            return "influx_field_unreadable"
        fields.append((_plain(one[1]), value))
        end = one.end()
    points = found.points.setdefault(_plain(parsed["measurement"]), Points())
    for metric, value in fields:
        points.devices.append(device)
        points.metrics.append(metric)
        points.times_us.append(time_us)
        points.values.append(value)
        points.index.append(place)
    return None


def _value(written: str) -> float | None:
    """Floats, integers (`i`, `u`) and booleans; None for a text, which columns have no room for."""
    if written in BOOLEANS:
        return BOOLEANS[written]
    digits = written.removesuffix("i").removesuffix("u")
    return float(digits) if NUMBER.fullmatch(digits) else None


def _plain(name: str) -> str:
    return ESCAPED.sub(r"\1", name) if "\\" in name else name
