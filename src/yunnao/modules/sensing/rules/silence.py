"""Silence rules: a periodic scan, since what is missing brings no message."""

from datetime import datetime

import numpy as np

from yunnao.infra.nats_subjects import PARTITIONS
from yunnao.infra.postgres import Transaction, load_queries
from yunnao.kernel.ids import new_id
from yunnao.kernel.packs.streaming_rules import SilenceRule
from yunnao.modules.sensing.alarms import NOTHING, Opening, State, Teller, load_states, save_states
from yunnao.modules.sensing.domain.times import to_us
from yunnao.modules.sensing.live.questions import Live
from yunnao.modules.sensing.registry import InstalledRule, active_rules
from yunnao.modules.sensing.rules.domain.schedules import CityTime, in_force
from yunnao.modules.sensing.rules.windows import load_windows

QUERIES = load_queries("yunnao.modules.sensing", "intake.sql")
scan_devices_max = 1_000
"""Openings of one rule in one scan; the next scan goes on."""


async def scan(tx: Transaction, teller: Teller, live: Live, city: CityTime, now: datetime) -> int:
    """Opens alarms for devices that fell silent; returns how many.

    Judged up to the moment to which every partition was read, and only over the time since which
    all were: a backlog, a stopped worker or a broken network is not a silent device.
    """
    watch = await (await tx.execute(QUERIES["watch_state"], {"partitions": PARTITIONS})).fetchone()
    if watch is None or watch["lanes"] < PARTITIONS:
        return 0
    openings: list[Opening] = []
    for rule in await active_rules(tx):
        if isinstance(rule.spec, SilenceRule) and _is_in_force(rule.spec, city, now):
            openings += await _silent(tx, live, rule, rule.spec, (watch["since"], watch["until"]))
    openings = await _not_maintained(tx, openings, now)
    if openings:
        await teller.lock(tx)  # before the states, which a batch writes while it holds this lock
    before = await load_states(tx, [opening.device for opening in openings])
    kept = await teller.tell(tx, openings, [])
    after = dict(before)
    for opening in openings:
        key = opening.device, opening.rule.number
        after[key] = State(before.get(key, NOTHING).since_us, kept[opening.id])
    await save_states(tx, before, after)
    return len(openings)


async def _silent(
    tx: Transaction, live: Live, rule: InstalledRule, spec: SilenceRule, listened: tuple[datetime, datetime]
) -> list[Opening]:
    """Openings of one rule."""
    silent = await live.fell_silent(tx, spec.product, spec.after_s, *listened)
    cursor = await tx.execute(QUERIES["silent_known"], {"rule": rule.number})
    known = {row["device"] for row in await cursor.fetchall()}
    return [
        Opening(new_id(), rule, each.device, None, each.since, each.seen_at)
        for each in silent
        if each.device not in known
    ][:scan_devices_max]


def _is_in_force(spec: SilenceRule, city: CityTime, now: datetime) -> bool:
    return spec.active is None or bool(in_force(spec.active, np.array([to_us(now)]), city)[0])


async def _not_maintained(tx: Transaction, openings: list[Opening], now: datetime) -> list[Opening]:
    """Without the devices that are being maintained now; who is still silent afterwards is found then."""
    if not openings:
        return []
    devices = np.array([opening.device for opening in openings], np.int32)
    barred = (await load_windows(tx, now)).barred(devices, np.full(len(devices), to_us(now)))
    return openings if barred is None else [o for o, b in zip(openings, barred, strict=True) if not b]
