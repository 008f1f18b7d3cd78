"""Scheduled rules evaluated by the clock, and forecasts for charts."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import structlog

from yunnao.infra.postgres import Transaction
from yunnao.kernel.errors import NotFound, TooLarge
from yunnao.kernel.ids import new_id
from yunnao.kernel.packs.alarming import AlarmDefaults
from yunnao.kernel.packs.scene import Metric
from yunnao.kernel.packs.scheduled_rules import ScheduledRule
from yunnao.kernel.text import Text
from yunnao.kernel.time import Clock
from yunnao.modules.sensing.alarms import NOTHING, Clearing, Opening, State, States, Teller, save_states
from yunnao.modules.sensing.domain.times import UNKNOWN_US, from_us, to_us
from yunnao.modules.sensing.registry import InstalledRule, active_rules
from yunnao.modules.sensing.rules.domain.schedules import Bools, CityTime
from yunnao.modules.sensing.rules.windows import load_windows
from yunnao.modules.sensing.scheduled.domain import foretelling
from yunnao.modules.sensing.scheduled.domain.columns import Scores
from yunnao.modules.sensing.scheduled.domain.stepping import step
from yunnao.modules.sensing.scheduled.past import Past
from yunnao.modules.sensing.scheduled.scoring import QUERIES, Scoring
from yunnao.modules.twin.facade import Twin

late_max = timedelta(seconds=30)
"""How long an evaluation waits for readings that are on their way."""
rules_per_run_max = 20
"""Evaluated in one transaction; the next run goes on."""

log = structlog.get_logger()


@dataclass(frozen=True)
class SeriesForecast:
    """Points of time, value, low and high; none where the history is too short."""

    metric: str
    unit_label: Text | None
    share: float
    points: list[tuple[datetime, float, float, float]]


@dataclass(frozen=True)
class _Due:
    rule: InstalledRule
    spec: ScheduledRule
    at_us: int
    scores: Scores


class Scheduled:
    """What others may ask; every method runs in the caller's transaction."""

    def __init__(self, clock: Clock, twin: Twin, city: CityTime, defaults: AlarmDefaults, past: Past) -> None:
        self._clock = clock
        self._twin = twin
        self._city = city
        self._teller = Teller(clock, twin, city.zone, defaults)
        self._past = past
        self._scoring = Scoring(twin, city, past)
        self._done: dict[int, int] = {}

    async def run(self, tx: Transaction) -> int:
        """Evaluates every rule whose time has come; answers how many alarms opened or cleared.

        An evaluation is of a moment on the rule's own grid of time and may be done again without
        effect, so that neither a restart nor a second worker changes anything.
        """
        found = await self._scores(tx)
        if not found:
            return 0
        before = await self._states(tx, [due.rule.number for due in found])
        after = dict(before)
        openings: list[Opening] = []
        clearings: list[Clearing] = []
        windows = await load_windows(tx, from_us(min(due.at_us for due in found)))
        for due in found:
            barred = windows.barred(due.scores.device, np.full(len(due.scores.device), due.at_us))
            _follow(due, barred, after, openings, clearings)
        kept = await self._teller.tell(tx, openings, clearings)
        for key, state in after.items():
            if state.alarm in kept:
                after[key] = State(state.since_us, kept[state.alarm])
        await save_states(tx, before, after)
        self._done |= {due.rule.number: due.at_us for due in found}
        return len(openings) + len(clearings)

    async def forecast(
        self, tx: Transaction, device: str, metric: str, hours: float, *, share: float = 0.95
    ) -> SeriesForecast:
        """The next hours of one series from now on. Raises NotFound `series_not_found`."""
        cursor = await tx.execute(QUERIES["series_of"], {"device": device, "metric": metric})
        row = await cursor.fetchone()
        if row is None:
            raise NotFound("series_not_found", device=device, metric=metric)
        now_us = to_us(self._clock.now())
        sites = foretelling.one_site(row["series"])
        start_us = now_us - foretelling.chart_history_us
        readings = await self._past.read(tx, sites.series, from_us(start_us), from_us(now_us))
        points = await asyncio.to_thread(
            foretelling.chart, sites, readings, now_us, self._scoring.offset_us(now_us), hours, share
        )
        unit = Metric.model_validate(row["metric"]).unit_label
        told = [(from_us(time_us), value, low, high) for time_us, value, low, high in points]
        return SeriesForecast(metric, unit, share, told)

    # --- scores ---

    async def _scores(self, tx: Transaction) -> list[_Due]:
        now_us = to_us(self._clock.now() - late_max)
        found: list[_Due] = []
        for rule in await active_rules(tx):
            spec = rule.spec
            if not isinstance(spec, ScheduledRule) or len(found) >= rules_per_run_max:
                continue
            at_us = now_us // (spec.every_s * 1_000_000) * (spec.every_s * 1_000_000)
            if self._done.get(rule.number, UNKNOWN_US) >= at_us:
                continue
            try:
                async with tx.transaction():
                    scores = await self._scoring.score(tx, rule.number, spec, at_us)
                    found.append(_Due(rule, spec, at_us, scores))
            except (ValueError, ArithmeticError, np.linalg.LinAlgError, TooLarge) as error:
                self._done[rule.number] = at_us
                log.error("scheduled_rule_failed", rule=rule.rule, scene=rule.scene, reason=repr(error))
        return found

    async def _states(self, tx: Transaction, rules: Sequence[int]) -> States:
        rows = await (await tx.execute(QUERIES["states_of_rules"], {"rules": sorted(rules)})).fetchall()
        return {(row["device"], row["rule"]): State(row["since_us"], row["alarm"]) for row in rows}


def _follow(
    due: _Due, barred: Bools | None, states: States, openings: list[Opening], clearings: list[Clearing]
) -> None:
    """One rule's step from its scores; `states` is changed. `barred` devices are being maintained: no
    alarm opens, what is open may clear."""
    number, scores = due.rule.number, due.scores
    devices = scores.device.tolist()
    prior = [states.get((device, number), NOTHING) for device in devices]
    since = np.array([UNKNOWN_US if s.since_us is None else s.since_us for s in prior], np.int64)
    is_open = np.array([s.alarm is not None for s in prior], np.bool_)
    after = step(due.spec, scores, since, is_open, due.at_us)
    opened = after.opened if barred is None else after.opened & ~barred
    at = from_us(due.at_us)
    for i in np.flatnonzero((after.since_us != since) | opened | after.cleared).tolist():
        key = devices[i], number
        alarm = prior[i].alarm
        started = int(after.since_us[i])
        if opened[i]:
            opening = Opening(new_id(), due.rule, key[0], float(scores.value[i]), at, from_us(started))
            openings.append(opening)
            alarm = opening.id
        elif after.cleared[i] and alarm is not None:
            clearings.append(Clearing(alarm, due.rule, key[0], at))
            alarm = None
        states[key] = State(None if started == UNKNOWN_US else started, alarm)
