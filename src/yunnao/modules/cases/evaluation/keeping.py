"""Keeping what is known of cases and its sums up to date: read what changed, sum what it touches."""

from datetime import timedelta
from typing import Any

from psycopg.types.json import Jsonb

from yunnao.infra.postgres import Transaction
from yunnao.kernel.packs.city import CityPack
from yunnao.kernel.packs.indicators import EvaluationSettings, Indicator
from yunnao.kernel.packs.scene import ScenePack
from yunnao.kernel.time import Clock
from yunnao.modules.cases.evaluation import store
from yunnao.modules.cases.evaluation.domain import (
    BITS,
    EVENT_FACTS,
    MEASURES,
    REPEAT_DAYS,
    as_kept,
    event_bits,
)

CASES_PER_TURN_MAX = 20_000
DAYS_PER_TURN_MAX = 31
MONTHS_PER_TURN_MAX = 2


async def install_city(tx: Transaction, pack: CityPack) -> None:
    await store.run(
        tx,
        "settings_put",
        city=Jsonb(pack.manifest.name.model_dump()),
        settings=Jsonb(pack.manifest.evaluation.model_dump(mode="json")),
    )


async def install_scene(tx: Transaction, pack: ScenePack) -> None:
    """Keeps the scene's indicators; where what is summed changes, every day becomes due."""
    await install_indicators(tx, pack.manifest.scene, pack.indicators)


async def install_indicators(tx: Transaction, scene: str, indicators: dict[str, Indicator]) -> None:
    kept = [as_kept(name, n, spec) for n, (name, spec) in enumerate(indicators.items())]
    await store.run(tx, "indicators_retire", scene=scene, names=list(indicators))
    changed = await store.one(tx, "indicators_changed", indicators=Jsonb(kept))
    await store.run(tx, "indicators_upsert", scene=scene, indicators=Jsonb(kept))
    if changed and changed["n"]:
        await store.run(tx, "days_all_due")
        await store.run(tx, "months_all_due")


async def settings(tx: Transaction) -> EvaluationSettings:
    row = await store.one(tx, "state_get")
    return EvaluationSettings.model_validate(row["settings"] if row else {})


async def keep(tx: Transaction, clock: Clock) -> int:
    """One turn: cases that changed, then the days that they touch. Returns the cases read."""
    await store.run(tx, "changes_read")
    taken = [row["case_id"] for row in await store.rows(tx, "cases_take", limit=CASES_PER_TURN_MAX)]
    if taken:
        chosen = await settings(tx)
        events, bits = event_bits()
        await store.run(
            tx,
            "facts_keep",
            ids=taken,
            events=events,
            event_bits=bits,
            survey_share=chosen.survey_share,
            repeat_span=timedelta(days=REPEAT_DAYS),
            **_kept_bits(),
        )
        await store.run(tx, "persons_keep", ids=taken)
    days = [row["day"] for row in await store.rows(tx, "days_take", limit=DAYS_PER_TURN_MAX)]
    if days:
        await store.run(tx, "days_clear", days=days)
        await store.run(tx, "days_sum", days=days, measures=list(MEASURES))
    await store.run(tx, "kept", now=clock.now())
    return len(taken)


async def keep_months(tx: Transaction, clock: Clock) -> int:
    """Sums months that changed; rare, since the sums of a month by category cost a second."""
    months = [row["month"] for row in await store.rows(tx, "months_take", limit=MONTHS_PER_TURN_MAX)]
    if months:
        await store.run(tx, "months_clear", months=months)
        for month in months:
            await store.run(tx, "months_sum", start=month, measures=list(MEASURES))
            await store.run(tx, "month_made", month=month, now=clock.now())
    return len(months)


def _kept_bits() -> dict[str, Any]:
    """Bits that the query sets itself; the others come of events."""
    of_events = {fact for _, facts in EVENT_FACTS for fact in facts if fact != "settled"}
    return {name: bit for name, bit in BITS.items() if name not in of_events}
