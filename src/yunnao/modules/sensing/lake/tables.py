"""The lake's tables: every sealed reading, and the newest sealed one of each series."""

from dataclasses import dataclass

import pyarrow as pa

from yunnao.infra.lake import LakeTable, Layout

APPLICATION = "yunnao"
"""Whose transactions all of the lake's changes are, numbered by the sequence `sensing.lake_change`."""
PARTITION = "date"

READING = pa.schema(
    [
        ("series", pa.int32()),
        ("time", pa.timestamp("us", "UTC")),
        ("value", pa.float64()),
        ("value_text", pa.string()),
    ]
)
_ENCODINGS = {"time": "DELTA_BINARY_PACKED"}
_PLAIN_ENCODINGS = {"series": "DELTA_BINARY_PACKED", "value": "BYTE_STREAM_SPLIT"}
READINGS_LAYOUT = Layout(READING, ("series", "time"), _ENCODINGS, _PLAIN_ENCODINGS, PARTITION)
LATEST_LAYOUT = Layout(READING, ("series", "time"), _ENCODINGS, _PLAIN_ENCODINGS)


@dataclass(frozen=True)
class Lake:
    """Both tables under one URL."""

    readings: LakeTable
    latest: LakeTable


def lake_at(url: str) -> Lake:
    """The lake under `url`; nothing is opened."""
    root = url.rstrip("/")
    return Lake(LakeTable(f"{root}/readings", READINGS_LAYOUT), LakeTable(f"{root}/latest", LATEST_LAYOUT))
