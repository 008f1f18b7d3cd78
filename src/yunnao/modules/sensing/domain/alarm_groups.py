"""Which alarm lies beneath which: by relation to a cause, by place, by number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import asin, cos, degrees, radians, sin, sqrt
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from yunnao.kernel.packs.alarming import FloodLimit, Grouping
from yunnao.modules.sensing.domain.times import Int64

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius (IUGG)."""


@dataclass(frozen=True)
class Finding:
    """An alarm that stands, as grouping sees it.

    `gateway`: the number of the device that speaks for its own; `grouping`: what its rule declares.
    """

    id: UUID
    rule: str
    device: int
    gateway: int | None
    entity: str
    opened_us: int
    lon: float | None
    lat: float | None
    grouping: Grouping | None

    @property
    def order(self) -> tuple[int, UUID]:
        return self.opened_us, self.id


Relations = Mapping[str, Mapping[str, str]]
"""By entity: the name of each relation and the entity that it points to."""


def roots(findings: Sequence[Finding], relations: Relations) -> dict[UUID, UUID]:
    """The probable cause of every alarm that has one: the last of its chain of causes.

    A cause by relation goes before the gateway, and that before one by place. Of several, the farthest
    along the relations, then the one that opened first, then that of the lower id. Where causes form a
    ring, the first to open is the root. The answer does not depend on the order of `findings`.
    """
    by_entity: dict[str, list[Finding]] = {}
    by_device: dict[int, list[Finding]] = {}
    for finding in findings:
        by_entity.setdefault(finding.entity, []).append(finding)
        by_device.setdefault(finding.device, []).append(finding)
    ways: dict[int, dict[str, dict[str, int]]] = {}
    cause: dict[UUID, Finding] = {}
    unknown = float("nan")
    places = np.array(
        [(unknown if f.lat is None else f.lat, float(f.opened_us)) for f in findings], np.float64
    ).reshape(-1, 2)
    for finding in findings:
        if finding.grouping is None:
            continue
        of_rule = ways.setdefault(id(finding.grouping), {})
        if not of_rule and finding.grouping.links:
            of_rule.update(_ways(finding.grouping, relations))
        found = _by_relation(finding, by_entity, of_rule.get(finding.entity, {}))
        if found is None and finding.grouping.gateway and finding.gateway is not None:
            of_gateway = [o for o in by_device.get(finding.gateway, ()) if _may_cause(o, finding)]
            found = min(of_gateway, key=lambda other: other.order, default=None)
        found = found or _by_place(finding, findings, places)
        if found is not None:
            cause[finding.id] = found
    return {f.id: root.id for f in findings if (root := _last(f, cause)).id != f.id}


def _ways(grouping: Grouping, relations: Relations) -> dict[str, dict[str, int]]:
    """By entity: the entities that it depends on, and the number of hops to each."""
    direct: dict[str, set[str]] = {}
    for entity, named in relations.items():
        for link in grouping.links:
            other = named.get(link.relation)
            if other is not None and other != entity:
                effect, cause = (entity, other) if link.points_to == "cause" else (other, entity)
                direct.setdefault(effect, set()).add(cause)
    found: dict[str, dict[str, int]] = {}
    for start in direct:
        hops: dict[str, int] = {}
        frontier = {start}
        for distance in range(1, grouping.hops_max + 1):
            frontier = {c for e in frontier for c in direct.get(e, ())} - hops.keys() - {start}
            hops |= dict.fromkeys(frontier, distance)
        found[start] = hops
    return found


def _by_relation(
    finding: Finding, by_entity: Mapping[str, list[Finding]], hops: Mapping[str, int]
) -> Finding | None:
    near = [
        (-distance, other.order, other)
        for entity, distance in hops.items()
        for other in by_entity.get(entity, ())
        if _may_cause(other, finding)
    ]
    return min(near, key=lambda n: n[:2])[2] if near else None


def _by_place(finding: Finding, findings: Sequence[Finding], places: NDArray[np.float64]) -> Finding | None:
    """`places` (n, 2): latitude and time of opening of each of `findings`, to leave out the far ones."""
    if finding.grouping is None or finding.grouping.same_place_m is None or finding.lat is None:
        return None
    within = finding.grouping.same_place_m
    lat_max = degrees(within / EARTH_RADIUS_M)
    close = (np.abs(places[:, 0] - finding.lat) <= lat_max) & (places[:, 1] <= finding.opened_us)
    near = [
        other
        for other in (findings[i] for i in np.flatnonzero(close).tolist())
        if other.order < finding.order
        and _may_cause(other, finding)
        and _distance_m(other, finding) <= within
    ]
    return min(near, key=lambda other: other.order, default=None)


def _may_cause(cause: Finding, effect: Finding) -> bool:
    grouping = effect.grouping
    return (
        grouping is not None
        and cause.id != effect.id
        and abs(cause.opened_us - effect.opened_us) <= grouping.within_s * 1e6
        and (not grouping.under or cause.rule in grouping.under)
    )


def _distance_m(one: Finding, other: Finding) -> float:
    """Along a great circle (haversine); infinite where a place is not known."""
    if one.lon is None or one.lat is None or other.lon is None or other.lat is None:
        return float("inf")
    south, north = radians(one.lat), radians(other.lat)
    half = sin((north - south) / 2) ** 2
    half += cos(south) * cos(north) * sin(radians(other.lon - one.lon) / 2) ** 2
    return 2 * EARTH_RADIUS_M * asin(min(1.0, sqrt(half)))


def _last(finding: Finding, cause: Mapping[UUID, Finding]) -> Finding:
    """The end of a chain of causes; of a ring the first to open."""
    way = [finding]
    seen = {finding.id: 0}
    while (following := cause.get(way[-1].id)) is not None:
        if following.id in seen:
            return min(way[seen[following.id] :], key=lambda f: f.order)
        seen[following.id] = len(way)
        way.append(following)
    return way[-1]


def over_limit(limit: FloodLimit, prior_us: Int64, new_us: Int64) -> NDArray[np.bool_]:
    """Which of the new openings (n, times in µs, any order) belong to a flood.

    An opening that is more than the `openings_max`-th of its window begins one, and everything of
    that window among the new belongs to it.
    """
    every = np.sort(np.concatenate([prior_us, new_us]))
    window_us = round(limit.window_s * 1e6)
    first = np.searchsorted(every, every - window_us, side="right")
    many = np.arange(1, len(every) + 1) - first > limit.openings_max
    if not many.any():
        return np.zeros(len(new_us), np.bool_)
    # An opening is of a flood where a crowded window that ends at or after it begins before it.
    ends = every[many]
    following = np.searchsorted(ends, new_us, side="left")
    reached = ends[np.minimum(following, len(ends) - 1)] - window_us < new_us
    return (following < len(ends)) & reached
