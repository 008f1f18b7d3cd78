"""Lanes of the intake, and which worker reads which.

A lane is a partition of the stream of device messages, or the lane of strays, whose topics name
no product and device. One durable consumer stands for each; one worker at a time reads it, since
ack-all would acknowledge another's messages.
"""

from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from yunnao.infra.nats_subjects import MQTT_STREAM, PARTITIONS, STRAY_FILTER, partition_filter
from yunnao.infra.nervous import Nervous
from yunnao.infra.postgres import Transaction

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

    async def confirm(self) -> None:
        """Raises psycopg's error where the connection, and with it every lock, is gone."""
        await self._connection.execute("SELECT")

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
