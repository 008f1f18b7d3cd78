"""Readings that came in another lane than their device's, sent on to it.

A series has one writer, the owner of its device's lane; only then is a reading that is later than the
live table's newest one new for certain. A gateway's message is in the gateway's lane, so what it says
of devices of other lanes goes there through the stream.
"""

from collections.abc import Sequence

import numpy as np
import orjson

from yunnao.infra.nats_subjects import COLUMNS_SUBJECTS, PARTITIONS, intake_subject
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
        lanes = block.product.lanes[block.rows]
        for other in np.unique(lanes).tolist():
            there = block.taken(np.flatnonzero(lanes == other))
            if other == lane:
                own.append(there)
            elif there.text is None:
                parts[other].append(
                    Part(block.product.name, block.metric, there.series, there.time_us, there.value)
                )
            else:
                texts += _messages(there)
    columns: list[Outgoing] = [
        (COLUMNS_SUBJECTS[other], chunk, None)
        for other, waiting in enumerate(parts)
        for chunk in chunks(waiting)
    ]
    return own, columns + texts


def _messages(block: Block) -> list[Outgoing]:
    """Texts as their devices would send them: chunks have no room for them."""
    return [
        (
            intake_subject(block.product.name, block.product.ids[row]),
            orjson.dumps(encode(block.product.spec, {block.metric: text}, from_us(time_us))),
            None,
        )
        for row, time_us, text in zip(
            block.rows.tolist(), block.time_us.tolist(), block.text or (), strict=True
        )
    ]
