"""What does not change with every reading: which device, metric and place a series has, in columns.

Read whole from PostgreSQL by one process of a machine, then only what changed after the version of the
registry that is known; the others map what that one wrote.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from yunnao.infra.postgres import Transaction
from yunnao.kernel.ids import UUID
from yunnao.kernel.packs.scene import Product
from yunnao.modules.sensing.contracts import Int32
from yunnao.modules.sensing.live import store
from yunnao.modules.sensing.live.domain.cells import cells_of
from yunnao.modules.sensing.live.index import NONE, Columns, Index, Names, Orders
from yunnao.modules.sensing.live.shared import Head, Held, Shared

NAMES = ("products", "metrics", "districts", "owners")
NOTHING: Mapping[str, list[str]] = {name: [] for name in NAMES}


class Places:
    """The index of now, which the processes of a machine share in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._shared = Shared(folder)
        self._index: Index | None = None
        self._head: Head | None = None
        self._lock = asyncio.Lock()

    async def index(self, tx: Transaction) -> Index:
        """The index as of the registry's version; shortly behind it where following costs too much.

        To a transaction that changed the registry itself its changes do not show: other processes may
        not see them before they are committed.
        """
        version, own = await store.registry_version(tx)
        if self._index is not None and self._head is not None and (own or self._head.serves(version)):
            return self._index
        async with self._lock:
            if self._index is not None and self._head is not None and self._head.serves(version):
                return self._index
            database = await store.database_id(tx)
            if own:
                return await _made(await self._followed(tx, database, version, None), tx)
            held = await self._held(tx, database, version)
            self._index, self._head = await _made(held, tx), held.head
            return self._index

    async def _held(self, tx: Transaction, database: UUID, version: int) -> Held:
        """The shared file's, where it is new enough; else the file is written anew."""
        held = await self._usable(tx, database)
        if held is not None and held.head.serves(version):
            return held
        async with self._shared.writing():
            held = await self._usable(tx, database)
            if held is None or not held.head.serves(version):
                held = await self._followed(tx, database, version, held)
                await _to_the_end(asyncio.to_thread(self._shared.write, held))
        # Mapped, the columns are those of all processes and not this one's own.
        return self._shared.read() or held

    async def _usable(self, tx: Transaction, database: UUID) -> Held | None:
        """The shared file's, unless it is of another database, or of a future that a restored one lost."""
        held = self._shared.read()
        if held is None or held.head.database != str(database):
            return None
        return held if held.head.version <= (await store.registry_version(tx))[0] else None

    async def _followed(self, tx: Transaction, database: UUID, version: int, held: Held | None) -> Held:
        """What is `held`, or nothing, with all that changed in the registry up to `version`."""
        began = monotonic()
        names = await _names(tx, held.head.names if held else NOTHING)
        known, since = (held.columns, held.head.version) if held else (Columns.empty(), NONE)
        device_last, series_last = await store.numbers_last(tx)
        columns = Columns(
            product=_longer(known.product, device_last, NONE),
            lon=_longer(known.lon, device_last, np.nan),
            lat=_longer(known.lat, device_last, np.nan),
            district=_longer(known.district, device_last, NONE),
            owner=_longer(known.owner, device_last, NONE),
            cell=_longer(known.cell, device_last, 0),
            device=_longer(known.device, series_last, NONE),
            metric=_longer(known.metric, series_last, NONE),
        )
        devices, series = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
        lists = names["products"], names["districts"], names["owners"]
        async for found in store.devices_changed(tx, *lists, device_last, since):
            await asyncio.to_thread(_take_devices, columns, found)
            devices.append(found[0])
        async for number, device, metric in store.series_of_changed(tx, names["metrics"], series_last, since):
            columns.device[number], columns.metric[number] = device, metric
            series.append(number)
        before = held.orders if held else Orders.of(Columns.empty())
        changed: tuple[Int32, Int32] = np.concatenate(devices), np.concatenate(series)
        orders = await asyncio.to_thread(before.after, columns, *changed)
        return Held(Head.of(database, version, names, began, monotonic()), columns, orders)


async def _to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """A thread cannot be told to stop: who is told to waits for it, and holds the lock until then."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


def _take_devices(columns: Columns, found: Sequence[Any]) -> None:
    number, product, lon, lat, district, owner, there = found
    columns.product[number] = np.where(there == 1, product, NONE)
    columns.lon[number], columns.lat[number] = lon, lat
    columns.district[number], columns.owner[number] = district, owner
    columns.cell[number] = cells_of(lon, lat)


async def _specs(tx: Transaction) -> dict[str, Product]:
    return {row["product"]: Product.model_validate(row["spec"]) for row in await store.products(tx)}


async def _made(held: Held, tx: Transaction) -> Index:
    names, specs = held.head.names, await _specs(tx)
    products = names["products"]
    each = [specs[product] for product in products]
    named = Names(products, each, names["metrics"], names["districts"], names["owners"])
    return Index(held.head.version, named, held.columns, held.orders)


async def _names(tx: Transaction, known: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """What is there is numbered on after what is known, whose numbers are in the columns."""
    specs = await _specs(tx)
    districts, owners = await store.districts_and_owners(tx)
    metrics = sorted({metric for spec in specs.values() for metric in spec.metrics})
    return {
        "products": _joined(known["products"], specs),
        "metrics": _joined(known["metrics"], metrics),
        "districts": _joined(known["districts"], districts),
        "owners": _joined(known["owners"], owners),
    }


def _joined(known: list[str], found: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*known, *found]))


def _longer(column: Any, last: int, nothing: Any) -> Any:
    """A copy with rows up to number `last`: an index in use is not changed under its readers."""
    longer = np.full(last + 1, nothing, column.dtype)
    longer[: len(column)] = column[: last + 1]
    return longer
