"""What scheduled rules would do with a history of readings: the test of a scene's rules, and a look back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np

from yunnao.kernel.packs.scene import DemoDevice, HistoryInput, ScenePack
from yunnao.kernel.packs.scheduled_rules import ForecastRule, ScheduledRule
from yunnao.modules.sensing.domain.times import UNKNOWN_US, from_us, to_us
from yunnao.modules.sensing.scheduled.domain import foretelling
from yunnao.modules.sensing.scheduled.domain.columns import Need, Readings, Relations, Scores, Sites, steps
from yunnao.modules.sensing.scheduled.domain.forecasting import DAY_US, Grid, Model, fit
from yunnao.modules.sensing.scheduled.domain.operators import needs, score
from yunnao.modules.sensing.scheduled.domain.stepping import step

evaluations_max = 10_000
"""Of one rule; later moments are left out."""

Key = tuple[str, str]
"""Product and metric."""


@dataclass(frozen=True)
class ScheduledEvent:
    """A rule's alarm at a device opened or cleared at `time` (aware, UTC)."""

    rule: str
    device: str
    event: Literal["opened", "cleared"]
    time: datetime


@dataclass(frozen=True)
class History:
    """Everything that is known, by product and metric; `names` of the devices by number."""

    known: Mapping[Key, tuple[Sites, Readings]]
    names: Sequence[str]
    relations: Relations

    def of(self, product: str, metric: str) -> tuple[Sites, Readings]:
        nothing = np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0)
        empty = Sites(nothing[0], nothing[0], [], nothing[2], nothing[2])
        return self.known.get((product, metric), (empty, Readings(*nothing)))

    def answer(self, need: Need) -> tuple[Sites, Readings]:
        sites, readings = self.of(need.product, need.metric)
        return sites, readings.between(need.start_us, need.until_us)


def dry_run(pack: ScenePack, given: HistoryInput, offset_us: int = 0) -> list[ScheduledEvent]:
    """What the pack's scheduled rules would do, in order of time, rule and device."""
    history = history_of(given)
    found: list[tuple[datetime, int, ScheduledEvent]] = []
    start_us, until_us = (
        to_us(datetime.fromisoformat(given.start)),
        to_us(datetime.fromisoformat(given.until)),
    )
    for position, (name, rule) in enumerate(pack.rules.items()):
        if isinstance(rule, ScheduledRule):
            events = replay(name, rule, history, start_us, until_us, offset_us)
            found += [(event.time, position, event) for event in events]
    return [event for _, _, event in sorted(found, key=lambda f: (f[0], f[1], f[2].device))]


def replay(
    name: str, rule: ScheduledRule, history: History, start_us: int, until_us: int, offset_us: int
) -> list[ScheduledEvent]:
    """Evaluates the rule at every moment of its grid from `start_us` to `until_us`, both included."""
    every_us = rule.every_s * 1_000_000
    first = -(-start_us // every_us) * every_us
    sites, _ = history.of(rule.product, rule.metric)
    since, is_open = np.full(len(sites), UNKNOWN_US, np.int64), np.zeros(len(sites), np.bool_)
    models: dict[int, Model] = {}
    events: list[ScheduledEvent] = []
    for at_us in range(first, min(until_us + 1, first + evaluations_max * every_us), every_us):
        after = step(rule, _scores(rule, history, at_us, offset_us, models), since, is_open, at_us)
        for i in np.flatnonzero(after.opened | after.cleared).tolist():
            device = history.names[int(sites.device[i])]
            event: Literal["opened", "cleared"] = "opened" if after.opened[i] else "cleared"
            events.append(ScheduledEvent(name, device, event, from_us(at_us)))
        since, is_open = after.since_us, (is_open | after.opened) & ~after.cleared
    return events


def _scores(
    rule: ScheduledRule, history: History, at_us: int, offset_us: int, models: dict[int, Model]
) -> Scores:
    if not isinstance(rule, ForecastRule):
        wanted = needs(rule, at_us)
        return score(rule, wanted, {need: history.answer(need) for need in wanted}, history.relations)
    sites, readings = history.of(rule.product, rule.metric)
    step_us = rule.step_s * 1_000_000
    day_us = foretelling.day_start(at_us, offset_us)
    if day_us not in models:
        start_us = day_us - rule.history_days * DAY_US
        grid = Grid(start_us, step_us, offset_us)
        values = steps(sites, readings, start_us, step_us, (day_us - start_us) // step_us)
        models[day_us] = fit(values, grid, rule.ahead, rule.share)
    start_us = foretelling.recent_start(rule, at_us)
    recent = steps(sites, readings, start_us, step_us, foretelling.recent_steps(rule))
    return foretelling.outside(rule, sites, models[day_us], recent, at_us)


def history_of(given: HistoryInput) -> History:
    """The fixture's readings in columns; device numbers are their places in the list."""
    places = {device.device: number for number, device in enumerate(given.devices)}
    parts: dict[Key, list[tuple[int, Readings]]] = {}
    for told in given.readings:
        number = places[told.device]
        values = np.tile(np.array(told.values, np.float64), told.repeat)
        start_us = to_us(datetime.fromisoformat(told.start))
        time_us = start_us + np.arange(len(values), dtype=np.int64) * round(told.step_s * 1e6)
        here = np.isfinite(values)
        series = np.full(int(here.sum()), number, np.int32)
        key = given.devices[number].product, told.metric
        parts.setdefault(key, []).append((number, Readings(series, time_us[here], values[here])))
    known = {key: _columns(given.devices, each) for key, each in parts.items()}
    return History(known, [device.device for device in given.devices], given.relations)


def _columns(devices: Sequence[DemoDevice], parts: list[tuple[int, Readings]]) -> tuple[Sites, Readings]:
    numbers = sorted({number for number, _ in parts})
    series = np.array(numbers, np.int32)
    sites = Sites(
        series,
        series,
        [devices[n].entity for n in numbers],
        np.array([devices[n].lon for n in numbers], np.float64),
        np.array([devices[n].lat for n in numbers], np.float64),
    )
    columns = [
        np.concatenate([getattr(part, name) for _, part in parts]) for name in ("series", "time_us", "value")
    ]
    order = np.lexsort((columns[1], columns[0]))
    return sites, Readings(*(column[order] for column in columns))
