"""What the doors and other rooms know of evaluation: frozen values."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from yunnao.kernel.text import Text
from yunnao.modules.cases.evaluation.domain import Declared, Sums

Outcome = Literal["answered", "no_answer", "refused"]


@dataclass(frozen=True)
class Figure:
    """An indicator's number of one filter; `before` is that of the period before."""

    declared: Declared
    sums: Sums
    before: Sums | None = None

    @property
    def value(self) -> float | None:
        return self.sums.value(self.declared.spec.operator)


@dataclass(frozen=True)
class Point:
    """An indicator's number of one step of time."""

    period: date
    sums: Sums


@dataclass(frozen=True)
class Group:
    """All asked indicators of one key of a cut; `deeper`: it can be broken down further."""

    key: str
    name: Text
    sums: dict[str, Sums]
    deeper: bool = False


@dataclass(frozen=True)
class Callback:
    """What an operator noted of a call: an answered one has a score (1 to 5) and whether it is resolved."""

    outcome: Outcome
    score: int | None = None
    resolved: bool | None = None
    comment: str | None = None
