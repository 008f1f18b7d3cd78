"""Messages of gateways that speak for many devices, as columns over all of them.

A message is a list of objects, each with its device, or one object of lists of equal length: the
devices, beside them times and metrics. What is no list there, such as one time for all, counts
for every row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from yunnao.kernel.packs.decoders import JsonDecoder
from yunnao.modules.sensing.domain.pointers import values_at
from yunnao.modules.sensing.domain.refusals import Refusal
from yunnao.modules.sensing.domain.times import Int64


@dataclass(frozen=True)
class Spoken:
    """n rows: the message that each is of, its device, and its raw time and metrics."""

    message: Int64
    device: list[Any]
    time: list[Any] | None
    metrics: dict[str, list[Any]]


def speaks_for_others(decoder: object, document: Any) -> bool:
    """Whether a message is a gateway's."""
    if not isinstance(decoder, JsonDecoder) or decoder.device is None:
        return False
    return isinstance(document, list) or isinstance(values_at(decoder.device, [document])[0], list)


def spoken(decoder: JsonDecoder, documents: Sequence[Any]) -> tuple[Spoken, list[Refusal]]:
    """Rows of the gateways' messages `documents`, and refusals of those whose lists do not match."""
    assert decoder.device is not None  # `speaks_for_others` has looked
    pointers = {"": decoder.device, **decoder.metrics}
    if decoder.time is not None:
        pointers["time of the reading"] = decoder.time
    lists = [index for index, document in enumerate(documents) if isinstance(document, list)]
    items = list(chain.from_iterable(documents[index] for index in lists))
    found = {name: values_at(pointer, items) for name, pointer in pointers.items()}
    message = [np.repeat(np.array(lists, np.int64), [len(documents[index]) for index in lists])]
    refusals: list[Refusal] = []
    for index, document in enumerate(documents):
        if isinstance(document, list):
            continue
        columns = {name: values_at(pointer, [document])[0] for name, pointer in pointers.items()}
        rows = len(columns[""])
        wrong = [name for name, value in columns.items() if isinstance(value, list) and len(value) != rows]
        if wrong:
            refusals.append(Refusal(index, "columns_unequal", {"metric": wrong[0], "devices": rows}))
            continue
        for name, value in columns.items():
            found[name] += value if isinstance(value, list) else [value] * rows
        message.append(np.full(rows, index, np.int64))
    device, time = found.pop(""), found.pop("time of the reading", None)
    return Spoken(np.concatenate(message), device, time, found), refusals
