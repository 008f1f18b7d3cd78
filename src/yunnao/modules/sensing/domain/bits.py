"""Binary frames to columns, and back."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.packs.decoders import BitField, BitMetric, BitsDecoder
from yunnao.modules.sensing.domain.refusals import Refusal, shown

Bits = NDArray[np.uint8]
Bools = NDArray[np.bool_]
Numbers = NDArray[np.integer[Any]]
decimals_max = 9
"""Of a scale or an offset that is computed exactly; one with more is no decimal number of a data sheet."""


def frames(decoder: BitsDecoder, raw: Sequence[Any], readable: Bools) -> tuple[list[bytes], list[Refusal]]:
    """Frames (n), empty where there is none, and why not; only `readable` ones are told."""
    found: list[bytes] = []
    refusals: list[Refusal] = []
    for index, written in enumerate(raw):
        frame = b""
        if readable[index]:
            try:
                frame = _frame(decoder, written)
            except InvalidInput as error:
                refusals.append(Refusal(index, error.code, error.params))
        found.append(frame)
    return found, refusals


def _frame(decoder: BitsDecoder, written: Any) -> bytes:
    if not isinstance(written, bytes if decoder.frame is None else str):
        raise InvalidInput("frame_missing", pointer=decoder.frame or "")
    try:
        if isinstance(written, bytes):
            frame = written
        elif decoder.encoding == "hex":
            frame = bytes.fromhex(written)
        else:
            frame = base64.b64decode(written, validate=True)
    except (ValueError, binascii.Error) as error:
        raise InvalidInput("frame_unreadable", encoding=decoder.encoding, value=shown(written)) from error
    if not 0 < len(frame) <= decoder.length_bytes:
        raise InvalidInput("frame_length", length=len(frame), limit=decoder.length_bytes)
    return frame


def columns(
    decoder: BitsDecoder, found: Sequence[bytes]
) -> tuple[dict[str, list[float | None]], list[Refusal]]:
    """Values (n) by metric, None where the frame has none; refusals of frames cut off in a metric."""
    length = decoder.length_bytes
    padded = b"".join(frame.ljust(length, b"\0") for frame in found)
    bits = np.unpackbits(np.frombuffer(padded, np.uint8).reshape(len(found), length), axis=1)
    bits_of = np.fromiter((len(frame) * 8 for frame in found), np.int64, len(found))
    values: dict[str, list[float | None]] = {}
    refusals: list[Refusal] = []
    for name, field in decoder.metrics.items():
        meant = bits_of > 0
        if field.when is not None:
            meant &= bits_of >= field.when.end_bits
            meant &= np.isin(_numbers(bits, field.when), _as_numbers(field.when, field.when.equals))
        short = meant & (bits_of < field.end_bits)
        refusals.extend(Refusal(i, "frame_cut", {"metric": name}) for i in np.flatnonzero(short).tolist())
        numbers = _numbers(bits, field)
        good = meant & ~short & ~np.isin(numbers, _as_numbers(field, field.invalid))
        scaled = _scaled(numbers, field).tolist()
        values[name] = [v if g else None for v, g in zip(scaled, good.tolist(), strict=True)]
    return values, refusals


def _scaled(numbers: Numbers, field: BitMetric) -> NDArray[np.float64]:
    """`number * scale + offset`, over whole numbers and divided by a power of ten once.

    So 3 times 0.1 is 0.3, and a large whole number stays itself.
    """
    exact = numbers.astype(np.float64)
    decimals = max(_decimals(field.scale), _decimals(field.offset))
    if decimals > decimals_max:
        return np.asarray(exact * field.scale + field.offset)
    power = 10**decimals
    scaled: NDArray[np.float64] = (exact * round(field.scale * power) + round(field.offset * power)) / power
    return scaled


def _decimals(number: float) -> int:
    """Digits after the point in the shortest way to write `number`."""
    exponent = Decimal(repr(number)).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _as_numbers(field: BitField, numbers: list[int]) -> Numbers:
    return np.array(numbers, np.int64 if field.signed else np.uint64)


def _numbers(bits: Bits, field: BitField) -> Numbers:
    """The field's numbers (n), int64 or uint64."""
    part = bits[:, field.offset_bits : field.end_bits]
    if field.endianness == "little":
        part = part.reshape(len(bits), -1, 8)[:, ::-1].reshape(len(bits), -1)
    shifts = np.arange(field.length_bits - 1, -1, -1, dtype=np.uint64)
    numbers: Numbers = (part.astype(np.uint64) << shifts).sum(axis=1, dtype=np.uint64)
    if not field.signed:
        return numbers
    unused = np.int64(64 - field.length_bits)
    # To the top and back: the shift to the right repeats the sign.
    numbers = (numbers << np.uint64(unused)).view(np.int64) >> unused
    return numbers


def frame_of(decoder: BitsDecoder, values: Mapping[str, Any]) -> bytes:
    """The frame of `values` (metric to value): what `frames` and `columns` read.

    Raises InvalidInput `value_not_expressible` where a field cannot hold a value, `frame_conflict`
    where two metrics never come in one frame, `frame_incomplete` where a metric that is not given
    has no number that says so.
    """
    writing = _Writing(decoder.length_bytes)
    for metric, value in values.items():
        field = decoder.metrics[metric]
        if field.when is not None:
            writing.put(metric, field.when, field.when.equals[0])
        writing.put(metric, field, _number(metric, field, value))
    for metric, field in decoder.metrics.items():
        if metric not in values and (field.when is None or writing.get(field.when) in field.when.equals):
            if not field.invalid:
                raise InvalidInput("frame_incomplete", metric=metric)
            writing.put(metric, field, field.invalid[0])
    return writing.frame.to_bytes(decoder.length_bytes, "big")


def as_text(decoder: BitsDecoder, frame: bytes) -> str:
    """A frame as it stands within JSON."""
    return frame.hex() if decoder.encoding == "hex" else base64.b64encode(frame).decode()


def _number(metric: str, field: BitMetric, value: Any) -> int:
    try:
        number: int = round((value - field.offset) / field.scale)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInput("value_not_expressible", metric=metric, value=shown(value)) from error
    if not field.lowest <= number <= field.highest or number in field.invalid:
        raise InvalidInput("value_not_expressible", metric=metric, value=shown(value))
    return number


class _Writing:
    """A frame as one number, and which of its bits are written."""

    def __init__(self, length_bytes: int) -> None:
        self.frame = self.written = 0
        self._bits = length_bytes * 8

    def put(self, metric: str, field: BitField, number: int) -> None:
        size = field.length_bits // 8 if field.endianness == "little" else 0
        number &= (1 << field.length_bits) - 1
        if size:
            number = int.from_bytes(number.to_bytes(size, "little"), "big")
        shift = self._bits - field.end_bits
        mask = ((1 << field.length_bits) - 1) << shift
        if (self.frame ^ (number << shift)) & mask & self.written:
            raise InvalidInput("frame_conflict", metric=metric)
        self.frame |= number << shift
        self.written |= mask

    def get(self, field: BitField) -> int:
        number = (self.frame >> (self._bits - field.end_bits)) & ((1 << field.length_bits) - 1)
        if field.endianness == "little":
            number = int.from_bytes(number.to_bytes(field.length_bits // 8, "little"), "big")
        return number - (1 << field.length_bits) if number > field.highest else number
