"""Lanes of the intake, and which worker reads which.

A lane is a partition of the stream of device messages, or the lane of strays, whose topics name
no product and device. One durable consumer stands for each; one worker at a time reads it, since
ack-all would acknowledge another's messages. Advisory locks share the lanes out; that one worker
at a time *stores* a lane is up to the lane's epoch, which every batch's transaction checks.
"""

from dataclasses import dataclass

import numpy as np
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from numpy.typing import NDArray

from yunnao.infra.nats_subjects import MQTT_STREAM, PARTITIONS, STRAY_FILTER, partition_filter
from yunnao.infra.nervous import Nervous
from yunnao.infra.postgres import Transaction, load_queries
from yunnao.kernel.errors import Unavailable

QUERIES = load_queries("yunnao.modules.sensing", "intake.sql")
LANES = PARTITIONS + 1
STRAYS = PARTITIONS
ACK_WAIT_S = 8.0
"""After it a dead worker's messages are delivered again; whoever takes over waits as long."""
ACK_PENDING_MAX = 200_000
LOCK_CLASS_WORKER = 7_201_010
LOCK_CLASS_LANE = 7_201_011


def durable(lane: int) -> str:
    """The name of a lane's consumer."""
    return "ingest-strays" if lane == STRAYS else f"ingest-{lane}"


async def ensure_consumers(nervous: Nervous) -> None:
    """Creates every lane's consumer. Before it nothing may be published: the stream keeps a
    message only for consumers that exist when it arrives."""
    for lane in range(LANES):
        await nervous.jetstream.add_consumer(
            MQTT_STREAM,
            ConsumerConfig(
                durable_name=durable(lane),
                filter_subject=STRAY_FILTER if lane == STRAYS else partition_filter(lane),
                ack_policy=AckPolicy.ALL,
                deliver_policy=DeliverPolicy.ALL,
                ack_wait=ACK_WAIT_S,
                max_ack_pending=ACK_PENDING_MAX,
            ),
        )


@dataclass
class LaneHold:
    """A lane as its owner knows it.

    Stored are its messages up to `sequence` in the stream, whose arrival was `arrived_us`. A message at
    or below it that arrived later is another: the stream was set up anew and counts from 1 again.
    """

    lane: int
    epoch: int
    batch: int = 0
    sequence: int = 0
    arrived_us: int = 0

    @classmethod
    async def take(cls, tx: Transaction, lane: int) -> "LaneHold":
        """Takes the lane over; from the commit on no former owner stores a batch of it."""
        row = await (await tx.execute(QUERIES["lane_take"], {"lane": lane})).fetchone()
        assert row is not None  # an upsert answers its row
        return cls(lane, **row)

    async def advance(self, tx: Transaction, sequence: int, arrived_us: int) -> None:
        """Enters the lane's next batch in its transaction. Raises Unavailable `lane_lost`."""
        cursor = await tx.execute(
            QUERIES["lane_advance"],
            {"lane": self.lane, "epoch": self.epoch, "sequence": sequence, "arrived_us": arrived_us},
        )
        if not cursor.rowcount:
            raise Unavailable("lane_lost", lane=self.lane)

    def advanced(self, sequence: int, arrived_us: int) -> None:
        """The batch is committed."""
        self.batch, self.sequence, self.arrived_us = self.batch + 1, sequence, arrived_us

    def stored(self, sequences: NDArray[np.int64], arrived_us: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which messages (n) are stored already."""
        return (sequences <= self.sequence) & (arrived_us <= self.arrived_us)


class LaneLocks:
    """Shares the lanes among the workers that live, by advisory locks of one connection.

    PostgreSQL releases the locks of a killed worker as soon as its connection is gone.
    """

    def __init__(self, connection: Transaction) -> None:
        self._connection = connection
        self._held: set[int] = set()

    @property
    def held(self) -> frozenset[int]:
        return frozenset(self._held)

    async def join(self) -> None:
        """Announces this worker, so that the others leave it its share."""
        await self._connection.execute("SELECT pg_advisory_lock(%s, pg_backend_pid())", (LOCK_CLASS_WORKER,))

    async def surplus(self) -> list[int]:
        """Lanes held beyond this worker's share: to be released once their messages are stored."""
        return sorted(self._held)[await self._share() :]

    async def take(self) -> list[int]:
        """Locks free lanes up to this worker's share; answers the new ones."""
        wanted = await self._share() - len(self._held)
        taken: list[int] = []
        for lane in range(LANES):
            if len(taken) >= wanted:
                break
            if lane not in self._held and await self._ask("pg_try_advisory_lock", lane):
                taken.append(lane)
        self._held |= set(taken)
        return taken

    async def release(self, lane: int) -> None:
        await self._ask("pg_advisory_unlock", lane)
        self._held.discard(lane)

    async def leave(self) -> None:
        await self._connection.execute("SELECT pg_advisory_unlock_all()")
        self._held.clear()

    async def _share(self) -> int:
        """How many lanes are this worker's: equal shares, the first in order of backend one more."""
        rows = await (
            await self._connection.execute(
                "SELECT objid::bigint AS backend, objid::bigint = pg_backend_pid() AS own"
                " FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objsubid = 2 AND granted"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                " ORDER BY objid",
                (LOCK_CLASS_WORKER,),
            )
        ).fetchall()
        place = next((i for i, row in enumerate(rows) if row["own"]), 0)
        each, rest = divmod(LANES, max(len(rows), 1))
        return each + (1 if place < rest else 0)

    async def _ask(self, function: str, lane: int) -> bool:
        cursor = await self._connection.execute(
            f"SELECT {function}(%s, %s) AS answer".encode(), (LOCK_CLASS_LANE, lane)
        )
        row = await cursor.fetchone()
        return bool(row and row["answer"])
