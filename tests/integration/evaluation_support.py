"""A town with the urban-management scene's indicators, and cases that ran in every way."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from fastapi import APIRouter
from tests.integration.cases_support import SCENE, Town
from tests.integration.cases_support import town as plain_town

from yunnao.infra.paths import project_root
from yunnao.infra.postgres import Transaction
from yunnao.modules.cases.evaluation import http as evaluation_http
from yunnao.modules.cases.evaluation import http_reports as reports_http
from yunnao.modules.cases.evaluation.facade import Evaluation
from yunnao.modules.cases.mining import http as mining_http
from yunnao.scenes import load_scene

INDICATORS = load_scene(project_root() / "scenes/urban-management").indicators

__all__ = ["INDICATORS", "JudgedTown", "judged", "plain_town", "synthetic"]


class JudgedTown:
    """The town and its evaluation."""

    def __init__(self, town: Town, evaluation: Evaluation) -> None:
        self.town, self.evaluation = town, evaluation

    async def keep(self) -> None:
        """Until nothing is due."""
        while True:
            async with self.town.database.transaction() as tx:
                await self.evaluation.keep(tx)
                standing = await self.evaluation.standing(tx)
            if not standing.cases_due and not standing.days_due:
                break
        async with self.town.database.transaction() as tx:
            while await self.evaluation.keep_months(tx):
                pass

    async def figures(self, account: str = "leader", **asked: Any) -> dict[str, dict[str, Any]]:
        told = await self.town.get(account, "/evaluation/figures", params=asked)
        return {each["indicator"]: each for each in told["items"]}


@pytest.fixture
async def judged(plain_town: Town) -> JudgedTown:
    town = plain_town
    evaluation = town.cases.evaluation
    async with town.database.transaction() as tx:
        await evaluation.install_scene(tx, SCENE.model_copy(update={"indicators": INDICATORS}))
    api = APIRouter(prefix="/api/v1")
    api.include_router(evaluation_http.router(evaluation))
    api.include_router(reports_http.router(town.cases.monthly_reports))
    api.include_router(mining_http.router(town.cases.mining))
    town.app.include_router(api)
    return JudgedTown(town, evaluation)


async def synthetic(tx: Transaction, cases: int, *, days: int = 100, seed: int = 7) -> None:
    """So many cases with their timelines, opened over `days` days from 1 July 2026."""
    chance = np.random.default_rng(seed)
    start = datetime(2026, 7, 1, tzinfo=UTC)
    flow = await (await tx.execute("SELECT flow_hash FROM cases.case_type LIMIT 1")).fetchone()
    assert flow is not None
    for n in range(cases):
        opened = start + timedelta(seconds=float(chance.uniform(0, days * 86_400)))
        closed = opened + timedelta(hours=float(chance.exponential(40)))
        done = chance.random() < 0.9
        await tx.execute(
            """
            WITH c AS (
                INSERT INTO cases."case" (id, number, tracking_hash, source, scene, case_type, flow_hash,
                    status, category, department, title, text, district, street, reporter, automatic,
                    confidence, dispatch, opened_at, due_at, closed_at, changed_at, score, workflow)
                VALUES (uuidv7(), %(number)s, %(hash)s, %(source)s, 'test-scene', 'report', %(flow)s,
                    %(status)s, %(category)s, %(department)s, 'x', 'x', %(district)s, NULL, %(reporter)s,
                    %(automatic)s, 0.9, '{}', %(opened)s, %(due)s, %(closed)s, %(opened)s, %(score)s, '{}')
                RETURNING id
            )
            INSERT INTO cases.timeline (id, case_id, time, event, actor_id, actor_name, actor_kind)
            SELECT uuidv7(), c.id, e.time, e.event, %(actor)s::uuid, '{"zh": "王", "en": "Wang"}', 'person'
            FROM c, unnest(%(events)s::text[], %(times)s::timestamptz[]) AS e (event, time)
            """,
            {
                "number": f"S-{n}",
                "hash": n.to_bytes(4, "big"),
                "source": str(chance.choice(["citizen", "hotline", "alarm", "officer"])),
                "flow": flow["flow_hash"],
                "status": "closed" if done else "handling",
                "category": str(chance.choice(["L", "G", "W"])),
                "department": str(chance.choice(["lighting", "shinan", "shibei"])),
                "district": str(chance.choice(["370202", "370203"])),
                "reporter": f'{{"phone": "1390000{chance.integers(0, 40):04d}"}}',
                "automatic": bool(chance.random() < 0.8),
                "opened": opened,
                "due": opened + timedelta(hours=48),
                "closed": closed if done else None,
                "score": int(chance.integers(1, 6)) if done and chance.random() < 0.4 else None,
                "actor": f"00000000-0000-7000-8000-00000000000{chance.integers(1, 4)}",
                "events": (events := _events(chance)),
                "times": [opened + (closed - opened) * k / len(events) for k in range(len(events))],
            },
        )


def _events(chance: np.random.Generator) -> list[str]:
    events = ["opened", "assign"]
    if chance.random() < 0.1:
        events += ["return", "assign"]
    events += ["accept", "finish"]
    if chance.random() < 0.1:
        events += ["rework", "finish"]
    return [*events, "pass", "closed"]
