"""The ingest worker: owns its share of the lanes and works on each at the same time."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from time import monotonic

import orjson
import psycopg
import structlog

from yunnao.infra.nervous import EVENTS_PREFIX, Nervous
from yunnao.infra.postgres import Database, Transaction
from yunnao.kernel.ids import new_id
from yunnao.kernel.time import Clock
from yunnao.modules.sensing.facade import Sensing
from yunnao.modules.sensing.lane_work import OUTAGES, LaneWork
from yunnao.modules.sensing.lanes import LaneLocks, ensure_consumers
from yunnao.modules.sensing.live.owner import LiveOwner

SHARE_S = 1.0
"""How often the shares of the workers are looked at, and screens are told."""
SCAN_S = 5.0
"""How often silence is looked for."""
RETRY_S = 1.0
AHEAD = timedelta(hours=2)
STORED = "sensing.readings.stored"

log = structlog.get_logger()


class IngestWorker:
    """One of any number of workers; together they read every lane."""

    def __init__(
        self, clock: Clock, database: Database, nervous: Nervous, sensing: Sensing, owner: LiveOwner
    ) -> None:
        self._clock = clock
        self._database = database
        self._nervous = nervous
        self._sensing = sensing
        self._owner = owner
        self._intake = sensing.intake()
        self._work: dict[int, tuple[LaneWork, asyncio.Task[None]]] = {}
        self._untold = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop`; what was pulled by then is stored. Outages are waited out."""
        while not stop.is_set():
            try:
                async with self._database.connection() as connection:
                    await self._work_with(connection, stop)
            except OUTAGES as error:
                log.warning("ingest_waits", reason=repr(error))
            except Exception:
                log.exception("ingest_failed")
            finally:
                await self._drop()
            if not stop.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), RETRY_S)

    async def _work_with(self, connection: Transaction, stop: asyncio.Event) -> None:
        await ensure_consumers(self._nervous)
        locks = LaneLocks(connection)
        await locks.join()
        scan_at = 0.0
        try:
            while not stop.is_set():
                await self._share(locks)
                if monotonic() >= scan_at:
                    await self._keep_house()
                    scan_at = monotonic() + SCAN_S
                await self._tell()
                await self._wait(stop)
            for lane in list(self._work):
                await self._finish(lane)
        finally:
            with suppress(psycopg.Error):
                await locks.leave()

    async def _share(self, locks: LaneLocks) -> None:
        for lane in await locks.surplus():
            await self._finish(lane)
            await self._owner.left(lane)
            await locks.release(lane)
            log.info("lane_released", lane=lane)
        taken = {
            lane: LaneWork(self._clock, self._database, self._nervous, self._intake, lane)
            for lane in await locks.take()
        }
        batches = {lane: await work.open() for lane, work in taken.items()}
        await self._owner.took(self._database, batches)
        for lane, work in taken.items():
            self._work[lane] = work, asyncio.create_task(work.run())
            log.info("lane_taken", lane=lane)

    async def _finish(self, lane: int) -> None:
        """Stores what was pulled of the lane, and gives it up."""
        work, task = self._work[lane]
        work.leave()
        await task
        self._untold += work.stored
        del self._work[lane]

    async def _wait(self, stop: asyncio.Event) -> None:
        """Until it is time to look at the shares again. Raises what ended the work on a lane."""
        stopped = asyncio.create_task(stop.wait())
        tasks = [task for _, task in self._work.values()]
        try:
            await asyncio.wait([stopped, *tasks], timeout=SHARE_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
        for task in tasks:
            if task.done():
                await task

    async def _keep_house(self) -> None:
        ahead = self._intake.partitions.ahead(AHEAD)
        if ahead:
            await self._intake.partitions.ensure(self._database, ahead)
        if 0 in self._work:  # one worker of all
            async with self._database.transaction() as tx:
                await self._sensing.scan_silence(tx)
                await self._sensing.prune(tx)

    async def _tell(self) -> None:
        """Tells screens how many readings came, at most once a second; nobody needs it later."""
        for work, _ in self._work.values():
            self._untold += work.stored
            work.stored = 0
        if not self._untold:
            return
        body = {
            "id": str(new_id()),
            "subject": STORED,
            "time": self._clock.now().isoformat(),
            "data": {"count": self._untold},
        }
        await self._nervous.client.publish(EVENTS_PREFIX + STORED, orjson.dumps(body))
        self._untold = 0

    async def _drop(self) -> None:
        """Lets every lane go as it is."""
        dropped, self._work = self._work, {}
        for lane in dropped:
            await self._owner.left(lane)
        for work, task in dropped.values():
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task
            await work.close()
