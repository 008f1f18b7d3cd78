"""kill -9 of ingest, PostgreSQL, NATS and the sealer of the lake in turns, at random moments, under traffic.

Value: acknowledged readings that are missing at the end, stored twice, changed, or never sent: 0. Every
door sends (MQTT single, gateways, Arrow by HTTP), with late and repeated readings; hours are sealed
meanwhile. `YUNNAO_BENCH_SCALE=0.15` tries it with 3 rounds of 20.
"""

import asyncio
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psutil
import psycopg
import pyarrow.dataset as pads
from bench import _crash_traffic as traffic
from bench._common import own_city
from bench._crash_city import MODULE
from bench._crash_traffic import DEVICES, PRODUCT, Int64, Traffic, gateway_of, name
from deltalake import DeltaTable

from yunnao.bootstrap import open_platform
from yunnao.infra.child_city import ChildCity
from yunnao.infra.embedded.nats import find_nats
from yunnao.infra.embedded.postgres import find_postgres
from yunnao.infra.paths import project_root
from yunnao.infra.settings import Settings
from yunnao.kernel.text import Text
from yunnao.modules.sensing.contracts import DeviceDraft
from yunnao.modules.sensing.lake.tables import lake_at
from yunnao.modules.sensing.live.table import LiveTable

ROUNDS = 20
SEED = 3
SCENE = "waterlogging"
PAUSE_S = (1.0, 6.0)
"""From one kill to the next, whatever has come back by then."""
HISTORY = timedelta(hours=12)
"""The first readings are so old: their hours are closed, and sealed while more of them come."""
APPEARS_S = 60.0
SEALING_WAIT_S = 10.0
"""The sealer is killed while it seals, unless it does not begin within up to so long."""
SETTLES_S = 240.0
POLL_S = 1.0
HOT = """
SELECT series, (extract(epoch FROM time) * 1000000)::bigint AS time_us, value FROM sensing.reading
UNION ALL SELECT series, (extract(epoch FROM time) * 1000000)::bigint, value FROM sensing.reading_run
"""


def run(quiet: bool = False) -> dict[str, Any]:
    rounds = max(round(ROUNDS * float(os.environ.get("YUNNAO_BENCH_SCALE", "1"))), 1)
    with crash_city() as city:
        found = play(city, rounds, SEED, PAUSE_S, quiet)
    return {
        "value": found.lost + found.doubled + found.strange + found.changed,
        "unit": "readings",
        "baseline": found.readings,
        "baseline_what": "readings acknowledged, each of which must be stored once",
        "ratio": round((found.readings - found.lost) / found.readings, 6),
        "details": {"rounds": rounds, **vars(found), "kills": dict(found.kills)},
    }


@dataclass
class Found:
    """How the city came out of it. `readings` and what follows count (series, time)."""

    readings: int = 0
    lost: int = 0
    doubled: int = 0
    strange: int = 0
    """Stored and never sent."""
    changed: int = 0
    """Stored with another value."""
    behind: int = 0
    """Series whose newest reading the live table does not show."""
    letters: int = 0
    unsealed: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    sealings: int = 0
    sealings_interrupted: int = 0
    seconds: float = 0.0
    settled_s: float = 0.0
    """From the last acknowledgement until everything was in the lake."""


@contextmanager
def crash_city() -> Iterator[ChildCity]:
    root = project_root()
    path = os.pathsep.join(filter(None, [str(root), str(root / "src"), os.environ.get("PYTHONPATH")]))
    with own_city(module=[MODULE], extra={"PYTHONPATH": path, "YUNNAO_SCENES": SCENE}) as city:
        yield city


def play(city: ChildCity, rounds: int, seed: int, pause_s: tuple[float, float], quiet: bool = True) -> Found:
    """Traffic, and a kill every now and then; then a look at everything that is stored."""
    series = asyncio.run(_register(city))
    broker = find_nats(city.home)
    if broker is None:
        raise RuntimeError("the city's broker does not run")
    chance = random.Random(seed)
    start = datetime.now(UTC).replace(second=0, microsecond=0) - HISTORY
    start_us = int(start.timestamp()) * 1_000_000
    client = city.signed_in(city.accounts()["data_steward"])
    sent = Traffic(broker.device, client, start_us, random.Random(seed))
    found, killer = Found(), Killer(city, chance)
    began = time.monotonic()
    sent.begin()
    try:
        for _ in range(rounds):
            time.sleep(chance.uniform(*pause_s))
            kind = killer.kill()
            found.kills[kind] += 1
            found.sealings_interrupted += kind == "sealer" and _is_sealing(city)
            if not quiet:
                print(f"{time.monotonic() - began:6.1f} s: killed {kind}", file=sys.stderr)
    finally:
        acknowledged = sent.finish()
    ended = time.monotonic()
    if not quiet:
        print(f"{ended - began:6.1f} s: all is acknowledged", file=sys.stderr)
    devices, times = acknowledged
    stored = _settled(city, start_us, len(np.unique(_keys(series[devices], times, start_us))))
    found.settled_s = round(time.monotonic() - ended, 1)
    found.seconds = round(time.monotonic() - began, 1)
    _compare(found, series, acknowledged, stored, start_us)
    found.behind = _behind(city, series, acknowledged)
    found.letters = _ask(city, "SELECT count(*) FROM infra.dead_letter")
    found.sealings = _ask(city, "SELECT count(*) FROM sensing.sealed WHERE state = 'done'")
    return found


class Killer:
    """Kills one kind after the other, each of them once before any of them again."""

    def __init__(self, city: ChildCity, chance: random.Random) -> None:
        self._city = city
        self._chance = chance
        self._next: list[str] = []
        self._kinds: dict[str, Callable[[], int | None]] = {
            "ingest": lambda: self._role("ingest"),
            "postgresql": self._postgres,
            "nats": self._nats,
            "sealer": lambda: self._role("worker"),
        }

    def kill(self) -> str:
        """Waits until the next one lives, and kills it; answers its kind."""
        if not self._next:
            self._next = self._chance.sample(sorted(self._kinds), len(self._kinds))
        kind = self._next.pop()
        until = time.monotonic() + APPEARS_S
        while time.monotonic() < until:
            pid = self._kinds[kind]()
            if kind == "sealer":
                _wait_for_sealing(self._city, self._chance.uniform(0, SEALING_WAIT_S))
            if pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    return kind
            time.sleep(0.05)
        raise RuntimeError(f"{kind} was not started again")

    def _role(self, role: str) -> int | None:
        pids = sorted(
            process.pid
            for process in psutil.process_iter(["cmdline", "environ"])
            if (process.info["cmdline"] or [])[-1:] == [role]
            and (process.info["environ"] or {}).get("YUNNAO_HOME") == str(self._city.home)
        )
        return self._chance.choice(pids) if pids else None

    def _postgres(self) -> int | None:
        server = find_postgres(self._city.home)
        return server.pid if server else None

    def _nats(self) -> int | None:
        server = find_nats(self._city.home)
        return server.pid if server else None


async def _register(city: ChildCity) -> Int64:
    """The traffic's devices; answers the number of each one's series, in order."""
    drafts = [
        DeviceDraft(
            id=name(n),
            product=PRODUCT,
            entity=name(n),
            name=Text(zh=name(n), en=name(n)),
            lon=120.3 + (n % 100) * 0.001,
            lat=36.0 + (n // 100) * 0.001,
            synthetic=True,
            gateway=None if (gateway := gateway_of(n)) is None else name(gateway),
        )
        for n in range(DEVICES)
    ]
    settings = Settings.from_environment(city.environment, project_root())
    async with open_platform(settings, "bench") as platform:
        for part in (
            [each for each in drafts if each.gateway is None],
            [each for each in drafts if each.gateway is not None],
        ):
            async with platform.database.transaction() as tx:
                await platform.sensing.register_devices(tx, part)
        async with platform.database.transaction() as tx:
            rows = await (
                await tx.execute(
                    "SELECT s.series FROM sensing.series s JOIN sensing.device d ON d.number = s.device"
                    " WHERE d.id LIKE 'crash-%' AND s.metric = 'level' ORDER BY d.id"
                )
            ).fetchall()
    return np.array([row["series"] for row in rows], np.int64)


def _keys(series: Int64, time_us: Int64, start_us: int) -> Int64:
    """(series, time) as one number, in order of both."""
    keys: Int64 = (series << 40) + (time_us - start_us + traffic.LATE_US)
    return keys


@dataclass(frozen=True)
class Stored:
    """Every stored reading (n), and how many of them are not in the lake yet."""

    keys: Int64
    values: np.ndarray
    hot: int


def _settled(city: ChildCity, start_us: int, wanted: int) -> Stored:
    """What is stored once everything is sealed, or when patience ends."""
    readings = lake_at((city.home / "lake").as_uri()).readings
    until = time.monotonic() + SETTLES_S
    while time.monotonic() < until:
        with suppress(psycopg.OperationalError, LookupError):
            if not _ask(city, f"SELECT count(*) FROM ({HOT})") and readings.snapshot().rows.sum() >= wanted:
                break
        time.sleep(POLL_S)
    return _stored(city, start_us)


def _stored(city: ChildCity, start_us: int) -> Stored:
    with _connected(city) as connection:
        hot = np.array(connection.execute(HOT).fetchall(), np.float64).reshape(-1, 3)
    table = DeltaTable(str(city.home / "lake" / "readings"))
    files = [uri.removeprefix("file://") for uri in table.file_uris()]
    lake = pads.dataset(files, format="parquet").to_table(columns=["series", "time", "value"])
    series = np.concatenate([hot[:, 0].astype(np.int64), lake["series"].to_numpy()])
    time_us = np.concatenate([hot[:, 1].astype(np.int64), lake["time"].cast("int64").to_numpy()])
    values = np.concatenate([hot[:, 2], lake["value"].to_numpy()])
    return Stored(_keys(series, time_us, start_us), values, len(hot))


def _compare(found: Found, series: Int64, sent: tuple[Int64, Int64], stored: Stored, start_us: int) -> None:
    """Every (series, time) that was sent is there once with its value, and nothing else."""
    devices, times = sent
    wanted, first = np.unique(_keys(series[devices], times, start_us), return_index=True)
    values = traffic.level(devices[first], times[first])
    there, place, often = np.unique(stored.keys, return_index=True, return_counts=True)
    found.readings = len(wanted)
    found.doubled = int((often - 1).sum())
    found.strange = len(np.setdiff1d(there, wanted, assume_unique=True))
    _, of_wanted, of_there = np.intersect1d(wanted, there, assume_unique=True, return_indices=True)
    found.lost = len(wanted) - len(of_wanted)
    found.changed = int((stored.values[place[of_there]] != values[of_wanted]).sum())
    found.unsealed = stored.hot


def _behind(city: ChildCity, series: Int64, sent: tuple[Int64, Int64]) -> int:
    """Series whose newest reading is not what the live table shows."""
    devices, times = sent
    newest = np.full(DEVICES, np.iinfo(np.int64).min)
    np.maximum.at(newest, devices, times)
    spoke = np.flatnonzero(newest > np.iinfo(np.int64).min)
    shown = LiveTable(city.home / "live").values(series[spoke].astype(np.int32))
    right = (shown.time_us == newest[spoke]) & (shown.value == traffic.level(spoke, newest[spoke]))
    return int((~right).sum())


def _is_sealing(city: ChildCity) -> bool:
    with suppress(psycopg.OperationalError, LookupError):
        return _ask(city, "SELECT count(*) FROM sensing.sealed WHERE state = 'open'") > 0
    return False


def _wait_for_sealing(city: ChildCity, patience_s: float) -> None:
    until = time.monotonic() + patience_s
    while time.monotonic() < until and not _is_sealing(city):
        time.sleep(0.02)


def _ask(city: ChildCity, query: str) -> int:
    with _connected(city) as connection:
        row = connection.execute(query.encode()).fetchone()
    return int(row[0]) if row else 0


def _connected(city: ChildCity) -> psycopg.Connection[Any]:
    """Raises LookupError while the database is down."""
    server = find_postgres(city.home)
    if server is None:
        raise LookupError
    return psycopg.connect(server.url, autocommit=True, connect_timeout=5)
