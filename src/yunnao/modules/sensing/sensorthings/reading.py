"""Answers requests: one statement for the rows of a request and one for each expand, however many rows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from odata_query import ast
from psycopg.errors import QueryCanceled

from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.errors import NotFound, Unavailable
from yunnao.kernel.text import Language
from yunnao.kernel.time import Clock
from yunnao.modules.sensing.sensorthings.domain.model import ENTITY_SETS, EntitySet, Navigation
from yunnao.modules.sensing.sensorthings.domain.options import (
    Options,
    expanded_top_default,
    expanded_top_max,
    top_default,
    top_max,
)
from yunnao.modules.sensing.sensorthings.domain.paths import ResourcePath
from yunnao.modules.sensing.sensorthings.domain.sql import Parameters
from yunnao.modules.sensing.sensorthings.domain.statements import ALIAS, Selection, columns, reached
from yunnao.modules.sensing.sensorthings.latest import QUERIES, Newest, NewestReadings
from yunnao.modules.sensing.sensorthings.past import History, newest_first, past_of, past_of_many, span_of

_GIVEN = QUERIES["newest_as_observations"]
statement_s_max = 20
rows_max = 200_000
"""Rows of one answer, with all that is expanded."""


class ReadAccess(Protocol):
    """What the one who asks may read."""

    async def views(self, tx: Transaction) -> tuple[Mapping[str, str], Mapping[str, Any]]:
        """What stands in place of sets' views, by the set's name, and its parameters; none: they may read
        all."""
        ...

    async def hidden(self, tx: Transaction, series: Sequence[int]) -> Collection[int]:
        """Which of these series may not be read."""
        ...


@dataclass
class Found:
    """A row with what is expanded of it, by the navigation's name."""

    row: Row
    expanded: dict[str, "Page"] = field(default_factory=dict)


@dataclass
class Page:
    """Rows of a set; `more`: there are further ones behind them."""

    entity_set: EntitySet
    options: Options
    items: list[Found]
    top: int = 0
    more: bool = False
    count: int | None = None


class Reader:
    """Reads for one request, in the reader's language."""

    def __init__(
        self,
        tx: Transaction,
        clock: Clock,
        newest: Newest,
        history: History,
        language: Language,
        access: ReadAccess,
    ) -> None:
        self._tx = tx
        self._now = clock.now()
        self._newest = newest
        self._history = history
        self._language = language
        self._access = access
        self._rows = 0
        self._views: Mapping[str, str] = {}
        self._held: Mapping[str, Any] = {}

    async def read(self, path: ResourcePath, options: Options) -> Page:
        """The rows at the end of `path`.

        Raises NotFound `sta_entity_missing` where a single one, or one on the way, is not there;
        Unavailable `sta_too_slow`, InvalidInput as the options are.
        """
        await self._tx.execute(QUERIES["limit_time"], {"limit": f"{statement_s_max}s"})
        self._views, self._held = await self._access.views(self._tx)
        parameters = self._parameters()
        selection = Selection(path.target, options, parameters, self._now)
        asked = top_default if options.top is None else min(options.top, top_max)
        top = 1 if path.single else asked
        rows = await self._fetch(selection.page(reached(path.steps, parameters), top), parameters)
        past = await self._past(path, options, enough=len(rows) > (0 if path.single else top))
        if past is not None:
            parameters = self._given(past)
            selection = Selection(path.target, options, parameters, self._now, _GIVEN)
            rows = await self._fetch(selection.page(reached(path.steps, parameters), top), parameters)
        if not rows and len(path.steps) > 1 and not path.single:
            await self._require(path)
        if path.single and not rows:
            raise NotFound("sta_entity_missing", set=path.target.name)
        page = Page(path.target, options, [Found(row) for row in rows[:top]], top, len(rows) > top)
        if options.count:
            counting, source = self._source(past)
            counted = Selection(path.target, options, counting, self._now, source)
            query = counted.count(reached(path.steps, counting))
            page.count = (await self._fetch(query, counting))[0]["n"]
        await self._expand(page.entity_set, page.items, options)
        return page

    async def _require(self, path: ResourcePath) -> None:
        parameters = self._parameters()
        parent = path.steps[-2].entity_set
        conditions = " AND ".join(reached(path.steps[:-1], parameters))
        query = f"SELECT 1 AS one FROM {parameters.view(parent)} AS {ALIAS} WHERE {conditions} LIMIT 1"
        if not await self._fetch(query, parameters):
            raise NotFound("sta_entity_missing", set=parent.name)

    async def _expand(self, entity_set: EntitySet, parents: Sequence[Found], options: Options) -> None:
        for name, inner in options.expand.items():
            navigation = entity_set.navigation(name)
            assert navigation is not None  # options_of has checked it
            target = ENTITY_SETS[navigation.target]
            asked = expanded_top_default if inner.top is None else min(inner.top, expanded_top_max)
            here = f"k_{navigation.here}"
            keys = sorted({found.row[here] for found in parents if found.row[here] is not None})
            by_key: dict[int, list[Found]] = {}
            past = await self._past_of_children(navigation, target, inner, keys)
            for row in await self._children(navigation, target, inner, keys, asked, past) if keys else ():
                by_key.setdefault(row.pop("parent"), []).append(Found(row))
            counted = bool(inner.count and keys)
            counts = await self._counts(navigation, target, inner, keys, past) if counted else {}
            everything: list[Found] = []
            for parent in parents:
                key = parent.row[here]
                items = by_key.get(key, [])
                top = asked if navigation.many else 1
                parent.expanded[name] = Page(
                    target,
                    inner,
                    items[:top],
                    top,
                    len(items) > top,
                    counts.get(key, 0) if inner.count else None,
                )
            for items in by_key.values():
                everything += items
            if inner.expand:
                await self._expand(target, everything, inner)

    async def _past_of_children(
        self, navigation: Navigation, target: EntitySet, options: Options, keys: Sequence[int]
    ) -> NewestReadings | None:
        """Readings of Datastreams that are expanded, where some may be sealed and `$filter` bounds them."""
        if not keys or target.name != "Observations" or navigation.there != "datastream":
            return None
        closed = await self._hidden(keys)
        readable = [one for one in keys if one not in closed]
        return await past_of_many(self._tx, self._history, readable, options)

    async def _children(
        self,
        navigation: Navigation,
        target: EntitySet,
        options: Options,
        keys: Sequence[int],
        top: int,
        past: NewestReadings | None,
    ) -> list[Row]:
        if navigation.there == "datastream" and _wants_newest(options):
            return await self._newest_of(target, keys)
        parameters, source = self._source(past)
        query = Selection(target, options, parameters, self._now, source).children(navigation, keys, top)
        return await self._fetch(query, parameters)

    async def _counts(
        self,
        navigation: Navigation,
        target: EntitySet,
        options: Options,
        keys: Sequence[int],
        past: NewestReadings | None,
    ) -> dict[int, int]:
        parameters, source = self._source(past)
        query = Selection(target, options, parameters, self._now, source).children_count(navigation, keys)
        return {row["parent"]: row["n"] for row in await self._fetch(query, parameters)}

    async def _newest_of(self, target: EntitySet, series: Sequence[int]) -> list[Row]:
        closed = await self._hidden(series)
        found = await self._newest.of_series(self._tx, [one for one in series if one not in closed])
        query = f"SELECT {ALIAS}.datastream AS parent, {columns(target)} FROM ({_GIVEN}) AS {ALIAS}"
        return await self._fetch(query, self._given(found))

    async def _past(self, path: ResourcePath, options: Options, *, enough: bool) -> NewestReadings | None:
        """Readings of the one Datastream that is asked about, where some may be sealed; `enough`: hot ones
        fill the page."""
        span = span_of(path, options)
        if span is None or (enough and (path.single or newest_first(options))):
            return None
        if await self._hidden([span.series]):
            return None
        return await past_of(self._tx, self._history, span)

    async def _hidden(self, series: Sequence[int]) -> Collection[int]:
        return await self._access.hidden(self._tx, series) if self._views else ()

    def _parameters(self) -> Parameters:
        return Parameters(self._language, self._views, self._held)

    def _source(self, past: NewestReadings | None) -> tuple[Parameters, str | None]:
        """Parameters, and what stands in the view's place, where past readings were found."""
        return (self._parameters(), None) if past is None else (self._given(past), _GIVEN)

    def _given(self, found: NewestReadings) -> Parameters:
        """Parameters of a statement over these readings."""
        parameters = self._parameters()
        parameters.values |= {
            "series": found.series,
            "times": found.time,
            "values": found.value,
            "texts": found.text,
        }
        return parameters

    async def _fetch(self, query: str, parameters: Parameters) -> list[Row]:
        try:
            rows = await (await self._tx.execute(query.encode(), parameters.values)).fetchall()
        except QueryCanceled as error:
            raise Unavailable("sta_too_slow", limit_s=statement_s_max) from error
        self._rows += len(rows)
        if self._rows > rows_max:
            raise Unavailable("sta_too_many_rows", limit_rows=rows_max)
        return rows


def _wants_newest(options: Options) -> bool:
    """`$top=1;$orderby=phenomenonTime desc` and nothing else that chooses."""
    if options.top != 1 or options.skip or options.count or options.filter is not None or options.after:
        return False
    if len(options.orderby) != 1:
        return False
    node, down = options.orderby[0]
    return down and isinstance(node, ast.Identifier) and node.name in {"phenomenonTime", "resultTime"}
