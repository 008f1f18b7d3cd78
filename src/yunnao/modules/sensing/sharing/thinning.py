"""Which readings of a subscription are worth sending: pure functions over columns.

All columns are of one subscription, in order of series and time.
"""

import numpy as np
from numpy.typing import NDArray

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def first_of_interval(series: Int32, time_us: Int64, prior_us: Int64, interval_us: int) -> Bools:
    """At most one reading of a series in each interval of the clock: its first.

    `prior_us` (n): the latest time known of the reading's series before the batch. What is kept
    follows from times alone, so a batch that is stored once more keeps the same.
    """
    slot = time_us // interval_us
    before = prior_us // interval_us
    follows = np.zeros(len(series), np.bool_)
    follows[1:] = series[1:] == series[:-1]
    before[1:][follows[1:]] = np.maximum(before[1:], slot[:-1])[follows[1:]]
    return slot > before


def changes(series: Int32, value: Floats, sent: Floats, change_min: float) -> Bools:
    """Readings that differ from the one last sent of their series by more than `change_min`.

    `sent` (n): the value last sent of the reading's series before the batch, NaN where there is none.
    A value that is no number (a text, NaN) is always sent. Steps through the readings of a series in
    turn, all series at once.
    """
    starts = np.flatnonzero(np.r_[True, series[1:] != series[:-1]]) if len(series) else np.zeros(0, np.int64)
    counts = np.diff(np.r_[starts, len(series)])
    last = sent[starts].copy()
    keep = np.zeros(len(series), np.bool_)
    for turn in range(int(counts.max()) if len(counts) else 0):
        going = np.flatnonzero(counts > turn)
        at = starts[going] + turn
        differs = ~(np.abs(value[at] - last[going]) <= change_min)
        keep[at] = differs
        last[going] = np.where(differs & ~np.isnan(value[at]), value[at], last[going])
    return keep
