"""Messages of many products to blocks of columns, against what is registered."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from yunnao.infra.postgres import Transaction
from yunnao.modules.sensing.blocks import Block
from yunnao.modules.sensing.contracts import Int64
from yunnao.modules.sensing.domain.chunks import parts_of
from yunnao.modules.sensing.domain.decoding import decode
from yunnao.modules.sensing.domain.refusals import Refusal
from yunnao.modules.sensing.registry import NO_SERIES, ProductDevices, Registry


@dataclass(frozen=True)
class Documents:
    """n parsed messages; `arrival_us` is when they reached the platform."""

    products: Sequence[str]
    devices: Sequence[str]
    documents: Sequence[Any]
    arrival_us: Int64


async def columns_of(
    tx: Transaction, registry: Registry, messages: Documents, skip: set[int]
) -> tuple[list[Block], dict[int, Refusal]]:
    """Blocks, and the first refusal of each message that breaks a rule; `skip` are refused already."""
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
        found, refused = _blocks_of_product(known, messages, at[rows >= 0], rows[rows >= 0])
        blocks += found
        for refusal in refused:
            refusals.setdefault(refusal.index, refusal)
    return blocks, refusals


def _blocks_of_product(
    known: ProductDevices, messages: Documents, at: Int64, rows: Int64
) -> tuple[list[Block], list[Refusal]]:
    """Blocks of the messages `at` these indexes, whose devices are in `rows` of the product."""
    indexes = at.tolist()
    arrival_us = messages.arrival_us[at]
    decoded = decode(known.spec, [messages.documents[i] for i in indexes], arrival_us)
    blocks: list[Block] = []
    for column in decoded.columns:
        said = decoded.message[column.rows]
        device = rows[said]
        series = known.series[column.metric][device]
        block = Block(
            product=known,
            metric=column.metric,
            rows=device,
            series=series,
            time_us=decoded.time_us[column.rows],
            value=column.value,
            text=column.text,
            arrival_us=arrival_us[said],
        )
        # A device seen between the statements of an installation may lack the newest metric.
        blocks.append(
            block if (series != NO_SERIES).all() else block.taken(np.flatnonzero(series != NO_SERIES))
        )
    refusals = [Refusal(indexes[r.index], r.code, r.params) for r in decoded.refusals]
    return [block for block in blocks if len(block.rows)], refusals


async def blocks_of_chunks(
    tx: Transaction, registry: Registry, chunks: Sequence[bytes], arrival_us: Int64
) -> list[Block]:
    """Blocks of what a door has read and checked; readings of products and devices that are gone
    since are left out."""
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
            blocks.append(block if (rows >= 0).all() else block.taken(np.flatnonzero(rows >= 0)))
    return blocks
