"""Payloads that are not JSON: CSV, Sparkplug B, frames as they are."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from yunnao.kernel.packs.scene import Product
from yunnao.modules.sensing.domain.decoding import UNREADABLE, Decoded, decode
from yunnao.modules.sensing.domain.encoding import encode
from yunnao.modules.sensing.domain.times import from_us, to_us

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LABEL = {"zh": "名", "en": "name"}

SPARKPLUG = bytes.fromhex(
    "0880d0eab6b73312130a054c6576656c1880d0eab6b733650000803e12110a04466c6f7718e8d7eab6b73350f9ff03"
    "120b100918d0dfeab6b733700112150a044e6f746518b8e7eab6b7337a06e6b6a8e6b0b412100a05456d70747918b8e7"
    "eab6b733380112190a054f7468657218a0efeab6b73358809ce8afedffffffff011803"
)
"""Written by another implementation (pysparkplug): Level 0.25 (float), Flow -7 (int16), alias 9 true, Note
涨水, Empty null, Other -5,000,000,000 (int64), a second apart from
2026-01-01T00:00:00Z on; without data types."""


def product(decoder: dict[str, Any], **types: str) -> Product:
    metrics = {name: {"label": LABEL, "value_type": kind} for name, kind in types.items()}
    return Product.model_validate(
        {"label": LABEL, "entity_type": "Thing", "metrics": metrics, "decoder": decoder}
    )


def rows(decoded: Decoded) -> set[tuple[int, str, Any, datetime]]:
    return {
        (
            int(decoded.message[row]),
            column.metric,
            column.value[i] if column.text is None else column.text[i],
            from_us(int(decoded.time_us[row])),
        )
        for column in decoded.columns
        for i, row in enumerate(column.rows.tolist())
    }


def read(spec: Product, *payloads: Any) -> Decoded:
    return decode(spec, list(payloads), np.full(len(payloads), to_us(NOW), np.int64))


CSV = product(
    {"format": "csv", "metrics": {"level": 2, "open": 4, "note": 3}, "time": 1},
    level="number",
    open="boolean",
    note="string",
)


def test_each_line_of_csv_is_a_reading() -> None:
    decoded = read(CSV, b"2026-01-01T00:00:00Z,1.5,dry,true\r\n2026-01-01T00:01:00Z, 2 ,,0\n", b"")
    assert rows(decoded) == {
        (0, "level", 1.5, NOW),
        (0, "note", "dry", NOW),
        (0, "open", 1.0, NOW),
        (0, "level", 2.0, NOW + timedelta(minutes=1)),
        (0, "open", 0.0, NOW + timedelta(minutes=1)),
    }
    assert [(r.index, r.code) for r in decoded.refusals] == [(1, "payload_without_lines")]


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"\xff\xfe", "payload_not_text"),
        (b"yesterday,1,,", "time_unparsable"),
        (b",1,,", "time_missing"),
        (b"2026-01-01T00:00:00Z,high,,", "value_wrong_type"),
        (b"2026-01-01T00:00:00Z", "payload_without_metrics"),
        (12, "payload_not_bytes"),
    ],
)
def test_what_is_wrong_with_a_message_is_told_and_the_others_are_kept(payload: Any, code: str) -> None:
    decoded = read(CSV, b'2026-01-01T00:00:00Z,"1.5",,', payload, b'2026-01-01T00:00:00Z,2,a"b,')
    assert {(r.index, r.code) for r in decoded.refusals} == {(1, code)}
    assert {row for row in rows(decoded) if row[1] == "level"} == {
        (0, "level", 1.5, NOW),
        (2, "level", 2.0, NOW),
    }


def test_a_header_and_another_delimiter_are_declared() -> None:
    spec = product(
        {
            "format": "csv",
            "metrics": {"level": 1},
            "time": 2,
            "time_format": "epoch_s",
            "delimiter": ";",
            "header_lines": 1,
        },
        level="number",
    )
    assert rows(read(spec, b"level;time\n0.5;1767225600")) == {(0, "level", 0.5, NOW)}


SPARK = product(
    {
        "format": "sparkplug",
        "metrics": {"level": "Level", "flow": "Flow", "open": "Open", "note": "Note", "big": "Other"},
        "aliases": {"open": 9},
        "datatypes": {"flow": "Int16", "big": "Int64"},
    },
    level="number",
    flow="integer",
    open="boolean",
    note="string",
    big="integer",
)


def test_a_sparkplug_payload_of_another_implementation_is_read() -> None:
    assert rows(read(SPARK, SPARKPLUG)) == {
        (0, "level", 0.25, NOW),
        (0, "flow", -7.0, NOW + timedelta(seconds=1)),
        (0, "open", 1.0, NOW + timedelta(seconds=2)),
        (0, "note", "涨水", NOW + timedelta(seconds=3)),
        (0, "big", -5e9, NOW + timedelta(seconds=4)),
    }


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_as_sparkplug(payload: bytes) -> None:
    decoded = read(SPARK, payload, SPARKPLUG)
    assert {row for row in rows(decoded) if row[0] == 1}
    assert rows(read(SPARK, payload)) or decoded.refusals


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_as_csv(payload: bytes) -> None:
    decoded = read(CSV, payload, b"2026-01-01T00:00:00Z,1,,")
    assert (1, "level", 1.0, NOW) in rows(decoded)


FRAME = product(
    {
        "format": "bits",
        "length_bytes": 2,
        "metrics": {"level": {"offset_bits": 0, "length_bits": 16, "scale": 0.01}},
    },
    level="number",
)


def test_a_payload_may_be_the_frame_itself() -> None:
    decoded = read(FRAME, b"\x01\x00", {"hex": "0200"}, {"base64": "AQA="}, b"\x01\x02\x03", UNREADABLE)
    assert rows(decoded) == {(0, "level", 2.56, NOW), (1, "level", 5.12, NOW), (2, "level", 2.56, NOW)}
    assert [(r.index, r.code) for r in decoded.refusals] == [(3, "frame_length")]


@pytest.mark.parametrize("spec", [CSV, SPARK, FRAME], ids=["csv", "sparkplug", "frame"])
def test_what_is_encoded_is_decoded(spec: Product) -> None:
    values: dict[str, Any] = {"level": 1.25, "open": True, "note": "满"}
    told = {name: values[name] for name in values if name in spec.metrics}
    decoded = read(spec, encode(spec, told, NOW))
    assert rows(decoded) == {(0, name, value, NOW) for name, value in told.items()}
    assert not decoded.refusals


@pytest.mark.parametrize(
    "decoder",
    [
        {"format": "csv", "metrics": {"level": 1}, "time": 1},
        {"format": "csv", "metrics": {"level": 0}},
        {"format": "csv", "metrics": {"level": 1}, "delimiter": '"'},
        {"format": "sparkplug", "metrics": {"level": "L"}, "aliases": {"flow": 1}},
        {"format": "bits", "length_bytes": 1, "metrics": {}, "time": "/t"},
    ],
)
def test_a_decoder_that_cannot_work_is_refused(decoder: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        product(decoder, level="number")
