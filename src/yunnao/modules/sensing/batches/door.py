"""Batches in columns: checked against what is registered, then into the stream, a lane a chunk."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from yunnao.infra.nats_subjects import COLUMNS_SUBJECTS, PARTITIONS
from yunnao.infra.nervous import Nervous
from yunnao.infra.postgres import Transaction
from yunnao.infra.telemetry import READINGS_REFUSED
from yunnao.kernel.packs.scene import Metric, Product
from yunnao.kernel.time import Clock
from yunnao.modules.sensing.access.standing import CODES, Standings
from yunnao.modules.sensing.batches import influx
from yunnao.modules.sensing.batches.contracts import Columns, Taken, rejected, rejected_listed_max
from yunnao.modules.sensing.contracts import Floats, Int64, Rejected
from yunnao.modules.sensing.domain.chunks import Part, chunks
from yunnao.modules.sensing.domain.times import UNKNOWN_US, from_us, to_us
from yunnao.modules.sensing.registry import NO_SERIES, ProductDevices, Registry

batches_at_once_max = 2
"""Bodies in memory as columns; the others wait."""
told_abs_max_us = 60_000_000_000_000_000
"""Times beyond the years 69 to 3871 are told as the nearest of these."""
Bools = NDArray[np.bool_]


@dataclass
class _Sorting:
    """What becomes of a batch's readings."""

    columns: Columns
    arrival_us: int
    parts: list[list[Part]]
    """By lane."""
    open: Bools
    """Of which nothing is known yet."""
    told: list[Rejected]
    refused: int = 0
    accepted: int = 0

    def refuse(self, rows: Int64, code: str, say: Callable[[int], dict[str, object]]) -> None:
        """Refuses `rows`; `say` gives the parameters of one."""
        self.open[rows] = False
        self.refused += len(rows)
        READINGS_REFUSED.labels(code).inc(len(rows))
        for row in rows[: max(rejected_listed_max - len(self.told), 0)].tolist():
            self.told.append(rejected(int(self.columns.index[row]), code, **say(row)))


class BatchDoor:
    """Takes columns; what is accepted is in the stream when the method returns."""

    def __init__(self, clock: Clock, nervous: Nervous) -> None:
        self._clock = clock
        self._nervous = nervous
        self._registry = Registry()
        self._standings = Standings()
        self._one_at_a_time = asyncio.Lock()
        self._room = asyncio.Semaphore(batches_at_once_max)

    async def read(
        self, tx: Transaction, body: bytes, form: Callable[[bytes], Columns], product: str | None = None
    ) -> Taken:
        """A body that `form` makes columns of; `product` None: each device's own.

        Raises as `form` does, and Unavailable where the stream does not confirm.
        """
        async with self._room:
            columns = await asyncio.to_thread(form, body)
            return await self.take(tx, replace(columns, product=product or columns.product))

    async def read_influx(self, tx: Transaction, body: bytes, precision: influx.Precision) -> Taken:
        """Line protocol; see `influx.read`."""
        async with self._room:
            found = await asyncio.to_thread(influx.read, body, precision, to_us(self._clock.now()))
            taken = [await self.take(tx, points.columns(name)) for name, points in found.points.items()]
        told = [*found.told, *(one for part in taken for one in part.rejected)]
        return Taken(
            sum(part.accepted for part in taken),
            len(found.told) + sum(part.refused for part in taken),
            sorted(told, key=lambda one: one.index)[:rejected_listed_max],
        )

    async def take(self, tx: Transaction, columns: Columns) -> Taken:
        """Publishes what every rule allows, and tells of the rest."""
        async with self._one_at_a_time:
            await self._registry.refresh(tx)
            await self._standings.refresh(tx)
            rows = await self._registry.find(tx, columns.devices)
            products = {name: self._registry.product(name) for name in rows}
        known = {name: product for name, product in products.items() if product is not None}
        arrival_us = to_us(self._clock.now())
        sorting = await asyncio.to_thread(_sort, columns, known, rows, arrival_us, self._standings)
        await self._nervous.publish_stored(
            [
                (COLUMNS_SUBJECTS[lane], chunk, None)
                for lane, parts in enumerate(sorting.parts)
                for chunk in chunks(parts)
            ]
        )
        told = sorted(sorting.told, key=lambda one: one.index)[:rejected_listed_max]
        return Taken(sorting.accepted, sorting.refused, told)


def _sort(
    columns: Columns,
    known: dict[str, ProductDevices],
    rows: dict[str, Int64],
    arrival_us: int,
    standings: Standings,
) -> _Sorting:
    """Every reading to its lane, or refused."""
    n = len(columns.device)
    told = list(columns.told[:rejected_listed_max])
    sorting = _Sorting(
        columns, arrival_us, [[] for _ in range(PARTITIONS)], np.ones(n, np.bool_), told, len(columns.told)
    )
    for name, product in known.items():
        if columns.product in (None, name):
            _stop(sorting, product, rows[name], standings)
            for metric, at in _by_metric(columns, rows[name]):
                _sort_metric(sorting, name, product, metric, rows[name], at)
    lost = np.flatnonzero(sorting.open)
    if len(lost):
        sorting.refuse(
            lost,
            "device_unknown",
            lambda row: {
                "device": columns.devices[columns.device[row]],
                "product": columns.product or "",
            },
        )
    return sorting


def _stop(sorting: _Sorting, product: ProductDevices, rows: Int64, standings: Standings) -> None:
    """Refuses the readings of devices that are held back, and takes the devices out of `rows`."""
    known = np.flatnonzero(rows >= 0)
    codes = np.zeros(len(rows), np.int8)
    codes[known] = standings.codes(product.numbers[rows[known]].astype(np.int64))
    for code in np.unique(codes[codes > 0]).tolist():
        readings = np.flatnonzero(codes[sorting.columns.device] == code)
        sorting.refuse(readings, CODES[code], lambda _: {})
    rows[codes > 0] = -1


def _by_metric(columns: Columns, rows: Int64) -> Iterator[tuple[str, Int64 | None]]:
    """The batch's metrics, and which readings are of each and of devices that have a row; None: all."""
    all_here = bool((rows >= 0).all())
    here = None if all_here else rows[columns.device] >= 0
    if len(columns.metrics) == 1 and all_here:
        yield columns.metrics[0], None
        return
    for place, metric in enumerate(columns.metrics):
        of_metric = columns.metric == place
        yield metric, np.flatnonzero(of_metric if here is None else of_metric & here)


def _sort_metric(
    sorting: _Sorting, name: str, product: ProductDevices, metric: str, rows: Int64, at: Int64 | None
) -> None:
    """`at` None: the whole batch."""
    columns = sorting.columns
    if at is not None and not len(at):
        return
    places = np.arange(len(columns.device)) if at is None else at
    spec = product.spec.metrics.get(metric)
    if spec is None:
        known = ", ".join(product.spec.metrics)
        sorting.refuse(places, "metric_unknown", lambda row: {"metric": metric, "known": known})
        return
    device = rows[columns.device if at is None else columns.device[at]]
    series = product.series[metric][device]
    time_us = columns.time_us if at is None else columns.time_us[at]
    value = columns.value if at is None else columns.value[at]
    wrong = _wrong(product.spec, spec, metric, time_us, value, sorting.arrival_us)
    wrong.append((series == NO_SERIES, "metric_unknown", {"metric": metric, "known": ""}))
    good = np.ones(len(places), np.bool_)
    for mask, code, params in wrong:
        if mask.any():
            sorting.refuse(places[mask & good], code, _saying(columns, params))
            good &= ~mask
    lanes = product.lanes[device]
    for lane in range(PARTITIONS):
        chosen = np.flatnonzero((lanes == lane) & good)
        if len(chosen):
            sorting.parts[lane].append(Part(name, metric, series[chosen], time_us[chosen], value[chosen]))
    sorting.open[places] = False
    sorting.accepted += int(good.sum())


def _wrong(
    product: Product, spec: Metric, metric: str, time_us: Int64, value: Floats, arrival_us: int
) -> list[tuple[Bools, str, dict[str, object]]]:
    """Where readings break a rule, the rule's code, and its parameters."""
    low = -np.inf if spec.minimum is None else spec.minimum
    high = np.inf if spec.maximum is None else spec.maximum
    bounds = {"metric": metric, "minimum": low, "maximum": high}
    first, last = arrival_us - product.past_max_s * 1_000_000, arrival_us + product.future_max_s * 1_000_000
    wrong: list[tuple[Bools, str, dict[str, object]]] = [
        (time_us == UNKNOWN_US, "time_missing", {}),
        (time_us > last, "time_in_future", {"limit_s": product.future_max_s}),
        (time_us < first, "time_too_old", {"limit_s": product.past_max_s}),
        (~np.isfinite(value), "value_not_finite", bounds),
        ((value < low) | (value > high), "value_out_of_range", bounds),
    ]
    if spec.value_type == "string":
        wrong.append((np.ones(len(value), np.bool_), "value_wrong_type", bounds))
    if spec.value_type == "boolean":
        wrong.append(((value != 0) & (value != 1), "value_wrong_type", bounds))
    if spec.value_type == "integer":
        wrong.append((value != np.trunc(value), "value_not_integer", bounds))
    return wrong


def _saying(columns: Columns, params: dict[str, object]) -> Callable[[int], dict[str, object]]:
    def say(row: int) -> dict[str, object]:
        if "limit_s" in params:
            time_us = int(np.clip(columns.time_us[row], -told_abs_max_us, told_abs_max_us))
            return {"value": from_us(time_us).isoformat(), **params}
        return {"value": float(columns.value[row]), **params}

    return say
