"""What an ingest worker keeps in memory of rules: their states by device, in dense arrays.

Valid while the worker holds its lanes and every batch is committed or undone. Devices have rows of
their own here, apart from the registry's, which may forget and number anew.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from yunnao.kernel.ids import UUID
from yunnao.kernel.packs.streaming_rules import ReadingRule, SilenceRule
from yunnao.modules.sensing.contracts import Int32, Int64
from yunnao.modules.sensing.domain.times import UNKNOWN_US
from yunnao.modules.sensing.registry import InstalledRule
from yunnao.modules.sensing.rules.domain.compiled import NumberedRule
from yunnao.modules.sensing.rules.domain.evaluation import MetricRules
from yunnao.modules.sensing.rules.domain.phases import IDLE, OPEN, RUNNING, Phases
from yunnao.modules.sensing.rules.states import KeptStates

Bools = NDArray[np.bool_]
NO_ROW = -1


@dataclass
class ProductMemory:
    """The rules of one product. `devices`: device numbers by row."""

    metrics: dict[str, MetricRules] = field(default_factory=dict)
    specs: dict[str, tuple[InstalledRule, ...]] = field(default_factory=dict)
    silences: list[InstalledRule] = field(default_factory=list)
    silent: dict[int, Bools] = field(default_factory=dict)
    devices: Int32 = field(default_factory=lambda: np.zeros(0, np.int32))

    def install(self, rules: Sequence[InstalledRule]) -> set[int]:
        """Takes over the product's rules; numbers of those whose states have to be placed again."""
        by_metric: dict[str, list[InstalledRule]] = {}
        for rule in rules:
            if isinstance(rule.spec, ReadingRule):
                by_metric.setdefault(rule.spec.metric, []).append(rule)
        self.silences = [rule for rule in rules if isinstance(rule.spec, SilenceRule)]
        fresh = {rule.number for rule in self.silences} - self.silent.keys()
        self.silent = {
            rule.number: self.silent.get(rule.number, np.zeros(len(self.devices), np.bool_))
            for rule in self.silences
        }
        for metric in self.specs.keys() - by_metric.keys():
            del self.specs[metric], self.metrics[metric]
        for metric, members in by_metric.items():
            if self.specs.get(metric) != tuple(members):
                self.specs[metric] = tuple(members)
                self.metrics[metric] = MetricRules(
                    [NumberedRule(r.number, r.spec) for r in members if isinstance(r.spec, ReadingRule)]
                )
                self.metrics[metric].grow(len(self.devices))
                fresh |= {rule.number for rule in members}
        return fresh

    def grow(self, devices: Int32) -> None:
        self.devices = np.r_[self.devices, devices]
        for metric in self.metrics.values():
            metric.grow(len(self.devices))
        for rule, silent in self.silent.items():
            self.silent[rule] = np.r_[silent, np.zeros(len(devices), np.bool_)]


class RuleMemory:
    """Rules by product and metric, and states of the devices met so far."""

    def __init__(self) -> None:
        self._products: dict[str, ProductMemory] = {}
        self._rules: dict[int, InstalledRule] = {}
        self._row = np.zeros(0, np.int32)
        self._waiting: dict[int, list[tuple[int, int, int, int]]] = {}
        self.alarms: dict[tuple[int, int], UUID] = {}
        """By rule number and device number."""

    def install(self, rules: Iterable[InstalledRule]) -> set[int]:
        """Takes over the active rules; numbers of those whose states have to be placed."""
        by_product: dict[str, list[InstalledRule]] = {}
        for rule in rules:
            by_product.setdefault(rule.spec.product, []).append(rule)
        self._rules = {rule.number: rule for members in by_product.values() for rule in members}
        fresh: set[int] = set()
        for product in self._products.keys() | by_product.keys():
            known = self._products.setdefault(product, ProductMemory())
            fresh |= known.install(by_product.get(product, []))
        return fresh

    def rule(self, number: int) -> InstalledRule:
        return self._rules[number]

    def product(self, name: str) -> ProductMemory | None:
        """What is known of a product that has rules."""
        return self._products.get(name)

    def rows(self, product: ProductMemory, devices: Int32) -> Int64:
        """Rows (n) of devices, those met for the first time with the states that wait for them."""
        if len(devices) and int(devices.max()) >= len(self._row):
            room = int(devices.max()) * 5 // 4 + 1
            self._row = np.r_[self._row, np.full(room - len(self._row), NO_ROW, np.int32)]
        rows = self._row[devices]
        if (rows == NO_ROW).any():
            new = np.unique(devices[rows == NO_ROW])
            self._row[new] = np.arange(len(product.devices), len(product.devices) + len(new))
            product.grow(new)
            for device in self._waiting.keys() & set(new.tolist()) if self._waiting else ():
                for state in self._waiting.pop(device):
                    self._place(device, *state)
            rows = self._row[devices]
        return rows.astype(np.int64)

    def take_over(self, kept: KeptStates, only: set[int] | None = None) -> None:
        """Places states from the database, of the rules `only` where it is given."""
        for device, rule, since_us, readings, alarm in zip(
            kept.device.tolist(),
            kept.rule.tolist(),
            kept.since_us.tolist(),
            kept.readings.tolist(),
            kept.alarm,
            strict=True,
        ):
            if rule not in self._rules or (only is not None and rule not in only):
                continue
            if alarm is None:
                self.alarms.pop((rule, device), None)
            else:
                self.alarms[rule, device] = alarm
            phase = OPEN if alarm is not None else RUNNING if since_us != UNKNOWN_US else IDLE
            if device < len(self._row) and self._row[device] != NO_ROW:
                self._place(device, rule, phase, since_us, readings)
            else:
                others = [state for state in self._waiting.get(device, []) if state[0] != rule]
                self._waiting[device] = [*others, (rule, phase, since_us, readings)]

    def _place(self, device: int, rule: int, phase: int, since_us: int, readings: int) -> None:
        spec = self._rules[rule].spec if rule in self._rules else None
        if spec is None:
            return
        product = self._products[spec.product]
        row = int(self._row[device])
        if isinstance(spec, SilenceRule):
            product.silent[rule][row] = phase == OPEN
        elif isinstance(spec, ReadingRule):
            state = Phases(np.array([phase], np.uint8), np.array([since_us]), np.array([readings]))
            product.metrics[spec.metric].place(rule, np.array([row], np.int64), state)

    def set_alarm(self, key: tuple[int, int], alarm: UUID | None, journal: list[Callable[[], None]]) -> None:
        """Notes the alarm of a rule and device; the journal takes the way back."""
        before = self.alarms.get(key)
        journal.append(lambda: self._put_alarm(key, before))
        self._put_alarm(key, alarm)

    def _put_alarm(self, key: tuple[int, int], alarm: UUID | None) -> None:
        if alarm is None:
            self.alarms.pop(key, None)
        else:
            self.alarms[key] = alarm
