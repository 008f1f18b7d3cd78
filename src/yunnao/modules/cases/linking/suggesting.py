"""At intake: what is already known of the same event, as a suggestion with its reasons."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import h3.api.basic_int as h3
import orjson

from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.packs.linking import LinkingWindow
from yunnao.kernel.text import Text
from yunnao.modules.cases.domain import OPEN
from yunnao.modules.cases.linking import domain, store
from yunnao.modules.cases.registry import Snapshot

CELL_RESOLUTION = 9
SPOT_RESOLUTION = 10
CELL_ROWS_MAX = 8
"""Of each of the seven cells around a place, the newest."""
CATEGORY_ROWS_MAX = 30
OPEN_DAYS_MAX = 90
"""An earlier case that is older than this is not looked for, even if it is still open."""
TEXTS_COMPARED_MAX = 12
SUGGESTIONS_MAX = 3


@dataclass(frozen=True)
class Seen:
    """What is to be compared with earlier cases."""

    text: str
    category: str | None
    lon: float | None
    lat: float | None
    at: datetime
    source: str = "citizen"
    case_id: UUID | None = None


@dataclass(frozen=True)
class Suggestion:
    """An earlier case that may be of the same event."""

    other: Row
    kind: str
    """duplicate: it still runs; recurrent: it was closed; related: it runs under another category."""
    score: float
    """That people would call the two one event."""
    metres: float | None
    reasons: list[Text]


async def keep_place(tx: Transaction, row: Row) -> None:
    """Puts a new case on the grid."""
    located = row["lon"] is not None
    await store.run(
        tx,
        "place_insert",
        case_id=row["id"],
        opened_at=row["opened_at"],
        cell=h3.latlng_to_cell(row["lat"], row["lon"], CELL_RESOLUTION) if located else None,
        spot=h3.latlng_to_cell(row["lat"], row["lon"], SPOT_RESOLUTION) if located else None,
        category=row["category"],
        entity=row["entity"],
        words=_words(row["text"]),
    )


async def similar(tx: Transaction, snapshot: Snapshot, seen: Seen, score_min: float) -> list[Suggestion]:
    """Earlier cases that may be of the same event, likeliest first; a bounded search."""
    window = window_of(snapshot, seen.category)
    found = await store.rows(
        tx,
        "candidates",
        case_id=seen.case_id,
        cells=_cells(seen),
        words=_words(seen.text),
        unplaced_category=seen.category if seen.lon is None else None,
        open_since=seen.at - timedelta(days=OPEN_DAYS_MAX),
        closed_since=seen.at - timedelta(days=window.days),
        cell_rows_max=CELL_ROWS_MAX,
        category_rows_max=CATEGORY_ROWS_MAX,
    )
    judged = _judge(snapshot, seen, window, [row for row in found if not _two_alarms(seen, row)])
    chosen = [each for each in judged if each[1] >= score_min]
    chosen.sort(key=lambda each: (-each[1], -each[0]["opened_at"].timestamp()))
    mine = domain.units(seen.text)
    return [
        Suggestion(
            row,
            _kind(row, evidence),
            score,
            evidence.metres,
            domain.reasons(evidence, row["number"], domain.shared_words(mine, domain.units(row["text"]))),
        )
        for row, score, evidence in chosen[:SUGGESTIONS_MAX]
    ]


async def keep(tx: Transaction, case_id: UUID, found: list[Suggestion], now: datetime) -> None:
    await store.run(
        tx,
        "links_insert",
        case_id=case_id,
        others=[each.other["id"] for each in found],
        kinds=[each.kind for each in found],
        scores=[round(each.score, 4) for each in found],
        reasons=[orjson.dumps([r.model_dump() for r in each.reasons]).decode() for each in found],
        now=now,
    )


def window_of(snapshot: Snapshot, category: str | None) -> LinkingWindow:
    """The category's own, else that of the nearest above, else the city's."""
    declared = snapshot.linking
    for code in snapshot.path(category) if category else ():
        if code in declared.by_category:
            return declared.by_category[code]
    return declared.window


def _judge(
    snapshot: Snapshot, seen: Seen, window: LinkingWindow, found: list[Row]
) -> list[tuple[Row, float, domain.Evidence]]:
    """Place, time and category first; texts of the likeliest few only, since they cost most."""
    path = snapshot.path(seen.category) if seen.category else []
    first = []
    for row in found:
        metres = domain.metres_between(seen.lon, seen.lat, row["lon"], row["lat"])
        if metres is not None and metres > window.radius_m:
            continue
        evidence = domain.Evidence(
            metres=metres,
            minutes=(seen.at - row["opened_at"]).total_seconds() / 60,
            steps=domain.steps_between(path, snapshot.path(row["category"])) if row["category"] else None,
            similarity=None,
            # A closed one is judged as if it ran: whether the same has come back is the question.
            earlier_open=True,
            radius_m=window.radius_m,
        )
        first.append((row, domain.probability(evidence), evidence))
    first.sort(key=lambda each: -each[1])
    mine = domain.pairs(domain.units(seen.text))
    judged = []
    for row, _, evidence in first[:TEXTS_COMPARED_MAX]:
        theirs = domain.pairs(domain.units(row["text"]))
        whole = replace(
            evidence, similarity=domain.similarity(mine, theirs), told=domain.telling(mine, theirs)
        )
        judged.append((row, domain.probability(whole), replace(whole, earlier_open=row["status"] in OPEN)))
    return judged


def _kind(row: Row, evidence: domain.Evidence) -> str:
    if not evidence.earlier_open:
        return "recurrent"
    return "duplicate" if evidence.steps in {0, None} else "related"


def _two_alarms(seen: Seen, row: Row) -> bool:
    """Alarms of two devices are two things, however alike their messages are."""
    return seen.source == "alarm" and row["source"] == "alarm"


def _cells(seen: Seen) -> list[int]:
    if seen.lon is None or seen.lat is None:
        return []
    return list(h3.grid_disk(h3.latlng_to_cell(seen.lat, seen.lon, CELL_RESOLUTION), 1))


def _words(text: str) -> bytes:
    return hashlib.sha256(" ".join(domain.units(text)).encode()).digest()
