"""Hot topics: messages of one matter found together, week after week. Pure.

Each message joins the topic that it is most like on average, or begins one. A topic keeps its identity
however it grows, and one that turns out to be another's is joined to the older of the two. The cost of a
message is that of comparing it with the topics that are held, not with all messages.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import log, sqrt

import numpy as np
from scipy.sparse import csr_matrix, vstack

from yunnao.modules.cases.topics.features import DIMENSIONS

JOIN_MIN = 0.09
"""Mean cosine with a topic's messages from which one joins; chosen on known events (`bench/topics.py`)."""
TOLD_MIN = 3
"""Messages that make a topic worth telling; fewer might be one person's."""
BATCH_ROWS = 256
TERMS_KEPT_MAX = 600
"""Of a topic's sum, the heaviest: the rest is noise of single messages."""
VOTE_WEIGHT = 0.3
"""Who agrees or disagrees by a click counts as this share of who writes."""
HALF_LIFE_WEEKS = 26.0
WEEK = timedelta(weeks=1)

Ints = np.ndarray[tuple[int], np.dtype[np.int_]]
Floats = np.ndarray[tuple[int], np.dtype[np.float64]]


@dataclass
class Book:
    """The topics that new messages may join: of each the sum and the number of its messages' vectors."""

    sums: csr_matrix
    sizes: Floats

    @classmethod
    def empty(cls) -> "Book":
        return cls(csr_matrix((0, DIMENSIONS), dtype=np.float32), np.zeros(0))

    @property
    def topics(self) -> int:
        return int(self.sizes.shape[0])

    def add(self, vectors: csr_matrix) -> list[int]:
        """The topic of each message in turn (unit vectors × DIMENSIONS); new topics come after the held."""
        joined: list[int] = []
        for start in range(0, vectors.shape[0], BATCH_ROWS):
            joined += self._add_batch(vectors[start : start + BATCH_ROWS])
        return joined

    def _add_batch(self, vectors: csr_matrix) -> list[int]:
        rows, held = vectors.shape[0], self.topics
        likeness = np.zeros((rows, held + rows), np.float32)
        """Of each message, the sum of its cosines with the messages of each topic."""
        if held:
            likeness[:, :held] = (vectors @ self.sums.T).toarray()
        among = (vectors @ vectors.T).toarray()
        sizes = np.concatenate([self.sizes, np.zeros(rows)])
        topics, joined = held, []
        for n in range(rows):
            topic = topics
            if topics:
                means = likeness[n, :topics] / sizes[:topics]
                best = int(means.argmax())
                if means[best] >= JOIN_MIN:
                    topic = best
            if topic == topics:
                topics += 1
            joined.append(topic)
            likeness[:, topic] += among[:, n]
            sizes[topic] += 1
        places = csr_matrix((np.ones(rows, np.float32), (joined, np.arange(rows))), shape=(topics, rows))
        ends = np.append(self.sums.indptr, [self.sums.indptr[-1]] * (topics - held))
        grown = csr_matrix((self.sums.data, self.sums.indices, ends), shape=(topics, DIMENSIONS))
        self.sums = (grown + places @ vectors).tocsr()
        self.sizes = sizes[:topics]
        return joined

    def consolidate(self, among: Sequence[int] | None = None) -> dict[int, int]:
        """Joins topics whose messages are alike on average, likest first, the younger to the older.

        `among`: at least one of the two is of these; none: of all. Single messages have had their chance.
        Returns which topic went into which; the joined ones stay behind, empty.
        """
        several = np.array([topic for topic in (among or range(self.topics)) if self.sizes[topic] > 1], int)
        blocks = [self._alike(several[at : at + BATCH_ROWS]) for at in range(0, len(several), BATCH_ROWS)]
        if not blocks:
            return {}
        one, other, mean = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
        into: dict[int, int] = {}
        rows: dict[int, csr_matrix] = {}
        for at in np.argsort(-mean, kind="stable"):
            older, younger = sorted((_root(int(one[at]), into), _root(int(other[at]), into)))
            if older == younger:
                continue
            a, b = (rows.setdefault(topic, self.sums[topic]) for topic in (older, younger))
            if float(a.multiply(b).sum()) / (self.sizes[older] * self.sizes[younger]) >= JOIN_MIN:
                into[younger] = older
                rows[older] = (a + b).tocsr()
                self.sizes[older] += self.sizes[younger]
        roots = {topic: _root(topic, into) for topic in into}
        self._move(roots)
        return roots

    def _alike(self, topics: Ints) -> tuple[Ints, Ints, Floats]:
        """Pairs of one of `topics` and any other that are alike enough, and how much."""
        found = (self.sums[topics] @ self.sums.T).tocoo()
        one, other = topics[found.row], found.col.astype(int)
        mean = found.data / (self.sizes[one] * self.sizes[other])
        kept = (mean >= JOIN_MIN) & (one != other)
        return one[kept], other[kept], mean[kept]

    def _move(self, roots: dict[int, int]) -> None:
        """Adds the joined topics' sums to those that they went into, and empties them."""
        places = np.arange(self.topics)
        targets = np.array([roots.get(int(topic), int(topic)) for topic in places])
        moved = csr_matrix(
            (np.ones(len(places), np.float32), (targets, places)), shape=(len(places), len(places))
        )
        self.sums = (moved @ self.sums).tocsr()
        self.sizes[list(roots)] = 1


def heat(
    messages: int,
    likes: int,
    dislikes: int,
    first: datetime,
    last: datetime,
    now: datetime,
    half_life_weeks: float = HALF_LIFE_WEEKS,
) -> float:
    """√people · (1 + ln(1 + weeks) / 4) · 2^(−age / half-life).

    people: messages + 0.3 · (likes + dislikes). weeks: from the first message to the last. age: weeks since
    the last. So it grows with how many care and how long they have, and fades when nobody writes any more.
    """
    people = messages + VOTE_WEIGHT * (max(0, likes) + max(0, dislikes))
    weeks = max(0.0, (last - first) / WEEK)
    age = max(0.0, (now - last) / WEEK)
    fading: float = 2.0 ** (-age / half_life_weeks)
    return sqrt(people) * (1 + log(1 + weeks) / 4) * fading


def weekly(times: Sequence[datetime]) -> list[tuple[datetime, int]]:
    """Messages of each week (from Monday, UTC), weeks without any too, oldest first."""
    if not times:
        return []
    weeks = [week_of(moment) for moment in times]
    week, found = min(weeks), []
    while week <= max(weeks):
        found.append((week, weeks.count(week)))
        week += WEEK
    return found


def week_of(moment: datetime) -> datetime:
    """The Monday, 00:00, of the week of `moment`, in its own zone."""
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday())


def trend(series: Sequence[int]) -> float:
    """Messages a week of the newest four weeks over those of the four before; 1 is steady, more is rising."""
    recent, before = sum(series[-4:]), sum(series[-8:-4])
    return round((recent + 1) / (before + 1), 2)


def _root(topic: int, into: dict[int, int]) -> int:
    while topic in into:
        topic = into[topic]
    return topic


def heaviest(row: csr_matrix) -> csr_matrix:
    """The row with its heaviest terms only."""
    if row.nnz <= TERMS_KEPT_MAX:
        return row
    kept = np.argsort(-row.data)[:TERMS_KEPT_MAX]
    return csr_matrix((row.data[kept], (np.zeros(len(kept), int), row.indices[kept])), shape=row.shape)


def stacked(rows: Sequence[csr_matrix]) -> csr_matrix:
    return vstack(rows, format="csr") if rows else csr_matrix((0, DIMENSIONS), dtype=np.float32)
