"""Sequential walks over many series at once, by doubling steps instead of a loop a reading.

A walk starts at the first row of each series and goes from row to row by a rule (`following`).
Rows of one series are neighbours; `end` (n) is the last row of each row's series.
"""

import numpy as np
from numpy.typing import NDArray

from yunnao.modules.sensing.domain.times import Int64

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def next_later(time_us: Int64, end: Int64, after_us: int) -> Int64:
    """For each row the first following one at least `after_us` later; n where there is none."""
    n = len(time_us)
    row = np.arange(n)
    place = row.copy()
    for step in _steps(row, end):
        reached = place + step
        inside = reached <= end
        reached = np.where(inside, reached, place)
        place = np.where(inside & (time_us[reached] - time_us < after_us), reached, place)
    return np.where(place < end, place + 1, n)


def next_outside(value: Floats, end: Int64, tolerance: float) -> Int64:
    """For each row the first following one further than `tolerance` from it; n where there is none.

    Minima and maxima over 1, 2, 4.. rows tell how far a series stays within; a NaN ends the walk at
    the next row.
    """
    n = len(value)
    row = np.arange(n)
    steps = _steps(row, end)
    lows, highs = [value], [value]
    for step in steps[:0:-1]:
        beside = np.minimum(np.arange(n) + step, n - 1)
        lows.append(np.minimum(lows[-1], lows[-1][beside]))
        highs.append(np.maximum(highs[-1], highs[-1][beside]))
    place = row + 1
    for step, low, high in zip(steps, lows[::-1], highs[::-1], strict=True):
        whole = place + step - 1 <= end
        at = np.minimum(place, n - 1)
        near = (low[at] >= value - tolerance) & (high[at] <= value + tolerance)
        place = np.where(whole & near, place + step, place)
    return np.where(place <= end, place, n)


def walked(following: Int64, first: Bools) -> Bools:
    """Rows that the walks from the `first` rows come by."""
    n = len(following)
    on_way = np.r_[first, False]
    jump = np.r_[following, n]
    while True:
        more = on_way.copy()
        more[jump[on_way]] = True
        more[n] = False
        if np.array_equal(more, on_way):
            break
        on_way, jump = more, jump[jump]
    found: Bools = on_way[:n]
    return found


def _steps(row: Int64, end: Int64) -> list[int]:
    """Powers of two, falling, that together reach as far as the longest series."""
    longest = int((end - row).max(initial=0)) + 1
    return [1 << k for k in reversed(range(longest.bit_length()))]
