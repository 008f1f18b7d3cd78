"""What a pack's rules would do with some messages of one device: the test of a scene's rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.packs.scene import DemoDevice, ScenePack
from yunnao.kernel.packs.streaming_rules import ReadingRule, SilenceRule
from yunnao.modules.sensing.domain.decoding import Decoded, decode
from yunnao.modules.sensing.domain.times import UNKNOWN_US, Int64, from_us, to_us
from yunnao.modules.sensing.rules.domain.compiled import NumberedRule
from yunnao.modules.sensing.rules.domain.evaluation import Batch, MetricRules
from yunnao.modules.sensing.rules.domain.schedules import NATIONAL_TIME, in_force
from yunnao.modules.sensing.rules.domain.signals import Column


@dataclass(frozen=True)
class RuleEvent:
    """A rule's alarm opened or cleared at `time` (aware, UTC)."""

    rule: str
    event: Literal["opened", "cleared"]
    time: datetime


def dry_run(
    pack: ScenePack,
    device: DemoDevice,
    messages: Sequence[Any],
    until: datetime | None,
) -> list[RuleEvent]:
    """Openings and clearings in order of time, then of the rules in the pack.

    Silence is judged up to `until`; without it up to the last message. Messages that the product
    refuses count as never received. Raises InvalidInput `product_unknown`.
    """
    product = pack.products.get(device.product)
    if product is None:
        raise InvalidInput("product_unknown", product=device.product)
    decoded = decode(product, messages, arrival_us=None)
    heard = np.unique(decoded.time_us[_heard_rows(decoded)])
    found: list[tuple[datetime, int, RuleEvent]] = []
    for position, (name, rule) in enumerate(pack.rules.items()):
        if rule.product != device.product:
            continue
        if isinstance(rule, SilenceRule):
            events = _silence(name, rule, heard, until)
        elif isinstance(rule, ReadingRule):
            events = _reading_rule(name, rule, decoded, device)
        else:
            continue  # what the clock runs needs more than one device's messages
        found.extend((event.time, position, event) for event in events)
    return [event for _, _, event in sorted(found, key=lambda f: (f[0], f[1]))]


def attribute_number(attributes: dict[str, Any], name: str) -> float:
    """A numeric attribute of a device; NaN where it has none."""
    value = attributes.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")


def _heard_rows(decoded: Decoded) -> Int64:
    rows = [column.rows for column in decoded.columns]
    return np.unique(np.concatenate(rows)) if rows else np.zeros(0, np.int64)


def _reading_rule(name: str, rule: ReadingRule, decoded: Decoded, device: DemoDevice) -> list[RuleEvent]:
    found = next((c for c in decoded.columns if c.metric == rule.metric), None)
    if found is None:
        return []
    time_us = decoded.time_us[found.rows]
    order = np.argsort(time_us, kind="stable")
    n = len(order)
    unknown = np.full(n, UNKNOWN_US, np.int64)
    rules = MetricRules([NumberedRule(0, rule)])
    rules.grow(1)
    column = Column.of(np.zeros(n, np.int64), time_us[order], found.value[order], unknown, np.full(n, np.nan))
    attributes = {
        attribute: np.full(len(column.row), attribute_number(device.attributes, attribute))
        for attribute in rules.relative_to
    }
    told, _ = rules.run(Batch(column, attributes), partial(in_force, city=NATIONAL_TIME))
    return [
        RuleEvent(name, "opened" if opened else "cleared", from_us(time))
        for time, opened in zip(told.time_us.tolist(), told.opened.tolist(), strict=True)
    ]


def _silence(name: str, rule: SilenceRule, heard: Int64, until: datetime | None) -> list[RuleEvent]:
    after_us = round(rule.after_s * 1e6)
    events: list[RuleEvent] = []
    for one, following in pairwise(heard.tolist()):
        if following - one > after_us:
            events.append(RuleEvent(name, "opened", from_us(one + after_us)))
            events.append(RuleEvent(name, "cleared", from_us(following)))
    if until is not None and len(heard) and to_us(until) - int(heard[-1]) > after_us:
        events.append(RuleEvent(name, "opened", from_us(int(heard[-1]) + after_us)))
    return events
