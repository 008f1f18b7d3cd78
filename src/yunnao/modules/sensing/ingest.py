"""The ingest worker: micro-batches from the lanes that it owns into the database, then acknowledged."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from time import monotonic, perf_counter

import nats.errors
import numpy as np
import orjson
import psycopg
import structlog

from yunnao.infra.nervous import EVENTS_PREFIX, Nervous
from yunnao.infra.postgres import Database, Transaction
from yunnao.infra.telemetry import BATCH_SECONDS, READINGS_REFUSED, READINGS_STORED, span
from yunnao.kernel.errors import Unavailable
from yunnao.kernel.ids import new_id
from yunnao.kernel.time import Clock
from yunnao.modules.sensing.facade import Sensing
from yunnao.modules.sensing.intake import Heard, Messages, Stored
from yunnao.modules.sensing.lanes import LaneLocks, ensure_consumers
from yunnao.modules.sensing.pulling import Delivery, LanePull

BATCH_ROWS_MAX = 20_000
IDLE_S = 0.25
GATHER_S = 0.1
"""A batch waits so long for company."""
SHARE_S = 1.0
"""How often the shares of the workers are looked at."""
HEAR_S = 2.0
"""How often a quiet lane is noted as listened to."""
SCAN_S = 5.0
"""How often silence is looked for."""
TELL_S = 1.0
RETRY_S = 1.0
AHEAD = timedelta(hours=2)
STORED = "sensing.readings.stored"
OUTAGES = (psycopg.OperationalError, psycopg.InterfaceError, nats.errors.Error, TimeoutError, Unavailable)
"""A part does not answer: the same batch will do later."""

log = structlog.get_logger()


class IngestWorker:
    """One of any number of workers; together they read every lane."""

    def __init__(self, clock: Clock, database: Database, nervous: Nervous, sensing: Sensing) -> None:
        self._clock = clock
        self._database = database
        self._nervous = nervous
        self._sensing = sensing
        self._intake = sensing.intake()
        self._pulls: dict[int, LanePull] = {}
        self._arrived = asyncio.Event()
        self._untold = 0
        self._told_at = 0.0
        self._heard_at = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop`; what was pulled by then is stored. Outages are waited out."""
        while not stop.is_set():
            try:
                async with self._database.connection() as connection:
                    await self._work(connection, stop)
            except OUTAGES as error:
                log.warning("ingest_waits", reason=repr(error))
            except Exception:
                log.exception("ingest_failed")
            finally:
                await self._drop()
            if not stop.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), RETRY_S)

    async def _work(self, connection: Transaction, stop: asyncio.Event) -> None:
        await ensure_consumers(self._nervous)
        locks = LaneLocks(connection)
        await locks.join()
        share_at = scan_at = 0.0
        try:
            while not stop.is_set():
                if monotonic() >= share_at:
                    await self._share(locks)
                    share_at = monotonic() + SHARE_S
                if monotonic() >= scan_at:
                    await self._keep_house()
                    scan_at = monotonic() + SCAN_S
                for pull in self._pulls.values():
                    await pull.pull()
                await self._gather()
                await self._store_waiting(locks)
            while any(pull.messages for pull in self._pulls.values()):
                await self._store_waiting(locks)
        finally:
            with suppress(psycopg.Error):
                await locks.leave()

    async def _share(self, locks: LaneLocks) -> None:
        for lane in await locks.surplus():
            pull = self._pulls[lane]
            await pull.close()
            while pull.messages:
                await self._store(locks, [pull])
            del self._pulls[lane]
            await locks.release(lane)
            log.info("lane_released", lane=lane)
        for lane in await locks.take():
            self._pulls[lane] = LanePull(lane, self._nervous, self._arrived)
            await self._pulls[lane].open()
            log.info("lane_taken", lane=lane)

    async def _keep_house(self) -> None:
        ahead = self._intake.partitions.ahead(AHEAD)
        if ahead:
            await self._intake.partitions.ensure(self._database, ahead)
        if 0 in self._pulls:  # one worker of all
            async with self._database.transaction() as tx:
                await self._sensing.scan_silence(tx)
                await self._sensing.prune(tx)

    async def _gather(self) -> None:
        """Waits for a first message, then a little for company."""
        if not any(pull.messages for pull in self._pulls.values()):
            self._arrived.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._arrived.wait(), IDLE_S)
            if not self._arrived.is_set():
                return
        until = monotonic() + GATHER_S
        while monotonic() < until and self._waiting() < BATCH_ROWS_MAX:
            self._arrived.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._arrived.wait(), max(until - monotonic(), 0))
            await asyncio.sleep(0.005)

    def _waiting(self) -> int:
        return sum(len(pull.messages) for pull in self._pulls.values())

    async def _store_waiting(self, locks: LaneLocks) -> None:
        pulls = list(self._pulls.values())
        if self._waiting():
            await self._store(locks, pulls)
        elif pulls and monotonic() - self._heard_at >= HEAR_S:
            async with self._database.transaction() as tx:
                await self._intake.hear(tx, self._heard(pulls))
            self._heard_at = monotonic()
        await self._tell()

    async def _store(self, locks: LaneLocks, pulls: Sequence[LanePull]) -> None:
        """One batch of the lanes' waiting messages: committed, then acknowledged."""
        heard = self._heard(pulls)
        taken: list[tuple[LanePull, list[Delivery]]] = []
        room = BATCH_ROWS_MAX
        for pull in pulls:
            part = pull.take(room)
            room -= len(part)
            if part:
                taken.append((pull, part))
        batch = _messages([delivery for _, part in taken for delivery in part])
        began = perf_counter()
        with span("ingest batch", rows=len(batch)):
            stored = await self._take(batch, heard)
        # Without its locks another worker may have pulled in between, and ack-all would take its
        # messages along: then nothing is acknowledged, and the other stores the same once more.
        await locks.confirm()
        for pull, part in taken:
            await pull.acknowledge(part)
        BATCH_SECONDS.observe(perf_counter() - began)
        READINGS_STORED.inc(stored.readings)
        for code, count in stored.refused.items():
            READINGS_REFUSED.labels(code).inc(count)
        self._untold += stored.readings
        self._heard_at = monotonic()
        log.debug(
            "batch_stored", messages=len(batch), readings=stored.readings, refused=stored.refused.total()
        )

    def _heard(self, pulls: Sequence[LanePull]) -> Heard:
        """What will have been read of these lanes once the next batch is stored."""
        all_taken = self._waiting() <= BATCH_ROWS_MAX
        lanes = [pull.lane for pull in pulls if pull.current and all_taken]
        return Heard(min(pull.lane for pull in pulls), lanes, self._clock.now())

    async def _take(self, batch: Messages, heard: Heard) -> Stored:
        """Stores a batch. One message that breaks the database's or our own code must not hold up
        the rest: the batch is halved until it is alone, and kept as a dead letter."""
        try:
            return await self._intake.take(self._database, batch, heard)
        except OUTAGES:
            raise
        except Exception as error:
            if len(batch) == 1:
                log.exception("message_given_up", subject=batch.subjects[0])
                async with self._database.transaction() as tx:
                    await self._intake.refuse(tx, batch, "internal_error", repr(error))
                return Stored(0, Counter({"internal_error": 1}))
            log.warning("batch_halved", messages=len(batch), error=repr(error))
        half = len(batch) // 2
        unsure = replace(heard, lanes=[])
        first = await self._take(batch.part(slice(0, half)), unsure)
        second = await self._take(batch.part(slice(half, None)), unsure)
        return Stored(first.readings + second.readings, first.refused + second.refused)

    async def _tell(self) -> None:
        """Tells screens how many readings came, at most once a second; nobody needs it later."""
        if not self._untold or monotonic() - self._told_at < TELL_S:
            return
        body = {
            "id": str(new_id()),
            "subject": STORED,
            "time": self._clock.now().isoformat(),
            "data": {"count": self._untold},
        }
        await self._nervous.client.publish(EVENTS_PREFIX + STORED, orjson.dumps(body))
        self._untold, self._told_at = 0, monotonic()

    async def _drop(self) -> None:
        """Forgets what was pulled and not stored: it is delivered again after the ack wait."""
        pulls, self._pulls = self._pulls, {}
        for pull in pulls.values():
            with suppress(nats.errors.Error):
                await pull.close()


def _messages(found: Sequence[Delivery]) -> Messages:
    arrival_us = np.fromiter((delivery.arrival_ns // 1_000 for delivery in found), np.int64, len(found))
    return Messages([d.message.subject for d in found], [d.message.data for d in found], arrival_us)
