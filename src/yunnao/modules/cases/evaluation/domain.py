"""What holds of a case as bits, indicators as masks over them, and periods of days; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Literal, get_args

from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.packs.indicators import CaseFact, CaseMeasure, Indicator

Cut = Literal["all", "department", "district", "street", "category", "source", "person"]
Step = Literal["day", "week", "month"]
Part = Literal["denominator", "numerator", "rest"]

CUTS: tuple[Cut, ...] = get_args(Cut)
STEPS: tuple[Step, ...] = get_args(Step)
PARTS: tuple[Part, ...] = get_args(Part)
MEASURES: tuple[CaseMeasure, ...] = get_args(CaseMeasure)
SPAN_DAYS_MAX = 3_660
"""Ten years: the longest period that one question may be about."""
REPEAT_DAYS = 30
"""重复投诉: the same person in the same category within so many days."""

BITS: dict[CaseFact, int] = {name: 1 << place for place, name in enumerate(get_args(CaseFact))}

EVENT_FACTS: tuple[tuple[str, tuple[CaseFact, ...]], ...] = (
    ("assigned_automatically", ("assigned",)),
    ("assign", ("assigned",)),
    ("accept", ("accepted", "settled")),
    ("return", ("returned", "reassigned")),
    ("reassign", ("reassigned",)),
    ("rework", ("reworked",)),
    ("appeal", ("appealed",)),
    ("extension_granted", ("extended",)),
    ("extend", ("extended",)),
    ("suspend", ("suspended",)),
    ("suspension_granted", ("suspended",)),
    ("remind", ("reminded",)),
    ("supervise", ("supervised",)),
)
"""Which events of the timeline make which facts hold; an event may be told by several names of steps."""


def mask(names: Iterable[CaseFact]) -> int:
    """The bits of `names` together."""
    found = 0
    for name in names:
        found |= BITS[name]
    return found


def event_bits() -> tuple[list[str], list[int]]:
    """Events of the timeline and the bits that each sets."""
    return [event for event, _ in EVENT_FACTS], [mask(facts) for _, facts in EVENT_FACTS]


@dataclass(frozen=True)
class Declared:
    """An indicator as it is kept: `position` is its place in the arrays of sums, from 1."""

    name: str
    position: int
    spec: Indicator
    target: float | None

    @property
    def of_all(self) -> int:
        return mask(self.spec.of)

    @property
    def of_none(self) -> int:
        return mask(self.spec.of_none)

    @property
    def where_all(self) -> int:
        return mask(self.spec.where)

    @property
    def where_none(self) -> int:
        return mask(self.spec.where_none)


@dataclass(frozen=True)
class Filter:
    """Which cases a question is about: days [start, end) of the city, and what they must have.

    `category` stands for itself and everything below it. None leaves a column open.
    """

    start: date
    end: date
    department: str | None = None
    district: str | None = None
    street: str | None = None
    category: str | None = None
    source: str | None = None
    person: str | None = None

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise InvalidInput("evaluation_span_empty")
        if (self.end - self.start).days > SPAN_DAYS_MAX:
            raise InvalidInput("evaluation_span_too_long", days=SPAN_DAYS_MAX)

    @property
    def chosen(self) -> dict[str, str]:
        """The columns that are not open."""
        pairs = {
            "department": self.department,
            "district": self.district,
            "street": self.street,
            "category": self.category,
            "source": self.source,
            "person": self.person,
        }
        return {name: value for name, value in pairs.items() if value is not None}

    def before(self) -> "Filter":
        """The same question of the period before: whole months where this one is, else as many days."""
        if self.start.day == 1 and self.end.day == 1:
            months = (self.end.year - self.start.year) * 12 + self.end.month - self.start.month
            return replace(self, start=add_months(self.start, -months), end=self.start)
        return replace(self, start=self.start - (self.end - self.start), end=self.start)


@dataclass(frozen=True)
class Sums:
    """What is summed of an indicator: cases counted, what holds of them or is measured, and its squares."""

    denominator: int = 0
    numerator: float = 0.0
    square: float = 0.0

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(
            self.denominator + other.denominator,
            self.numerator + other.numerator,
            self.square + other.square,
        )

    def value(self, operator: str) -> float | None:
        """The number; None where no case is counted, of which nothing can be said. A count is then 0."""
        if operator == "count":
            return float(self.denominator)
        return self.numerator / self.denominator if self.denominator else None


def whole_months(start: date, end: date) -> list[date]:
    """First days of the months that lie wholly in [start, end)."""
    month = start if start.day == 1 else add_months(start.replace(day=1), 1)
    found = []
    while add_months(month, 1) <= end:
        found.append(month)
        month = add_months(month, 1)
    return found


def add_months(first: date, months: int) -> date:
    """The first day of the month so many months later (or earlier)."""
    count = first.year * 12 + first.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)


def periods(start: date, end: date, step: Step) -> list[date]:
    """First days of the steps that [start, end) touches; weeks begin on Monday (ISO 8601)."""
    if step == "day":
        return [start + timedelta(days=n) for n in range((end - start).days)]
    if step == "week":
        monday = start - timedelta(days=start.weekday())
        return [monday + timedelta(weeks=n) for n in range(-(-(end - monday).days // 7))]
    found, month = [], start.replace(day=1)
    while month < end:
        found.append(month)
        month = add_months(month, 1)
    return found


def met(value: float | None, target: float | None, direction: str) -> bool | None:
    """Whether the target is met; None where there is no target or nothing to judge."""
    if value is None or target is None:
        return None
    return value >= target if direction == "higher" else value <= target


def as_kept(name: str, shown: int, spec: Indicator) -> dict[str, Any]:
    """The row of `cases.indicator`."""
    return {
        "name": name,
        "shown": shown,
        "spec": spec.model_dump(mode="json"),
        "operator": spec.operator,
        "basis": spec.basis,
        "measure": spec.measure,
        "of_all": mask(spec.of),
        "of_none": mask(spec.of_none),
        "where_all": mask(spec.where),
        "where_none": mask(spec.where_none),
    }


def grouped(sums: Iterable[tuple[str, Sums]], group_of: Mapping[str, str | None]) -> dict[str, Sums]:
    """Sums of keys put together by the group of each; keys without one are left out."""
    found: dict[str, Sums] = {}
    for key, each in sums:
        group = group_of.get(key)
        if group is not None:
            found[group] = found.get(group, Sums()) + each
    return found
