"""Lists of devices in a state, which PostgreSQL does not know: their numbers come from the live table."""

import numpy as np

from yunnao.infra.postgres import Row, Transaction
from yunnao.modules.sensing import store
from yunnao.modules.sensing.contracts import DeviceFilter, ListedState
from yunnao.modules.sensing.live.domain.grid import Booleans

few_devices = 10_000
"""So many are looked up by number; more of them are met soon enough in order of id."""
page_rows = 2_000


async def devices_among(
    tx: Transaction, wanted: Booleans, limit: int, filtered: DeviceFilter, *, after: str | None
) -> list[Row]:
    """The first `limit` devices in order of id, after the id `after`, whose number is `wanted`."""
    numbers = np.flatnonzero(wanted)
    if len(numbers) <= few_devices:
        return await store.device_rows(
            tx, limit=limit, wanted=filtered, after=after, numbers=numbers.tolist()
        )
    found: list[Row] = []
    while len(found) < limit:
        rows = await store.device_rows(tx, limit=page_rows, wanted=filtered, after=after)
        found += [row for row in rows if row["number"] < len(wanted) and wanted[row["number"]]]
        if len(rows) < page_rows:
            break
        after = rows[-1]["id"]
    return found[:limit]


async def count_among(
    tx: Transaction, among: Booleans, filtered: DeviceFilter, state: ListedState | None
) -> int | None:
    """How many devices a list has. `among` heeds the state and what else the live table's columns hold.

    None where too many devices would have to be looked at for it.
    """
    if filtered.q is None and filtered.standing is None:
        return int(among.sum())
    if state is None:
        return await store.devices_count(tx, filtered)
    numbers = np.flatnonzero(among)
    return await store.devices_count(tx, filtered, numbers.tolist()) if len(numbers) <= few_devices else None
