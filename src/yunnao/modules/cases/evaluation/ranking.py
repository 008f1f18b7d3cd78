"""Ranking with fair denominators; pure.

A department of 12 cases is not best because all 12 went well, and one that has the hard categories is not
worst because they take longer. Shares of few cases are therefore drawn towards the whole (empirical
Bayes), bounds are told beside them (Wilson), and each is compared with what its own mix of categories
would give at the whole's rates (indirect standardisation: observed / expected).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Literal

from yunnao.modules.cases.evaluation.domain import Sums

WILSON_Z = 1.959963984540054
"""Of two-sided 95 % bounds."""
EXPECTED_MIN = 1e-9

Excluded = Literal["few_cases"]


@dataclass(frozen=True)
class Ranked:
    """One place of a ranking. `expected` is what its mix of categories would give at the whole's rates,
    `adjusted` the whole's value times observed / expected, `fair` that drawn towards the whole.

    `low`, `high`: bounds of the observed value (95 %): Wilson's of a share, normal of a mean.
    `rank` is None where `excluded` says why.
    """

    key: str
    sums: Sums
    value: float
    low: float
    high: float
    expected: float
    ratio: float | None
    adjusted: float
    fair: float
    weight: float
    """How much of `fair` is its own: 0 nothing, 1 everything."""
    rank: int | None
    excluded: Excluded | None


@dataclass(frozen=True)
class Ranking:
    """The whole's value and everybody's place, best first, those not ranked last."""

    value: float | None
    denominator: int
    places: list[Ranked]


def wilson(numerator: float, denominator: int, z: float = WILSON_Z) -> tuple[float, float]:
    """Bounds of a share (Wilson 1927, the score interval)."""
    if denominator == 0:
        return 0.0, 1.0
    p, n = numerator / denominator, denominator
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def variance(sums: Sums) -> float:
    """Of a measure within one key."""
    if sums.denominator < 2:
        return 0.0
    mean = sums.numerator / sums.denominator
    return max(0.0, (sums.square - sums.denominator * mean * mean) / (sums.denominator - 1))


def between(values: Sequence[tuple[float, float]], whole: float) -> float:
    """Variance of the true values between keys, by moments (DerSimonian and Laird 1986).

    `values`: each key's value and the variance of its error. 0 where chance alone explains the spread.
    """
    weights = [1 / error for _, error in values if error > 0]
    if len(weights) < 2:
        return 0.0
    spread = sum((value - whole) ** 2 / error for value, error in values if error > 0)
    total = sum(weights)
    scale = total - sum(w * w for w in weights) / total
    return max(0.0, (spread - (len(weights) - 1)) / scale) if scale > 0 else 0.0


def rank(
    operator: str,
    direction: str,
    cells: Mapping[tuple[str, str], Sums],
    cases_min: int,
) -> Ranking:
    """Places of the keys of `cells`, which are sums by (key, category).

    Who has fewer than `cases_min` cases is shown and has no rank.
    """
    by_key: dict[str, Sums] = {}
    by_category: dict[str, Sums] = {}
    for (key, category), sums in cells.items():
        by_key[key] = by_key.get(key, Sums()) + sums
        by_category[category] = by_category.get(category, Sums()) + sums
    total = sum(by_key.values(), Sums())
    if not total.denominator:
        return Ranking(None, 0, [])
    whole = total.numerator / total.denominator
    rates = {c: s.numerator / s.denominator for c, s in by_category.items() if s.denominator}
    expected = dict.fromkeys(by_key, 0.0)
    for (key, category), sums in cells.items():
        if sums.denominator:
            expected[key] += sums.denominator * rates[category]
    # The error of a mean is judged by the whole's spread: of few cases their own says little.
    spread = whole * (1 - whole) if operator == "share" else variance(total)
    adjusted = {}
    for key, sums in by_key.items():
        if sums.denominator:
            ratio = sums.numerator / expected[key] if expected[key] > EXPECTED_MIN else None
            at = whole * ratio if ratio is not None else sums.numerator / sums.denominator
            adjusted[key] = (ratio, min(at, 1.0) if operator == "share" else at)
    errors = {key: spread / by_key[key].denominator for key in adjusted}
    tau = between([(adjusted[key][1], errors[key]) for key in adjusted], whole)
    places = [
        _place(operator, key, by_key[key], expected[key], adjusted[key], whole, tau, errors[key])
        for key in adjusted
    ]
    return Ranking(whole, total.denominator, _ordered(places, direction, cases_min))


def _place(
    operator: str,
    key: str,
    sums: Sums,
    expected: float,
    adjusted: tuple[float | None, float],
    whole: float,
    tau: float,
    error: float,
) -> Ranked:
    value = sums.numerator / sums.denominator
    weight = tau / (tau + error) if tau + error > 0 else 0.0
    if operator == "share":
        low, high = wilson(sums.numerator, sums.denominator)
    else:
        half = WILSON_Z * sqrt(variance(sums) / sums.denominator)
        low, high = value - half, value + half
    return Ranked(
        key=key,
        sums=sums,
        value=value,
        low=low,
        high=high,
        expected=expected / sums.denominator,
        ratio=adjusted[0],
        adjusted=adjusted[1],
        fair=whole + weight * (adjusted[1] - whole),
        weight=weight,
        rank=None,
        excluded=None,
    )


def _ordered(places: list[Ranked], direction: str, cases_min: int) -> list[Ranked]:
    """Best first by the fair value; equal ones share a rank; those of few cases stand last without one."""
    sign = -1.0 if direction == "higher" else 1.0
    ranked = sorted(
        (p for p in places if p.sums.denominator >= cases_min), key=lambda p: (sign * p.fair, p.key)
    )
    found: list[Ranked] = []
    for n, place in enumerate(ranked, 1):
        same = found and abs(found[-1].fair - place.fair) < 1e-12
        found.append(replace(place, rank=found[-1].rank if same else n))
    few = sorted(
        (p for p in places if p.sums.denominator < cases_min), key=lambda p: (-p.sums.denominator, p.key)
    )
    return found + [replace(place, excluded="few_cases") for place in few]
