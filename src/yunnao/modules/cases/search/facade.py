"""Finding cases: lists by any filter, full-text search, totals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.principal import Principal
from yunnao.modules.cases.deadlines.facade import add_deadlines
from yunnao.modules.cases.masking import mask_text
from yunnao.modules.cases.parts import Parts
from yunnao.modules.cases.search import domain, maps, store
from yunnao.modules.cases.search.contracts import CaseFilter, Page, Place, Sort, Total
from yunnao.modules.cases.search.store import Ask
from yunnao.modules.cases.views import Names, brief, names

PAGE_ROWS_MAX = 500
RARE_CASES = 2_000
"""Words that at most so many cases have are looked for by the index alone."""
WALK_ROWS = 4_000
LONG_WALK_ROWS = 25_000
"""Cases that one page looks at where words are too frequent for the index."""
CANDIDATES_MAX = 10_000
COUNTED_MAX = 10_000
SAMPLE_ROWS = 2_000
COUNT_COST_MAX = 60_000.0
"""In the planner's units; beyond it a total is estimated."""
FREQUENT_HELD = timedelta(minutes=10)

View = dict[str, Any]


@dataclass(frozen=True)
class Words:
    """What is looked for: folded words, and how frequent their grams are."""

    folded: Sequence[str]
    patterns: Sequence[str]
    grams: Sequence[tuple[str, bool]]
    share: float

    @property
    def params(self) -> Mapping[str, Any]:
        return {"patterns": list(self.patterns), "grams": domain.tsquery_of(self.grams)}


@dataclass
class _Held:
    """The frequent grams as last read."""

    grams: Mapping[str, float] = field(default_factory=dict)
    cases: int = 0
    until: datetime | None = None


class Search:
    """Reads within what the party may list; every method in the transaction that it is given."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._held = _Held()

    async def page(
        self,
        tx: Transaction,
        wanted: CaseFilter,
        principal: Principal,
        limit: int = 50,
        after: Place | None = None,
        sort: Sort = "newest",
    ) -> Page:
        """Cases in order. Raises InvalidInput `search_…`."""
        limit = min(limit, PAGE_ROWS_MAX)
        ask = await self.ask(tx, wanted, principal, sort, after)
        words = await self.words(tx, wanted)
        known, now = await names(tx, self._parts), self._parts.clock.now()
        if words is None:
            found = await ask.rows(tx, "page", window=limit + 1)
            items, end = [{**brief(known, row, now), "match": None} for row in found[:limit]], None
        else:
            found, end = await self._search(tx, ask, words, limit + 1)
            items = [_told(known, row, now, words) for row in found[:limit]]
        await add_deadlines(tx, self._parts, items)
        return Page(items, _following(found, limit) or end)

    async def total(self, tx: Transaction, wanted: CaseFilter, principal: Principal) -> Total:
        """Counted up to `COUNTED_MAX` where that is cheap, else estimated."""
        ask = await self.ask(tx, wanted, principal)
        words = await self.words(tx, wanted)
        if words is not None:
            return await self._total_of_words(tx, ask, words)
        plan = (await ask.rows(tx, "estimate"))[0]["QUERY PLAN"][0]["Plan"]
        estimated = round(plan["Plan Rows"])
        if estimated > COUNTED_MAX or plan["Total Cost"] > COUNT_COST_MAX:
            return Total(estimated, exact=False)
        return await _counted(tx, ask, "count", COUNTED_MAX)

    async def count(self, tx: Transaction, wanted: CaseFilter, principal: Principal, most: int) -> Total:
        """Counted up to `most`; not exact where there are more, or words are too frequent to look further."""
        ask = await self.ask(tx, wanted, principal)
        words = await self.words(tx, wanted)
        if words is not None:
            total = await self._total_of_words(tx, ask, words)
            return Total(min(total.n, most), total.exact and total.n <= most)
        return await _counted(tx, ask, "count", most)

    async def map(self, tx: Transaction, wanted: CaseFilter, principal: Principal) -> View:
        """GeoJSON of the newest that have a place."""
        ask = await self.ask(tx, _placed(wanted), principal)
        return await maps.points(tx, self._parts, ask)

    async def cells(
        self, tx: Transaction, wanted: CaseFilter, principal: Principal, degrees: float, *, by_day: bool
    ) -> list[View]:
        ask = await self.ask(tx, _placed(wanted), principal)
        return await maps.cells(tx, self._parts, ask, degrees, by_day=by_day)

    async def settle(self, tx: Transaction) -> None:
        """Brings into the index what was written lately; for a timer of about two seconds."""
        await store.settle(tx)

    async def ask(
        self,
        tx: Transaction,
        wanted: CaseFilter,
        principal: Principal,
        sort: Sort = "newest",
        after: Place | None = None,
    ) -> Ask:
        """The filter within what the party may list. Raises as `authorize` where that is nothing."""
        scope = self._parts.identity.scope(principal, "case:list")
        snapshot = await self._parts.registry.current(tx)
        areas = await self._parts.areas(tx)
        return store.ask(wanted, scope, sort, self._parts.clock.now(), snapshot, areas, after)

    async def words(self, tx: Transaction, wanted: CaseFilter) -> Words | None:
        """None where nothing is looked for."""
        folded = await store.fold(tx, domain.words_of(wanted.q)) if wanted.q else []
        if not folded:
            return None
        frequent = await self._frequent(tx)
        every = list(dict.fromkeys(gram for word in folded for gram in domain.grams_of(word)))
        grams = domain.rarest_of(every, frequent)
        patterns = [domain.like_pattern(word) for word in folded]
        return Words(folded, patterns, grams, domain.share_of(grams, frequent))

    async def _search(
        self, tx: Transaction, ask: Ask, words: Words, limit: int
    ) -> tuple[list[Row], Place | None]:
        """The first rows that say the words, and where to go on if the search ended before the cases did.

        Rare words are looked for by the index, frequent ones among the newest cases, which soon have
        them; where neither is certain, first a short walk, then the index.
        """
        expected = words.share * self._held.cases
        found: list[Row] = []
        if words.grams and expected > RARE_CASES:
            found, end = await self._walk(tx, ask, words, limit, WALK_ROWS)
            if end is None:
                return found, None
            ask = ask.after(end)
        # Of one gram alone the share is what it is; of several it is only a bound.
        if words.grams and (len(words.grams) > 1 or expected <= CANDIDATES_MAX):
            rest = await ask.rows(
                tx, "candidates", limit=limit - len(found), window=CANDIDATES_MAX, **words.params
            )
            if rest[0]["candidates"] < CANDIDATES_MAX:
                return found + [row for row in rest if row["id"] is not None], None
        more, end = await self._walk(tx, ask, words, limit - len(found), LONG_WALK_ROWS)
        return found + more, end

    async def _walk(
        self, tx: Transaction, ask: Ask, words: Words, limit: int, window: int
    ) -> tuple[list[Row], Place | None]:
        """Rows that say the words among the next `window`, and the last looked at where there may be more."""
        found = await ask.rows(tx, "walk", limit=limit, window=window, **words.params)
        end = Place(found[0]["last_id"], found[0]["last_key"]) if found[0]["walked"] == window else None
        return [row for row in found if row["id"] is not None], end

    async def _total_of_words(self, tx: Transaction, ask: Ask, words: Words) -> Total:
        """Of rare words by the index, else from how many of the first visible cases say them."""
        if words.grams and words.share * self._held.cases <= COUNTED_MAX:
            found = await ask.rows(tx, "candidates", limit=COUNTED_MAX, window=COUNTED_MAX, **words.params)
            if found[0]["candidates"] < COUNTED_MAX:
                return Total(sum(row["id"] is not None for row in found), exact=True)
        sample = (await ask.rows(tx, "count_said", window=SAMPLE_ROWS, **words.params))[0]["n"]
        visible = (await ask.rows(tx, "estimate"))[0]["QUERY PLAN"][0]["Plan"]["Plan Rows"]
        return Total(round(sample * max(1.0, visible / SAMPLE_ROWS)), exact=visible < SAMPLE_ROWS // 2)

    async def _frequent(self, tx: Transaction) -> Mapping[str, float]:
        now = self._parts.clock.now()
        if self._held.until is None or self._held.until <= now:
            self._held = _Held(*await store.frequent(tx), now + FREQUENT_HELD)
        return self._held.grams


def _placed(wanted: CaseFilter) -> CaseFilter:
    return replace(wanted, flags=wanted.flags | {"placed"}, q=None)


async def _counted(tx: Transaction, ask: Ask, name: str, most: int, **params: Any) -> Total:
    n = (await ask.rows(tx, name, window=most + 1, **params))[0]["n"]
    return Total(min(n, most), exact=n <= most)


def _following(found: list[Row], limit: int) -> Place | None:
    return Place(found[limit - 1]["id"], found[limit - 1]["key"]) if len(found) > limit else None


def _told(known: Names, row: Row, now: datetime, words: Words) -> View:
    """A case with the part of it that says the words; masked as all of a list is."""
    text = mask_text(row["text"])
    found = domain.snippet(text, words.folded)
    if found is None and row["address"]:
        found = domain.snippet(row["address"], words.folded)
    told = {"text": found[0], "marks": found[1]} if found else None
    return {**brief(known, row, now), "match": told}
