"""Evaluation: by what the case centre is judged, each number opening into its cases."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.errors import Forbidden, InvalidInput
from yunnao.kernel.packs.city import CityPack
from yunnao.kernel.packs.scene import ScenePack
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import Text
from yunnao.modules.cases.evaluation import figures, keeping, store, surveys
from yunnao.modules.cases.evaluation.contracts import Callback, Figure, Group, Point
from yunnao.modules.cases.evaluation.domain import Cut, Declared, Filter, Part, Step, whole_months
from yunnao.modules.cases.evaluation.ranking import Ranking, rank
from yunnao.modules.cases.evaluation.surveys import Survey
from yunnao.modules.cases.evaluation.wording import ranked_words
from yunnao.modules.cases.parts import Parts
from yunnao.modules.cases.views import brief, names

BEHIND_ROWS_MAX = 500
DUE_ROWS_MAX = 100


@dataclass(frozen=True)
class Standing:
    """How fresh the numbers are: when they were last kept, and what still waits."""

    kept_at: datetime | None
    cases_due: int
    days_due: int


@dataclass(frozen=True)
class NamedRanking:
    """A ranking with names and, for each place, its explanation in words."""

    declared: Declared
    ranking: Ranking
    names: dict[str, Text]
    words: dict[str, Text]
    cases_min: int


class Evaluation:
    """Every method works in the transaction it is given."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    # --- packs and keeping ---------------------------------------------------------------------

    async def install_city(self, tx: Transaction, pack: CityPack) -> None:
        await keeping.install_city(tx, pack)

    async def install_scene(self, tx: Transaction, pack: ScenePack) -> None:
        await keeping.install_scene(tx, pack)

    async def keep(self, tx: Transaction) -> int:
        """A turn of the timer: reads cases that changed and sums their days."""
        return await keeping.keep(tx, self.parts.clock)

    async def keep_months(self, tx: Transaction) -> int:
        return await keeping.keep_months(tx, self.parts.clock)

    async def standing(self, tx: Transaction) -> Standing:
        row = await store.one(tx, "state_get") or {}
        return Standing(row["kept_at"], row["cases_due"], row["days_due"])

    # --- numbers -------------------------------------------------------------------------------

    def within(self, principal: Principal, of: Filter, by: Cut | None = None) -> Filter:
        """The filter within what the party may see. Raises Forbidden beyond it.

        Persons' own numbers are for those who may judge persons.
        """
        scope = self.parts.identity.scope(principal, "evaluation:read")
        if by == "person" or of.person is not None:
            self.parts.identity.authorize(principal, "evaluation:read_persons")
        if scope.everything:
            return of
        if scope.department is None or of.department not in (None, scope.department):
            raise Forbidden("forbidden", action="evaluation:read")
        return figures.scoped(of, scope.department)

    async def declared(self, tx: Transaction) -> dict[str, Declared]:
        return await figures.declared(tx)

    async def figures(
        self, tx: Transaction, of: Filter, wanted: Sequence[str] = (), *, before: bool = False
    ) -> list[Figure]:
        """Raises InvalidInput `indicator_unknown`, like all below."""
        chosen = figures.several(await figures.declared(tx), wanted)
        return await figures.figures(tx, self.parts, of, chosen, before=before)

    async def trend(
        self, tx: Transaction, of: Filter, wanted: str, step: Step
    ) -> tuple[Declared, list[Point]]:
        chosen = figures.one(await figures.declared(tx), wanted)
        return chosen, await figures.trend(tx, self.parts, of, chosen, step)

    async def breakdown(
        self, tx: Transaction, of: Filter, wanted: Sequence[str], by: Cut
    ) -> tuple[list[Declared], list[Group]]:
        chosen = figures.several(await figures.declared(tx), wanted)
        return chosen, await figures.breakdown(tx, self.parts, of, chosen, by)

    async def behind(
        self, tx: Transaction, of: Filter, wanted: str, part: Part, before: UUID | None, limit: int
    ) -> tuple[list[dict[str, Any]], UUID | None, int]:
        """The cases of a number as a list shows them, the key of the next page, and how many there are."""
        chosen = figures.one(await figures.declared(tx), wanted)
        limit = min(limit, BEHIND_ROWS_MAX)
        found = await figures.behind(tx, self.parts, of, chosen, part, before, limit + 1)
        sums = (await figures.figures(tx, self.parts, of, [chosen]))[0].sums
        total = sums.denominator
        if chosen.spec.operator == "share" and part != "denominator":
            held = round(sums.numerator)
            total = held if part == "numerator" else sums.denominator - held
        known = await names(tx, self.parts)
        now = self.parts.clock.now()
        items = [
            {**brief(known, row, now), "measured": row.get(_column(chosen)) if chosen.spec.measure else None}
            for row in found[:limit]
        ]
        return items, found[limit - 1]["id"] if len(found) > limit else None, total

    async def ranking(self, tx: Transaction, wanted: str, by: Cut, start: date, end: date) -> NamedRanking:
        """Of whole months. Raises InvalidInput `evaluation_months_only`, `indicator_not_ranked`."""
        chosen = figures.one(await figures.declared(tx), wanted)
        months = whole_months(start, end)
        if not months or start.day != 1 or end.day != 1:
            raise InvalidInput("evaluation_months_only")
        if not chosen.spec.ranked or chosen.spec.operator == "count":
            raise InvalidInput("indicator_not_ranked", indicator=wanted[:60])
        cases_min = (await keeping.settings(tx)).ranking_cases_min
        cells = await figures.mix(tx, months, chosen, by)
        found = rank(chosen.spec.operator, chosen.spec.direction, cells, cases_min)
        labels = await figures.labels(tx, self.parts, by, [place.key for place in found.places])
        words = {
            p.key: ranked_words(chosen.spec, found.value, p, labels[p.key], cases_min) for p in found.places
        }
        return NamedRanking(chosen, found, labels, words, cases_min)

    # --- survey --------------------------------------------------------------------------------

    async def survey(self, tx: Transaction, of: Filter) -> Survey:
        return await surveys.survey(tx, of)

    async def callbacks_due(self, tx: Transaction, principal: Principal, limit: int) -> list[dict[str, Any]]:
        """Cases to call about. Who calls needs the number, so each look is audited."""
        self.parts.identity.authorize(principal, "survey:call")
        found = await surveys.due(tx, self.parts, min(limit, DUE_ROWS_MAX))
        known, now = await names(tx, self.parts), self.parts.clock.now()
        if found:
            await self.parts.identity.audit(
                tx,
                principal,
                "case:read_reporter",
                "Case/callbacks",
                numbers=[row["number"] for row in found],
            )
        return [
            {
                "case": brief(known, row, now),
                "reporter": {"name": row["reporter"].get("name"), "phone": row["reporter"].get("phone")},
                "attempts": row["attempts"],
                "last_at": row["last_at"],
            }
            for row in found
        ]

    async def call_back(self, tx: Transaction, case_id: UUID, said: Callback, principal: Principal) -> None:
        await surveys.call(tx, self.parts, case_id, said, principal)

    async def callbacks(self, tx: Transaction, case_id: UUID, principal: Principal) -> list[Row]:
        self.parts.identity.authorize(principal, "survey:call")
        return await surveys.of_case(tx, case_id)

    # --- time ----------------------------------------------------------------------------------

    async def today(self, tx: Transaction) -> date:
        """The day in the city's own time."""
        return (await self.now(tx)).date()

    async def now(self, tx: Transaction) -> datetime:
        """The present in the city's own time."""
        zone: ZoneInfo = (await self.parts.registry.current(tx)).city.calendar.zone
        return self.parts.clock.now().astimezone(zone)


def _column(chosen: Declared) -> str:
    return "fact_score" if chosen.spec.measure == "score" else str(chosen.spec.measure)
