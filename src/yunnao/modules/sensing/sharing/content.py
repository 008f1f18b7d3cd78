"""How waiting readings are kept: 20 bytes each, little-endian, texts beside them."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

READING = np.dtype([("series", "<i4"), ("time_us", "<i8"), ("value", "<f8")])
"""A reading of a number or a boolean (0, 1); of a text the value is NaN."""

Content = NDArray[np.void]


def content_of(series: NDArray[np.int32], time_us: NDArray[np.int64], value: NDArray[np.float64]) -> Content:
    rows = np.empty(len(series), READING)
    rows["series"], rows["time_us"], rows["value"] = series, time_us, value
    return rows


def read_content(kept: bytes) -> Content:
    return np.frombuffer(kept, READING)


Texts = Mapping[int, str]
"""Of a delivery, the texts by position."""
