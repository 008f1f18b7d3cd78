"""Random sequences of actions on a case and its sub-cases keep what must always hold."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tests.integration.cases_support import SOUTH, START, Town, town

from yunnao.kernel.errors import YunnaoError
from yunnao.kernel.principal import ANONYMOUS, Principal
from yunnao.modules.cases.acting.act import offered
from yunnao.modules.cases.acting.catalogue import ACTIONS
from yunnao.modules.cases.acting.situation import situation
from yunnao.modules.cases.contracts import ActionData, NewCase
from yunnao.modules.cases.domain import OPEN
from yunnao.modules.cases.flows.replay import Happened, walk

__all__ = ["town"]

EXAMPLES, STEPS = 10, 6
ACCOUNTS = ("desk", "lamps", "south", "traffic", "leader")
DEPARTMENTS = ("lighting", "shinan", "traffic")

ASKED = "SELECT id FROM cases.request WHERE state = 'asked'"
TWICE = (
    "SELECT case_id, kind FROM cases.request WHERE state = 'asked' GROUP BY case_id, kind HAVING count(*) > 1"
)


def data(town: Town, department: str) -> ActionData:
    """Everything that any action may need; each takes its own of it."""
    return ActionData(
        comment="好", department=department, score=4, departments=(department,), hours=2.0,
        until=town.clock.now() + timedelta(days=3), reason="因故", about="responsibility", party="电网",
        text="路灯杆歪了",
    )  # fmt: skip


class Casework(RuleBasedStateMachine):
    """One case, whoever acts on it. What is refused changes nothing."""

    town: Town
    parties: dict[str, Principal]
    loop: asyncio.AbstractEventLoop

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    @initialize()
    def report(self) -> None:
        self.town.clock.moment = START
        self.case_id = self.run(self._open())

    @rule(
        account=st.sampled_from(ACCOUNTS),
        action=st.sampled_from(sorted(ACTIONS)),
        department=st.sampled_from(DEPARTMENTS),
        child=st.booleans(),
    )
    def act(self, account: str, action: str, department: str, child: bool) -> None:
        self.run(self._act(account, action, department, child=child))

    @rule(picks=st.lists(st.integers(0, 99), min_size=6, max_size=12), child=st.booleans())
    def act_as_offered(self, picks: list[int], child: bool) -> None:
        """What somebody is offered is possible with everything at hand."""
        for pick in picks:
            self.run(self._offered(pick, child=child))

    @rule(account=st.sampled_from(ACCOUNTS), granted=st.booleans())
    def decide(self, account: str, granted: bool) -> None:
        self.run(self._decide(account, granted=granted))

    @rule(hours=st.integers(1, 60))
    def wait(self, hours: int) -> None:
        self.town.clock.forward(hours=hours)
        self.run(self._tick())

    @invariant()
    def holds(self) -> None:
        self.run(self._holds())

    async def _open(self) -> UUID:
        new = NewCase("路灯不亮，晚上一片漆黑", "citizen", *SOUTH)
        async with self.town.database.transaction() as tx:
            return (await self.town.cases.open_case(tx, new, ANONYMOUS)).id

    async def _target(self, *, child: bool) -> UUID:
        sql = 'SELECT id FROM cases."case" WHERE id = %s OR parent_id = %s ORDER BY id'
        found = await self.town.rows(sql, self.case_id, self.case_id)
        target: UUID = found[-1 if child else 0]["id"]
        return target

    async def _act(self, account: str, action: str, department: str, *, child: bool) -> None:
        target, principal = await self._target(child=child), self.parties[account]
        try:
            async with self.town.database.transaction() as tx:
                await self.town.cases.acting.act(tx, target, action, data(self.town, department), principal)
        except YunnaoError:
            pass

    async def _offered(self, pick: int, *, child: bool) -> None:
        target = await self._target(child=child)
        parts = self.town.cases._parts
        async with self.town.database.transaction() as tx:
            (row,) = await self.town.rows('SELECT * FROM cases."case" WHERE id = %s', target)
            flow = await parts.registry.flow(tx, row["flow_hash"])
            now = await situation(tx, row, flow.position(row["workflow"]).decisions)
        ways = [(name, each.name) for name, by in self.parties.items() for each in offered(parts, now, by)]
        if ways:
            account, action = ways[pick % len(ways)]
            await self._act(account, action, DEPARTMENTS[pick % 3], child=child)

    async def _decide(self, account: str, *, granted: bool) -> None:
        principal = self.parties[account]
        for row in await self.town.rows(ASKED):
            try:
                async with self.town.database.transaction() as tx:
                    await self.town.cases.acting.decide(tx, row["id"], granted, "阅", principal)
            except YunnaoError:
                pass

    async def _tick(self) -> None:
        async with self.town.database.transaction() as tx:
            await self.town.cases.acting.resume_due(tx, self.town.clock.now())

    async def _holds(self) -> None:
        cases = await self.town.rows(
            'SELECT c.*, d.paused_at, d.pauses FROM cases."case" c JOIN cases.deadline d ON d.case_id = c.id'
            " WHERE c.id = %s OR c.parent_id = %s",
            self.case_id, self.case_id,
        )  # fmt: skip
        async with self.town.database.transaction() as tx:
            flow = await self.town.cases._parts.registry.flow(tx, cases[0]["flow_hash"])
        for case in cases:
            step = flow.position(case["workflow"])
            assert step.status == case["status"], "the status agrees with the flow"
            entries = await self.town.rows(
                "SELECT time, event, detail FROM cases.timeline WHERE case_id = %s ORDER BY id", case["id"]
            )
            told = [Happened(e["time"], e["event"], e["detail"]) for e in entries]
            replayed = walk(told, {flow.hash: flow}, flow.hash, self.town.clock.now())
            assert replayed.at == case["workflow"]["at"], "the timeline explains the status"
            assert all(stay.spent_s >= 0 for stay in replayed.stays.values())
            assert (case["suspended_at"] is None) == (case["paused_at"] is None), "a suspended clock stands"
            assert all(start <= end for start, end in case["pauses"]), "no time stands still backwards"
            leads = await self.town.rows(
                "SELECT department FROM cases.party WHERE case_id = %s AND role = 'lead'", case["id"]
            )
            assert leads == [] or leads[0]["department"] == case["department"], "who has the case leads"
        open_requests = await self.town.rows(TWICE)
        assert open_requests == [], "at most one open request of a kind"
        parent = next(case for case in cases if case["id"] == self.case_id)
        if parent["status"] not in OPEN:
            assert all(case["status"] not in OPEN for case in cases), "a closed parent has closed children"


async def test_whatever_is_done_in_whatever_order_the_case_stays_sound(town: Town) -> None:
    class Here(Casework):
        pass

    Here.town, Here.loop = town, asyncio.get_running_loop()
    async with town.database.transaction() as tx:
        Here.parties = {
            name: await town.identity.authenticate(tx, token=town.tokens[name]) for name in ACCOUNTS
        }
    await asyncio.to_thread(
        run_state_machine_as_test,
        Here,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    kinds = await town.rows("SELECT event, count(*) AS n FROM cases.timeline GROUP BY event")
    assert len(kinds) > len(ACTIONS) / 3, f"the sequences reach little: {kinds}"
