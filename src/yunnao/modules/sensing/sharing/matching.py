"""Which readings of a batch somebody subscribed to, and into the outbox with them.

Runs inside the transaction of the batch: a reading that is stored is in the outbox of everybody who
wants it, or neither is. Every intake keeps the wanted series in columns: a boolean over all series
to pass by what nobody wants, and (series, subscription) pairs in order of series for the rest.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Literal
from psycopg.types.json import Jsonb

from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.kernel.time import Clock
from yunnao.modules.sensing.blocks import Block
from yunnao.modules.sensing.contracts import Floats, Int32, Int64
from yunnao.modules.sensing.sharing.content import content_of
from yunnao.modules.sensing.sharing.thinning import changes, first_of_interval

QUERIES = load_queries("yunnao.modules.sensing.sharing", "matching.sql")
CHECK = timedelta(minutes=1)
"""How often the ends of shares are looked at; a share that ends is noticed so late at most."""
PAIR = np.dtype(
    [("n", ">i2"), ("size1", ">i4"), ("subscription", ">i4"), ("size2", ">i4"), ("series", ">i4")]
)
COPY_HEADER_BYTES = 19
COPY_TRAILER_BYTES = 2


@dataclass(frozen=True)
class Collecting:
    """A subscription that wants readings."""

    number: int
    mode: str
    interval_s: int | None
    change_min: float | None


@dataclass
class Wanted:
    """n pairs in order of series, and whether a series is in any."""

    series: Int32 = field(default_factory=lambda: np.zeros(0, np.int32))
    subscription: Int32 = field(default_factory=lambda: np.zeros(0, np.int32))
    any_of: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))

    @classmethod
    def of(cls, series: Int32, subscription: Int32) -> "Wanted":
        order = np.argsort(series, kind="stable")
        any_of = np.zeros(int(series.max()) + 1 if len(series) else 0, np.bool_)
        any_of[series] = True
        return cls(series[order], subscription[order], any_of)

    def without(self, series: Int32) -> "Wanted":
        keep = ~np.isin(self.series, series)
        return Wanted.of(self.series[keep], self.subscription[keep])

    def match(self, series: Int32) -> tuple[Int64, Int32]:
        """Of n readings' series: positions (m), each beside a subscription that wants it."""
        inside = series < len(self.any_of)
        hits = np.flatnonzero(inside)[self.any_of[series[inside]]]
        first = np.searchsorted(self.series, series[hits], "left")
        count = np.searchsorted(self.series, series[hits], "right") - first
        offset = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
        return np.repeat(hits, count), self.subscription[np.repeat(first, count) + offset]


@dataclass(frozen=True)
class Found:
    """n readings of one subscription, in order of series and time; texts by position."""

    series: Int32
    time_us: Int64
    value: Floats
    texts: dict[int, str]

    def kept(self, keep: NDArray[np.bool_]) -> "Found":
        place = np.cumsum(keep) - 1
        texts = {int(place[i]): text for i, text in self.texts.items() if keep[i]}
        return Found(self.series[keep], self.time_us[keep], self.value[keep], texts)


class Matcher:
    """The hook of one intake."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # Batches of several lanes are stored at a time.
        self._one_at_a_time = asyncio.Lock()
        self._sharing: int | None = None
        self._devices = -1
        self._checked_at: datetime | None = None
        self._collecting: dict[int, Collecting] = {}
        self._wanted = Wanted()

    async def share(self, tx: Transaction, blocks: Sequence[Block], series: Int32, prior_us: Int64) -> None:
        """Puts what subscribers want of distinct `blocks` into their outbox.

        `prior_us` beside `series` (ascending): the latest time of each series before the batch.
        """
        async with self._one_at_a_time:
            await self._refresh(tx)
            collecting, wanted = self._collecting, self._wanted
        if not collecting:
            return
        now = self._clock.now()
        rows: list[tuple[int, Found]] = []
        for number, found in _by_subscription(wanted, blocks).items():
            kept = await self._thin(tx, collecting[number], found, series, prior_us)
            if len(kept.series):
                rows.append((number, kept))
        if not rows:
            return
        await tx.execute(
            QUERIES["deliveries_insert"],
            {
                "now": now,
                "subscriptions": [number for number, _ in rows],
                "readings": [len(kept.series) for _, kept in rows],
                "contents": [content_of(kept.series, kept.time_us, kept.value).tobytes() for _, kept in rows],
                "texts": [Jsonb(kept.texts) if kept.texts else None for _, kept in rows],
            },
        )
        await tx.execute(QUERIES["deliveries_notify"])

    async def _refresh(self, tx: Transaction) -> None:
        """Sees to it that nothing older than the transaction is believed."""
        now = self._clock.now()
        versions = await (await tx.execute(QUERIES["versions"])).fetchone()
        assert versions is not None
        due = self._checked_at is None or not self._checked_at <= now < self._checked_at + CHECK
        if versions["sharing"] != self._sharing or due:
            rows = await (await tx.execute(QUERIES["collecting"], {"now": now})).fetchall()
            collecting = {row["number"]: _collecting(row) for row in rows}
            self._checked_at = now
            if versions["sharing"] != self._sharing or collecting != self._collecting:
                self._collecting = collecting
                self._wanted = await self._pairs(tx, -1)
                self._sharing, self._devices = versions["sharing"], versions["devices"]
        if versions["devices"] != self._devices and self._collecting:
            gone = await (await tx.execute(QUERIES["changed_series"], {"after": self._devices})).fetchall()
            fresh = await self._pairs(tx, self._devices)
            rest = self._wanted.without(np.array([row["series"] for row in gone], np.int32))
            self._wanted = Wanted.of(
                np.concatenate([rest.series, fresh.series]),
                np.concatenate([rest.subscription, fresh.subscription]),
            )
        self._devices = versions["devices"]

    async def _pairs(self, tx: Transaction, after: int) -> Wanted:
        """Pairs of devices that changed after a version: by binary COPY, since there may be millions."""
        if not self._collecting:
            return Wanted()
        query = SQL(QUERIES["pairs"].rstrip(";")).format(
            after=Literal(after), subscriptions=Literal(list(self._collecting))
        )
        parts: list[bytes] = []
        reading = SQL("COPY ({}) TO STDOUT (FORMAT binary)").format(query)
        async with tx.cursor(row_factory=tuple_row) as cursor, cursor.copy(reading) as copy:
            async for part in copy:
                parts.append(bytes(part))
        body = b"".join(parts)[COPY_HEADER_BYTES:-COPY_TRAILER_BYTES]
        rows = np.frombuffer(body, PAIR)
        return Wanted.of(rows["series"].astype(np.int32), rows["subscription"].astype(np.int32))

    async def _thin(
        self, tx: Transaction, to: Collecting, found: Found, series: Int32, prior_us: Int64
    ) -> Found:
        if to.mode == "interval" and to.interval_s is not None:
            prior = prior_us[np.searchsorted(series, found.series)]
            return found.kept(
                first_of_interval(found.series, found.time_us, prior, to.interval_s * 1_000_000)
            )
        if to.mode == "change" and to.change_min is not None:
            wanted = np.unique(found.series)
            rows = await (
                await tx.execute(
                    QUERIES["shared_values"], {"subscription": to.number, "series": wanted.tolist()}
                )
            ).fetchall()
            sent = np.full(len(wanted), np.nan)
            known = np.array([row["series"] for row in rows], np.int32)
            sent[np.searchsorted(wanted, known)] = [row["value"] for row in rows]
            before = sent[np.searchsorted(wanted, found.series)]
            kept = found.kept(changes(found.series, found.value, before, to.change_min))
            await self._remember(tx, to.number, kept)
            return kept
        return found

    async def _remember(self, tx: Transaction, subscription: int, kept: Found) -> None:
        """The last number sent of each series."""
        numbers = np.flatnonzero(~np.isnan(kept.value))
        series = kept.series[numbers]
        last = numbers[np.flatnonzero(np.r_[series[1:] != series[:-1], True])] if len(series) else numbers
        await tx.execute(
            QUERIES["shared_values_keep"],
            {
                "subscription": subscription,
                "series": kept.series[last].tolist(),
                "values": kept.value[last].tolist(),
            },
        )


def _collecting(row: Row) -> Collecting:
    return Collecting(row["number"], row["mode"], row["interval_s"], row["change_min"])


def _by_subscription(wanted: Wanted, blocks: Sequence[Block]) -> dict[int, Found]:
    """Readings of all blocks by subscription, each in order of series and time."""
    parts: list[tuple[Int64, Int32, Block]] = [
        (*wanted.match(block.series), block) for block in blocks if len(block.series)
    ]
    parts = [part for part in parts if len(part[0])]
    if not parts:
        return {}
    subscription = np.concatenate([to for _, to, _ in parts])
    series = np.concatenate([block.series[at] for at, _, block in parts])
    time_us = np.concatenate([block.time_us[at] for at, _, block in parts])
    value = np.concatenate(
        [block.value[at] if block.text is None else np.full(len(at), np.nan) for at, _, block in parts]
    )
    texts: list[str | None] = []
    for at, _, block in parts:
        texts += [None] * len(at) if block.text is None else [block.text[i] for i in at.tolist()]
    order = np.lexsort((time_us, series, subscription))
    starts = np.flatnonzero(np.r_[True, np.diff(subscription[order]) != 0])
    found: dict[int, Found] = {}
    for rows in np.split(order, starts[1:]):
        own = {i: text for i, row in enumerate(rows.tolist()) if (text := texts[row]) is not None}
        found[int(subscription[rows[0]])] = Found(series[rows], time_us[rows], value[rows], own)
    return found
