"""A payload as a product's device would send it: the inverse of decoding.

What comes as plain readings (HTTP), from files (replay) and from the simulator enters through the
same door as what devices send.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.packs.decoders import BitsDecoder, CsvDecoder, SenmlDecoder, SparkplugDecoder
from yunnao.kernel.packs.scene import Product
from yunnao.modules.sensing.domain import sparkplug
from yunnao.modules.sensing.domain.bits import as_text, frame_of
from yunnao.modules.sensing.domain.csv_lines import line_of
from yunnao.modules.sensing.domain.pointers import place
from yunnao.modules.sensing.domain.senml import pack_of
from yunnao.modules.sensing.domain.times import to_us

Payload = dict[str, Any] | list[dict[str, Any]] | bytes
"""JSON, or bytes where the product's messages are not JSON."""


def encode(product: Product, values: Mapping[str, Any], time: datetime | None) -> Payload:
    """The payload for `values` (metric to value) at `time`.

    Raises InvalidInput `metric_unknown` for a metric that the product's decoder does not read. A
    product whose messages carry no time has the time of arrival; `time` is then left
    out. What a frame or a SenML pack cannot express is refused as `frame_of` and `pack_of` say.
    """
    decoder = product.decoder
    for metric in values:
        if metric not in decoder.metrics:
            raise InvalidInput("metric_unknown", metric=metric, known=", ".join(decoder.metrics))
    if isinstance(decoder, SenmlDecoder):
        return pack_of(decoder, values, None if time is None else to_us(time) / 1_000_000)
    if isinstance(decoder, SparkplugDecoder):
        return sparkplug.payload_of(decoder, values, None if time is None else to_us(time))
    if isinstance(decoder, CsvDecoder):
        return line_of(decoder, values, time).encode()
    document: dict[str, Any] = {}
    if isinstance(decoder, BitsDecoder):
        frame = frame_of(decoder, values)
        if decoder.frame is None:
            return frame
        place(document, decoder.frame, as_text(decoder, frame))
    else:
        for metric, value in values.items():
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
