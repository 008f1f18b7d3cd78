"""What happens to cases by the clock: suspensions end, closed cases are archived."""

from datetime import datetime

from psycopg.types.json import Jsonb

from yunnao.infra import outbox
from yunnao.infra.postgres import Transaction
from yunnao.kernel.ids import new_id
from yunnao.kernel.principal import SYSTEM
from yunnao.modules.cases.acting import store, telling
from yunnao.modules.cases.acting.act import save
from yunnao.modules.cases.acting.catalogue import ACTIONS
from yunnao.modules.cases.acting.doing import Doing
from yunnao.modules.cases.acting.effects import EFFECTS
from yunnao.modules.cases.acting.situation import situation
from yunnao.modules.cases.contracts import ActionData
from yunnao.modules.cases.parts import Parts, announce, announcement, note

RESUMED_ROWS_MAX = 200
ARCHIVED_ROWS_MAX = 2_000


async def resume_due(tx: Transaction, parts: Parts, now: datetime) -> int:
    """Ends suspensions whose date has come. Returns how many."""
    found = await store.rows(tx, "suspended_until_passed", now=now, limit=RESUMED_ROWS_MAX)
    snapshot = await parts.registry.current(tx) if found else None
    for each in found:
        assert snapshot is not None
        row = await store.one(tx, "lock", id=each["id"])
        assert row is not None
        doing = Doing(
            tx, parts, snapshot, await situation(tx, row, frozenset()), dict(row), ACTIONS["resume"],
            ActionData(), SYSTEM, now,
        )  # fmt: skip
        await EFFECTS["resume"](doing)
        await save(doing, row["workflow"])
        entry = await note(
            tx, parts, row["id"], "resume", SYSTEM, department=row["department"], detail=doing.detail
        )
        await announce(tx, snapshot, "cases.case.changed", doing.case)
        await telling.after(doing, entry)
    return len(found)


async def archive(tx: Transaction, parts: Parts, now: datetime) -> int:
    """Archives what has been closed for as long as its type declares. Returns how many."""
    found = await store.rows(tx, "archive", now=now, limit=ARCHIVED_ROWS_MAX)
    if not found:
        return 0
    await store.run(
        tx,
        "timeline_insert_many",
        ids=[new_id() for _ in found],
        case_ids=[row["id"] for row in found],
        now=now,
        event="archived",
        actor_name=Jsonb(SYSTEM.name.model_dump()),
        detail=Jsonb({}),
    )
    snapshot = await parts.registry.current(tx)
    subject = "cases.case.changed"
    await outbox.publish_many(tx, [(subject, announcement(snapshot, subject, row)) for row in found])
    return len(found)
