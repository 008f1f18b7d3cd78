"""Live tables of several machines: the owners of lanes answer over NATS, and their rows are merged.

Each owner of a lane answers which machine it is on; each machine with an owner answers what it wrote
since a change. Merging is by newest time, so neither order nor repetition matters.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic

import nats.errors
import numpy as np
import structlog
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from yunnao.infra.nervous import Nervous
from yunnao.infra.postgres import Transaction
from yunnao.kernel.ids import UUID
from yunnao.modules.sensing.contracts import Newest
from yunnao.modules.sensing.lanes import LANES
from yunnao.modules.sensing.live import store
from yunnao.modules.sensing.live.table import LiveTable

OWNER = "yunnao.live.owner."
"""+ lane: its owner answers with its machine."""
ROWS = "yunnao.live.rows."
"""+ machine: one of the processes there answers with rows."""
answer_wait_s = 0.5
refresh_kept_s = 0.5
"""An answer is at most so much older than its question."""
rows_answer_max = 20_000
"""28 bytes each, below the broker's limit of 1 MiB a message."""
ROW = np.dtype([("series", "<i4"), ("time_us", "<i8"), ("value", "<f8"), ("seen_us", "<i8")])
HEAD = np.dtype([("number", "<i8"), ("row", "<i8")])
END = -1

log = structlog.get_logger()


class Answers:
    """What a process that owns lanes answers."""

    def __init__(self, nervous: Nervous, table: LiveTable) -> None:
        self._nervous = nervous
        self._table = table
        self._lanes: dict[int, Subscription] = {}
        self._rows: Subscription | None = None

    async def own(self, lane: int) -> None:
        """Answers for `lane` from here on."""
        if self._rows is None:
            subject = f"{ROWS}{self._table.machine}"
            self._rows = await self._nervous.client.subscribe(subject, queue="live", cb=self._answer_rows)
        if lane not in self._lanes:
            self._lanes[lane] = await self._nervous.client.subscribe(f"{OWNER}{lane}", cb=self._answer_owner)

    async def leave(self, lane: int) -> None:
        """Another may answer for it."""
        found = self._lanes.pop(lane, None)
        if found is not None:
            with suppress(nats.errors.Error):
                await found.unsubscribe()

    async def _answer_owner(self, message: Msg) -> None:
        await message.respond(self._table.machine.bytes)

    async def _answer_rows(self, message: Msg) -> None:
        asked = np.frombuffer(message.data, HEAD)[0]
        found = await asyncio.to_thread(
            self._table.changes, int(asked["number"]), int(asked["row"]), rows_answer_max
        )
        rows = np.empty(len(found.series), ROW)
        rows["series"], rows["time_us"] = found.series, found.columns.time_us
        rows["value"], rows["seen_us"] = found.columns.value, found.columns.seen_us
        head = np.array([(found.number, END if found.row is None else found.row)], HEAD)
        await message.respond(head.tobytes() + rows.tobytes())


class Exchange:
    """What a process asks of the others before it answers a question."""

    def __init__(self, nervous: Nervous, table: LiveTable) -> None:
        self._nervous = nervous
        self._table = table
        self._lock = asyncio.Lock()
        self._claimed = False
        self._asked_at = float("-inf")
        self._missing: tuple[int, ...] = ()
        self._known: dict[UUID, int] = {}

    async def refresh(self, tx: Transaction) -> tuple[int, ...]:
        """Merges what other machines wrote; answers the lanes whose owner did not answer."""
        async with self._lock:
            if not self._claimed:
                self._table.claim(await store.database_id(tx))
                self._claimed = True
            if monotonic() - self._asked_at >= refresh_kept_s:
                self._missing = await self._refresh()
                self._asked_at = monotonic()
            return self._missing

    async def _refresh(self) -> tuple[int, ...]:
        if not self._nervous.connected:
            return tuple(range(LANES))
        machines = await self._owners()
        others = {machine for machine in machines.values() if machine != self._table.machine}
        found = await asyncio.gather(*(self._merge(machine) for machine in others))
        mute = {machine for machine, answered in zip(others, found, strict=True) if not answered}
        return tuple(lane for lane in range(LANES) if lane not in machines or machines[lane] in mute)

    async def _owners(self) -> Mapping[int, UUID]:
        """The machine of each lane's owner, of those that answer."""

        async def owner(lane: int) -> UUID | None:
            with suppress(nats.errors.Error, TimeoutError):
                answer = await self._nervous.client.request(f"{OWNER}{lane}", b"", timeout=answer_wait_s)
                return UUID(bytes=answer.data)
            return None

        found = await asyncio.gather(*(owner(lane) for lane in range(LANES)))
        return {lane: machine for lane, machine in enumerate(found) if machine is not None}

    async def _merge(self, machine: UUID) -> bool:
        """Takes over what `machine` wrote since it was last asked; False where it does not answer."""
        since, row, number = self._known.get(machine, 0), 0, None
        while row != END:
            asked = np.array([(since, row)], HEAD).tobytes()
            try:
                answer = await self._nervous.client.request(f"{ROWS}{machine}", asked, timeout=answer_wait_s)
            except (nats.errors.Error, TimeoutError):
                return False
            head = np.frombuffer(answer.data, HEAD, 1)[0]
            rows = np.frombuffer(answer.data, ROW, offset=HEAD.itemsize)
            # What changes while the rows come is after the first answer's number: it comes next time.
            number, row = number or int(head["number"]), int(head["row"])
            self._table.merge(_newest(rows), own=False)
        self._known[machine] = number or since
        return True


def _newest(rows: np.ndarray) -> Newest:
    return Newest(
        rows["series"].astype(np.int32),
        rows["time_us"].astype(np.int64),
        rows["value"].astype(np.float64),
        [],
        rows["seen_us"].astype(np.int64),
    )
