"""What each scheduled operator asks for, and the score that it makes of it."""

from collections.abc import Sequence

import numpy as np

from yunnao.kernel.packs.scheduled_rules import (
    NeighboursRule,
    RelatedRule,
    SameHourRule,
    ScheduledRule,
    Side,
    WindowRule,
)
from yunnao.modules.sensing.scheduled.domain.columns import (
    Floats,
    Int64,
    Need,
    Past,
    Relations,
    Scores,
    Sites,
    aggregate,
)

WEEK_US = 7 * 86_400_000_000
EARTH_RADIUS_M = 6_371_008.8
MAD_TO_DEVIATION = 1.4826
"""Makes the median absolute deviation of normal values their standard deviation."""


def window_us(rule: WindowRule | SameHourRule | NeighboursRule | RelatedRule) -> int:
    return round(rule.window_s * 1e6)


def needs(rule: ScheduledRule, at_us: int) -> list[Need]:
    """What `score` of the rule at `at_us` must be given, its own window first."""
    if not isinstance(rule, WindowRule | SameHourRule | NeighboursRule | RelatedRule):
        return []
    start_us = at_us - window_us(rule)
    found = [Need(rule.product, rule.metric, start_us, at_us)]
    if isinstance(rule, SameHourRule):
        weeks = range(1, rule.weeks + 1)
        found += [Need(rule.product, rule.metric, start_us - w * WEEK_US, at_us - w * WEEK_US) for w in weeks]
    if isinstance(rule, RelatedRule):
        found.append(Need(rule.other.product, rule.other.metric, start_us, at_us))
    return found


def score(rule: ScheduledRule, wanted: Sequence[Need], past: Past, relations: Relations) -> Scores:
    """Scores of every device of the rule's product; `wanted` as `needs` said."""
    sites, own = past[wanted[0]]
    void = np.zeros(len(sites), np.bool_)
    if isinstance(rule, WindowRule):
        value, count = aggregate(sites, own, rule.statistic)
        if rule.statistic not in {"count", "sum"}:
            value = np.where(count >= rule.count_min, value, np.nan)
        return Scores(sites.device, value, void)
    now, _ = aggregate(sites, own, "mean")
    if isinstance(rule, SameHourRule):
        weeks = np.stack([aggregate(*past[need], "mean")[0] for need in wanted[1:]], axis=1)
        return Scores(sites.device, same_hour(rule, now, weeks), void)
    if isinstance(rule, NeighboursRule):
        return Scores(sites.device, neighbours(rule, sites, now), void)
    assert isinstance(rule, RelatedRule)
    others, readings = past[wanted[1]]
    other = _gathered(rule, sites, others, aggregate(others, readings, "mean")[0], relations)
    if rule.compare == "both":
        above = np.inf if rule.other_above is None else rule.other_above
        below = -np.inf if rule.other_below is None else rule.other_below
        beyond = (other > above) | (other < below)
        return Scores(sites.device, np.where(np.isnan(other), np.nan, now), np.isfinite(other) & ~beyond)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = now - other if rule.compare == "difference" else (now - other) / now
    return Scores(sites.device, np.where(np.isfinite(value), value, np.nan), void)


def same_hour(rule: SameHourRule, now: Floats, weeks: Floats) -> Floats:
    """Scores (n) of `now` (n) against past `weeks` (n, weeks), NaN where one is not known."""
    enough = np.isfinite(weeks).sum(axis=1) >= rule.weeks_min
    value = np.full(len(now), np.nan)
    if not enough.any():
        return value
    known = weeks[enough]
    middle = np.nanmedian(known, axis=1)
    away = now[enough] - middle
    if rule.measure == "percent":
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = away / np.abs(middle) * 100
        value[enough] = np.where(middle != 0, shares, np.nan)
    else:
        spread = np.nanmedian(np.abs(known - middle[:, None]), axis=1) * MAD_TO_DEVIATION
        value[enough] = _in_spreads(away, spread, rule.spread_min)
    return _sided(value, rule.side)


def neighbours(rule: NeighboursRule, sites: Sites, now: Floats) -> Floats:
    """Scores (n) against the neighbours that have a value; NaN where they are too few."""
    value = np.full(len(now), np.nan)
    usable = np.flatnonzero(np.isfinite(now) & np.isfinite(sites.lon) & np.isfinite(sites.lat))
    if len(usable) <= rule.neighbours_min:
        return value
    places = np.radians(np.column_stack([sites.lat[usable], sites.lon[usable]]))
    # Every role loads this module, and loading scikit-learn takes seconds.
    from sklearn.neighbors import BallTree

    tree = BallTree(places, metric="haversine")
    values = now[usable]
    if rule.nearest is not None:
        k = min(rule.nearest + 1, len(usable))
        distance, index = tree.query(places, k=k)
        near = values[index]
        # A device is no neighbour of its own; at one place with others it may not be the first found.
        own = index == np.arange(len(usable))[:, None]
        own[~own.any(axis=1), -1] = True
        far = distance * EARTH_RADIUS_M > (rule.within_m or np.inf)
        near = np.where(own | far, np.nan, near)
        value[usable] = _against(rule, values, near)
        return value
    assert rule.within_m is not None  # the model has one of the two
    index = tree.query_radius(places, rule.within_m / EARTH_RADIUS_M)
    longest = max(len(each) for each in index)
    near = np.full((len(usable), longest), np.nan)
    rows = np.repeat(np.arange(len(usable)), [len(each) for each in index])
    columns = np.concatenate([np.arange(len(each)) for each in index])
    members: Int64 = np.concatenate(index)
    near[rows, columns] = np.where(members == rows, np.nan, values[members])
    value[usable] = _against(rule, values, near)
    return value


def _against(rule: NeighboursRule, own: Floats, near: Floats) -> Floats:
    """Scores of `own` (n) against neighbours' values (n, k), NaN where there is none."""
    found = np.full(len(own), np.nan)
    enough = np.isfinite(near).sum(axis=1) >= rule.neighbours_min
    if enough.any():
        middle = np.nanmedian(near[enough], axis=1)
        away = own[enough] - middle
        if rule.measure == "deviations":
            spread = np.nanmedian(np.abs(near[enough] - middle[:, None]), axis=1) * MAD_TO_DEVIATION
            away = _in_spreads(away, spread, rule.spread_min)
        found[enough] = _sided(away, rule.side)
    return found


def _in_spreads(away: Floats, spread: Floats, spread_min: float) -> Floats:
    """How many standard deviations; what always was the same and is not any more is infinitely many."""
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = away / np.maximum(spread, spread_min)
    return np.where(away == 0, 0.0, shares)


def _sided(value: Floats, side: Side) -> Floats:
    if side == "both":
        return np.abs(value)
    return value if side == "above" else -value


def _gathered(rule: RelatedRule, sites: Sites, others: Sites, value: Floats, relations: Relations) -> Floats:
    """For each site the related devices' values combined; NaN unless all of them have one."""
    at: dict[str, list[int]] = {}
    for i, entity in enumerate(others.entity):
        at.setdefault(_target(rule, entity, relations), []).append(i)
    rows: list[int] = []
    columns: list[int] = []
    for row, entity in enumerate(sites.entity):
        key = entity
        if rule.other.relation is not None and rule.other.points_to == "other":
            key = relations.get(entity, {}).get(rule.other.relation, "")
        found = at.get(key, ())
        rows += [row] * len(found)
        columns += found
    combined = np.full(len(sites), np.nan)
    if not rows:
        return combined
    site = np.array(rows)
    start = np.flatnonzero(np.r_[True, site[1:] != site[:-1]])
    number = np.diff(np.r_[start, len(site)])
    parts = value[columns]
    reduce = {"sum": np.add, "mean": np.add, "min": np.minimum, "max": np.maximum}[rule.other.combine]
    total = reduce.reduceat(parts, start)
    combined[site[start]] = total / number if rule.other.combine == "mean" else total
    return combined


def _target(rule: RelatedRule, entity: str, relations: Relations) -> str:
    """The thing to which a device of another thing belongs in the comparison."""
    if rule.other.relation is None or rule.other.points_to == "other":
        return entity
    return relations.get(entity, {}).get(rule.other.relation, "")
