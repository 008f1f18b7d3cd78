"""Which alarm lies beneath which: causes by relation and place, and floods."""

from uuid import UUID

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from yunnao.kernel.packs.alarming import CauseLink, FloodLimit, Grouping
from yunnao.modules.sensing.domain.alarm_groups import Finding, over_limit, roots

FED = Grouping(links=[CauseLink(relation="fedBy")], within_s=60, hops_max=3)
NEAR = Grouping(same_place_m=100, within_s=60)
CHAIN = {"pump": {"fedBy": "line"}, "valve": {"fedBy": "pump"}, "tap": {"fedBy": "valve"}}


def finding(
    number: int, entity: str, second: float = 0, grouping: Grouping | None = FED, lat: float = 36.0
) -> Finding:
    gateway = 100 if entity.startswith("behind") else None
    device = 100 if entity == "gateway" else number
    opened_us = round(second * 1e6)
    return Finding(UUID(int=number), "low", device, gateway, entity, opened_us, 120.0, lat, grouping)


def found(findings: list[Finding], relations: dict[str, dict[str, str]] | None = None) -> dict[int, int]:
    return {a.int: b.int for a, b in roots(findings, relations or {}).items()}


def test_the_cause_farthest_up_the_relations_is_the_root() -> None:
    assert found([finding(1, "tap"), finding(2, "pump", 5), finding(3, "line", 9)], CHAIN) == {1: 3, 2: 3}


def test_a_chain_longer_than_allowed_ends_at_what_it_reaches_step_by_step() -> None:
    short = FED.model_copy(update={"hops_max": 1})
    links = [finding(n, e, grouping=short) for n, e in enumerate(("tap", "valve", "pump", "line"))]
    assert found(links, CHAIN) == {0: 3, 1: 3, 2: 3}
    assert found([links[0], links[3]], CHAIN) == {}


def test_a_relation_may_point_from_the_cause_to_its_effect() -> None:
    feeds = Grouping(links=[CauseLink(relation="feeds", points_to="effect")])
    relations = {"pump": {"feeds": "tap"}}
    assert found([finding(1, "tap", grouping=feeds), finding(2, "pump", grouping=None)], relations) == {1: 2}


def test_alarms_far_apart_in_time_have_nothing_to_do_with_each_other() -> None:
    assert found([finding(1, "tap", 0), finding(2, "valve", 61)], CHAIN) == {}


def test_only_rules_that_are_named_may_be_the_cause() -> None:
    named = FED.model_copy(update={"under": ["broken"]})
    assert found([finding(1, "tap", grouping=named), finding(2, "valve")], CHAIN) == {}


def test_in_one_place_the_first_is_the_root_and_a_street_away_is_another_place() -> None:
    together = [finding(1, "a", 9, NEAR), finding(2, "b", 3, NEAR), finding(3, "c", 5, NEAR, lat=36.002)]
    assert found(together) == {1: 2}


def test_devices_lie_beneath_the_gateway_that_speaks_for_them() -> None:
    behind = Grouping(gateway=True, within_s=60)
    together = [
        finding(1, "behind-1", 0, behind),
        finding(2, "behind-2", 5, behind),
        finding(3, "gateway", 9, None),
    ]
    assert found(together) == {1: 3, 2: 3}
    assert found([finding(1, "behind-1", 0, FED), together[2]]) == {}


def test_of_a_ring_the_first_to_open_is_the_root() -> None:
    ring = {"a": {"fedBy": "b"}, "b": {"fedBy": "a"}}
    assert found([finding(1, "a", 2), finding(2, "b", 1)], ring) == {1: 2}


ENTITIES = st.sampled_from(["line", "pump", "valve", "tap", "elsewhere"])
RULES, PLACES = st.sampled_from([FED, NEAR, None]), st.sampled_from([36.0, 36.01])
FINDINGS = st.lists(st.tuples(ENTITIES, st.integers(0, 120), RULES, PLACES), max_size=12)


@given(FINDINGS, st.randoms(use_true_random=False))
def test_groups_do_not_depend_on_the_order_and_lead_to_one_root(
    drawn: list[tuple[str, int, Grouping | None, float]], random: object
) -> None:
    findings = [finding(n, e, s, g, lat) for n, (e, s, g, lat) in enumerate(drawn)]
    shuffled = list(findings)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first = found(findings, CHAIN)
    assert first == found(shuffled, CHAIN)
    assert not set(first.values()) & set(first)


TIMES = st.lists(st.integers(0, 1000), max_size=40)


@given(TIMES, TIMES, st.integers(1, 5), st.integers(1, 200))
def test_a_flood_is_what_a_crowded_window_holds(
    prior: list[int], new: list[int], limit: int, window_s: int
) -> None:
    prior_us, new_us = (np.array(times, np.int64) * 1_000_000 for times in (prior, new))
    over = over_limit(FloodLimit(openings_max=limit, window_s=window_s), prior_us, new_us)
    every = prior + new
    crowded = [end for end in every if sum(end - window_s < t <= end for t in every) > limit]
    expected = [any(end - window_s < t <= end for end in crowded) for t in new]
    assert over.tolist() == expected
