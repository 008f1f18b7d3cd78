"""The forecast of overdue at work: trained from the city's closed cases, told of its running ones."""

import asyncio
from datetime import timedelta
from typing import Any

import numpy as np
import structlog
from psycopg.types.json import Jsonb

from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.kernel.ids import new_id
from yunnao.kernel.principal import Principal
from yunnao.modules.cases.deadlines import foretelling
from yunnao.modules.cases.deadlines.facade import View
from yunnao.modules.cases.deadlines.forecasting import History
from yunnao.modules.cases.deadlines.foretelling import Course, Floats, Forecast, Labels
from yunnao.modules.cases.parts import Parts

QUERIES = load_queries("yunnao.modules.cases.deadlines", "forecast.sql")
CASES_MAX = 60_000
"""That are learned from, the newest first."""
PAST_MAX = 20_000
"""That running cases are compared with in every round."""
RUNNING_MAX = 50_000
RISK_STEP = 0.01
"""A smaller change of a risk is not written."""
KEYS = ("category", "department", "district", "source")
RETRAINED = {"model": timedelta(days=1), "rates": timedelta(hours=1)}

log = structlog.get_logger()


class Forecasts:
    """Every method works in the transaction it is given."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._held: tuple[str, Forecast] | None = None

    async def keep_trained(self, tx: Transaction) -> None:
        """Learns anew once a day, and every hour while there are too few cases for a model; for a timer."""
        row = await (await tx.execute(QUERIES["forecast_current"])).fetchone()
        age = self._parts.clock.now() - row["trained_at"] if row else None
        if row is None or age is None or age > RETRAINED[row["kind"]]:
            await self.train(tx)

    async def train(self, tx: Transaction) -> dict[str, Any]:
        """Learns from the closed cases and keeps what it learned, with how well it foretold the latest of
        them."""
        found = await (await tx.execute(QUERIES["closed_cases"], {"limit": CASES_MAX})).fetchall()
        report, learned = await asyncio.to_thread(_learn, await self._course(tx, found))
        content_hash = await self._parts.files.put(learned.dump())
        await tx.execute(QUERIES["forecast_step_down"])
        kept = {
            "id": new_id(),
            "kind": learned.kind,
            "hash": content_hash,
            "report": Jsonb(report),
            "now": self._parts.clock.now(),
        }
        await tx.execute(QUERIES["forecast_insert"], kept)
        log.info("overdue_forecast_trained", **report)
        return report

    async def foretell(self, tx: Transaction) -> int:
        """Tells running cases their risk; for a timer. Returns how many there are."""
        forecast = await self._current(tx)
        if forecast is None:
            return 0
        running = await (await tx.execute(QUERIES["running_cases"], {"limit": RUNNING_MAX})).fetchall()
        if not running:
            return 0
        past = [] if forecast.kind == "rates" else await self._past(tx)
        now = self._parts.clock.now()
        course = await self._course(tx, [*past, *running])
        which = np.arange(len(course)) >= len(past)
        risks = await asyncio.to_thread(forecast.predict, course, which, now.timestamp())
        told = {"ids": [row["id"] for row in running], "risks": [float(risk) for risk in risks]}
        await tx.execute(QUERIES["risks_update"], {**told, "now": now, "step": RISK_STEP})
        return len(running)

    async def _past(self, tx: Transaction) -> list[Row]:
        return await (await tx.execute(QUERIES["past_cases"], {"limit": PAST_MAX})).fetchall()

    async def report(self, tx: Transaction, principal: Principal) -> View | None:
        """How the current forecast was learned and how well it foretells; None before the first."""
        self._parts.identity.authorize(principal, "overview:read")
        row = await (await tx.execute(QUERIES["forecast_current"])).fetchone()
        return {**row["report"], "kind": row["kind"], "trained_at": row["trained_at"]} if row else None

    async def _current(self, tx: Transaction) -> Forecast | None:
        row = await (await tx.execute(QUERIES["forecast_current"])).fetchone()
        if row is None:
            return None
        if self._held is None or self._held[0] != row["hash"]:
            content = await self._parts.files.get(row["hash"])
            self._held = (row["hash"], await asyncio.to_thread(Forecast.load, content))
        return self._held[1]

    async def _course(self, tx: Transaction, found: list[Row]) -> Course:
        """Rows as columns."""
        zone = (await self._parts.registry.current(tx)).city.calendar.zone
        offset = self._parts.clock.now().astimezone(zone).utcoffset()
        category = _labels(found, "category")
        keys = {name: np.unique(_labels(found, name), return_inverse=True)[1] for name in KEYS}
        return Course(
            History(_floats(found, "opened"), _floats(found, "due"), _floats(found, "closed"), keys),
            _floats(found, "accepted"),
            _floats(found, "finished"),
            category,
            offset.total_seconds() if offset else 0.0,
        )


def _learn(closed: Course) -> tuple[dict[str, Any], Forecast]:
    return foretelling.evaluate(closed), foretelling.learn(closed)


def _floats(found: list[Row], name: str) -> Floats:
    return np.array([np.nan if row[name] is None else row[name] for row in found], dtype=np.float64)


def _labels(found: list[Row], name: str) -> Labels:
    return np.array([row[name] or "" for row in found], dtype=np.str_)
