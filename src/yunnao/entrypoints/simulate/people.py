"""Synthetic citizens who report and synthetic staff who handle; they touch nobody else's cases."""

import asyncio
import random
from contextlib import suppress
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog

from yunnao.bootstrap import Platform
from yunnao.kernel.errors import YunnaoError
from yunnao.kernel.packs.scene import DemoReport
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import catalogue
from yunnao.modules.cases.contracts import ActionData, NewCase
from yunnao.modules.cases.search.contracts import CaseFilter

REPORT_EVERY_S = 15.0
"""On average; at night people write four times less."""
NIGHT_HOURS = range(6)
STAFF_TICK_S = 3.0
ALARM_CASES_MAX = 100
SHARE_PER_TICK = {"assigned": 0.12, "handling": 0.05, "checking": 0.12, "closed": 0.05}
"""Chance that somebody takes the next step in one tick, so that a case lives for some minutes."""
STEPS = {"assigned": "accept", "handling": "finish", "checking": "pass", "closed": "rate"}
COMMENTS = ("simulated_comment_1", "simulated_comment_2", "simulated_comment_3", "simulated_comment_4")
SCORES = (5, 5, 5, 4, 4, 3, 2)
CITIZEN_ACCOUNT = "simulated-citizen"

log = structlog.get_logger()


async def pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


async def simulated_citizen(platform: Platform) -> Principal:
    """The party in whose name synthetic reports come, so that they can be told from real ones."""
    name = catalogue()["simulated_citizen"]
    async with platform.database.transaction() as tx:
        account = await platform.identity.ensure_service(tx, CITIZEN_ACCOUNT, name)
    return Principal(account.id, CITIZEN_ACCOUNT, name, "person", frozenset({"citizen"}))


class Citizens:
    """They write the reports of the scenes, in random order, at random times."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._random = random.Random()
        self._reports = [r for pack in platform.scenes for r in pack.reports]

    async def run(self, stop: asyncio.Event) -> None:
        citizen = await simulated_citizen(self._platform)
        zone = ZoneInfo(self._platform.city.manifest.time_zone)
        waiting: list[DemoReport] = []
        while self._reports and not stop.is_set():
            if not waiting:
                waiting = self._random.sample(self._reports, len(self._reports))
            report = waiting.pop()
            new = NewCase(report.text, "citizen", lon=report.lon, lat=report.lat, address=report.address)
            try:
                async with self._platform.database.transaction() as tx:
                    await self._platform.cases.open_case(tx, new, citizen)
            except YunnaoError as error:
                log.warning("simulated_report_refused", error=str(error))
            slower = 4 if self._platform.clock.now().astimezone(zone).hour in NIGHT_HOURS else 1
            await pause(stop, self._random.expovariate(1 / (REPORT_EVERY_S * slower)))


class Staff:
    """They take the next step of synthetic citizens' cases and of alarms' cases."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._random = random.Random()

    async def run(self, stop: asyncio.Event) -> None:
        citizen = await simulated_citizen(self._platform)
        while not stop.is_set():
            for case in await self._open_cases(citizen):
                if self._random.random() < SHARE_PER_TICK.get(case["status"], 0):
                    await self._step(case, citizen)
            await pause(stop, STAFF_TICK_S)

    async def _open_cases(self, citizen: Principal) -> list[dict[str, Any]]:
        wanted = CaseFilter(status=tuple(STEPS), source="alarm")
        async with self._platform.database.transaction() as tx:
            alarms = await self._platform.cases.search.page(tx, wanted, self._dispatcher(), ALARM_CASES_MAX)
            return [*await self._platform.cases.own(tx, citizen), *alarms.items]

    async def _step(self, case: dict[str, Any], citizen: Principal) -> None:
        action = STEPS[case["status"]]
        comment = catalogue()[self._random.choice(COMMENTS)].zh if action == "finish" else None
        score = self._random.choice(SCORES) if action == "rate" else None
        who = (
            self._handler(case["department"]["id"]) if action in {"accept", "finish"} else self._dispatcher()
        )
        if action == "rate" and case["source"] == "citizen":
            who = citizen
        try:
            async with self._platform.database.transaction() as tx:
                await self._platform.cases.act(
                    tx, UUID(str(case["id"])), action, ActionData(comment=comment, score=score), who
                )
        except YunnaoError as error:
            # A person was quicker, or the flow of this scene has no such step.
            log.info("simulated_step_refused", action=action, error=str(error))

    def _dispatcher(self) -> Principal:
        name = catalogue()["simulated_dispatcher"]
        return Principal(None, "simulated-dispatcher", name, "system", frozenset({"dispatcher"}))

    def _handler(self, department: str) -> Principal:
        name = catalogue()["simulated_staff"]
        roles = frozenset({"department_staff"})
        return Principal(None, "simulated-staff", name, "system", roles, department)
