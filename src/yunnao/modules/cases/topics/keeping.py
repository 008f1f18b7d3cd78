"""By the clock: new cases join the topics of the city, each once, in the order in which they came."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import orjson
from scipy.sparse import csr_matrix

from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.kernel.ids import new_id
from yunnao.modules.cases.masking import mask_text
from yunnao.modules.cases.parts import Parts
from yunnao.modules.cases.topics.domain import TOLD_MIN, Book, heaviest, stacked
from yunnao.modules.cases.topics.features import DIMENSIONS, Rarity, counts
from yunnao.modules.cases.topics.naming import Phrases, places

QUERIES = load_queries("yunnao.modules.cases.topics")
CASES_AT_ONCE_MAX = 1_000
TOPICS_HELD_MAX = 10_000
HELD = timedelta(weeks=8)
"""A topic that was silent for longer begins anew."""
SETTLING = timedelta(seconds=60)
"""By then whatever got an earlier id has been committed, or never will be."""
TITLES_COMPARED_MAX = 3_000
TITLES_READ_MAX = 200
NAMED_MAX = 200
PRUNED_ROWS_MAX = 2_000
NIL = UUID(int=0)


@dataclass
class Held:
    """A topic as it stands while messages are added."""

    id: UUID
    first: datetime
    last: datetime


@dataclass(frozen=True)
class Linked:
    """What a run found."""

    book: Book
    rarity: Rarity
    topics: list[int]
    into: dict[int, int]


async def keep(tx: Transaction, parts: Parts) -> int:
    """Puts new cases to topics and names those that grew; for a timer. Returns how many cases."""
    now = parts.clock.now()
    await tx.execute(QUERIES["state_begin"], {"grams": Rarity().dump(), "nil": NIL})
    state = await (await tx.execute(QUERIES["state_lock"])).fetchone()
    assert state is not None
    new = await _rows(
        tx, "cases_next", after=state["last_case"], until=now - SETTLING, limit=CASES_AT_ONCE_MAX
    )
    if not new:
        return 0
    rows = await _rows(tx, "topics_held", since=new[0]["opened_at"] - HELD, limit=TOPICS_HELD_MAX)
    found = await asyncio.to_thread(_link, state, rows, new)
    held = [Held(row["id"], row["first_at"], row["last_at"]) for row in rows]
    for topic, row in zip(found.topics, new, strict=True):
        if topic == len(held):
            held.append(Held(new_id(), row["opened_at"], row["opened_at"]))
        held[topic].first = min(held[topic].first, row["opened_at"])
        held[topic].last = max(held[topic].last, row["opened_at"])
    grown = await _write(tx, held, found, new)
    await tx.execute(
        QUERIES["state_update"],
        {
            "messages": found.rarity.messages,
            "grams": found.rarity.dump(),
            "last_case": new[-1]["id"],
        },
    )
    told = [held[topic].id for topic in grown if found.book.sizes[topic] >= TOLD_MIN]
    await _describe(tx, told[:NAMED_MAX])
    return len(new)


async def prune(tx: Transaction, parts: Parts) -> None:
    """Forgets what never became a topic; for a timer."""
    before = parts.clock.now() - HELD - timedelta(weeks=1)
    gone = await _rows(tx, "topics_prune", told_min=TOLD_MIN, before=before, limit=PRUNED_ROWS_MAX)
    if gone:
        await tx.execute(QUERIES["topics_delete"], {"ids": [row["id"] for row in gone]})


def _link(state: Row, rows: list[Row], new: list[Row]) -> Linked:
    """The work of a processor, off the loop."""
    rarity = Rarity.load(state["messages"], state["grams"])
    book = Book(
        stacked([_unpacked(row["sum"]) for row in rows]), np.array([row["messages"] for row in rows], float)
    )
    found = counts([(row["title"], row["text"]) for row in new])
    rarity.learn(found)
    topics = book.add(rarity.weighted(found))
    return Linked(book, rarity, topics, book.consolidate(sorted(set(topics))))


async def _write(tx: Transaction, held: list[Held], found: Linked, new: list[Row]) -> list[int]:
    """Writes topics that changed, joins, and which case is of which; the topics that grew."""
    for younger, older in found.into.items():
        held[older].first = min(held[older].first, held[younger].first)
        held[older].last = max(held[older].last, held[younger].last)
    grown = sorted({found.into.get(topic, topic) for topic in found.topics} | set(found.into.values()))
    written = sorted({*grown, *found.topics, *found.into})
    await tx.execute(
        QUERIES["topics_upsert"],
        {
            "ids": [held[topic].id for topic in written],
            "messages": [int(found.book.sizes[topic]) for topic in written],
            "firsts": [held[topic].first for topic in written],
            "lasts": [held[topic].last for topic in written],
            "sums": [_packed(found.book.sums[topic]) for topic in written],
        },
    )
    if found.into:
        joined = {
            "youngers": [held[younger].id for younger in found.into],
            "olders": [held[older].id for older in found.into.values()],
        }
        await tx.execute(QUERIES["topics_join"], joined)
        await tx.execute(QUERIES["topic_cases_move"], joined)
    await tx.execute(
        QUERIES["topic_cases_insert"],
        {
            "cases": [row["id"] for row in new],
            "topics": [held[found.into.get(topic, topic)].id for topic in found.topics],
            "times": [row["opened_at"] for row in new],
        },
    )
    return grown


async def _describe(tx: Transaction, ids: list[UUID]) -> None:
    """Names topics anew from their titles, and counts whom and where they concern."""
    if not ids:
        return
    newest = await _rows(tx, "titles_newest", limit=TITLES_COMPARED_MAX)
    of = {row["id"]: row["titles"] for row in await _rows(tx, "topic_titles", ids=ids, limit=TITLES_READ_MAX)}
    named = await asyncio.to_thread(_named, [row["title"] for row in newest], of)
    await tx.execute(
        QUERIES["topics_describe"],
        {
            "ids": list(named),
            "phrases": [orjson.dumps(phrases).decode() for phrases, _ in named.values()],
            "places": [orjson.dumps(where).decode() for _, where in named.values()],
        },
    )


def _named(titles: list[str], of: dict[UUID, list[str]]) -> dict[UUID, tuple[list[str], list[str]]]:
    phrases = Phrases(titles)
    return {
        topic: (
            [mask_text(phrase) for phrase in phrases.name(own)],
            [mask_text(name) for name in places(own)],
        )
        for topic, own in of.items()
    }


def _packed(row: csr_matrix) -> bytes:
    kept = heaviest(row)
    return bytes(kept.indices.astype("<i4").tobytes() + kept.data.astype("<f4").tobytes())


def _unpacked(content: bytes) -> csr_matrix:
    half = len(content) // 2
    terms, weights = np.frombuffer(content[:half], "<i4"), np.frombuffer(content[half:], "<f4")
    return csr_matrix((weights, (np.zeros(len(terms), int), terms)), shape=(1, DIMENSIONS))


async def _rows(tx: Transaction, name: str, **params: Any) -> list[Row]:
    return await (await tx.execute(QUERIES[name], params)).fetchall()
