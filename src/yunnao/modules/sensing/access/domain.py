"""How many messages somebody sent in a minute, over a whole batch at once."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Int64 = NDArray[np.int64]
MINUTE_US = 60_000_000


def _none() -> Int64:
    return np.zeros(0, np.int64)


@dataclass(frozen=True)
class Window:
    """What each of n senders (`keys`, ascending) has sent in `minute` (since 1970)."""

    minute: int = -1
    keys: Int64 = field(default_factory=_none)
    counts: Int64 = field(default_factory=_none)

    def of(self, keys: Int64) -> Int64:
        """What each of `keys` has sent; 0 where it is not known."""
        if not len(self.keys):
            return np.zeros(len(keys), np.int64)
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[at] == keys, self.counts[at], 0)


def places(window: Window, keys: Int64, arrival_us: Int64) -> tuple[Int64, Window]:
    """Of each of n messages the how manieth of its sender in its minute it is, from 0, and the window
    after them.

    Messages stand in the order of their arrival; of a minute before the window's the count begins
    anew, since that minute is forgotten.
    """
    if not len(keys):
        return _none(), window
    minutes = arrival_us // MINUTE_US
    # One stable sort of both: keys are numbers of devices, so nothing overflows.
    order = np.argsort((minutes - minutes.min()) * (int(keys.max()) + 1) + keys, kind="stable")
    sorted_keys, sorted_minutes = keys[order], minutes[order]
    first = np.ones(len(order), np.bool_)
    first[1:] = (sorted_keys[1:] != sorted_keys[:-1]) | (sorted_minutes[1:] != sorted_minutes[:-1])
    starts = np.flatnonzero(first)
    ranks = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)]))
    found = np.empty(len(keys), np.int64)
    found[order] = ranks
    found += np.where(minutes == window.minute, window.of(keys), 0)
    return found, _after(window, keys, minutes)


def _after(window: Window, keys: Int64, minutes: Int64) -> Window:
    """The window of the latest minute."""
    latest = max(int(minutes.max()), window.minute)
    fresh, counts = np.unique(keys[minutes == latest], return_counts=True)
    if latest != window.minute or not len(window.keys):
        return Window(latest, fresh, counts.astype(np.int64))
    # Merged in place of sorted anew: the window may hold everybody of the minute.
    at = np.searchsorted(window.keys, fresh)
    known = window.keys[np.minimum(at, len(window.keys) - 1)] == fresh
    held = window.counts.copy()
    held[at[known]] += counts[known]
    new = ~known
    return Window(latest, np.insert(window.keys, at[new], fresh[new]), np.insert(held, at[new], counts[new]))
