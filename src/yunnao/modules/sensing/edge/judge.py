"""Rules at an edge site: judged on the spot and told to whoever listens there, with the centre or without.

The centre judges the same readings when it has them and keeps the alarms; what is told here is for
what must happen at once, such as a siren. Rules that need what only the centre knows (attributes of
devices, the city's calendar, other devices, history) are judged there alone.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
from nats.aio.client import Client

from yunnao.infra.nats_subjects import local_alarm_subject
from yunnao.kernel.packs.scene import Product
from yunnao.kernel.packs.streaming_rules import ReadingRule, ThresholdRule
from yunnao.modules.sensing.domain.decoding import decode, documents_of
from yunnao.modules.sensing.domain.times import UNKNOWN_US, Int64, from_us
from yunnao.modules.sensing.edge.contracts import Bundle
from yunnao.modules.sensing.edge.messages import Taken, arrivals
from yunnao.modules.sensing.rules.domain.compiled import NumberedRule
from yunnao.modules.sensing.rules.domain.evaluation import Batch, MetricRules, Transitions
from yunnao.modules.sensing.rules.domain.signals import Column

Names = dict[int, tuple[str, ReadingRule]]


@dataclass
class _Judged:
    """One metric of one product: its rules, and the newest reading of each device that was heard."""

    product: str
    names: Names
    rules: MetricRules
    rows: dict[str, int] = field(default_factory=dict)
    last_us: Int64 = field(default_factory=lambda: np.zeros(0, np.int64))
    last_value: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def run(self, devices: Sequence[str], time_us: Int64, value: np.ndarray) -> Transitions:
        """Judges readings (n)."""
        row = np.array([self.rows.setdefault(device, len(self.rows)) for device in devices], np.int64)
        lacking = len(self.rows) - len(self.last_us)
        self.last_us = np.concatenate([self.last_us, np.full(lacking, UNKNOWN_US)])
        self.last_value = np.concatenate([self.last_value, np.full(lacking, np.nan)])
        self.rules.grow(len(self.rows))
        order = np.lexsort((time_us, row))
        row, time_us, value = row[order], time_us[order], value[order]
        column = Column.of(row, time_us, value, self.last_us[row], self.last_value[row])
        found, _ = self.rules.run(Batch(column, {}), lambda _, times: np.ones(len(times), np.bool_))
        last = np.r_[column.row[1:] != column.row[:-1], True][: len(column.row)]
        self.last_us[column.row[last]] = column.time_us[last]
        self.last_value[column.row[last]] = column.value[last]
        return found


class LocalJudge:
    """Sees every message of the site once."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._products: dict[str, Product] = {}
        self._judged: dict[tuple[str, str], _Judged] = {}
        self.open: set[tuple[str, str]] = set()
        """(rule, device) of alarms that have not cleared."""

    def learn(self, bundle: Bundle) -> None:
        """Takes over rules; what was remembered of devices begins anew."""
        rules: dict[tuple[str, str], list[tuple[str, ReadingRule]]] = defaultdict(list)
        for name, rule in bundle.rules.items():
            if isinstance(rule, ReadingRule) and _local(rule):
                rules[rule.product, rule.metric].append((name, rule))
        self._products = bundle.products
        self._judged = {}
        for (product, metric), found in rules.items():
            numbered = [NumberedRule(number, rule) for number, (_, rule) in enumerate(found)]
            self._judged[product, metric] = _Judged(product, dict(enumerate(found)), MetricRules(numbered))

    async def see(self, taken: Sequence[Taken]) -> None:
        """Judges messages as they come, and tells of alarms on the site's broker."""
        by_product: dict[str, list[Taken]] = defaultdict(list)
        for one in taken:
            by_product[one.product].append(one)
        for name, found in by_product.items():
            if any(product == name for product, _ in self._judged):
                await self._see(name, self._products[name], found)

    async def _see(self, name: str, product: Product, taken: Sequence[Taken]) -> None:
        documents, _ = documents_of(product.decoder, [one.message.data for one in taken])
        decoded = decode(product, documents, arrivals(taken))
        for column in decoded.columns:
            judged = self._judged.get((name, column.metric))
            if judged is None or column.text is not None:
                continue
            devices = [taken[i].device for i in decoded.message[column.rows].tolist()]
            await self._tell(judged, judged.run(devices, decoded.time_us[column.rows], column.value))

    async def _tell(self, judged: _Judged, found: Transitions) -> None:
        devices = list(judged.rows)
        for i in range(len(found.rule)):
            name, rule = judged.names[int(found.rule[i])]
            device, opened = devices[int(found.row[i])], bool(found.opened[i])
            (self.open.add if opened else self.open.discard)((name, device))
            told: dict[str, Any] = {
                "rule": name,
                "label": rule.label.model_dump(),
                "severity": rule.severity,
                "state": "open" if opened else "cleared",
                "value": float(found.value[i]),
                "time": from_us(int(found.time_us[i])).isoformat(),
            }
            await self._client.publish(local_alarm_subject(judged.product, device), orjson.dumps(told))


def _local(rule: ReadingRule) -> bool:
    """Whether a rule needs nothing but the readings."""
    return rule.active is None and not (isinstance(rule, ThresholdRule) and rule.relative_to is not None)
