"""kill -9 of the doors and the workers of the case centre, fifty times at random moments, while people
act on cases: no case is stuck, none advanced twice, nobody is told twice."""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest
from tests.integration.case_process import SEEN, Killable, api, worker
from tests.integration.cases_support import Town, alarm_event, town

from yunnao.infra import outbox
from yunnao.infra.embedded.processes import pick_port
from yunnao.infra.nervous import Nervous
from yunnao.kernel.principal import SYSTEM

__all__ = ["town"]

KILLS = int(os.environ.get("YUNNAO_KILLS", "15"))
"""Of the whole suite; `YUNNAO_KILLS=50` is the full trial."""
CLIENTS = 6
ALARMS = 40
SEED = 11
PAUSE_S = (0.1, 0.7)
PATIENCE_S = 90.0
STEPS: list[tuple[str, str, dict[str, Any]]] = [
    ("lamps", "accept", {}),
    ("desk", "remind", {"comment": "快"}),
    ("desk", "involve", {"departments": ["shinan"]}),
    ("lamps", "ask_extension", {"reason": "等灯", "hours": 2}),
    ("south", "feed_back", {"comment": "路面好了"}),
    ("desk", "suspend", {"reason": "等许可"}),
    ("desk", "resume", {}),
    ("lamps", "finish", {"comment": "好了"}),
    ("desk", "rework", {"comment": "不亮"}),
    ("lamps", "complete", {"comment": "换了灯泡"}),
    ("lamps", "confirm", {}),
    ("desk", "pass", {}),
]
OPENED = ["opened", "assigned_automatically"]
TOLD = [*OPENED, *[action for _, action, _ in STEPS], "closed"]
TOLD.insert(TOLD.index("finish") + 1, "request_lapsed")


@dataclass
class Clients:
    """People at the doors; a request that got no answer is sent again, to whichever door answers."""

    town: Town
    ports: list[int]
    done: asyncio.Event = field(default_factory=asyncio.Event)
    interrupted: int = 0
    cases: list[str] = field(default_factory=list)

    async def work(self, number: int) -> None:
        """Cases from the report to the check, one after another, until it is `done`."""
        chance = random.Random(number)
        async with httpx.AsyncClient(timeout=10) as client:
            turn = 0
            while not self.done.is_set():
                key = f"{number}-{turn}"
                told = await self.send(
                    client, chance, None, "/reports", {"text": "路灯不亮", "lon": 120.38, "lat": 36.07}, key
                )
                for step, (account, action, body) in enumerate(STEPS):
                    path = f"/cases/{told['case_id']}/actions/{action}"
                    await self.send(client, chance, account, path, body, f"{key}-{step}")
                self.cases.append(told["case_id"])
                turn += 1

    async def send(
        self,
        client: httpx.AsyncClient,
        chance: random.Random,
        account: str | None,
        path: str,
        body: Any,
        key: str,
    ) -> Any:
        headers = {"Idempotency-Key": key}
        if account is not None:
            headers["Authorization"] = f"Bearer {self.town.tokens[account]}"
        end = monotonic() + PATIENCE_S
        while True:
            url = f"http://127.0.0.1:{chance.choice(self.ports)}/api/v1{path}"
            try:
                answer = await client.post(url, json=body, headers=headers)
            except httpx.ConnectError:
                await asyncio.sleep(0.05)
            except httpx.TransportError:
                self.interrupted += 1
            else:
                assert answer.status_code in {200, 201}, f"{path}: {answer.text}"
                return answer.json()
            assert monotonic() < end, f"no answer to {path}"


@pytest.fixture
async def today(town: Town) -> Town:
    """The city at the time of the processes' own clocks."""
    town.clock.moment = datetime.now(UTC)
    async with town.database.transaction() as tx:
        await tx.execute(SEEN)
        for row in await (await tx.execute("SELECT id, account FROM identity.party")).fetchall():
            if row["account"] in town.tokens:
                _, town.tokens[row["account"]] = await town.identity.make_token(
                    tx, SYSTEM, row["id"], "crash", timedelta(days=1)
                )
    return town


@pytest.fixture
async def processes(
    today: Town, nats_url: str, tmp_path: Path
) -> AsyncIterator[tuple[list[Killable], list[int]]]:
    files, url = f"file://{tmp_path}/files", today.database.url
    async with Nervous(nats_url, "test") as nervous:
        await nervous.ensure_stream()
    ports = [pick_port(), pick_port()]
    running = [Killable(api, url, files, port) for port in ports]
    running += [Killable(worker, url, nats_url, files) for _ in range(2)]
    try:
        for each in running:
            await asyncio.to_thread(each.start)
        yield running, ports
    finally:
        for each in running:
            await asyncio.to_thread(each.kill)


async def test_whatever_is_killed_no_case_is_stuck_none_advances_twice_and_nobody_is_told_twice(
    today: Town, processes: tuple[list[Killable], list[int]]
) -> None:
    running, ports = processes
    chance, clients = random.Random(SEED), Clients(today, ports)
    async with asyncio.TaskGroup() as people:
        for number in range(CLIENTS):
            people.create_task(clients.work(number))
        alarms = people.create_task(raise_alarms(today))
        for _ in range(KILLS):
            await asyncio.sleep(chance.uniform(*PAUSE_S))
            victim = chance.choice(running)
            await asyncio.to_thread(victim.kill)
            await asyncio.to_thread(victim.start)
        await alarms
        clients.done.set()
    assert clients.interrupted > 0, "no request was under way when a door was killed"
    await quiet(today)

    for case_id in clients.cases:
        entries = await today.rows("SELECT event FROM cases.timeline WHERE case_id = %s ORDER BY id", case_id)
        assert [row["event"] for row in entries if row["event"] != "link_suggested"] == TOLD
    reported = await today.rows("SELECT id, status FROM cases.\"case\" WHERE source = 'citizen'")
    assert {str(row["id"]) for row in reported} == set(clients.cases)
    assert {row["status"] for row in reported} == {"closed"}
    assert len(await today.rows("SELECT FROM cases.\"case\" WHERE source = 'alarm'")) == ALARMS
    await nobody_was_told_twice(today)


async def raise_alarms(town: Town) -> None:
    for n in range(ALARMS):
        event = alarm_event(entity=f"urn:ngsi-ld:Underpass:{n}")
        async with town.database.transaction() as tx:
            await outbox.publish(tx, event.subject, event.data)
        await asyncio.sleep(0.1)


async def quiet(town: Town) -> None:
    """Waits until all that was announced has been heard, and all that is to be told has been addressed."""
    end = monotonic() + PATIENCE_S
    waits = (
        "SELECT (SELECT count(*) FROM infra.outbox)"
        " + (SELECT count(*) FROM notifications.notice WHERE addressed_at IS NULL)"
        " + (SELECT count(*) FROM notifications.message WHERE state IN ('waiting', 'gathering')) AS n,"
        " (SELECT count(*) FROM seen) AS seen,"
        " (SELECT count(*) FROM cases.\"case\" WHERE source = 'alarm') AS alarms"
    )
    before = None
    while True:
        (row,) = await town.rows(waits)
        now = (row["seen"], row["alarms"])
        if row["n"] == 0 and row["alarms"] == ALARMS and now == before:
            return
        assert monotonic() < end, f"waited in vain: {row}"
        before = now
        await asyncio.sleep(2.5)


async def nobody_was_told_twice(town: Town) -> None:
    seen = Counter(row["event_id"] for row in await town.rows("SELECT event_id FROM seen"))
    assert set(seen.values()) == {1}
    # Every case: once opened, then each action; the alarms' cases only opened, with one informed.
    changes = await town.rows(
        'SELECT count(*) AS n FROM cases.timeline t JOIN cases."case" c ON c.id = t.case_id'
        " WHERE c.source = 'citizen' AND event <> ALL (%s)",
        ["assigned_automatically", "closed", "request_lapsed", "link_suggested"],
    )
    assert len(seen) == changes[0]["n"] + ALARMS
    keys = Counter(row["key"] for row in await town.rows("SELECT key FROM notifications.notice"))
    assert set(keys.values()) == {1}
    told = await town.rows(
        "SELECT template, count(*) AS n FROM notifications.notice GROUP BY template ORDER BY template"
    )
    by_template = {row["template"]: row["n"] for row in told}
    cases = len(await town.rows("SELECT FROM cases.\"case\" WHERE source = 'citizen'"))
    assert by_template["case_reminded"] == by_template["case_rework"] == cases
    assert by_template["case_assigned"] == cases + ALARMS
