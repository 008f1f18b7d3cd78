"""Which cases are held out, and whether a challenger may follow the champion. Pure."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import comb
from typing import Any
from uuid import UUID

HELD_OUT_ONE_OF = 5
"""One case of five judges and never teaches, the same ones for every model."""
HELD_OUT_MIN = 30
"""On fewer cases nobody can say which of two models is better."""
SIGNIFICANCE = 0.05


def held_out(case_id: UUID) -> bool:
    """By the random bits of the case's UUIDv7, so that it stays as it is for ever."""
    return case_id.int % HELD_OUT_ONE_OF == 0


@dataclass(frozen=True)
class Comparison:
    """Champion and challenger on the same held-out cases."""

    rows: int
    champion_accuracy: float
    challenger_accuracy: float
    only_champion: int
    """Cases that only the champion told rightly."""
    only_challenger: int
    better_p: float
    """One-sided p of the exact sign test (McNemar 1947) against "the challenger is not better"."""

    @property
    def enough(self) -> bool:
        return self.rows >= HELD_OUT_MIN

    @property
    def not_worse(self) -> bool:
        return self.only_challenger >= self.only_champion

    @property
    def clearly_better(self) -> bool:
        return self.enough and self.better_p < SIGNIFICANCE

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def compare(truth: Sequence[str], champion: Sequence[str], challenger: Sequence[str]) -> Comparison:
    """Both models' categories against the final ones, case by case."""
    pairs = [(a == t, b == t) for t, a, b in zip(truth, champion, challenger, strict=True)]
    only_champion = sum(a and not b for a, b in pairs)
    only_challenger = sum(b and not a for a, b in pairs)
    rows = len(pairs)
    return Comparison(
        rows,
        round(sum(a for a, _ in pairs) / rows, 4) if rows else 0.0,
        round(sum(b for _, b in pairs) / rows, 4) if rows else 0.0,
        only_champion,
        only_challenger,
        round(_sign_test(only_challenger, only_champion), 6),
    )


def _sign_test(wins: int, losses: int) -> float:
    """The chance of at least so many wins if both were equally likely."""
    trials = wins + losses
    # In whole numbers: a float would overflow at some thousand trials.
    return sum(comb(trials, k) for k in range(wins, trials + 1)) / (1 << trials)
