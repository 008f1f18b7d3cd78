"""Messages of many products to blocks of columns, against what is registered."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from yunnao.infra.postgres import Transaction
from yunnao.modules.sensing.access.guard import Watch
from yunnao.modules.sensing.access.standing import CODES
from yunnao.modules.sensing.blocks import Block
from yunnao.modules.sensing.contracts import Int64
from yunnao.modules.sensing.domain.chunks import parts_of
from yunnao.modules.sensing.domain.decoding import Decoded, decode, decode_spoken
from yunnao.modules.sensing.domain.gateways import speaks_for_others
from yunnao.modules.sensing.domain.refusals import Refusal, shown
from yunnao.modules.sensing.registry import NO_SERIES, ProductDevices, Registry


@dataclass(frozen=True)
class Documents:
    """n parsed messages; `arrival_us` is when they reached the platform."""

    products: Sequence[str]
    devices: Sequence[str]
    documents: Sequence[Any]
    arrival_us: Int64


@dataclass(frozen=True)
class Found:
    """What messages say, of the devices that sent them and of those that gateways spoke for."""

    blocks: list[Block]
    refusals: dict[int, Refusal]
    """The first of each message that breaks a rule."""


async def columns_of(
    tx: Transaction, registry: Registry, messages: Documents, skip: set[int], watch: Watch | None = None
) -> Found:
    """Blocks of `messages`; `skip` are refused already. With a `watch` the guard of the intake looks too."""
    await registry.refresh(tx)
    refusals: dict[int, Refusal] = {}
    groups: dict[str, list[int]] = defaultdict(list)
    for index, product in enumerate(messages.products):
        if index not in skip:
            groups[product].append(index)
    blocks: list[Block] = []
    for product, indexes in groups.items():
        known = registry.product(product)
        if known is None:
            refusals.update((i, Refusal(i, "product_unknown", {"product": product})) for i in indexes)
            continue
        ids = [messages.devices[i] for i in indexes]
        rows, misplaced = await registry.locate(tx, product, ids)
        at = np.array(indexes, np.int64)
        for i in at[rows < 0].tolist():
            device = messages.devices[i]
            code = "device_of_other_product" if device in misplaced else "device_unknown"
            refusals[i] = Refusal(i, code, {"device": device, "product": product})
        at, rows = at[rows >= 0], rows[rows >= 0]
        if watch is not None:
            stopped = watch.look(product, known.spec, known.numbers[rows], at, messages.arrival_us[at])
            if stopped:
                refusals.update((refusal.index, refusal) for refusal in stopped)
                free = ~np.isin(at, list(refusals))
                at, rows = at[free], rows[free]
        if getattr(known.spec.decoder, "device", None) is None:
            found, refused = _blocks_of_product(known, messages, at, rows)
        else:
            many = np.array(
                [speaks_for_others(known.spec.decoder, messages.documents[i]) for i in at.tolist()], np.bool_
            )
            found, refused = _blocks_of_product(known, messages, at[~many], rows[~many])
            said, unsaid = await _blocks_of_gateways(
                tx, registry, product, messages, at[many], rows[many], watch
            )
            found += said
            refused += unsaid
        blocks += found
        for refusal in refused:
            refusals.setdefault(refusal.index, refusal)
    return Found(blocks, refusals)


def _blocks_of_product(
    known: ProductDevices, messages: Documents, at: Int64, rows: Int64
) -> tuple[list[Block], list[Refusal]]:
    """Blocks of the messages `at` these indexes, whose devices are in `rows` of the product."""
    indexes = at.tolist()
    arrival_us = messages.arrival_us[at]
    decoded = decode(known.spec, [messages.documents[i] for i in indexes], arrival_us)
    refusals = [Refusal(indexes[r.index], r.code, r.params) for r in decoded.refusals]
    return _blocks(known, decoded, rows[decoded.message], arrival_us), refusals


async def _blocks_of_gateways(
    tx: Transaction,
    registry: Registry,
    product: str,
    messages: Documents,
    at: Int64,
    rows: Int64,
    watch: Watch | None,
) -> tuple[list[Block], list[Refusal]]:
    """As `_blocks_of_product`, where the devices in `rows` are gateways. A gateway speaks for the
    devices that are registered with it, and for itself."""
    known = registry.product(product)
    if known is None or not len(at):
        return [], []
    indexes = at.tolist()
    arrival_us = messages.arrival_us[at]
    decoded, said = decode_spoken(known.spec, [messages.documents[i] for i in indexes], arrival_us)
    names = [name if type(name) is str else "" for name in said]
    device, misplaced = await registry.locate(tx, product, names)
    speaker = known.numbers[rows[decoded.message]]
    own = (known.gateways[device] == speaker) | (known.numbers[device] == speaker)
    refusals = [Refusal(indexes[r.index], r.code, r.params) for r in decoded.refusals]
    for row in np.flatnonzero((device < 0) | ~own).tolist():
        code = "device_of_other_gateway"
        if device[row] < 0:
            code = "device_of_other_product" if names[row] in misplaced else "device_unknown"
        params = {"device": shown(names[row]), "product": product}
        refusals.append(Refusal(indexes[int(decoded.message[row])], code, params))
    device[~own] = -1
    if watch is not None:
        for row, code in _stopped(watch, known, f"{product}/", device, decoded, arrival_us):
            params = {"device": shown(names[row]), "product": product}
            refusals.append(Refusal(indexes[int(decoded.message[row])], code, params))
            device[row] = -1
    return _blocks(known, decoded, device, arrival_us), refusals


def _stopped(
    watch: Watch, known: ProductDevices, name: str, device: Int64, decoded: Decoded, arrival_us: Int64
) -> list[tuple[int, str]]:
    """Rows of what gateways said that the guard stops, and its codes."""
    spoken = np.flatnonzero(device >= 0)
    codes = watch.look_at_readings(
        name,
        known.spec,
        known.numbers[device[spoken]],
        decoded.time_us[spoken],
        arrival_us[decoded.message[spoken]],
    )
    return [(int(spoken[i]), CODES[codes[i]]) for i in np.flatnonzero(codes).tolist()]


def _blocks(known: ProductDevices, decoded: Decoded, rows: Int64, arrival_us: Int64) -> list[Block]:
    """A block for each column of `decoded`, whose rows are of the devices in `rows`, -1 for none."""
    blocks: list[Block] = []
    for column in decoded.columns:
        device = rows[column.rows]
        series = known.series[column.metric][device]
        block = Block(
            product=known,
            metric=column.metric,
            rows=device,
            series=series,
            time_us=decoded.time_us[column.rows],
            value=column.value,
            text=column.text,
            arrival_us=arrival_us[decoded.message[column.rows]],
        )
        # A device seen between the statements of an installation may lack the newest metric.
        good = (series != NO_SERIES) & (device >= 0)
        blocks.append(block if good.all() else block.taken(np.flatnonzero(good)))
    return [block for block in blocks if len(block.rows)]


async def blocks_of_chunks(
    tx: Transaction,
    registry: Registry,
    chunks: Sequence[bytes],
    arrival_us: Int64,
    watch: Watch | None = None,
) -> list[Block]:
    """Blocks of what a door has read and checked; readings of products and devices that are gone
    since are left out, and with a `watch` what the guard stops."""
    await registry.refresh(tx)
    blocks: list[Block] = []
    for chunk, arrived in zip(chunks, arrival_us.tolist(), strict=True):
        for part in parts_of(chunk):
            known = registry.product(part.product)
            if known is None or part.metric not in known.spec.metrics:
                continue
            rows = await registry.rows_of_series(tx, part.series)
            arrivals = np.full(len(part), arrived, np.int64)
            block = Block(known, part.metric, rows, part.series, part.time_us, part.value, None, arrivals)
            if (rows < 0).any():
                block = block.taken(np.flatnonzero(rows >= 0))
            blocks.append(block if watch is None else _free(watch, block))
    return [block for block in blocks if len(block.rows)]


def _free(watch: Watch, block: Block) -> Block:
    """What of a block the guard lets through."""
    name = f"{block.product.name}/{block.metric}"
    codes = watch.look_at_readings(name, block.product.spec, block.devices, block.time_us, block.arrival_us)
    if not codes.any():
        return block
    for code, count in zip(*np.unique(codes[codes > 0], return_counts=True), strict=True):
        watch.stopped[CODES[code]] += int(count)
    return block.taken(np.flatnonzero(codes == 0))
