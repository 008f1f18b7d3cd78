"""The background work on photos: each is looked through once, read, and gets its published copy."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import structlog

from yunnao.infra.files import FileStore
from yunnao.infra.postgres import Database, load_queries
from yunnao.kernel.errors import NotFound
from yunnao.kernel.text import say
from yunnao.kernel.time import Clock
from yunnao.modules.cases.photos.blurring import prepare
from yunnao.modules.cases.photos.faces import available
from yunnao.modules.cases.search import indexing

QUERIES = load_queries("yunnao.modules.cases.photos")
IDLE_S = 2.0
ERROR_WAIT_S = 10.0
LEASE = timedelta(minutes=10)
TRIES_MAX = 5

log = structlog.get_logger()


class Preparer:
    """Looks photos through, one at a time, outside any transaction. Any number may run."""

    def __init__(self, clock: Clock, database: Database, files: FileStore) -> None:
        self._clock = clock
        self._database = database
        self._files = files

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop`; an outage makes it wait. Without a detector nothing is taken up."""
        if not available():
            log.error("photos_unpublished", reason=say("face_detector_missing", "en"))
            await stop.wait()
        while not stop.is_set():
            pause = IDLE_S
            try:
                if await self.step():
                    continue
            except Exception as error:
                log.warning("photos_wait", reason=repr(error))
                pause = ERROR_WAIT_S
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)

    async def step(self) -> bool:
        """Prepares the oldest photo; False where none waits. What fails comes again after its lease."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            taken = await tx.execute(QUERIES["photo_take"], {"now": now, "until": now + LEASE})
            row = await taken.fetchone()
        if row is None:
            return False
        try:
            made = await asyncio.to_thread(prepare, await self._files.get(row["hash"]))
        except Exception as error:
            if row["prepare_tries"] < TRIES_MAX and not isinstance(error, NotFound):
                log.warning("photo_not_prepared", photo=str(row["id"]), reason=repr(error))
                return True
            log.error("photo_given_up", photo=str(row["id"]), reason=repr(error))
            async with self._database.transaction() as tx:
                await tx.execute(QUERIES["photo_given_up"], {"id": row["id"], "now": self._clock.now()})
            return True
        photo_hash, thumb_hash = await self._files.put(made.photo), await self._files.put(made.thumb)
        async with self._database.transaction() as tx:
            await tx.execute(
                QUERIES["photo_prepared"],
                {
                    "id": row["id"],
                    "now": self._clock.now(),
                    "text": made.text,
                    "blurred": made.blurred,
                    "hash": photo_hash,
                    "thumb_hash": thumb_hash,
                },
            )
            if made.text:
                await indexing.note(tx, row["case_id"], made.text)
        return True
