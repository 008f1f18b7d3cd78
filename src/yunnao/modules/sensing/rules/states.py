"""States of rules in the database: loaded whole once, then by what others changed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from psycopg.rows import tuple_row

from yunnao.infra.postgres import Transaction, load_queries
from yunnao.kernel.ids import UUID
from yunnao.modules.sensing.contracts import Int64
from yunnao.modules.sensing.domain.times import UNKNOWN_US

QUERIES = load_queries("yunnao.modules.sensing.rules", "rules.sql")
changes_followed_max = 10_000
"""Versions behind which a worker reads every state anew instead of what changed."""


@dataclass(frozen=True)
class KeptStates:
    """n rows of `sensing.rule_state`; `since_us` is UNKNOWN_US where there is none."""

    device: Int64
    rule: Int64
    since_us: Int64
    readings: Int64
    alarm: Sequence[UUID | None]


async def change_version(tx: Transaction) -> int:
    row = await (await tx.execute(QUERIES["change_version"])).fetchone()
    assert row is not None  # the migration put its one row
    return int(row["version"])


async def bump(tx: Transaction) -> int:
    """Tells every ingest worker that rules, maintenance or states changed; the new version."""
    row = await (await tx.execute(QUERIES["change_bump"])).fetchone()
    assert row is not None  # the migration put its one row
    return int(row["version"])


async def load(tx: Transaction, since_version: int | None = None) -> KeptStates:
    """Every state, or those that others wrote after `since_version`."""
    async with tx.cursor(row_factory=tuple_row) as cursor:
        if since_version is None:
            await cursor.execute(QUERIES["states_all"])
        else:
            await cursor.execute(QUERIES["states_changed"], {"version": since_version})
        rows = await cursor.fetchall()
    return KeptStates(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.int64),
        np.array([UNKNOWN_US if row[2] is None else row[2] for row in rows], np.int64),
        np.array([row[3] for row in rows], np.int64),
        [row[4] for row in rows],
    )


async def save(tx: Transaction, states: KeptStates) -> None:
    """Writes states of devices whose lanes the caller owns; empty ones go."""
    some = np.array([alarm is not None for alarm in states.alarm], np.bool_) | (states.since_us != UNKNOWN_US)
    gone, kept = np.flatnonzero(~some), np.flatnonzero(some)
    if len(gone):
        await tx.execute(
            QUERIES["states_forget"],
            {"devices": states.device[gone].tolist(), "rules": states.rule[gone].tolist()},
        )
    if len(kept):
        since = states.since_us[kept].tolist()
        await tx.execute(
            QUERIES["states_keep"],
            {
                "devices": states.device[kept].tolist(),
                "rules": states.rule[kept].tolist(),
                "since_us": [None if us == UNKNOWN_US else us for us in since],
                "readings": states.readings[kept].tolist(),
                "alarms": [states.alarm[i] for i in kept.tolist()],
            },
        )
