"""A scheduled rule over the past, moment after moment, by the code that the clock runs."""

import numpy as np

from yunnao.infra.postgres import Transaction
from yunnao.kernel.errors import TooLarge
from yunnao.kernel.packs.scheduled_rules import ScheduledRule
from yunnao.modules.sensing.domain.times import UNKNOWN_US
from yunnao.modules.sensing.rules.domain.review import Episodes
from yunnao.modules.sensing.scheduled.domain.columns import Int64
from yunnao.modules.sensing.scheduled.domain.stepping import step
from yunnao.modules.sensing.scheduled.scoring import Scoring

moments_max = 10_000


async def rehearse(
    tx: Transaction, scoring: Scoring, spec: ScheduledRule, start_us: int, until_us: int
) -> tuple[Int64, Episodes]:
    """The numbers of the devices (k), and the alarms of start <= time < until, whose `device` is a place
    among them. Raises TooLarge `dry_run_moments`, and as `Scoring.score` does.
    """
    every_us = spec.every_s * 1_000_000
    moments = range(-(-start_us // every_us) * every_us, until_us, every_us)
    if len(moments) > moments_max:
        raise TooLarge("dry_run_moments", moments=moments_max, every_s=spec.every_s)
    device = np.zeros(0, np.int64)
    since = start = np.zeros(0, np.int64)
    value = np.zeros(0)
    done: list[Episodes] = []
    for at_us in moments:
        scores = await scoring.score(tx, 0, spec, at_us)
        if len(device) != len(scores.device):
            device = scores.device.astype(np.int64)
            since, start = (np.full(len(device), UNKNOWN_US, np.int64) for _ in range(2))
            value = np.full(len(device), np.nan)
        after = step(spec, scores, since, start != UNKNOWN_US, at_us)
        since = after.since_us
        if after.cleared.any():
            place = np.flatnonzero(after.cleared)
            done.append(Episodes(place, start[place], np.full(len(place), at_us), value[place]))
            start = np.where(after.cleared, UNKNOWN_US, start)
        start = np.where(after.opened, at_us, start)
        value = np.where(after.opened, scores.value, value)
    place = np.flatnonzero(start != UNKNOWN_US)
    done.append(Episodes(place, start[place], np.full(len(place), UNKNOWN_US), value[place]))
    return device, _joined(done)


def _joined(parts: list[Episodes]) -> Episodes:
    device = np.concatenate([part.device for part in parts])
    start_us = np.concatenate([part.start_us for part in parts])
    order = np.lexsort((start_us, device))
    return Episodes(
        device[order],
        start_us[order],
        np.concatenate([part.end_us for part in parts])[order],
        np.concatenate([part.value for part in parts])[order],
    )
