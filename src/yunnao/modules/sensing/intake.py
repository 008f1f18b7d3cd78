"""A batch of device messages in one transaction: stored, made visible, judged by rules."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import psycopg
import structlog

from yunnao.infra import deadletters
from yunnao.infra.deadletters import DeadLetter
from yunnao.infra.nats_subjects import COLUMNS_SUBJECTS, intake_subject, read_subject
from yunnao.infra.nervous import Nervous
from yunnao.infra.postgres import Database, Transaction, load_queries
from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.time import Clock
from yunnao.modules.sensing.access.guard import Guard, Refused, Watch
from yunnao.modules.sensing.attributes import Attributes
from yunnao.modules.sensing.blocks import Block, distinct, newest_of
from yunnao.modules.sensing.columns import Documents, blocks_of_chunks, columns_of
from yunnao.modules.sensing.contracts import Int64, Newest
from yunnao.modules.sensing.domain.decoding import parse
from yunnao.modules.sensing.domain.refusals import Refusal
from yunnao.modules.sensing.homeward import Outgoing, homeward
from yunnao.modules.sensing.lanes import LaneHold
from yunnao.modules.sensing.live.store import keep_texts
from yunnao.modules.sensing.live.table import LiveTable
from yunnao.modules.sensing.partitioning import Partitions
from yunnao.modules.sensing.registry import Registry
from yunnao.modules.sensing.rules.domain.evaluation import Journal
from yunnao.modules.sensing.rules.judging import Judge
from yunnao.modules.sensing.sharing.matching import Matcher
from yunnao.modules.sensing.storing import store, stored_of
from yunnao.modules.twin.facade import Twin

QUERIES = load_queries("yunnao.modules.sensing", "intake.sql")
SOURCE = "ingest"
"""Of this part's dead letters."""
watch_gap_max = timedelta(seconds=30)
"""A lane unread for longer was not watched."""
tries_max = 3
"""Of a batch whose partition went away or whose live table was behind."""
NEVER_US = np.iinfo(np.int64).max

log = structlog.get_logger()


@dataclass(frozen=True)
class Messages:
    """n messages of one lane as the stream keeps them: subject, payload, place and arrival."""

    subjects: Sequence[str]
    payloads: Sequence[bytes]
    sequences: Int64
    arrival_us: Int64

    def __len__(self) -> int:
        return len(self.subjects)

    def part(self, rows: slice) -> "Messages":
        return Messages(self.subjects[rows], self.payloads[rows], self.sequences[rows], self.arrival_us[rows])

    def taken(self, index: Int64) -> "Messages":
        at = index.tolist()
        return Messages(
            [self.subjects[i] for i in at],
            [self.payloads[i] for i in at],
            self.sequences[index],
            self.arrival_us[index],
        )

    def letter(self, refusal: Refusal) -> DeadLetter:
        """The dead letter of a refused message; its subject leads back through the same door."""
        index = refusal.index
        subject = self.subjects[index]
        with suppress(InvalidInput):
            _, product, device = read_subject(subject)
            subject = intake_subject(product, device)
        return DeadLetter(SOURCE, subject, self.payloads[index], refusal.code, refusal.params)


@dataclass(frozen=True)
class Heard:
    """How far `lanes` have been read: all that arrived up to `at`. `counter` keeps lanes' counts apart."""

    counter: int
    lanes: Sequence[int]
    at: datetime


@dataclass(frozen=True)
class Stored:
    """Readings that are new in the database, and messages refused in whole or in part, by code."""

    readings: int
    refused: Counter[str]


@dataclass(frozen=True)
class Decoded:
    """A batch as columns, and what was refused of its plain messages."""

    blocks: list[Block]
    plain: Messages
    refused: list[Refused]
    away: list[Outgoing]
    """To the lanes of devices that a gateway of this lane spoke for."""


class Intake:
    """The way of readings into the city, apart from the broker that brings them."""

    def __init__(
        self,
        clock: Clock,
        twin: Twin,
        nervous: Nervous,
        table: LiveTable,
        judge: Judge,
    ) -> None:
        self._clock = clock
        self._nervous = nervous
        self._attributes = Attributes(twin, table)
        self._table = table
        self._judge = judge
        self._registry = Registry()
        self._guard = Guard(clock)
        self._one_at_a_time = asyncio.Lock()
        self._matcher = Matcher(clock)
        self.partitions = Partitions(clock)

    async def take(self, database: Database, hold: LaneHold, messages: Messages, heard: Heard) -> Stored:
        """Stores `messages` of the lane, and how far was `heard`, in one transaction; then they show.

        Those that are stored already came again since their acknowledgement was lost: they are only
        applied to the live table once more, which a crash may have kept from it. Raises Unavailable
        `lane_lost` where another worker has taken the lane.
        """
        again = hold.stored(messages.sequences, messages.arrival_us)
        if again.any():
            await self._show_again(database, hold, messages.taken(np.flatnonzero(again)))
            messages = messages.taken(np.flatnonzero(~again))
            if not len(messages):
                return Stored(0, Counter())
        careful = False
        for _ in range(tries_max):
            try:
                return await self._take(database, hold, messages, heard, careful=careful)
            except psycopg.errors.UniqueViolation:
                # The live table did not know a reading that is stored: then all are compared.
                log.warning("live_table_behind", lane=hold.lane)
                careful = True
            except psycopg.errors.CheckViolation:
                self.partitions.forget()  # a sealed hour was dropped
        return await self._take(database, hold, messages, heard, careful=True)

    async def _take(
        self, database: Database, hold: LaneHold, messages: Messages, heard: Heard, *, careful: bool
    ) -> Stored:
        """Where a partition is missing, the transaction ends empty, and another begins when it is there."""
        async with database.transaction() as tx:
            watch = await self._guard.begin(tx, hold.lane, messages.arrival_us)
            decoded = await self._decode(tx, hold.lane, messages, watch)
            await self._judge.refresh(tx)
            missing = self.partitions.missing([block.time_us for block in decoded.blocks])
        if missing:
            await self.partitions.ensure(database, missing)
        # Before the commit, after which the gateways' messages do not come again.
        await self._nervous.publish_stored(decoded.away)
        sequence, arrived_us = int(messages.sequences.max()), int(messages.arrival_us.max())
        blocks = distinct(decoded.blocks)
        newest = newest_of(blocks)
        async with self._judge.batch() as journal, database.transaction() as tx:
            await hold.advance(tx, sequence, arrived_us)
            stored = await self._store(tx, blocks, newest, journal, careful=careful)
            kept = await self._guard.note(tx, watch, decoded.refused)
            await deadletters.keep(tx, [decoded.plain.letter(refusal) for refusal in kept])
            refused = Counter(one.refusal.code for one in decoded.refused) + watch.stopped
            await self.hear(tx, heard, stored=stored, refused=refused.total())
        hold.advanced(sequence, arrived_us)
        self._guard.keep(watch)
        self._table.apply(hold.lane, hold.batch, newest)
        await self.catch_up(database)
        return Stored(stored, refused)

    async def catch_up(self, database: Database) -> None:
        """What may lag behind the batches; see `Attributes`."""
        await self._attributes.catch_up(database)

    def lanes_changed(self) -> None:
        """What others may have written while they had a lane is read again."""
        self._judge.forget()

    async def _show_again(self, database: Database, hold: LaneHold, messages: Messages) -> None:
        async with database.transaction() as tx:
            decoded = await self._decode(tx, hold.lane, messages)
            # What was refused then is not known any more; what is stored was not.
            kept = await stored_of(tx, [self._later(block) for block in distinct(decoded.blocks)])
        self._table.apply(hold.lane, hold.batch, newest_of(kept))

    def _later(self, block: Block) -> Block:
        """Readings that are not older than what shows: few, but after a crash."""
        return block.taken(np.flatnonzero(block.time_us >= self._table.times_us(block.series)))

    async def _decode(
        self, tx: Transaction, lane: int, messages: Messages, watch: Watch | None = None
    ) -> Decoded:
        """Columns of `messages`; writes nothing. Without a `watch` nothing is counted."""
        columnar = np.array([subject in COLUMNS_SUBJECTS for subject in messages.subjects], np.bool_)
        chunks = messages.taken(np.flatnonzero(columnar)) if columnar.any() else messages.part(slice(0))
        plain = messages.taken(np.flatnonzero(~columnar)) if columnar.any() else messages
        # The registry's columns grow while it looks devices up: one lane at a time.
        async with self._one_at_a_time:
            await self._registry.refresh(tx)
            documents, refusals = _documents(plain, self._registry)
            found = await columns_of(tx, self._registry, documents, set(refusals), watch)
            columns = await blocks_of_chunks(tx, self._registry, chunks.payloads, chunks.arrival_us, watch)
        refusals |= found.refusals
        own, away = homeward(found.blocks, lane)
        names = enumerate(zip(documents.products, documents.devices, plain.payloads, strict=True))
        # What a gateway says of another device is held against that one.
        refused = [
            Refused(refusals[i], product, refusals[i].params.get("device", device), payload)
            for i, (product, device, payload) in names
            if i in refusals
        ]
        return Decoded(own + columns, plain, refused, away)

    async def _store(
        self, tx: Transaction, blocks: Sequence[Block], newest: Newest, journal: Journal, *, careful: bool
    ) -> int:
        """Writes everything that follows from distinct blocks; answers how many readings are new."""
        if not blocks:
            return 0
        prior_us = [
            np.full(len(block.rows), NEVER_US) if careful else self._table.times_us(block.series)
            for block in blocks
        ]
        stored = await store(tx, blocks, prior_us)
        await keep_texts(tx, newest)
        await self._attributes.apply(tx, blocks)
        await self._judge.judge(tx, blocks, self._table, journal)
        await self._matcher.share(tx, blocks, newest.series, self._table.times_us(newest.series))
        return stored

    async def hear(self, tx: Transaction, heard: Heard, *, stored: int = 0, refused: int = 0) -> None:
        """Notes how far the lanes were read, and counts."""
        now = self._clock.now()
        await tx.execute(
            QUERIES["watch_update"],
            {
                "lanes": list(heard.lanes),
                "caught_up_at": heard.at,
                "now": now,
                "gap_max": watch_gap_max,
            },
        )
        if stored or refused:
            await tx.execute(
                QUERIES["intake_count"],
                {"now": now, "lane": heard.counter, "stored": stored, "refused": refused},
            )

    async def refuse(
        self, database: Database, hold: LaneHold, messages: Messages, code: str, error: str
    ) -> None:
        """Keeps messages as dead letters that could not be handled for a reason of our own."""
        letters = [messages.letter(Refusal(i, code, {"error": error})) for i in range(len(messages))]
        sequence, arrived_us = int(messages.sequences.max()), int(messages.arrival_us.max())
        async with database.transaction() as tx:
            await hold.advance(tx, sequence, arrived_us)
            await deadletters.keep(tx, letters)
        hold.advanced(sequence, arrived_us)


def _documents(messages: Messages, registry: Registry) -> tuple[Documents, dict[int, Refusal]]:
    """What devices sent, parsed, and what cannot be, by index. A payload that is no JSON by its
    product's declaration stays the bytes that it is."""
    refusals: dict[int, Refusal] = {}
    products: list[str] = []
    devices: list[str] = []
    for index, subject in enumerate(messages.subjects):
        try:
            _, product, device = read_subject(subject)
        except InvalidInput as error:
            product = device = ""
            refusals[index] = Refusal(index, error.code, error.params)
        products.append(product)
        devices.append(device)
    binary = registry.binary(set(products))
    raw = [index for index, product in enumerate(products) if product in binary] if binary else []
    payloads = list(messages.payloads)
    for index in raw:
        payloads[index] = b"null"
    documents, unreadable = parse(payloads)
    for index in raw:
        documents[index] = messages.payloads[index]
    refusals = {refusal.index: refusal for refusal in unreadable} | refusals
    return Documents(products, devices, documents, messages.arrival_us), refusals
