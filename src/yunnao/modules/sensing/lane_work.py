"""The work on one lane: batches pulled, stored, shown, acknowledged, in order."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from time import monotonic, perf_counter

import nats.errors
import numpy as np
import psycopg
import structlog

from yunnao.infra.nervous import Nervous
from yunnao.infra.postgres import Database
from yunnao.infra.telemetry import BATCH_SECONDS, READINGS_REFUSED, READINGS_STORED, span
from yunnao.kernel.errors import Unavailable
from yunnao.kernel.time import Clock
from yunnao.modules.sensing.intake import Heard, Intake, Messages, Stored
from yunnao.modules.sensing.lanes import LaneHold
from yunnao.modules.sensing.pulling import Delivery, LanePull

BATCH_ROWS_MAX = 20_000
BATCH_BYTES_MAX = 4 * 1024 * 1024
"""Of messages in a batch; 20 bytes a reading where they are columns."""
IDLE_S = 0.25
GATHER_S = 0.1
"""A batch waits so long for company."""
HEAR_S = 2.0
"""How often a quiet lane is noted as listened to."""
OUTAGES = (psycopg.OperationalError, psycopg.InterfaceError, nats.errors.Error, TimeoutError, Unavailable)
"""A part does not answer: the same batch will do later."""

log = structlog.get_logger()


class LaneWork:
    """One lane in the hands of this process, from `open` until `run` has returned."""

    def __init__(self, clock: Clock, database: Database, nervous: Nervous, intake: Intake, lane: int) -> None:
        self._clock = clock
        self._database = database
        self._intake = intake
        self._lane = lane
        self._arrived = asyncio.Event()
        self._pull = LanePull(lane, nervous, self._arrived)
        self._hold: LaneHold | None = None
        self._leaving = False
        self._heard_at = 0.0
        self.stored = 0
        """Readings since the work began."""

    async def open(self) -> int:
        """Takes the lane from whoever had it; answers its last batch."""
        async with self._database.transaction() as tx:
            self._hold = await LaneHold.take(tx, self._lane)
        self._intake.lanes_changed()
        await self._pull.open()
        return self._hold.batch

    def leave(self) -> None:
        """What was pulled is stored yet; then `run` returns."""
        self._leaving = True
        self._arrived.set()

    async def close(self) -> None:
        """Forgets what was pulled and not stored: it is delivered again after the ack wait."""
        with suppress(nats.errors.Error):
            await self._pull.close()

    async def run(self) -> None:
        """Works until told to leave. Raises one of `OUTAGES` where a part is gone."""
        while not self._leaving:
            await self._pull.pull()
            await self._gather()
            if self._pull.messages:
                await self._store()
                continue
            await self._intake.catch_up(self._database)
            if monotonic() - self._heard_at >= HEAR_S:
                await self._hear()
        await self._pull.close()
        while self._pull.messages:
            await self._store()

    async def _gather(self) -> None:
        """Waits for a first message, then a little for company."""
        if not self._pull.messages:
            await self._wait(IDLE_S)
        if not self._pull.messages:
            return
        until = monotonic() + GATHER_S
        while not self._enough() and not self._leaving and monotonic() < until:
            await self._wait(until - monotonic())
            await asyncio.sleep(0.005)
            await self._pull.pull()

    def _enough(self) -> bool:
        return len(self._pull.messages) >= BATCH_ROWS_MAX or self._pull.bytes >= BATCH_BYTES_MAX

    async def _wait(self, seconds: float) -> None:
        self._arrived.clear()
        if self._leaving:
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(self._arrived.wait(), max(seconds, 0))

    async def _hear(self) -> None:
        async with self._database.transaction() as tx:
            await self._intake.hear(tx, self._heard())
        self._heard_at = monotonic()

    async def _store(self) -> None:
        """One batch: committed and shown, then acknowledged."""
        assert self._hold is not None  # opened before it runs
        taken = self._pull.take(BATCH_ROWS_MAX, BATCH_BYTES_MAX)
        heard = self._heard()
        batch = _messages(taken)
        began = perf_counter()
        with span("ingest batch", rows=len(batch)):
            stored = await self._take(self._hold, batch, heard)
        await self._pull.acknowledge(taken)
        BATCH_SECONDS.observe(perf_counter() - began)
        READINGS_STORED.inc(stored.readings)
        for code, count in stored.refused.items():
            READINGS_REFUSED.labels(code).inc(count)
        self.stored += stored.readings
        self._heard_at = monotonic()
        log.debug("batch_stored", lane=self._lane, messages=len(batch), readings=stored.readings)

    def _heard(self) -> Heard:
        """What will have been read of the lane once what was taken is stored."""
        current = self._pull.current and not self._pull.messages
        return Heard(self._lane, [self._lane] if current else [], self._clock.now())

    async def _take(self, hold: LaneHold, batch: Messages, heard: Heard) -> Stored:
        """Stores a batch. One message that breaks the database's or our own code must not hold up
        the rest: the batch is halved until it is alone, and kept as a dead letter."""
        try:
            return await self._intake.take(self._database, hold, batch, heard)
        except OUTAGES:
            raise
        except Exception as error:
            if len(batch) == 1:
                log.exception("message_given_up", subject=batch.subjects[0])
                await self._intake.refuse(self._database, hold, batch, "internal_error", repr(error))
                return Stored(0, Counter({"internal_error": 1}))
            log.warning("batch_halved", messages=len(batch), error=repr(error))
        half = len(batch) // 2
        unsure = replace(heard, lanes=[])
        first = await self._take(hold, batch.part(slice(0, half)), unsure)
        second = await self._take(hold, batch.part(slice(half, None)), unsure)
        return Stored(first.readings + second.readings, first.refused + second.refused)


def _messages(found: Sequence[Delivery]) -> Messages:
    n = len(found)
    return Messages(
        [d.message.subject for d in found],
        [d.message.data for d in found],
        np.fromiter((d.sequence for d in found), np.int64, n),
        np.fromiter((d.arrival_ns // 1_000 for d in found), np.int64, n),
    )
