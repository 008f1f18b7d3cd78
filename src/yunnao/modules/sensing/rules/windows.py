"""Maintenance windows as columns: which readings fall into one of their device's."""

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from yunnao.infra.postgres import Transaction
from yunnao.modules.sensing.contracts import Int32, Int64
from yunnao.modules.sensing.rules.states import QUERIES

Bools = NDArray[np.bool_]


def _none() -> Int64:
    return np.zeros(0, np.int64)


@dataclass(frozen=True)
class Windows:
    """n pairs of a device (number, ascending) and a window, from `starts_us` until `ends_us` (excluded)."""

    device: Int64 = field(default_factory=_none)
    starts_us: Int64 = field(default_factory=_none)
    ends_us: Int64 = field(default_factory=_none)

    def barred(self, device: Int32, time_us: Int64) -> Bools | None:
        """Which of m readings are in a window of their device; None where none is."""
        if not len(self.device):
            return None
        low = np.searchsorted(self.device, device, "left")
        high = np.searchsorted(self.device, device, "right")
        found = np.zeros(len(device), np.bool_)
        for offset in range(int((high - low).max(initial=0))):
            at = np.minimum(low + offset, len(self.device) - 1)
            within = (time_us >= self.starts_us[at]) & (time_us < self.ends_us[at])
            found |= (low + offset < high) & within
        return found if found.any() else None


async def load_windows(tx: Transaction, since: datetime) -> Windows:
    """Windows that end after `since`, in order of device."""
    rows = await (await tx.execute(QUERIES["maintenance_now"], {"since": since})).fetchall()
    rows.sort(key=lambda row: row["device"])
    return Windows(
        np.array([row["device"] for row in rows], np.int64),
        np.array([row["starts_us"] for row in rows], np.int64),
        np.array([row["ends_us"] for row in rows], np.int64),
    )
