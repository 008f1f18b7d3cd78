"""The guard of the intake: who is over a rate, held back or unknown, over a batch at once.

Counts of a minute live in the worker that owns the lane, since all of a device comes through one
lane; they are taken over when the batch is committed, so that one that is tried again counts once.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from psycopg.types.json import Jsonb

from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.kernel.ids import new_id
from yunnao.kernel.packs.scene import Product
from yunnao.kernel.time import Clock
from yunnao.modules.sensing import store
from yunnao.modules.sensing.access.domain import MINUTE_US, Int64, Window, places
from yunnao.modules.sensing.access.standing import CODES, DEPARTMENT_RATE, RATE, Int8, Standings
from yunnao.modules.sensing.contracts import Int32
from yunnao.modules.sensing.domain.refusals import Refusal

QUERIES = load_queries("yunnao.modules.sensing.access", "guard.sql")
WINDOW = timedelta(minutes=10)
refused_max = 200
"""Messages of a device that may be refused in a window."""
over_rate_max = 300
"""Messages of a device beyond its rate in a window."""
storm_factor, storm_floor = 20, 30_000
"""Where a product declares no rate: so many times what its interval lets expect, and as many more as a
healthy device hands in at once that was cut off for hours, or an archive that is replayed."""
sample_bytes_max = 1_024
letters_max = 1_000
"""Messages of a listed device that are kept whole, to be replayed once it is registered or released."""
quarantine_rows_max = 100_000
minutes_kept = timedelta(minutes=5)

LISTED = {
    "device_unknown": "unknown",
    "product_unknown": "unknown",
    "device_of_other_product": "other_product",
    "device_quarantined": "refusals",
}
"""Codes that list the sender, and the reason where it is not on the list yet."""
DROPPED = frozenset({"device_blocked", "device_retired", "rate_exceeded", "department_rate_exceeded"})
"""Codes of which the first message of a device in a batch is kept as a dead letter, as a sample."""


@dataclass(frozen=True)
class Refused:
    """A refused message: what its topic says, why, and the payload."""

    refusal: Refusal
    product: str
    device: str
    payload: bytes


@dataclass
class Watch:
    """What the guard sees of one batch; taken over by `Guard.keep` once the batch is committed."""

    guard: "Guard"
    lane: int
    windows: dict[str, Window] = field(default_factory=dict)
    departments: Window | None = None
    sent: dict[int, Counter[str]] = field(default_factory=dict)
    over: Counter[int] = field(default_factory=Counter)
    storms: set[int] = field(default_factory=set)
    senders: list[tuple[Int64, Int64]] = field(default_factory=list)
    """Places in the batch, and the numbers of the devices that sent them."""
    stopped: Counter[str] = field(default_factory=Counter)
    """Readings in columns that are refused, by code."""

    def look(self, name: str, spec: Product, numbers: Int32, at: Int64, arrival_us: Int64) -> list[Refusal]:
        """Refusals among the messages `at` these places of the batch, of one product's devices.

        `numbers` and `arrival_us` beside them (n): the devices, and when the messages arrived.
        """
        self.senders.append((at, numbers.astype(np.int64)))
        return self.guard.look(self, name, spec, numbers.astype(np.int64), at, arrival_us)

    def look_at_readings(
        self, name: str, spec: Product, numbers: Int32, time_us: Int64, arrival_us: Int64
    ) -> Int8:
        """Which of n readings of a product's devices are stopped, as places in `CODES`; `name` keeps the
        counts apart. They came many together, perhaps from long ago: they count in the minute of their
        own time, at the latest of their arrival, and of a department as one message of each device.
        """
        return self.guard.look_at_readings(self, name, spec, numbers.astype(np.int64), time_us, arrival_us)


class Guard:
    """One for an ingest worker."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._version = -1
        self._standings = Standings()
        self._limits: list[tuple[str, int]] = []
        self._owned: Int64 = np.zeros(0, np.int64)
        self._owner: Int64 = np.zeros(0, np.int64)
        self._windows: dict[tuple[int, str], Window] = {}
        self._departments: dict[int, Window] = {}
        self._elsewhere: dict[int, dict[str, int]] = {}

    async def begin(self, tx: Transaction, lane: int, arrival_us: Int64) -> Watch:
        """Looks at what changed, and at what departments sent through other lanes."""
        version = await self._standings.refresh(tx)
        limits = [
            (row["department"], row["messages_per_minute_max"])
            for row in await (await tx.execute(QUERIES["limits"])).fetchall()
        ]
        if version != self._version or limits != self._limits:
            await self._refresh(tx, version, limits)
        if limits:
            minute = _moment(int(arrival_us.max()) // MINUTE_US) if len(arrival_us) else self._clock.now()
            rows = await (
                await tx.execute(QUERIES["department_minutes"], {"minute": minute, "lane": lane})
            ).fetchall()
            self._elsewhere[lane] = {row["department"]: row["messages"] for row in rows}
        return Watch(self, lane)

    async def _refresh(self, tx: Transaction, version: int, limits: list[tuple[str, int]]) -> None:
        if [name for name, _ in limits] != [name for name, _ in self._limits]:
            self._owned = self._owner = np.zeros(0, np.int64)
            self._departments.clear()
            self._version = -1
        if limits:
            values = {"departments": [name for name, _ in limits], "version": self._version}
            rows = await (await tx.execute(QUERIES["owners_changed"], values)).fetchall()
            changed = np.array([(row["number"], row["owner"]) for row in rows], np.int64).reshape(-1, 2)
            stay = ~np.isin(self._owned, changed[:, 0])
            come = changed[changed[:, 1] >= 0]
            owned = np.concatenate([self._owned[stay], come[:, 0]])
            owner = np.concatenate([self._owner[stay], come[:, 1]])
            order = np.argsort(owned)
            self._owned, self._owner = owned[order], owner[order]
        self._limits, self._version = limits, version

    def look(
        self, watch: Watch, name: str, spec: Product, keys: Int64, at: Int64, arrival_us: Int64
    ) -> list[Refusal]:
        """As `Watch.look`; `keys` are numbers of devices."""
        codes = self._standings.codes(keys)
        refused = {int(at[i]): Refusal(int(at[i]), CODES[codes[i]]) for i in np.flatnonzero(codes).tolist()}
        place, watch.windows[name] = places(self._windows.get((watch.lane, name), Window()), keys, arrival_us)
        limit = spec.messages_per_minute_max
        if limit is not None:
            params: dict[str, Any] = {"limit": limit}
            for i in np.flatnonzero(place >= limit).tolist():
                watch.over[int(keys[i])] += 1
                refused.setdefault(int(at[i]), Refusal(int(at[i]), "rate_exceeded", params))
        else:
            storm = storm_floor + storm_factor * 60 // spec.interval_s
            stormy, counts = np.unique(keys[place >= storm], return_counts=True)
            watch.over.update(dict(zip(stormy.tolist(), counts.tolist(), strict=True)))
            watch.storms.update(stormy.tolist())
        if self._limits:
            self._look_at_departments(watch, keys, at, arrival_us, refused)
        return list(refused.values())

    def look_at_readings(
        self, watch: Watch, name: str, spec: Product, keys: Int64, time_us: Int64, arrival_us: Int64
    ) -> Int8:
        """As `Watch.look_at_readings`; `keys` are numbers of devices."""
        codes = self._standings.codes(keys)
        limit = spec.messages_per_minute_max
        if limit is not None:
            before = watch.windows.get(name) or self._windows.get((watch.lane, name), Window())
            place, watch.windows[name] = places(before, keys, np.minimum(time_us, arrival_us))
            over = place >= limit
            senders, counts = np.unique(keys[over], return_counts=True)
            watch.over.update(dict(zip(senders.tolist(), counts.tolist(), strict=True)))
            codes[over & (codes == 0)] = RATE
        if self._limits and len(keys):
            senders = np.unique(keys)
            refused: dict[int, Refusal] = {}
            arrived = np.full(len(senders), arrival_us.max())
            self._look_at_departments(watch, senders, np.arange(len(senders)), arrived, refused)
            codes[np.isin(keys, senders[list(refused)]) & (codes == 0)] = DEPARTMENT_RATE
        return codes

    def _look_at_departments(
        self, watch: Watch, keys: Int64, at: Int64, arrival_us: Int64, refused: dict[int, Refusal]
    ) -> None:
        if not len(self._owned):
            return
        found = np.minimum(np.searchsorted(self._owned, keys), len(self._owned) - 1)
        mine = np.flatnonzero(self._owned[found] == keys)
        owners = self._owner[found[mine]]
        before = watch.departments or self._departments.get(watch.lane, Window())
        place, watch.departments = places(before, owners, arrival_us[mine])
        elsewhere = self._elsewhere.get(watch.lane, {})
        others = np.array([elsewhere.get(name, 0) for name, _ in self._limits], np.int64)
        bounds = np.array([limit for _, limit in self._limits], np.int64)
        for i in np.flatnonzero(place + others[owners] >= bounds[owners]).tolist():
            name, limit = self._limits[int(owners[i])]
            row = int(at[mine[i]])
            params = {"department": name, "limit": limit}
            refused.setdefault(row, Refusal(row, "department_rate_exceeded", params))
        minutes = (arrival_us[mine] // MINUTE_US).tolist()
        for owner, minute in zip(owners.tolist(), minutes, strict=True):
            watch.sent.setdefault(minute, Counter())[self._limits[owner][0]] += 1

    def keep(self, watch: Watch) -> None:
        """The batch is committed: its messages count."""
        for name, window in watch.windows.items():
            self._windows[watch.lane, name] = window
        if watch.departments is not None:
            self._departments[watch.lane] = watch.departments

    async def note(self, tx: Transaction, watch: Watch, refused: Sequence[Refused]) -> list[Refusal]:
        """Writes what the batch's refusals and rates say of their senders; answers the refusals whose
        messages are to be kept as dead letters."""
        for minute, sent in watch.sent.items():
            values = {"minute": _moment(minute), "lane": watch.lane}
            columns = {"departments": list(sent), "messages": list(sent.values())}
            await tx.execute(QUERIES["department_minutes_add"], values | columns)
        if not refused and not watch.over:
            return []
        await self._note_offences(tx, watch, refused)
        listed = [one for one in refused if one.refusal.code in LISTED and one.device]
        known = await self._list(tx, listed, {})
        return [one.refusal for one in _sampled(refused, known)]

    async def _list(
        self, tx: Transaction, refused: Sequence[Refused], reasons: dict[str, str]
    ) -> dict[tuple[str, str], Row]:
        """Rows of the quarantine by (device, product). `reasons` by device, where it is not the code's."""
        groups: dict[tuple[str, str], list[Refused]] = defaultdict(list)
        for one in refused:
            groups[one.device, one.product].append(one)
        if not groups:
            return {}
        values = {
            "ids": [new_id() for _ in groups],
            "products": [product for _, product in groups],
            "devices": [device for device, _ in groups],
            "reasons": [
                reasons.get(device) or LISTED[many[0].refusal.code] for (device, _), many in groups.items()
            ],
            "messages": [len(many) for many in groups.values()],
            "codes": [Jsonb(Counter(one.refusal.code for one in many)) for many in groups.values()],
            "samples": [many[-1].payload[:sample_bytes_max] for many in groups.values()],
            "now": self._clock.now(),
        }
        rows = await (await tx.execute(QUERIES["quarantine_note"], values)).fetchall()
        return {(row["device"], row["product"]): row for row in rows}

    async def _note_offences(self, tx: Transaction, watch: Watch, refused: Sequence[Refused]) -> None:
        numbers = {
            i: n for at, keys in watch.senders for i, n in zip(at.tolist(), keys.tolist(), strict=True)
        }
        counted = Counter(
            numbers[one.refusal.index]
            for one in refused
            if one.refusal.index in numbers and one.refusal.code not in DROPPED | LISTED.keys()
        )
        devices = sorted(counted.keys() | watch.over.keys())
        if not devices:
            return
        now = self._clock.now()
        values = {
            "devices": devices,
            "refused": [counted[device] for device in devices],
            "over_rate": [watch.over[device] for device in devices],
            "now": now,
            "window_from": now - WINDOW,
        }
        rows = await (await tx.execute(QUERIES["offences_note"], values)).fetchall()
        reasons = {row["device"]: _reason(row, watch.storms) for row in rows}
        await self._quarantine(tx, watch, {d: r for d, r in reasons.items() if r is not None}, refused)

    async def _quarantine(
        self, tx: Transaction, watch: Watch, reasons: dict[int, str], refused: Sequence[Refused]
    ) -> None:
        """Devices that went too far are held back from now on."""
        if not reasons:
            return
        numbers = sorted(reasons)
        values = {"numbers": numbers, "changed": await store.bump(tx)}
        rows = await (await tx.execute(QUERIES["devices_quarantine"], values)).fetchall()
        await tx.execute(QUERIES["offences_forget"], {"numbers": numbers})
        ids = {row["id"]: row for row in rows}
        last = {one.device: one for one in refused if one.device in ids}
        told = [
            last.get(device) or Refused(Refusal(-1, "value_storm"), row["product"], device, b"")
            for device, row in ids.items()
        ]
        await self._list(tx, told, {row["id"]: reasons[row["number"]] for row in rows})

    async def prune(self, tx: Transaction) -> None:
        """Forgets what is over, and the oldest undecided beyond `quarantine_rows_max`."""
        now = self._clock.now()
        await tx.execute(QUERIES["prune_offences"], {"before": now - WINDOW})
        await tx.execute(QUERIES["prune_minutes"], {"before": now - minutes_kept})
        await tx.execute(QUERIES["prune_quarantine"], {"rows_max": quarantine_rows_max})


def _reason(row: Row, storms: set[int]) -> str | None:
    if row["over_rate"] > over_rate_max:
        return "value_storm" if row["device"] in storms else "over_rate"
    return "refusals" if row["refused"] > refused_max else None


def _sampled(refused: Sequence[Refused], known: dict[tuple[str, str], Row]) -> list[Refused]:
    """The refused messages to keep: of what is dropped the first of each device, of an unknown device
    as many as one may wish to replay, and everything else."""
    kept: list[Refused] = []
    seen: set[tuple[str, str]] = set()
    fresh = Counter((one.device, one.product) for one in refused if one.refusal.code in LISTED)
    room = {
        key: 0 if row["state"] == "blocked" else letters_max - (row["messages"] - fresh[key])
        for key, row in known.items()
    }
    for one in refused:
        key, mark = (one.device, one.product), (one.device, one.refusal.code)
        if one.refusal.code in DROPPED:
            if mark in seen:
                continue
            seen.add(mark)
        elif one.refusal.code in LISTED and key in room:
            room[key] -= 1
            if room[key] < 0:
                continue
        kept.append(one)
    return kept


def _moment(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC)
