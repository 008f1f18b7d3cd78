"""Readings that came in another lane than their device's home, sent on to it.

A series has one writer, the owner of the lane where its device is at home; only then is a reading that
is later than the live table's newest one new for certain. Devices of a gateway are at home in its
lane. What such a device says by itself comes in another, and goes home through the stream.
"""

from collections.abc import Sequence

import numpy as np
import orjson

from yunnao.infra.nats_subjects import COLUMNS_SUBJECTS, PARTITIONS, lane_subject
from yunnao.modules.sensing.blocks import Block
from yunnao.modules.sensing.domain.chunks import Part, chunks
from yunnao.modules.sensing.domain.encoding import encode
from yunnao.modules.sensing.domain.times import from_us

Outgoing = tuple[str, bytes, str | None]
"""Subject, payload and message id, as `Nervous.publish_stored` takes them."""


def homeward(blocks: Sequence[Block], lane: int) -> tuple[list[Block], list[Outgoing]]:
    """What of `blocks` is of devices of `lane`, and the messages that take the rest to its lanes."""
    own: list[Block] = []
    parts: list[list[Part]] = [[] for _ in range(PARTITIONS)]
    texts: list[Outgoing] = []
    for block in blocks:
        # A device without a gateway came by its own topic, which leads to its home.
        lanes = np.where(block.product.gateways[block.rows] != 0, block.product.lanes[block.rows], lane)
        if (lanes == lane).all():
            own.append(block)
            continue
        for other in np.unique(lanes).tolist():
            there = block.taken(np.flatnonzero(lanes == other))
            if other == lane:
                own.append(there)
            elif there.text is None:
                parts[other].append(
                    Part(block.product.name, block.metric, there.series, there.time_us, there.value)
                )
            else:
                texts += _messages(there, other)
    columns: list[Outgoing] = [
        (COLUMNS_SUBJECTS[other], chunk, None)
        for other, waiting in enumerate(parts)
        for chunk in chunks(waiting)
    ]
    return own, columns + texts


def _messages(block: Block, lane: int) -> list[Outgoing]:
    """Texts as their devices would send them, but to `lane`: chunks have no room for them."""
    return [
        (
            lane_subject(lane, block.product.name, block.product.ids[row]),
            orjson.dumps(encode(block.product.spec, {block.metric: text}, from_us(time_us))),
            None,
        )
        for row, time_us, text in zip(
            block.rows.tolist(), block.time_us.tolist(), block.text or (), strict=True
        )
    ]
