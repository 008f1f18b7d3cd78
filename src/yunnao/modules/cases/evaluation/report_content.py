"""What a monthly report says: the same numbers as the doors tell, gathered once for both files."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from yunnao.infra.postgres import Transaction
from yunnao.kernel.text import Text
from yunnao.modules.cases.evaluation.contracts import Figure, Group, Point
from yunnao.modules.cases.evaluation.domain import Declared, Filter, add_months
from yunnao.modules.cases.evaluation.facade import Evaluation, NamedRanking
from yunnao.modules.cases.evaluation.surveys import Survey

TREND_MONTHS = 12
CATEGORIES_SHOWN_MAX = 15
RANKED_FIRST = ("on-time-rate", "satisfaction", "resolution-time")
"""Of these a report shows rankings of departments, where they are declared; else of the first two ranked."""


@dataclass(frozen=True)
class Trend:
    """An indicator over the last twelve months, the report's month last."""

    declared: Declared
    points: list[Point]


@dataclass(frozen=True)
class Content:
    """Everything that a report tells of the month that begins at `month`."""

    city: Text
    month: date
    made_at: datetime
    """In the city's own time."""
    figures: list[Figure]
    trends: list[Trend]
    rankings: list[NamedRanking]
    declared: list[Declared]
    departments: list[Group]
    districts: list[Group]
    categories: list[Group]
    survey: Survey
    overdue: list[dict[str, Any]]

    def as_kept(self) -> dict[str, Any]:
        """The numbers that are kept with the report."""
        return {
            each.declared.name: {
                "value": each.value,
                "numerator": each.sums.numerator,
                "denominator": each.sums.denominator,
            }
            for each in self.figures
        }


async def gather(
    tx: Transaction, evaluation: Evaluation, city: Text, month: date, overdue: list[dict[str, Any]]
) -> Content:
    end = add_months(month, 1)
    of = Filter(month, end)
    figures = await evaluation.figures(tx, of, before=True)
    known = [each.declared for each in figures]
    year = Filter(add_months(month, 1 - TREND_MONTHS), end)
    trends = []
    for declared in known:
        _, points = await evaluation.trend(tx, year, declared.name, "month")
        trends.append(Trend(declared, points))
    chosen = [d.name for d in known if d.name in RANKED_FIRST and d.spec.ranked] or [
        d.name for d in known if d.spec.ranked
    ][:2]
    rankings = [await evaluation.ranking(tx, name, "department", month, end) for name in chosen]
    _, departments = await evaluation.breakdown(tx, of, (), "department")
    _, districts = await evaluation.breakdown(tx, of, (), "district")
    _, categories = await evaluation.breakdown(tx, of, (), "category")
    return Content(
        city=city,
        month=month,
        made_at=await evaluation.now(tx),
        figures=figures,
        trends=trends,
        rankings=rankings,
        declared=known,
        departments=_most(departments),
        districts=_most(districts),
        categories=_most(categories)[:CATEGORIES_SHOWN_MAX],
        survey=await evaluation.survey(tx, of),
        overdue=overdue,
    )


def _most(groups: list[Group]) -> list[Group]:
    """Those with most cases first."""

    def cases(group: Group) -> int:
        return max((sums.denominator for sums in group.sums.values()), default=0)

    return sorted(groups, key=lambda group: (-cases(group), group.key))
