"""What a pack's rules would do with some messages of one device: the test of a scene's rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.packs.scene import DemoDevice, ScenePack
from yunnao.kernel.packs.streaming_rules import SilenceRule, ThresholdRule
from yunnao.modules.sensing.domain.decoding import Decoded, decode
from yunnao.modules.sensing.domain.times import Int64, from_us, to_us
from yunnao.modules.sensing.rules.domain import threshold


@dataclass(frozen=True)
class RuleEvent:
    """A rule's alarm opened or cleared at `time` (aware, UTC)."""

    rule: str
    event: Literal["opened", "cleared"]
    time: datetime


def dry_run(
    pack: ScenePack,
    device: DemoDevice,
    messages: Sequence[dict[str, Any] | list[Any]],
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
        elif isinstance(rule, ThresholdRule):
            events = _threshold(name, rule, decoded, device)
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


def _threshold(name: str, rule: ThresholdRule, decoded: Decoded, device: DemoDevice) -> list[RuleEvent]:
    column = next((c for c in decoded.columns if c.metric == rule.metric), None)
    if column is None:
        return []
    scale = None
    if rule.relative_to is not None:
        scale = np.full(len(column.rows), attribute_number(device.attributes, rule.relative_to))
    number = np.zeros(len(column.rows), np.int32)
    _, told = threshold.evaluate(
        rule,
        threshold.fresh_states(number[:1]),
        device=number,
        time_us=decoded.time_us[column.rows],
        value=column.value,
        scale=scale,
    )
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
