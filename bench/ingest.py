"""Readings a second from the door to committed and visible: MQTT at QoS 1, and Arrow by HTTP.

Each part ends when as many readings as were sent are counted as committed and the live table holds
the last time of every series. The baseline is a raw binary COPY of the Arrow part's rows into a plain
table of the same server, in the same run. `YUNNAO_BENCH_SCALE=0.1` tries it with a tenth of all.
"""

import asyncio
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import numpy as np
import orjson
import psutil
import psycopg
import pyarrow as pa
from bench._common import own_city
from bench._mqtt import publish

from yunnao.bootstrap import open_platform
from yunnao.infra.child_city import ChildCity
from yunnao.infra.embedded.nats import MqttAddress, find_nats
from yunnao.infra.embedded.postgres import find_postgres
from yunnao.infra.nats_subjects import device_topic
from yunnao.infra.paths import project_root
from yunnao.infra.settings import Settings
from yunnao.kernel.text import Text
from yunnao.modules.sensing.contracts import DeviceDraft
from yunnao.modules.sensing.copying import packed, timestamps
from yunnao.modules.sensing.live.table import LiveTable

PRODUCT = "underpass-level"
DEVICES = 50_000
GATEWAYS = 100
SINGLE = 150_000
GATEWAY_MESSAGES = 30_000
GATEWAY_READINGS = 100
ARROW_BODIES = 40
ARROW_READINGS = 250_000
ARROW_SENDERS = 2
MEMORY_ROUNDS = 6
HISTORY_US = 1_800_000_000
TURN_US = 100_000
LEVEL_M = 0.01
POLL_S = 0.02
PATIENCE_S = 180.0


@dataclass
class Bench:
    """A city with devices, and what it takes to see what became visible."""

    city: ChildCity
    address: MqttAddress
    database: psycopg.Connection[Any]
    table: LiveTable
    series: np.ndarray
    quiet: bool
    counted: int = 0
    """Readings committed before the part."""
    next_us: int = 0
    """Where the times of the next part begin: later than all before, so that none is late."""

    def span(self, length_us: int) -> int:
        """The beginning of a span of time that no other part uses."""
        start_us = self.next_us or _now_us() - HISTORY_US
        self.next_us = start_us + length_us
        return start_us

    def visible(self, readings: int, last_us: int) -> bool:
        """Whether so many more readings are committed, and every series shows `last_us`."""
        row = self.database.execute("SELECT coalesce(sum(stored), 0)::bigint FROM sensing.intake_count")
        committed = row.fetchone()[0] - self.counted
        if committed < readings:
            return False
        return bool((self.table.times_us(self.series) >= last_us).all())

    def measure(self, name: str, send: Callable[[], None], readings: int, last_us: int) -> float:
        """Readings a second from the beginning of `send` to all visible."""
        row = self.database.execute("SELECT coalesce(sum(stored), 0)::bigint FROM sensing.intake_count")
        self.counted = row.fetchone()[0]
        began = time.monotonic()
        send()
        sent_s = time.monotonic() - began
        while not self.visible(readings, last_us):
            if time.monotonic() - began > PATIENCE_S:
                raise RuntimeError(f"{name}: not everything became visible")
            time.sleep(POLL_S)
        took_s = time.monotonic() - began
        if not self.quiet:
            print(
                f"{name}: {readings} readings, sent in {sent_s:.2f} s, visible in {took_s:.2f} s",
                file=sys.stderr,
            )
        return round(readings / took_s)


def run(quiet: bool = False) -> dict[str, Any]:
    scale = float(os.environ.get("YUNNAO_BENCH_SCALE", "1"))
    with own_city() as city:
        series = asyncio.run(_register(city))
        broker, server = find_nats(city.home), find_postgres(city.home)
        if broker is None or server is None:
            raise RuntimeError("the city's servers do not run")
        with psycopg.connect(server.url, autocommit=True) as database:
            bench = Bench(city, broker.platform, database, LiveTable(city.home / "live"), series, quiet)
            _warm(bench)
            raw = _raw(bench, scale)
            single = _single(bench, scale)
            gateway = _gateway(bench, scale)
            arrow = _arrow(bench, scale)
            memory = _memory(bench, scale)
    return {
        "value": arrow,
        "unit": "readings/s",
        "baseline": raw,
        "baseline_what": "raw binary COPY of the same rows into a plain table, rows/s",
        "ratio": round(arrow / raw, 3),
        "details": {
            "mqtt_single_per_s": single,
            "mqtt_gateway_per_s": gateway,
            "arrow_per_s": arrow,
            "devices": DEVICES,
            "scale": scale,
            "resident_mb": memory,
        },
    }


def _memory(bench: Bench, scale: float) -> dict[str, list[int]]:
    """Resident memory of each role after every round, each of as many readings as the parts above.

    Flat is what does not grow from round to round: the first fills caches and buffers.
    """
    found: dict[str, list[int]] = {}
    for _ in range(MEMORY_ROUNDS):
        _gateway(bench, scale)
        _arrow(bench, scale)
        for role, mb in _resident_mb(bench.city).items():
            found.setdefault(role, []).append(mb)
    return found


def _name(number: int) -> str:
    return f"ingest-{number:05}"


def _gateway_of(number: int) -> int:
    """The device that speaks for device `number`."""
    return number % GATEWAYS


async def _register(city: ChildCity) -> np.ndarray:
    """Devices, the first of which are gateways of the others; answers their series in order."""
    drafts = [
        DeviceDraft(
            id=_name(n),
            product=PRODUCT,
            entity=_name(n),
            name=Text(zh=_name(n), en=_name(n)),
            lon=120.3 + (n % 250) * 0.001,
            lat=36.0 + (n // 250) * 0.001,
            synthetic=True,
            gateway=None if n < GATEWAYS else _name(_gateway_of(n)),
        )
        for n in range(DEVICES)
    ]
    settings = Settings.from_environment(city.environment, project_root())
    async with open_platform(settings, "bench") as platform:
        for part in (drafts[:GATEWAYS], drafts[GATEWAYS:]):
            async with platform.database.transaction() as tx:
                await platform.sensing.register_devices(tx, part)
        async with platform.database.transaction() as tx:
            rows = await (
                await tx.execute(
                    "SELECT s.series FROM sensing.series s JOIN sensing.device d ON d.number = s.device"
                    " WHERE d.id LIKE 'ingest-%' ORDER BY d.id"
                )
            ).fetchall()
    return np.array([row["series"] for row in rows], np.int32)


def _resident_mb(city: ChildCity) -> dict[str, int]:
    """Resident memory of the city's processes by role."""
    found: dict[str, int] = {}
    for process in psutil.process_iter(["cmdline", "environ", "memory_info"]):
        line = process.info["cmdline"] or []
        if (process.info["environ"] or {}).get("YUNNAO_HOME") == str(city.home) or str(city.home) in " ".join(
            line
        ):
            role = next((word for word in ("ingest", "api", "worker") if word in line), None)
            role = role or ("nats" if "nats-server" in " ".join(line[:1]) else None)
            if role:
                found[role] = found.get(role, 0) + process.info["memory_info"].rss // 1_000_000
    return found


def _warm(bench: Bench) -> None:
    """Every device is met, so that the parts measure readings and not introductions."""
    now_us = bench.span(1_000_000)
    bench.measure("warm up", lambda: _post(bench, [[_body(range(DEVICES), now_us, 1)]]), DEVICES, now_us)


def _now_us() -> int:
    return int(datetime.now(UTC).timestamp() * 1e6)


def _raw(bench: Bench, scale: float) -> int:
    """Rows a second of the Arrow part's batches by COPY alone."""
    bodies = max(int(ARROW_BODIES * scale), 1)
    per_series = ARROW_READINGS // DEVICES
    series = np.repeat(bench.series, per_series)
    times = np.tile(np.arange(per_series, dtype=np.int64) * 1_000_000, DEVICES)
    start = _now_us()
    buffers = [
        packed(series, timestamps(times + start + body * 1_000), np.full(len(series), LEVEL_M))
        for body in range(bodies)
    ]
    bench.database.execute("CREATE TABLE raw (series int NOT NULL, time timestamptz NOT NULL, value float8)")
    began = time.monotonic()
    for buffer in buffers:
        with bench.database.cursor().copy("COPY raw FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(buffer)
    took_s = time.monotonic() - began
    bench.database.execute("DROP TABLE raw")
    return round(bodies * len(series) / took_s)


def _single(bench: Bench, scale: float) -> int:
    """One reading a message."""
    count = max(int(SINGLE * scale) // DEVICES, 1) * DEVICES
    start_us = bench.span(count // DEVICES * 1_000_000)
    messages = [
        (
            device_topic(PRODUCT, _name(number % DEVICES)),
            b'{"level":%.2f,"t":"%s"}' % (LEVEL_M, _iso(start_us + number // DEVICES * 1_000_000)),
        )
        for number in range(count)
    ]
    last_us = start_us + (count - 1) // DEVICES * 1_000_000
    return bench.measure("mqtt single", lambda: _publish(bench, messages), count, last_us)


def _gateway(bench: Bench, scale: float) -> int:
    """A hundred readings a message."""
    count = max(int(GATEWAY_MESSAGES * scale) * GATEWAY_READINGS // DEVICES, 1) * DEVICES // GATEWAY_READINGS
    parts = DEVICES // GATEWAYS // GATEWAY_READINGS
    start_us = bench.span((count // GATEWAYS // parts + 1) * 1_000_000)
    of_gateway = [[_name(n) for n in range(g, DEVICES, GATEWAYS)] for g in range(GATEWAYS)]
    messages = []
    for number in range(count):
        turn, gateway, part = number // GATEWAYS // parts, number // parts % GATEWAYS, number % parts
        names = of_gateway[gateway][part * GATEWAY_READINGS : (part + 1) * GATEWAY_READINGS]
        told = _iso(start_us + turn * 1_000_000).decode()
        items = [{"device": name, "level": LEVEL_M, "t": told} for name in names]
        messages.append((device_topic(PRODUCT, _name(gateway)), orjson.dumps(items)))
    last_us = start_us + (count - 1) // GATEWAYS // parts * 1_000_000
    readings = count * GATEWAY_READINGS
    return bench.measure("mqtt gateway", lambda: _publish(bench, messages), readings, last_us)


def _publish(bench: Bench, messages: list[tuple[str, bytes]]) -> None:
    """In a process of its own."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        pool.apply(publish, (bench.address, messages))


def _iso(time_us: int) -> bytes:
    return datetime.fromtimestamp(time_us / 1e6, UTC).isoformat().encode()


def _body(devices: range, start_us: int, turns: int) -> bytes:
    """An Arrow stream of `turns` readings of each of `devices`."""
    names = pa.array([_name(n) for n in devices])
    places = np.tile(np.arange(len(devices), dtype=np.int32), turns)
    times = np.repeat(start_us + np.arange(turns, dtype=np.int64) * TURN_US, len(devices))
    columns = {
        "device": pa.DictionaryArray.from_arrays(places, names),
        "metric": pa.DictionaryArray.from_arrays(np.zeros(len(places), np.int32), pa.array(["level"])),
        "time": pa.array(times, pa.timestamp("us", "UTC")),
        "value": np.full(len(places), LEVEL_M),
    }
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _post(bench: Bench, bodies: list[list[bytes]]) -> None:
    """Each list one after the other, all lists at the same time."""
    account = bench.city.accounts()["data_steward"]
    clients = [bench.city.signed_in(account) for _ in bodies]

    def send(client: httpx.Client, own: list[bytes]) -> None:
        for body in own:
            _sent(client, body)

    with ThreadPoolExecutor(len(bodies)) as senders:
        for done in [senders.submit(send, *each) for each in zip(clients, bodies, strict=True)]:
            done.result()


def _sent(client: httpx.Client, body: bytes) -> None:
    answer = client.post(
        "/readings", content=body, headers={"Content-Type": "application/vnd.apache.arrow.stream"}, timeout=60
    )
    answer.raise_for_status()
    if answer.json()["refused"]:
        raise RuntimeError(answer.text[:500])


def _arrow(bench: Bench, scale: float) -> int:
    """Each sender speaks for its share of the devices."""
    each = max(int(ARROW_BODIES * scale) // ARROW_SENDERS, 1)
    share = DEVICES // ARROW_SENDERS
    turns = ARROW_READINGS // share
    start_us = bench.span(each * turns * TURN_US)
    bodies = [
        [
            _body(range(sender * share, (sender + 1) * share), start_us + body * turns * TURN_US, turns)
            for body in range(each)
        ]
        for sender in range(ARROW_SENDERS)
    ]
    readings = each * turns * share * ARROW_SENDERS
    last_us = start_us + (each * turns - 1) * TURN_US
    return bench.measure("arrow", lambda: _post(bench, bodies), readings, last_us)
