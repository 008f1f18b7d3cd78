"""A payload as a product's device would send it: the inverse of decoding.

What comes as plain readings (HTTP), from files (replay) and from the simulator enters through the
same door as what devices send.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.packs.scene import Product
from yunnao.modules.sensing.domain.pointers import place
from yunnao.modules.sensing.domain.times import to_us


def encode(product: Product, values: Mapping[str, Any], time: datetime | None) -> dict[str, Any]:
    """The document for `values` (metric to value) at `time`.

    Raises InvalidInput `metric_unknown` for a metric that the product's decoder does not read. A
    product whose messages carry no time has the time of arrival; `time` is then left out.
    """
    decoder = product.decoder
    document: dict[str, Any] = {}
    for metric, value in values.items():
        if metric not in decoder.metrics:
            raise InvalidInput("metric_unknown", metric=metric, known=", ".join(decoder.metrics))
        place(document, decoder.metrics[metric], value)
    if decoder.time is not None and time is not None:
        place(document, decoder.time, _written(time, decoder.time_format))
    return document


def _written(time: datetime, form: str) -> str | float | int:
    if form == "epoch_s":
        return to_us(time) / 1_000_000
    if form == "epoch_ms":
        return to_us(time) // 1_000
    return time.isoformat()
