"""The delivery of shared readings, by any number of workers.

A worker leases subscriptions, numbers the next parcel of each, sends outside of any transaction, and
settles all that ended. One parcel a subscription is on its way at a time, so its order is kept.
"""

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
import structlog

from yunnao.infra import outbox
from yunnao.infra.nervous import Nervous
from yunnao.infra.postgres import Database, Row, Transaction, load_queries
from yunnao.infra.webhook_targets import Targets
from yunnao.infra.webhooks import Outcome, Webhooks
from yunnao.kernel.ids import new_id
from yunnao.kernel.text import catalogue
from yunnao.kernel.time import Clock
from yunnao.modules.sensing.sharing.contracts import Parcel
from yunnao.modules.sensing.sharing.parcels import heads, seal
from yunnao.modules.sensing.sharing.topics import Topics

QUERIES = load_queries("yunnao.modules.sensing.sharing", "deliveries.sql")
SHARES = load_queries("yunnao.modules.sensing.sharing")
sending_max = 32
"""Parcels on their way at once in one worker."""
LEASE = timedelta(seconds=60)
"""Longer than an attempt: a lease that runs out belongs to a worker that died."""
BACKOFF_FIRST_S = 2.0
BACKOFF_MAX_S = 600.0
PATIENCE = timedelta(hours=48)
"""A receiver that has failed for so long is left alone until somebody resumes it."""
backlog_readings_max = 5_000_000
"""Of one subscription; 20 bytes each."""
EVENTS_KEPT = timedelta(hours=24)
GAP_MARGIN = timedelta(seconds=60)
"""A batch that began before readings were kept again ends within the time of a statement."""
IDLE_S = 1.0
HOUSE_S = 5.0
RETRY_S = 1.0
error_chars_max = 1_000

log = structlog.get_logger()


@dataclass(frozen=True)
class _Sent:
    """An attempt that ended."""

    row: Row
    parcel: Parcel
    outcome: Outcome


def backoff_s(failures: int, jitter: float) -> float:
    """Seconds until the next attempt after `failures` in a row (from 0); `jitter` in [0, 1)."""
    return float(min(BACKOFF_FIRST_S * 2 ** min(failures, 20), BACKOFF_MAX_S) * (0.8 + 0.4 * jitter))


class Deliverer:
    """One worker."""

    def __init__(self, clock: Clock, database: Database, nervous: Nervous, targets: Targets) -> None:
        self._clock = clock
        self._database = database
        self._webhooks = Webhooks(clock, targets)
        self._topics = Topics(nervous)
        self._lease = new_id()
        self._sending: set[asyncio.Task[_Sent]] = set()
        self._random = random.Random()

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop`; attempts under way are waited for. Outages are waited out."""
        try:
            while not stop.is_set():
                try:
                    await self._work(stop)
                except Exception:
                    log.exception("delivery_failed")
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), RETRY_S)
            while self._sending:
                await self._settle_ended()
        finally:
            await self._webhooks.close()

    async def _work(self, stop: asyncio.Event) -> None:
        house_at = 0.0
        loop = asyncio.get_running_loop()
        async with self._database.connection() as listening:
            await listening.execute("LISTEN delivery")
            try:
                while not stop.is_set():
                    if loop.time() >= house_at:
                        await self.keep_house()
                        house_at = loop.time() + HOUSE_S
                    begun = await self._begin()
                    if self._sending:
                        await self._settle_ended()
                    elif not begun:
                        async for _ in listening.notifies(timeout=IDLE_S, stop_after=1):
                            pass
            finally:
                with suppress(Exception):
                    await listening.execute("UNLISTEN *")

    async def deliver_due(self) -> int:
        """Attempts everything that is due once; returns how many attempts ended."""
        ended = 0
        while await self._begin() or self._sending:
            ended += await self._settle_ended()
        return ended

    async def _begin(self) -> int:
        """Leases what is due and starts sending; returns how many."""
        room = sending_max - len(self._sending)
        if room <= 0:
            return 0
        now = self._clock.now()
        async with self._database.transaction() as tx:
            rows = await (
                await tx.execute(
                    QUERIES["claim"],
                    {"now": now, "limit": room, "lease": self._lease, "leased_until": now + LEASE},
                )
            ).fetchall()
            if not rows:
                return 0
            await seal(tx, [row["number"] for row in rows])
            parcels = await heads(tx, {row["number"]: row["id"] for row in rows})
        for row in rows:
            self._sending.add(asyncio.create_task(self._attempt(row, parcels[row["number"]])))
        return len(rows)

    async def _attempt(self, row: Row, parcel: Parcel) -> _Sent:
        try:
            if row["channel"] == "mqtt":
                return _Sent(row, parcel, await self._topics.send(parcel))
            if row["channel"] == "sensorthings":
                return _Sent(row, parcel, await self._topics.observe(parcel))
            body = orjson.dumps(parcel.body)
            return _Sent(row, parcel, await self._webhooks.send(row["url"], row["secret"], parcel.id, body))
        except Exception as error:
            log.exception("delivery_attempt_failed", subscription=str(row["id"]))
            return _Sent(row, parcel, Outcome(repr(error)))

    async def _settle_ended(self) -> int:
        """Waits for the first attempt to end, and writes down all that have."""
        ended, _ = await asyncio.wait(self._sending, timeout=IDLE_S, return_when=asyncio.FIRST_COMPLETED)
        if not ended:
            return 0
        sent = [task.result() for task in ended]
        async with self._database.transaction() as tx:
            await self._settle(tx, sent)
        self._sending -= ended
        return len(ended)

    async def _settle(self, tx: Transaction, sent: list[_Sent]) -> None:
        now = self._clock.now()
        taken = [one for one in sent if one.outcome.error is None]
        failed = [one for one in sent if one.outcome.error is not None]
        if taken:
            await tx.execute(
                QUERIES["settle_delivered"],
                {
                    "now": now,
                    "lease": self._lease,
                    "subscriptions": [one.row["number"] for one in taken],
                    "parcels": [one.parcel.parcel for one in taken],
                    "readings": [one.parcel.readings for one in taken],
                },
            )
        if failed:
            rows = await (
                await tx.execute(
                    QUERIES["settle_failed"],
                    {
                        "now": now,
                        "lease": self._lease,
                        "patience_from": now - PATIENCE,
                        "subscriptions": [one.row["number"] for one in failed],
                        "errors": [(one.outcome.error or "")[:error_chars_max] for one in failed],
                        "next": [self._next(now, one.row["failures"]) for one in failed],
                        "park": [one.outcome.final for one in failed],
                    },
                )
            ).fetchall()
            await self._tell(tx, "parked", [row for row in rows if row["parked_at"] is not None])

    def _next(self, now: datetime, failures: int) -> datetime:
        return now + timedelta(seconds=backoff_s(failures, self._random.random()))

    async def keep_house(self) -> None:
        """Backlogs held to their limit, streams of events numbered and pruned, ended shares ended."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            expired = await (await tx.execute(QUERIES["expired"], {"now": now})).fetchall()
            for row in expired:
                await tx.execute(SHARES["subscriptions_end"], {"share": row["number"], "now": now})
            limit = {"readings_max": backlog_readings_max}
            filled = await (await tx.execute(QUERIES["fill"], {**limit, "now": now})).fetchall()
            await self._tell(tx, "full", filled)
            freed = await (
                await tx.execute(QUERIES["empty"], {**limit, "now": now, "gap_to": now + GAP_MARGIN})
            ).fetchall()
            if expired or filled or freed:
                await tx.execute(SHARES["sharing_bump"])
            await tx.execute(QUERIES["events_prune"], {**limit, "before": now - EVENTS_KEPT})
        async with self._database.transaction() as tx:
            rows = await (await tx.execute(QUERIES["events_open"])).fetchall()
            await seal(tx, [row["number"] for row in rows], several=True)

    async def _tell(self, tx: Transaction, what: str, rows: list[Row]) -> None:
        title = catalogue()[f"subscription_{what}_title"].model_dump()
        for row in rows:
            log.warning(f"subscription_{what}", subscription=str(row["id"]))
        await outbox.publish_many(
            tx,
            [
                (
                    f"sensing.subscription.{what}",
                    {
                        "subscription_id": str(row["id"]),
                        "title": {k: t.format(name=row["name"]) for k, t in title.items()},
                    },
                )
                for row in rows
            ],
        )
