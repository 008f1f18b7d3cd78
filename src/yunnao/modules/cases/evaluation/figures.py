"""Reading the numbers: from the kept sums where one cut answers, else from the cases themselves."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.packs.indicators import Indicator
from yunnao.kernel.text import Text, catalogue
from yunnao.modules.cases.evaluation import keeping, store
from yunnao.modules.cases.evaluation.contracts import Figure, Group, Point
from yunnao.modules.cases.evaluation.domain import (
    CUTS,
    MEASURES,
    Cut,
    Declared,
    Filter,
    Part,
    Step,
    Sums,
    add_months,
    grouped,
    periods,
    whole_months,
)
from yunnao.modules.cases.parts import Parts
from yunnao.modules.cases.registry import Snapshot
from yunnao.modules.cases.views import Names, names

NO_SUMS = Sums()

Cells = dict[tuple[str, date | None, int], Sums]
"""Sums by key, period and the indicator's position."""


async def declared(tx: Transaction) -> dict[str, Declared]:
    """The indicators of the installed scenes with the city's own targets, in the order of packs."""
    chosen = await keeping.settings(tx)
    found = {}
    for row in await store.rows(tx, "indicators_list"):
        spec = Indicator.model_validate(row["spec"])
        target = chosen.targets.get(row["name"], spec.target)
        found[row["name"]] = Declared(row["name"], row["position"], spec, target)
    return found


def one(known: Mapping[str, Declared], name: str) -> Declared:
    """Raises InvalidInput `indicator_unknown`."""
    found = known.get(name)
    if found is None:
        raise InvalidInput("indicator_unknown", indicator=name[:60])
    return found


def several(known: Mapping[str, Declared], wanted: Sequence[str]) -> list[Declared]:
    """Those of `wanted`, or all."""
    return [one(known, name) for name in wanted] if wanted else list(known.values())


async def figures(
    tx: Transaction, parts: Parts, of: Filter, wanted: Sequence[Declared], *, before: bool = False
) -> list[Figure]:
    snapshot = await parts.registry.current(tx)
    cells = await _cells(tx, snapshot, of, wanted, None, None)
    past = await _cells(tx, snapshot, of.before(), wanted, None, None) if before else None
    return [
        Figure(
            each,
            cells.get(("", None, each.position), NO_SUMS),
            None if past is None else past.get(("", None, each.position), NO_SUMS),
        )
        for each in wanted
    ]


async def trend(tx: Transaction, parts: Parts, of: Filter, wanted: Declared, step: Step) -> list[Point]:
    """One point a step, empty ones too, so that a chart has no holes."""
    snapshot = await parts.registry.current(tx)
    cells = await _cells(tx, snapshot, of, [wanted], None, step)
    return [
        Point(period, cells.get(("", period, wanted.position), NO_SUMS))
        for period in periods(of.start, of.end, step)
    ]


async def breakdown(
    tx: Transaction, parts: Parts, of: Filter, wanted: Sequence[Declared], by: Cut
) -> list[Group]:
    """One group a key that has cases. Categories are those just below the filter's, else the topmost."""
    known = await names(tx, parts)
    cells = await _cells(tx, known.snapshot, of, wanted, by, None)
    keys = {key for key, _, _ in cells}
    group_of: dict[str, str | None] = {key: key for key in keys}
    if by == "category":
        group_of = {key: _below(known.snapshot, key, of.category) for key in keys}
    told = await _labels(tx, known, by, {g for g in group_of.values() if g is not None})
    sums: dict[str, dict[str, Sums]] = {group: {} for group in told}
    by_position: dict[int, list[tuple[str, Sums]]] = {}
    for (key, _, place), found in cells.items():
        by_position.setdefault(place, []).append((key, found))
    for each in wanted:
        for group, found in grouped(by_position.get(each.position, []), group_of).items():
            sums[group][each.name] = found
    deeper = {above for node in known.snapshot.categories.values() if (above := node.parent)}
    return [
        Group(key, name, sums[key], deeper=by == "category" and key in deeper and key != of.category)
        for key, name in told.items()
        if any(found.denominator for found in sums[key].values())
    ]


async def behind(
    tx: Transaction, parts: Parts, of: Filter, wanted: Declared, part: Part, before: UUID | None, limit: int
) -> list[Row]:
    """The cases of a number, newest first."""
    snapshot = await parts.registry.current(tx)
    spec = wanted.spec
    return await store.rows(
        tx,
        "cases_behind",
        **_columns(snapshot, of),
        **_predicate(wanted),
        part=part if spec.operator == "share" else "denominator",
        before=before,
        limit=limit,
    )


async def mix(
    tx: Transaction, months: Sequence[date], wanted: Declared, cut: Cut
) -> dict[tuple[str, str], Sums]:
    """Sums by (key, category) of whole months; of those that are not summed yet from their cases."""
    usable = [row["month"] for row in await store.rows(tx, "months_usable", months=list(months))]
    found = await store.rows(tx, "mix_kept", months=usable, cut=cut, position=wanted.position)
    for month in months:
        if month not in usable:
            found += await store.rows(
                tx, "mix_counted", start=month, end=add_months(month, 1), cut=cut, **_predicate(wanted)
            )
    cells: dict[tuple[str, str], Sums] = {}
    for row in found:
        key = (row["key"], row["category"])
        cells[key] = cells.get(key, NO_SUMS) + _sums(row)
    return cells


async def labels(tx: Transaction, parts: Parts, cut: Cut, keys: Iterable[str]) -> dict[str, Text]:
    """The names of a cut's keys."""
    return await _labels(tx, await names(tx, parts), cut, set(keys))


async def _cells(
    tx: Transaction,
    snapshot: Snapshot,
    of: Filter,
    wanted: Sequence[Declared],
    by: Cut | None,
    step: Step | None,
) -> Cells:
    """From kept sums where the filter names at most the column that is asked by; else counted."""
    chosen = of.chosen
    cut = by if by is not None else _cut_of(of)
    positions = [each.position for each in wanted]
    if set(chosen) <= {cut}:
        keys = _keys(snapshot, of, cut)
        months = [] if step in ("day", "week") else whole_months(of.start, of.end)
        usable = await store.rows(tx, "months_usable", months=months) if months else []
        found = await store.rows(
            tx,
            "sums_kept",
            cut=cut,
            keys=keys,
            start=of.start,
            end=of.end,
            months=[row["month"] for row in usable],
            by_key=by is not None,
            step=step,
            positions=positions,
        )
    else:
        found = await store.rows(
            tx,
            "sums_counted",
            **_columns(snapshot, of),
            cut=by or "all",
            step=step,
            positions=positions,
            measures=list(MEASURES),
        )
    return {(row["key"], row["period"], row["position"]): _sums(row) for row in found}


def _cut_of(of: Filter) -> Cut:
    """The column that the filter names first; everything where it names none."""
    named = [cut for cut in CUTS if cut in of.chosen]
    return named[0] if named else "all"


def _keys(snapshot: Snapshot, of: Filter, cut: Cut) -> list[str] | None:
    value = of.chosen.get(cut)
    if value is None:
        return None
    return snapshot.below(value) if cut == "category" else [value]


def _columns(snapshot: Snapshot, of: Filter) -> dict[str, Any]:
    return {
        "start": of.start,
        "end": of.end,
        "department": of.department,
        "district": of.district,
        "street": of.street,
        "categories": snapshot.below(of.category) if of.category else None,
        "source": of.source,
        "person": UUID(of.person) if of.person else None,
    }


def _predicate(wanted: Declared) -> dict[str, Any]:
    """Which cases an indicator counts, as queries take it."""
    return {
        "basis": wanted.spec.basis,
        "measure": wanted.spec.measure,
        "of_all": wanted.of_all,
        "of_none": wanted.of_none,
        "where_all": wanted.where_all,
        "where_none": wanted.where_none,
    }


def _sums(row: Row) -> Sums:
    return Sums(row["denominator"], float(row["numerator"]), float(row["square"]))


def _below(snapshot: Snapshot, code: str, above: str | None) -> str | None:
    """The category just below `above` on the way to `code`; `above` itself where `code` is it."""
    path = snapshot.path(code) or [code]
    if above is None:
        return path[-1]
    if above not in path:
        return None
    place = path.index(above)
    return path[place - 1] if place else above


async def _labels(tx: Transaction, known: Names, cut: Cut, keys: set[str]) -> dict[str, Text]:
    """By name of each key, in a fixed order."""
    if cut == "person":
        rows = await store.rows(tx, "persons_list", ids=[UUID(key) for key in keys])
        found = {row["id"]: Text(**row["name"]) for row in rows}
    elif cut == "department":
        found = known.departments
    elif cut in ("district", "street"):
        found = known.areas
    elif cut == "category":
        found = {code: node.name for code, node in known.snapshot.categories.items()}
    elif cut == "source":
        found = {key: catalogue().get(f"evaluation_source_{key}", Text(zh=key, en=key)) for key in keys}
    else:
        found = {"": catalogue()["evaluation_whole"]}
    return {key: found.get(key, Text(zh=key, en=key)) for key in sorted(keys)}


def scoped(of: Filter, department: str | None) -> Filter:
    """The filter within one department's own cases; None: no bound."""
    return of if department is None else replace(of, department=department)
