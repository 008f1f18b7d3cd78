"""A batch of device messages in one transaction: stored, made visible, judged by rules."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from psycopg.errors import CheckViolation

from yunnao.infra import deadletters
from yunnao.infra.deadletters import DeadLetter
from yunnao.infra.nats_subjects import intake_subject, read_subject
from yunnao.infra.postgres import Database, Transaction, load_queries
from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.time import Clock
from yunnao.modules.sensing.alarms import Teller
from yunnao.modules.sensing.blocks import Block, distinct, last_rows, newest_of
from yunnao.modules.sensing.columns import Documents, columns_of
from yunnao.modules.sensing.contracts import Int64, LatestValues
from yunnao.modules.sensing.copying import packed, timestamps
from yunnao.modules.sensing.domain.decoding import parse
from yunnao.modules.sensing.domain.refusals import Refusal
from yunnao.modules.sensing.domain.times import from_us
from yunnao.modules.sensing.partitioning import Partitions
from yunnao.modules.sensing.registry import Registry
from yunnao.modules.sensing.rules.judging import judge
from yunnao.modules.twin.contracts import ObservedAttributes
from yunnao.modules.twin.facade import Twin

QUERIES = load_queries("yunnao.modules.sensing", "intake.sql")
SOURCE = "ingest"
"""Of this part's dead letters."""
watch_gap_max = timedelta(seconds=30)
"""A lane unread for longer was not watched."""


@dataclass(frozen=True)
class Messages:
    """n messages as the stream keeps them: subject, payload, and arrival in the stream."""

    subjects: Sequence[str]
    payloads: Sequence[bytes]
    arrival_us: Int64

    def __len__(self) -> int:
        return len(self.subjects)

    def part(self, rows: slice) -> "Messages":
        return Messages(self.subjects[rows], self.payloads[rows], self.arrival_us[rows])

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
    """How far `lanes` have been read: all that arrived up to `at`. `counter` keeps workers' counts apart."""

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
    """A batch as columns, and the dead letters of what was refused."""

    blocks: list[Block]
    letters: list[DeadLetter]


class Intake:
    """The way of readings into the city, apart from the broker that brings them."""

    def __init__(self, clock: Clock, twin: Twin, latest: LatestValues, teller: Teller) -> None:
        self._clock = clock
        self._twin = twin
        self._latest = latest
        self._teller = teller
        self._registry = Registry()
        self.partitions = Partitions(clock)

    async def take(self, database: Database, messages: Messages, heard: Heard) -> Stored:
        """Stores `messages`, and how far was `heard`, in one transaction.

        Where a partition is missing, the transaction ends empty, and another begins when it is there.
        """
        try:
            return await self._take(database, messages, heard)
        except CheckViolation:
            # What was known has been sealed and dropped since.
            self.partitions.forget()
            return await self._take(database, messages, heard)

    async def _take(self, database: Database, messages: Messages, heard: Heard) -> Stored:
        async with database.transaction() as tx:
            decoded = await self._decode(tx, messages)
            missing = self.partitions.missing([block.time_us for block in decoded.blocks])
            if not missing:
                return await self._store(tx, decoded, heard)
        await self.partitions.ensure(database, missing)
        async with database.transaction() as tx:
            return await self._store(tx, decoded, heard)

    async def _decode(self, tx: Transaction, messages: Messages) -> Decoded:
        """Columns of `messages`; writes nothing."""
        documents, unreadable = parse(messages.payloads)
        refusals = {refusal.index: refusal for refusal in unreadable}
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
        blocks, refused = await columns_of(
            tx, self._registry, Documents(products, devices, documents, messages.arrival_us), set(refusals)
        )
        refusals |= refused
        return Decoded(blocks, [messages.letter(refusals[index]) for index in sorted(refusals)])

    async def _store(self, tx: Transaction, decoded: Decoded, heard: Heard) -> Stored:
        """Writes everything that follows from the columns."""
        blocks = distinct(decoded.blocks)
        stored = 0
        if blocks:
            stored = await _insert_readings(tx, blocks)
            newest = newest_of(blocks)
            prior_us = await self._latest.times_us(tx, newest.series)
            await self._latest.keep(tx, newest)
            await self._twin.apply_attributes(tx, _attributes(blocks))
            await judge(tx, self._teller, blocks, newest.series, prior_us)
        await deadletters.keep(tx, decoded.letters)
        refused = Counter(letter.code for letter in decoded.letters)
        await self.hear(tx, heard, stored=stored, refused=refused.total())
        return Stored(stored, refused)

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

    async def refuse(self, tx: Transaction, messages: Messages, code: str, error: str) -> None:
        """Keeps messages as dead letters that could not be handled for a reason of our own."""
        letters = [messages.letter(Refusal(i, code, {"error": error})) for i in range(len(messages))]
        await deadletters.keep(tx, letters)


async def _insert_readings(tx: Transaction, blocks: Sequence[Block]) -> int:
    """COPY into the staging table in order of (series, time), then into the readings; counts new ones."""
    numeric = [block for block in blocks if block.text is None]
    textual = [block for block in blocks if block.text is not None]
    async with tx.cursor() as cursor:
        await cursor.execute(QUERIES["staging_create"])
        if numeric:
            series = np.concatenate([block.series for block in numeric])
            time_us = np.concatenate([block.time_us for block in numeric])
            value = np.concatenate([block.value for block in numeric])
            order = np.lexsort((time_us, series))
            async with cursor.copy(QUERIES["staging_copy"]) as copy:
                await copy.write(packed(series[order], timestamps(time_us[order]), value[order]))
        if textual:
            async with cursor.copy(QUERIES["staging_copy_text"]) as copy:
                for block in textual:
                    for series_one, time_one, text in zip(
                        block.series.tolist(), block.time_us.tolist(), block.text or (), strict=True
                    ):
                        await copy.write_row((series_one, from_us(time_one), text))
        await cursor.execute(QUERIES["readings_insert"])
        return cursor.rowcount


def _attributes(blocks: Sequence[Block]) -> ObservedAttributes:
    """The newest values of metrics that keep an attribute of the entity."""
    entity: list[str] = []
    attribute: list[str] = []
    value: list[float | None] = []
    text: list[str | None] = []
    boolean: list[bool] = []
    unit: list[str | None] = []
    observed_at: list[datetime] = []
    for block in blocks:
        metric = block.product.spec.metrics[block.metric]
        if metric.attribute is None:
            continue
        last = last_rows(block)
        entity += [block.product.entities[row] for row in block.rows[last].tolist()]
        attribute += [metric.attribute] * len(last)
        value += block.value[last].tolist() if block.text is None else [None] * len(last)
        text += [None] * len(last) if block.text is None else [block.text[i] for i in last.tolist()]
        boolean += [metric.value_type == "boolean"] * len(last)
        unit += [metric.unit] * len(last)
        observed_at += map(from_us, block.time_us[last].tolist())
    return ObservedAttributes(entity, attribute, value, text, boolean, unit, observed_at)
