"""`yunnao replay readings FILE… --as PRODUCT`: real history through the real door, MQTT at QoS 1."""

import asyncio
import json
import sys
import time
import zlib
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import typer

from yunnao.bootstrap import Platform, open_platform
from yunnao.entrypoints.cli.run import settings, tell
from yunnao.entrypoints.replay.registers import bare_device, devices_in
from yunnao.entrypoints.replay.speed import factor_of
from yunnao.entrypoints.replay.tables import (
    Reading,
    header,
    is_register,
    layout_of,
    readings,
    rows_of,
    shifted,
)
from yunnao.infra.gateway import Gateway
from yunnao.infra.nats_subjects import device_topic
from yunnao.infra.settings import Settings
from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.packs.scene import Product
from yunnao.modules.sensing.facade import encode

CONNECTIONS = 2
ACKNOWLEDGE_LIMIT_S = 120.0
STORE_LIMIT_S = 30.0
"""Without a further reading stored for so long, waiting ends."""
PROGRESS_S = 5.0


def register(app: typer.Typer) -> None:
    group = next((g.typer_instance for g in app.registered_groups if g.name == "replay"), None)
    if group is None:
        group = typer.Typer(help="Feed real history through the real doors.", no_args_is_help=True)
        app.add_typer(group, name="replay")
    group.command("readings", help="Feed CSV tables of readings over MQTT.")(replay)


def replay(
    files: list[Path] = typer.Argument(..., help="CSV tables of readings; registers among them are used."),
    product: str = typer.Option(..., "--as", help="The product whose devices speak."),
    devices: list[Path] = typer.Option([], help="Registers: CSV with id, name, coordinates, attributes."),
    device_column: list[str] = typer.Option([], help="Column of the device; several are joined."),
    wide: bool = typer.Option(False, "--wide", help="Every column but the time is a device."),
    time_column: str | None = typer.Option(None, help="Column of the time."),
    mapping: list[str] = typer.Option([], "--map", help="column=metric; none: by name."),
    speed: str = typer.Option("max", help="Times as fast as it happened, or max."),
    shift_to_now: bool = typer.Option(False, help="Move all times so that the last is now."),
    zone: str | None = typer.Option(None, help="Zone of times without one; none: the city's."),
    wait: bool = typer.Option(True, help="Wait until all is stored."),
    as_json: bool = typer.Option(False, "--json", help="The counts as JSON."),
) -> None:
    own = settings()
    factor = factor_of(speed)
    metrics = dict(_pair(text) for text in mapping)
    counts = asyncio.run(
        _replay(
            own,
            files,
            product,
            registers=devices,
            device_columns=device_column,
            wide=wide,
            time_column=time_column,
            metrics=metrics,
            factor=factor,
            shift=shift_to_now,
            zone=zone,
            wait=wait,
        )
    )
    if as_json:
        print(json.dumps(counts, ensure_ascii=False))
    else:
        tell(own, "replay_readings_done", **counts)
    whole = counts["acknowledged"] == counts["sent"]
    if not whole or (wait and counts["stored"] + counts["refused"] < counts["readings"]):
        raise typer.Exit(1)


async def _replay(
    own: Settings,
    files: Sequence[Path],
    product: str,
    *,
    registers: Sequence[Path],
    device_columns: Sequence[str],
    wide: bool,
    time_column: str | None,
    metrics: dict[str, str],
    factor: float | None,
    shift: bool,
    zone: str | None,
    wait: bool,
) -> dict[str, Any]:
    async with open_platform(own, "replay") as platform:
        async with platform.database.transaction() as tx:
            installed = await platform.sensing.product(tx, product)
        local = ZoneInfo(zone or platform.city.manifest.time_zone)
        tables = [(file, header(file)) for file in files]
        found: list[Reading] = []
        for file, columns in tables:
            if not is_register(columns):
                layout = layout_of(
                    columns,
                    installed.spec,
                    time=time_column,
                    devices=device_columns,
                    mapping=metrics,
                    wide=wide,
                )
                found += readings(rows_of(file), layout, installed.spec, local, file.stem)
        # In order of time, as it happened: rules judge a device's readings in order.
        found.sort(key=lambda reading: reading.time)
        if shift:
            found = shifted(found, platform.clock.now())
        lists = [*registers, *(file for file, columns in tables if is_register(columns))]
        found, unusable = _usable(found, product)
        await _register(platform, product, installed.spec, lists, found)
        before = await _refused(platform, product)
        began = time.monotonic()
        sent, acknowledged = await asyncio.to_thread(
            _publish, own, platform, product, installed.spec, found, factor
        )
        seconds = max(time.monotonic() - began, 1e-9)
        identities = {(r.device, metric, r.time) for r in found for metric in r.values}
        counts: dict[str, Any] = {
            "readings": len(identities),
            "unusable": unusable,
            "sent": sent,
            "acknowledged": acknowledged,
            "seconds": round(seconds, 1),
            "per_s": round(acknowledged / seconds),
            "stored": 0,
            "refused": 0,
        }
        if wait and found:
            counts |= await _wait_stored(platform, product, found, len(identities), before)
        return counts


def _usable(found: Sequence[Reading], product: str) -> tuple[list[Reading], int]:
    """Readings of devices whose names can stand in a topic, and how many of the others there are."""
    good: set[str] = set()
    for device in {reading.device for reading in found}:
        try:
            device_topic(product, device)
        except InvalidInput:
            continue
        good.add(device)
    usable = [reading for reading in found if reading.device in good]
    return usable, len(found) - len(usable)


async def _register(
    platform: Platform, product: str, spec: Product, registers: Sequence[Path], found: Sequence[Reading]
) -> None:
    """Registers what the registers list, and devices that only have readings; known ones of these stay."""
    types = {name: kind for scene in platform.scenes for name, kind in scene.entity_types.items()}
    drafts = [d for file in registers for d in devices_in(file, product, types[spec.entity_type])]
    listed = {draft.id for draft in drafts}
    seen = sorted({reading.device for reading in found} - listed)
    async with platform.database.transaction() as tx:
        known = await platform.sensing.registered(tx, seen)
        drafts += [bare_device(device, product) for device in seen if device not in known]
        await platform.sensing.register_devices(tx, drafts)


def _publish(
    own: Settings,
    platform: Platform,
    product: str,
    spec: Product,
    found: Sequence[Reading],
    factor: float | None,
) -> tuple[int, int]:
    """Sends all and waits for every acknowledgement; one device stays on one connection, in order."""
    with ExitStack() as stack:
        address = platform.servers.mqtt_device
        gateways = [stack.enter_context(Gateway(address, f"replay-{i}")) for i in range(CONNECTIONS)]
        began, told_at = time.monotonic(), time.monotonic()
        for number, reading in enumerate(found):
            if factor is not None:
                due_s = (reading.time - found[0].time).total_seconds() / factor
                time.sleep(max(0.0, due_s - (time.monotonic() - began)))
            gateway = gateways[zlib.crc32(reading.device.encode()) % CONNECTIONS]
            gateway.wait_room(ACKNOWLEDGE_LIMIT_S)
            gateway.publish(product, reading.device, encode(spec, reading.values, reading.time))
            if time.monotonic() - told_at >= PROGRESS_S:
                tell(own, "replay_progress", done=number + 1, total=len(found))
                sys.stdout.flush()
                told_at = time.monotonic()
        for gateway in gateways:
            gateway.wait_acknowledged(ACKNOWLEDGE_LIMIT_S)
        return sum(g.sent for g in gateways), sum(g.acknowledged for g in gateways)


async def _wait_stored(
    platform: Platform, product: str, found: Sequence[Reading], expected: int, before: int
) -> dict[str, int]:
    """Waits until every reading is stored or refused; counts both."""
    devices = sorted({reading.device for reading in found})
    start, last = found[0].time, found[-1].time
    counts, changed_at = {"stored": -1, "refused": 0}, time.monotonic()
    while True:
        async with platform.database.transaction() as tx:
            stored = await platform.history.count(tx, devices, start, last)
        latest = {"stored": stored, "refused": await _refused(platform, product) - before}
        if latest != counts:
            counts, changed_at = latest, time.monotonic()
        complete = counts["stored"] + counts["refused"] >= expected
        if complete or time.monotonic() - changed_at > STORE_LIMIT_S:
            return counts
        await asyncio.sleep(1)


async def _refused(platform: Platform, product: str) -> int:
    async with platform.database.transaction() as tx:
        return await platform.sensing.count_refused(tx, product)


def _pair(text: str) -> tuple[str, str]:
    column, sign, metric = text.partition("=")
    if not sign:
        raise InvalidInput("replay_map_invalid", value=text)
    return column, metric
