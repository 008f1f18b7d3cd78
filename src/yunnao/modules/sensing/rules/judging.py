"""Rules over a batch: states loaded, evaluated in columns, saved, alarms told."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from yunnao.infra.postgres import Transaction
from yunnao.kernel.ids import UUID, new_id
from yunnao.kernel.packs.streaming_rules import ThresholdRule
from yunnao.modules.sensing.alarms import (
    NOTHING,
    Clearing,
    Opening,
    State,
    States,
    Teller,
    load_states,
    save_states,
)
from yunnao.modules.sensing.blocks import Block
from yunnao.modules.sensing.contracts import Int32, Int64
from yunnao.modules.sensing.domain.times import UNKNOWN_US, from_us
from yunnao.modules.sensing.registry import InstalledRule
from yunnao.modules.sensing.rules.domain.threshold import RuleStates, Transitions, evaluate


async def judge(
    tx: Transaction, teller: Teller, blocks: Sequence[Block], series: Int32, prior_us: Int64
) -> None:
    """Evaluates every rule that concerns distinct `blocks`.

    `prior_us` beside `series` (ascending): the times up to which each series was evaluated.
    """
    if not any(block.product.rules for block in blocks):
        return
    devices = np.unique(np.concatenate([block.devices for block in blocks if block.product.rules]))
    before = await load_states(tx, devices.tolist())
    after = dict(before)
    openings: list[Opening] = []
    clearings: list[Clearing] = []
    for block in blocks:
        _end_silence(block, after, clearings)
        for rule, spec in block.product.thresholds:
            if spec.metric == block.metric:
                last_us = prior_us[np.searchsorted(series, block.series)]
                _judge_threshold(
                    rule, spec, block, last_us, states=after, openings=openings, clearings=clearings
                )
    kept = await teller.tell(tx, openings, clearings)
    for key, state in after.items():
        if state.alarm in kept:
            after[key] = replace(state, alarm=kept[state.alarm])
    await save_states(tx, before, after)


def _end_silence(block: Block, states: States, clearings: list[Clearing]) -> None:
    """Whoever speaks is not silent any more; the clock of silence is that of arrival."""
    for rule, _ in block.product.silences:
        silent = [(d, state.alarm) for (d, r), state in states.items() if r == rule.number and state.alarm]
        for device, alarm in silent:
            spoken = block.arrival_us[block.devices == device]
            if len(spoken) and alarm is not None:
                clearings.append(Clearing(alarm, rule, device, from_us(int(spoken.min()))))
                states[device, rule.number] = NOTHING


def _judge_threshold(
    rule: InstalledRule,
    spec: ThresholdRule,
    block: Block,
    last_us: Int64,
    *,
    states: States,
    openings: list[Opening],
    clearings: list[Clearing],
) -> None:
    scale = None
    if spec.relative_to is not None:
        scale = block.product.attributes[spec.relative_to][block.rows]
    device, first = np.unique(block.devices, return_index=True)
    prior = _prior(rule.number, device, last_us[first], states)
    new, found = evaluate(
        spec, prior, device=block.devices, time_us=block.time_us, value=block.value, scale=scale
    )
    alarms = _follow(rule, found, states, openings, clearings)
    changed = (new.since_us != prior.since_us) | (new.open != prior.open)
    for i in np.flatnonzero(changed).tolist():
        key = int(device[i]), rule.number
        since = int(new.since_us[i])
        alarm = alarms[key] if key in alarms else states.get(key, NOTHING).alarm
        states[key] = State(None if since == UNKNOWN_US else since, alarm)
    for key, alarm in alarms.items():
        states[key] = replace(states.get(key, NOTHING), alarm=alarm)


def _prior(number: int, device: Int32, last_us: Int64, states: States) -> RuleStates:
    since_us = np.full(len(device), UNKNOWN_US, np.int64)
    is_open = np.zeros(len(device), np.bool_)
    for (known, rule), state in states.items():
        if rule == number:
            i = int(np.searchsorted(device, known))
            if i < len(device) and device[i] == known:
                since_us[i] = UNKNOWN_US if state.since_us is None else state.since_us
                is_open[i] = state.alarm is not None
    return RuleStates(device, last_us, since_us, is_open)


def _follow(
    rule: InstalledRule,
    found: Transitions,
    states: States,
    openings: list[Opening],
    clearings: list[Clearing],
) -> dict[tuple[int, int], UUID | None]:
    """Turns transitions into openings and clearings; answers each device's alarm afterwards.

    An alarm that opens and clears within the batch is one opening that ends.
    """
    alarms: dict[tuple[int, int], UUID | None] = {}
    opened_here: dict[UUID, int] = {}
    for i in range(len(found.device)):
        key = int(found.device[i]), rule.number
        at = from_us(int(found.time_us[i]))
        if found.opened[i]:
            opening = Opening(
                new_id(), rule, key[0], float(found.value[i]), at, from_us(int(found.since_us[i]))
            )
            opened_here[opening.id] = len(openings)
            openings.append(opening)
            alarms[key] = opening.id
            continue
        alarm = alarms[key] if key in alarms else states.get(key, NOTHING).alarm
        alarms[key] = None
        if alarm in opened_here:
            openings[opened_here[alarm]] = replace(openings[opened_here[alarm]], cleared_at=at)
        elif alarm is not None:
            clearings.append(Clearing(alarm, rule, key[0], at))
    return alarms
