"""The net as a whole: which devices are in a state, how many in each part, and how that went over time."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np

from yunnao.infra.postgres import Transaction
from yunnao.kernel.time import Clock
from yunnao.modules.sensing.contracts import NO_PART, DeviceFilter, Int32, ListedState
from yunnao.modules.sensing.live import store
from yunnao.modules.sensing.live.contracts import NetOverview, NetTrend, Part
from yunnao.modules.sensing.live.domain.grid import Booleans
from yunnao.modules.sensing.live.index import NONE
from yunnao.modules.sensing.live.questions import Live

hours_max = 72
"""As long as the intake's counts are kept."""
steps_max = 288
steps_s = (60, 300, 900)
counts_kept = timedelta(days=35)


class Net:
    """Questions to all devices at once."""

    def __init__(self, clock: Clock, live: Live) -> None:
        self._clock = clock
        self._live = live

    async def devices(self, tx: Transaction, wanted: DeviceFilter, state: ListedState | None) -> Booleans:
        """Which devices, by number, are in a state and in the parts that a filter names.

        Its text and standing are not in the columns and are left to PostgreSQL.
        """
        index, online, heard = await self._live.heard(tx)
        columns, names = index.columns, index.names
        among: Booleans = columns.product != NONE
        if state is not None:
            among &= online if state == "online" else ~online
        if state == "never":
            among &= ~heard
        if wanted.product is not None:
            among &= columns.product == _place(names.products, wanted.product)
        if wanted.district is not None:
            among &= columns.district == _place(names.districts, wanted.district)
        if wanted.owner is not None:
            among &= columns.owner == _place(names.owners, wanted.owner)
        return among

    async def overview(self, tx: Transaction) -> NetOverview:
        """How many devices there are, are online and were never heard, in the whole net and in its parts."""
        fresh = await self._live.fresh(tx)
        index, online, heard = await self._live.heard(tx)
        there = np.flatnonzero(index.columns.product != NONE)
        speaking, mute = online[there], ~heard[there]
        held, strangers = await store.quarantined(tx)

        def parts(numbers: Int32, names: Sequence[str]) -> list[Part]:
            # Numbers begin at NONE, which comes first.
            place, size = numbers[there] + 1, len(names) + 1
            n = np.bincount(place, minlength=size).tolist()
            on = np.bincount(place[speaking], minlength=size).tolist()
            never = np.bincount(place[mute], minlength=size).tolist()
            codes: list[str | None] = [None, *names]
            return [Part(*each) for each in zip(codes, n, on, never, strict=True) if each[1]]

        columns, names = index.columns, index.names
        return NetOverview(
            devices=len(there),
            online=int(speaking.sum()),
            never=int(mute.sum()),
            quarantined=held,
            strangers=strangers,
            by_product=parts(columns.product, names.products),
            by_district=parts(columns.district, names.districts),
            by_department=parts(columns.owner, names.owners),
            freshness=fresh,
        )

    async def trend(self, tx: Transaction, hours: int) -> NetTrend:
        """The last `hours`, at most `hours_max`, in at most `steps_max` steps that are over."""
        step_s = next(step for step in steps_s if hours * 3600 <= step * steps_max)
        rows = await store.trend(tx, self._clock.now(), timedelta(hours=hours), timedelta(seconds=step_s))
        columns = {
            name: [row[name] for row in rows]
            for name in ("time", "readings_per_s", "refused_per_s", "devices", "online", "never")
        }
        return NetTrend(step_s=step_s, **columns)

    async def count(self, tx: Transaction) -> None:
        """Notes how many devices there are, are online and were never heard in this minute."""
        index, online, heard = await self._live.heard(tx)
        there = index.columns.product != NONE
        never = int((there & ~heard).sum())
        await store.keep_net_count(tx, self._clock.now(), int(there.sum()), int(online.sum()), never)

    async def prune(self, tx: Transaction) -> None:
        """Forgets counts older than `counts_kept`."""
        await store.prune_net_counts(tx, self._clock.now() - counts_kept)


def _place(names: Sequence[str], name: str) -> int:
    """Where a code is in the list; that of no device where nobody has it."""
    if name == NO_PART:
        return NONE
    return names.index(name) if name in names else len(names)
