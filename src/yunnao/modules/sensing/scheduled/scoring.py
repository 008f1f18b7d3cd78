"""Scores of scheduled rules at a moment, from the past and what the city knows of its devices."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np

from yunnao.infra.postgres import Transaction, load_queries
from yunnao.kernel.packs.scheduled_rules import ForecastRule, RelatedRule, ScheduledRule
from yunnao.modules.sensing.domain.times import from_us
from yunnao.modules.sensing.rules.domain.schedules import CityTime, in_force
from yunnao.modules.sensing.scheduled.domain import forecasting, foretelling
from yunnao.modules.sensing.scheduled.domain.columns import Need, Readings, Relations, Scores, Sites
from yunnao.modules.sensing.scheduled.domain.operators import needs, score
from yunnao.modules.sensing.scheduled.past import Past
from yunnao.modules.twin.facade import Twin

QUERIES = load_queries("yunnao.modules.sensing.scheduled", "scheduled.sql")


class Scoring:
    """With `keep_sites` the devices are those of the first question: for many moments of one dry run."""

    def __init__(self, twin: Twin, city: CityTime, past: Past, *, keep_sites: bool = False) -> None:
        self._twin = twin
        self._city = city
        self._past = past
        self._keep_sites = keep_sites
        self._kept: dict[tuple[str, str], Sites] = {}
        self._models: dict[int, tuple[int, bytes, forecasting.Model]] = {}

    async def score(self, tx: Transaction, number: int, spec: ScheduledRule, at_us: int) -> Scores:
        """Of every device of the product. Raises ValueError, ArithmeticError, LinAlgError, TooLarge."""
        return self._in_force(spec, at_us, await self._scored(tx, number, spec, at_us))

    async def _scored(self, tx: Transaction, number: int, spec: ScheduledRule, at_us: int) -> Scores:
        if isinstance(spec, ForecastRule):
            return await self._outside(tx, number, spec, at_us)
        wanted = needs(spec, at_us)
        past = {need: await self._readings(tx, need) for need in wanted}
        relations = await self._relations(tx, spec, [sites for sites, _ in past.values()])
        return await asyncio.to_thread(score, spec, wanted, past, relations)

    async def _readings(self, tx: Transaction, need: Need) -> tuple[Sites, Readings]:
        sites = await self._sites(tx, need.product, need.metric)
        start, until = from_us(need.start_us), from_us(need.until_us)
        return sites, await self._past.read(tx, sites.series, start, until)

    async def _sites(self, tx: Transaction, product: str, metric: str) -> Sites:
        if (product, metric) in self._kept:
            return self._kept[product, metric]
        rows = await (await tx.execute(QUERIES["sites"], {"product": product, "metric": metric})).fetchall()
        found = Sites(
            np.array([row["series"] for row in rows], np.int32),
            np.array([row["device"] for row in rows], np.int32),
            [row["entity"] for row in rows],
            np.array([row["lon"] for row in rows], np.float64),
            np.array([row["lat"] for row in rows], np.float64),
        )
        if self._keep_sites:
            self._kept[product, metric] = found
        return found

    async def _relations(self, tx: Transaction, spec: ScheduledRule, sites: Sequence[Sites]) -> Relations:
        if not isinstance(spec, RelatedRule) or spec.other.relation is None:
            return {}
        pointing = sites[0] if spec.other.points_to == "other" else sites[-1]
        return await self._twin.relations(tx, sorted(set(pointing.entity)), [spec.other.relation])

    async def _outside(self, tx: Transaction, number: int, spec: ForecastRule, at_us: int) -> Scores:
        """A model is fitted once a day, to the days before, so that each worker fits the same."""
        day_us = foretelling.day_start(at_us, self.offset_us(at_us))
        sites = await self._sites(tx, spec.product, spec.metric)
        known = self._models.get(number)
        if known is None or known[:2] != (day_us, sites.series.tobytes()):
            start_us = day_us - spec.history_days * forecasting.DAY_US
            step_us = spec.step_s * 1_000_000
            grid = forecasting.Grid(start_us, step_us, self.offset_us(at_us))
            count = (day_us - start_us) // step_us
            values = await self._past.steps(tx, sites.series, start_us, step_us, count)
            model = await asyncio.to_thread(forecasting.fit, values, grid, spec.ahead, spec.share)
            known = day_us, sites.series.tobytes(), model
            self._models[number] = known
        start_us = foretelling.recent_start(spec, at_us)
        count = foretelling.recent_steps(spec)
        recent = await self._past.steps(tx, sites.series, start_us, spec.step_s * 1_000_000, count)
        return foretelling.outside(spec, sites, known[2], recent, at_us)

    def _in_force(self, spec: ScheduledRule, at_us: int, scores: Scores) -> Scores:
        """Outside of the rule's hours no condition holds, and what is open clears."""
        if spec.active is None or in_force(spec.active, np.array([at_us]), self._city)[0]:
            return scores
        return replace(scores, void=np.ones(len(scores.device), np.bool_))

    def offset_us(self, at_us: int) -> int:
        """The city's offset from UTC at `at_us`."""
        offset = from_us(at_us).astimezone(self._city.zone).utcoffset() or timedelta()
        return offset // timedelta(microseconds=1)
