"""A batch as blocks: the readings of one metric of one product, column beside column."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from yunnao.modules.sensing.contracts import Floats, Int32, Int64, Newest
from yunnao.modules.sensing.registry import ProductDevices


@dataclass(frozen=True)
class Block:
    """n readings. `rows`: the devices' rows in the product's columns; `text` where it is one."""

    product: ProductDevices
    metric: str
    rows: Int64
    series: Int32
    time_us: Int64
    value: Floats
    text: list[str] | None
    arrival_us: Int64

    @property
    def devices(self) -> Int32:
        """Device numbers (n)."""
        return self.product.numbers[self.rows]

    def taken(self, index: Int64) -> "Block":
        text = None if self.text is None else [self.text[i] for i in index.tolist()]
        return replace(
            self,
            rows=self.rows[index],
            series=self.series[index],
            time_us=self.time_us[index],
            value=self.value[index],
            text=text,
            arrival_us=self.arrival_us[index],
        )


def merged(blocks: Sequence[Block]) -> list[Block]:
    """One block for each product and metric, in the order in which its readings came."""
    groups: dict[tuple[int, str], list[Block]] = defaultdict(list)
    for block in blocks:
        groups[id(block.product), block.metric].append(block)
    return [_joined(group) for group in groups.values()]


def _joined(blocks: Sequence[Block]) -> Block:
    if len(blocks) == 1:
        return blocks[0]
    texts = [block.text for block in blocks if block.text is not None]
    return replace(
        blocks[0],
        rows=np.concatenate([block.rows for block in blocks]),
        series=np.concatenate([block.series for block in blocks]),
        time_us=np.concatenate([block.time_us for block in blocks]),
        value=np.concatenate([block.value for block in blocks]),
        text=list(chain.from_iterable(texts)) if texts else None,
        arrival_us=np.concatenate([block.arrival_us for block in blocks]),
    )


def distinct(blocks: Sequence[Block]) -> list[Block]:
    """Each metric's readings in order of series and time; of one series and time the first that arrived.

    The same first one is kept that the database keeps when the two come in two batches.
    """
    found: list[Block] = []
    for block in merged(blocks):
        order = np.lexsort((block.time_us, block.series))
        series, time_us = block.series[order], block.time_us[order]
        first = np.ones(len(order), np.bool_)
        first[1:] = (series[1:] != series[:-1]) | (time_us[1:] != time_us[:-1])
        found.append(block.taken(order[first]))
    return found


def last_rows(block: Block) -> Int64:
    """Of a distinct block, the row of each series' newest reading."""
    return np.flatnonzero(np.r_[block.series[1:] != block.series[:-1], True])


def newest_of(blocks: Sequence[Block]) -> Newest:
    """The newest reading of every series in distinct blocks, in order of series."""
    if not blocks:
        nothing = np.zeros(0, np.int64)
        return Newest(np.zeros(0, np.int32), nothing, np.zeros(0), [], nothing)
    parts = [(block, last_rows(block)) for block in blocks]
    series = np.concatenate([block.series[last] for block, last in parts])
    seen = [
        np.maximum.reduceat(block.arrival_us, np.r_[0, last[:-1] + 1]) for block, last in parts if len(last)
    ]
    text: list[str | None] = []
    for block, last in parts:
        text += [None] * len(last) if block.text is None else [block.text[i] for i in last.tolist()]
    order = np.argsort(series)
    return Newest(
        series=series[order],
        time_us=np.concatenate([block.time_us[last] for block, last in parts])[order],
        value=np.concatenate([block.value[last] for block, last in parts])[order],
        text=[text[i] for i in order.tolist()],
        seen_us=np.concatenate(seen)[order],
    )
