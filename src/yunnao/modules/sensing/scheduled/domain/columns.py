"""What scheduled operators see: devices and their readings in columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yunnao.kernel.packs.scheduled_rules import Statistic

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Sites:
    """The n devices that measure a metric of a product, in order of series; NaN where there is no place."""

    series: Int32
    device: Int32
    entity: Sequence[str]
    lon: Floats
    lat: Floats

    def __len__(self) -> int:
        return len(self.series)


@dataclass(frozen=True)
class Readings:
    """Readings in order of series and time."""

    series: Int32
    time_us: Int64
    value: Floats

    def between(self, start_us: int, until_us: int) -> "Readings":
        """Those of start <= time < until."""
        inside = (self.time_us >= start_us) & (self.time_us < until_us)
        return Readings(self.series[inside], self.time_us[inside], self.value[inside])


@dataclass(frozen=True)
class Need:
    """Readings that an operator asks for: of every device of the product that measures the metric."""

    product: str
    metric: str
    start_us: int
    until_us: int


Past = Mapping[Need, tuple[Sites, Readings]]
Relations = Mapping[str, Mapping[str, str]]
"""By entity: the name of each relation and the entity that it points to."""


@dataclass(frozen=True)
class Scores:
    """A number for each of n devices; NaN where too little is known. `void`: no condition can hold."""

    device: Int32
    value: Floats
    void: Bools


def aggregate(sites: Sites, readings: Readings, statistic: Statistic) -> tuple[Floats, Int64]:
    """The statistic of each site's readings, NaN where there are none, and their number."""
    places = np.searchsorted(sites.series, readings.series)
    count = np.bincount(places, minlength=len(sites)).astype(np.int64)
    if statistic == "count":
        return count.astype(np.float64), count
    total = np.bincount(places, readings.value, minlength=len(sites))
    if statistic == "sum":
        return np.asarray(total, np.float64), count
    some = np.flatnonzero(count)
    found = np.full(len(sites), np.nan)
    if statistic == "mean":
        found[some] = total[some] / count[some]
        return found, count
    first = (np.cumsum(count) - count)[some]
    last = first + count[some] - 1
    if statistic == "rate":
        passed_s = (readings.time_us[last] - readings.time_us[first]) / 1e6
        with np.errstate(divide="ignore", invalid="ignore"):
            change = (readings.value[last] - readings.value[first]) / passed_s
        found[some] = np.where(passed_s > 0, change, np.nan)
        return found, count
    if len(some):
        reduce = np.minimum if statistic == "min" else np.maximum
        found[some] = reduce.reduceat(readings.value, first)
    return found, count


def steps(sites: Sites, readings: Readings, start_us: int, step_us: int, count: int) -> Floats:
    """Means (n, count) over equal steps from `start_us` on, NaN where there is no reading."""
    column = (readings.time_us - start_us) // step_us
    inside = (column >= 0) & (column < count)
    flat = np.searchsorted(sites.series, readings.series[inside]) * count + column[inside]
    size = len(sites) * count
    number = np.bincount(flat, minlength=size)
    with np.errstate(invalid="ignore"):
        means = np.bincount(flat, readings.value[inside], minlength=size) / number
    return np.asarray(means.reshape(len(sites), count))
