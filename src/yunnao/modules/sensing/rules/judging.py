"""Rules over a batch: evaluated in columns over states in memory, alarms told, states written through."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Protocol

import numpy as np

from yunnao.infra.postgres import Transaction
from yunnao.kernel.ids import UUID, new_id
from yunnao.kernel.packs.rule_base import Schedule
from yunnao.kernel.time import Clock
from yunnao.modules.sensing.alarms import Clearing, Opening, Teller
from yunnao.modules.sensing.blocks import Block
from yunnao.modules.sensing.contracts import Int32, Int64
from yunnao.modules.sensing.domain.times import UNKNOWN_US, from_us
from yunnao.modules.sensing.live.table import LatestColumns
from yunnao.modules.sensing.registry import active_rules
from yunnao.modules.sensing.rules.domain.evaluation import Batch, Journal, Slots, Transitions
from yunnao.modules.sensing.rules.domain.phases import OPEN
from yunnao.modules.sensing.rules.domain.schedules import Bools, CityTime, in_force
from yunnao.modules.sensing.rules.domain.signals import Column
from yunnao.modules.sensing.rules.memory import ProductMemory, RuleMemory
from yunnao.modules.sensing.rules.states import KeptStates, change_version, changes_followed_max, load, save
from yunnao.modules.sensing.rules.windows import Windows, load_windows

windows_kept = timedelta(days=7)
"""How late a reading may be and still find the maintenance window that it fell into."""


class Latest(Protocol):
    """Newest readings before the batch: the live table."""

    def values(self, series: Int32) -> LatestColumns: ...


@dataclass
class _Found:
    """What a batch changes, as it is found."""

    journal: Journal
    openings: list[Opening] = field(default_factory=list)
    clearings: list[Clearing] = field(default_factory=list)
    alarms: dict[tuple[int, int], UUID | None] = field(default_factory=dict)
    slots: list[tuple[ProductMemory, Slots]] = field(default_factory=list)


class Judge:
    """The rules of one ingest process.

    Lanes are judged side by side: each batch undoes its own changes where it fails, since no two
    lanes have a device in common. `forget` where devices may have been judged elsewhere.
    """

    def __init__(self, clock: Clock, teller: Teller, city: CityTime) -> None:
        self._clock = clock
        self._teller = teller
        self._city = city
        self._memory = RuleMemory()
        self._windows = Windows()
        self._version: int | None = None
        self._gate = asyncio.Lock()
        self._flying = 0
        self._landed = asyncio.Event()
        self._landed.set()

    def forget(self) -> None:
        """Everything is read again before the next batch: lanes came that others had."""
        self._version = None

    async def refresh(self, tx: Transaction) -> None:
        """Takes over what others changed. Call it before the batch's transaction: it waits for batches
        that are on their way, and a transaction that holds locks must not wait for those."""
        version = await change_version(tx)
        if version == self._version:
            return
        async with self._gate:
            await self._landed.wait()
            if self._version is not None and self._version >= version:
                return
            known = self._version
            if known is None or version - known > changes_followed_max:
                known, self._memory = None, RuleMemory()
            fresh = self._memory.install(await active_rules(tx))
            if known is not None:
                self._memory.take_over(await load(tx, known))
            if fresh:
                self._memory.take_over(await load(tx), only=fresh)
            self._windows = await load_windows(tx, self._clock.now() - windows_kept)
            self._version = version

    @asynccontextmanager
    async def batch(self) -> AsyncIterator[Journal]:
        """Around the batch's transaction: what was judged within it is undone where it fails."""
        journal: Journal = []
        async with self._gate:
            self._flying += 1
            self._landed.clear()
        try:
            yield journal
        except BaseException:
            for undo in reversed(journal):
                undo()
            raise
        finally:
            self._flying -= 1
            if not self._flying:
                self._landed.set()

    async def judge(self, tx: Transaction, blocks: Sequence[Block], latest: Latest, journal: Journal) -> None:
        """Evaluates every rule that concerns distinct `blocks`; `latest` is as before them."""
        found = _Found(journal)
        for block in blocks:
            product = self._memory.product(block.product.name)
            if product is None:
                continue
            rules = product.metrics.get(block.metric)
            if rules is None and not product.silences:
                continue
            devices = block.devices
            row = self._memory.rows(product, devices)
            self._end_silence(product, block, row, found)
            if rules is None or block.text is not None:
                continue
            before = latest.values(block.series)
            column = Column.of(row, block.time_us, block.value, before.time_us, before.value)
            attributes = {
                name: block.product.attributes[name][block.rows[column.source]] for name in rules.relative_to
            }
            barred = self._windows.barred(devices[column.source], column.time_us)
            transitions, slots = rules.run(Batch(column, attributes, barred), self._in_force, journal)
            found.slots.append((product, slots))
            self._follow(product, transitions, found)
        await self._keep(tx, found)

    def _in_force(self, schedule: Schedule, time_us: Int64) -> Bools:
        return in_force(schedule, time_us, self._city)

    def _end_silence(self, product: ProductMemory, block: Block, row: Int64, found: _Found) -> None:
        """Whoever speaks is not silent any more; the clock of silence is that of arrival."""
        for rule in product.silences:
            silent = product.silent[rule.number]
            spoken = np.flatnonzero(silent[row])
            for at in np.unique(row[spoken]).tolist():
                device = int(product.devices[at])
                arrival_us = int(block.arrival_us[spoken][row[spoken] == at].min())
                alarm = self._memory.alarms.get((rule.number, device))
                if alarm is not None:
                    found.clearings.append(Clearing(alarm, rule, device, from_us(arrival_us)))
                found.alarms[rule.number, device] = None
                silent[at] = False
                found.journal.append(_silenced(product, rule.number, at))

    def _follow(self, product: ProductMemory, told: Transitions, found: _Found) -> None:
        """Turns transitions into openings and clearings.

        An alarm that opens and clears within the batch is one opening that ends.
        """
        opened_here: dict[UUID, int] = {}
        for i in range(len(told.rule)):
            rule = self._memory.rule(int(told.rule[i]))
            key = rule.number, int(product.devices[told.row[i]])
            at = from_us(int(told.time_us[i]))
            if told.opened[i]:
                since = from_us(int(told.since_us[i]))
                opening = Opening(new_id(), rule, key[1], float(told.value[i]), at, since)
                opened_here[opening.id] = len(found.openings)
                found.openings.append(opening)
                found.alarms[key] = opening.id
                continue
            alarm = found.alarms[key] if key in found.alarms else self._memory.alarms.get(key)
            found.alarms[key] = None
            if alarm in opened_here:
                opening = found.openings[opened_here[alarm]]
                found.openings[opened_here[alarm]] = replace(opening, cleared_at=at)
            elif alarm is not None:
                found.clearings.append(Clearing(alarm, rule, key[1], at))

    async def _keep(self, tx: Transaction, found: _Found) -> None:
        """Writes alarms and states through."""
        kept = await self._teller.tell(tx, found.openings, found.clearings)
        for key, alarm in found.alarms.items():
            self._memory.set_alarm(key, kept.get(alarm, alarm) if alarm is not None else None, found.journal)
        device = [product.devices[slots.row].astype(np.int64) for product, slots in found.slots]
        rule = [slots.rule for _, slots in found.slots]
        since = [slots.state.since_us for _, slots in found.slots]
        count = [slots.state.count for _, slots in found.slots]
        is_open = [slots.state.phase == OPEN for _, slots in found.slots]
        ended = [key for key, alarm in found.alarms.items() if alarm is None and self._is_silence(key[0])]
        device.append(np.array([d for _, d in ended], np.int64))
        rule.append(np.array([r for r, _ in ended], np.int64))
        since.append(np.full(len(ended), UNKNOWN_US, np.int64))
        count.append(np.zeros(len(ended), np.int64))
        is_open.append(np.zeros(len(ended), np.bool_))
        devices, rules, opened = np.concatenate(device), np.concatenate(rule), np.concatenate(is_open)
        if len(devices):
            alarms = [
                self._memory.alarms.get((r, d)) if o else None
                for r, d, o in zip(rules.tolist(), devices.tolist(), opened.tolist(), strict=True)
            ]
            await save(tx, KeptStates(devices, rules, np.concatenate(since), np.concatenate(count), alarms))

    def _is_silence(self, number: int) -> bool:
        rule = self._memory.rule(number)
        product = self._memory.product(rule.spec.product)
        return product is not None and number in product.silent


def _silenced(product: ProductMemory, rule: int, row: int) -> Callable[[], None]:
    def put() -> None:
        product.silent[rule][row] = True

    return put
