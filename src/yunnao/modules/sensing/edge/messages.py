"""Messages as an edge site takes them from its broker."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from nats.aio.msg import Msg

from yunnao.infra.nats_subjects import read_device_subject
from yunnao.kernel.errors import InvalidInput
from yunnao.modules.sensing.domain.times import Int64, to_us


@dataclass(frozen=True)
class Taken:
    """A message of a device, and when it reached the site. One that names no device has empty names."""

    message: Msg
    product: str
    device: str
    arrival_us: int

    @classmethod
    def of(cls, message: Msg) -> "Taken":
        try:
            product, device = read_device_subject(message.subject)
        except InvalidInput:
            product = device = ""
        return cls(message, product, device, to_us(message.metadata.timestamp))


def arrivals(taken: Sequence[Taken]) -> Int64:
    """When messages (n) reached the site, µs."""
    return np.fromiter((one.arrival_us for one in taken), np.int64, len(taken))
