"""The statements of this room, put together of named parts, and what they are asked with."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any, Literal, LiteralString

from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.modules.cases import domain
from yunnao.modules.cases.registry import Snapshot
from yunnao.modules.cases.search.contracts import CaseFilter, Place, Sort
from yunnao.modules.geography.contracts import Area
from yunnao.modules.identity.contracts import CaseScope

Order = Literal["newest", "opened", "due", "risk"]
"""Within a span of time the newest come by their opening: its index leads to the span, and in order."""

QUERIES = load_queries("yunnao.modules.cases.search")
CONDITIONS = frozenset(name.removeprefix("flag_") for name in QUERIES if name.startswith("flag_"))
_PART = re.compile(r"/\*(\w+)\*/")


@dataclass(frozen=True)
class Ask:
    """One filter of one party, ready to be asked: which parts the statements take, and their values."""

    scoped: bool
    runs: bool
    flags: frozenset[str]
    order: Order
    values: Mapping[str, Any]

    def statement(self, name: str) -> LiteralString:
        return _statement(name, self.scoped, self.runs, self.flags & CONDITIONS, self.order)

    def after(self, place: Place) -> "Ask":
        return replace(self, values={**self.values, "after_id": place.id, "after_key": place.key})

    async def rows(self, tx: Transaction, name: str, **params: Any) -> list[Row]:
        """Never prepared: the plan must be made for these values, not for any."""
        found = await tx.execute(self.statement(name), {**self.values, **params}, prepare=False)
        return await found.fetchall()


@cache
def _statement(name: str, scoped: bool, runs: bool, flags: frozenset[str], order: Order) -> LiteralString:
    own = "own" if scoped else "everything"
    parts = {
        "visible": f"visible_{own}",
        "scope": f"scope_{own}",
        "reported": f"reported_{own}",
        "runs": "running" if runs else "any",
        "shown": "columns" if name in {"page", "export_said"} else "only_id",
        **{part: f"{part}_{order}" for part in ("key", "order", "backwards", "after", "finally")},
    }

    def put(found: re.Match[str]) -> str:
        if found[1] == "flags":
            return " AND ".join(["TRUE", *(_bare(QUERIES[f"flag_{flag}"]) for flag in sorted(flags))])
        part = QUERIES[parts.get(found[1], found[1])]
        return _PART.sub(put, _bare(part))

    # Of parts that stand in a file of the package.
    return _PART.sub(put, _bare(QUERIES[name]))


def _bare(statement: str) -> str:
    """Without its comment, and without the semicolon that ends it."""
    lines = [line for line in statement.splitlines() if not line.startswith("--")]
    return "\n".join(lines).rstrip().removesuffix(";")


def ask(
    wanted: CaseFilter,
    scope: CaseScope,
    sort: Sort,
    now: datetime,
    snapshot: Snapshot,
    areas: Mapping[str, Area],
    after: Place | None = None,
) -> Ask:
    status = set(wanted.status)
    due_before = wanted.due_before
    if wanted.overdue or "overdue" in wanted.flags:
        due_before = min(now, due_before) if due_before else now
    runs = wanted.overdue or sort != "newest" or bool(wanted.flags & {"overdue", "amber", "paused"})
    runs = runs or (bool(status) and status <= set(domain.OPEN))
    area = areas.get(wanted.area) if wanted.area else None
    box = wanted.box
    order: Order = "opened" if sort == "newest" and (wanted.since or wanted.until) else sort
    return Ask(
        not scope.everything,
        runs,
        wanted.flags,
        order,
        {
            "everything": scope.everything,
            "own_department": scope.department,
            "own_reporter": scope.reporter,
            "status": sorted(status) if status and status != set(domain.OPEN) else None,
            "department": wanted.department,
            "categories": snapshot.below(wanted.category) if wanted.category else None,
            "district": wanted.area if wanted.area and (area is None or area.level == "district") else None,
            "street": wanted.area if wanted.area and area is not None and area.level == "street" else None,
            "source": wanted.source,
            "case_types": _case_types(wanted, snapshot),
            "severity": sorted(wanted.severity) or None,
            "since": wanted.since,
            "until": wanted.until,
            "due_before": due_before,
            "automatic": _either(wanted.flags, "automatic", "manual"),
            "now": now,
            "placed": _either(wanted.flags, "placed", "unplaced"),
            "rated": _either(wanted.flags, "rated", "unrated"),
            "west": box.west if box else None,
            "east": box.east if box else None,
            "south": box.south if box else None,
            "north": box.north if box else None,
            "after_id": after.id if after else None,
            "after_key": after.key if after else None,
        },
    )


def _case_types(wanted: CaseFilter, snapshot: Snapshot) -> list[str] | None:
    """Those that the filter leaves; a case's scene is its type's."""
    if wanted.scene is None and wanted.case_type is None:
        return None
    return [
        node.type
        for node in snapshot.case_types.values()
        if wanted.scene in (None, node.scene) and wanted.case_type in (None, node.type)
    ]


def _either(flags: frozenset[str], yes: str, no: str) -> bool | None:
    return True if yes in flags else False if no in flags else None


async def fold(tx: Transaction, words: list[str]) -> list[str]:
    """The words as stored texts have them; those of which nothing is left are dropped."""
    found = await (await tx.execute(QUERIES["fold"], {"words": words})).fetchone()
    return [word for word in (found["words"] if found else None) or [] if word]


async def frequent(tx: Transaction) -> tuple[dict[str, float], int]:
    """Shares of the frequent grams, and how many cases there are; nothing before the first ANALYZE."""
    found = await (await tx.execute(QUERIES["frequent"])).fetchone()
    if found is None or found["grams"] is None:
        return {}, 0
    # After the shares of the grams PostgreSQL puts the least and the greatest of them.
    return dict(zip(found["grams"], found["shares"], strict=False)), found["cases"]


async def insert(tx: Transaction, case_id: Any, body: str) -> None:
    await tx.execute(QUERIES["search_insert"], {"case_id": case_id, "body": body})


async def note(tx: Transaction, case_id: Any, text: str, chars_max: int) -> None:
    await tx.execute(QUERIES["search_note"], {"case_id": case_id, "note": text, "chars_max": chars_max})


async def settle(tx: Transaction) -> None:
    await tx.execute(QUERIES["search_settle"])
