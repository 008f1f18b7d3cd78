"""Messages in SenML and in binary frames: examples of the standard, round trips, bad input."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.packs.scene import Product, ScenePack
from yunnao.modules.sensing.domain import times
from yunnao.modules.sensing.domain.decoding import Decoded, decode, parse
from yunnao.modules.sensing.domain.encoding import encode
from yunnao.modules.sensing.rules.domain.dry_run import dry_run

TEXT = {"zh": "一", "en": "one"}
NOW = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)


def product(decoder: dict[str, Any], **kinds: str) -> Product:
    metrics = {name: kinds.get(name, "number") for name in decoder["metrics"]}
    return Product.model_validate(
        {
            "label": TEXT,
            "entity_type": "Thing",
            "metrics": {name: {"label": TEXT, "value_type": kind} for name, kind in metrics.items()},
            "decoder": decoder,
            "past_max_s": 10**9,
        }
    )


def senml(*names: str, units: dict[str, str] | None = None, **kinds: str) -> Product:
    metrics = {name: name for name in names}
    return product({"format": "senml", "metrics": metrics, "units": units or {}}, **kinds)


def said(spec: Product, *documents: Any) -> Decoded:
    return decode(spec, documents, np.full(len(documents), times.to_us(NOW), np.int64))


def readings(found: Decoded) -> list[tuple[str, float, Any]]:
    """(metric, seconds since 1970, value), in order of time."""
    return sorted(
        (
            column.metric,
            found.time_us[row] / 1e6,
            column.text[i] if column.text is not None else float(column.value[i]),
        )
        for column in found.columns
        for i, row in enumerate(column.rows.tolist())
    )


def codes(found: Decoded) -> list[tuple[int, str]]:
    return [(refusal.index, refusal.code) for refusal in found.refusals]


# --- SenML ---------------------------------------------------------------------------------


def test_the_single_datapoint_of_rfc_8428_is_read() -> None:
    spec = senml("urn:dev:ow:10e2073a01080063")
    found = said(spec, [{"n": "urn:dev:ow:10e2073a01080063", "u": "Cel", "v": 23.1}])
    assert readings(found) == [("urn:dev:ow:10e2073a01080063", NOW.timestamp(), 23.1)]


def test_the_multiple_datapoints_of_rfc_8428_are_readings_at_their_own_times() -> None:
    pack = [
        {"bn": "urn:dev:ow:10e2073a0108006:", "bt": 1.276020076001e9, "bu": "A", "bver": 5}
        | {"n": "voltage", "u": "V", "v": 120.1},
        {"n": "current", "t": -5, "v": 1.2},
        {"n": "current", "t": -4, "v": 1.3},
        {"n": "current", "v": 1.7},
    ]
    found = said(senml("voltage", "current", units={"voltage": "V", "current": "A"}), pack)
    assert found.refusals == []
    assert readings(found) == [
        ("current", 1276020071.001, 1.2),
        ("current", 1276020072.001, 1.3),
        ("current", 1276020076.001, 1.7),
        ("voltage", 1276020076.001, 120.1),
    ]


def test_the_multiple_data_types_of_rfc_8428_are_read() -> None:
    pack = [
        {"bn": "urn:dev:ow:10e2073a01080063:", "n": "temp", "u": "Cel", "v": 23.1},
        {"n": "label", "vs": "Machine Room"},
        {"n": "open", "vb": False},
        {"n": "nfc-reader", "vd": "aGkgCg"},
    ]
    found = said(senml("temp", "label", "open", label="string", open="boolean"), pack)
    assert found.refusals == []
    now = NOW.timestamp()
    assert readings(found) == [("label", now, "Machine Room"), ("open", now, 0.0), ("temp", now, 23.1)]


def test_base_values_and_sums_are_added() -> None:
    pack = [{"bv": 20, "bs": 100, "n": "a", "v": 0.5}, {"n": "b", "s": 7}]
    assert [(m, v) for m, _, v in readings(said(senml("a", "b"), pack))] == [("a", 20.5), ("b", 107.0)]


@pytest.mark.parametrize(
    ("pack", "code"),
    [
        ({"n": "a", "v": 1}, "senml_not_a_pack"),
        ([1], "senml_not_a_pack"),
        ([{"n": "a", "v": 1}] * 1_001, "senml_too_long"),
        ([{"v": 1}], "senml_name_invalid"),
        ([{"n": "a b", "v": 1}], "senml_name_invalid"),
        ([{"n": "a", "v": "1"}], "senml_field_wrong_type"),
        ([{"n": "a", "bt": True, "v": 1}], "senml_field_wrong_type"),
        ([{"n": "a", "v": 1, "vs": "x"}], "senml_several_values"),
        ([{"n": "a", "v": 1, "must_": 1}], "senml_field_unknown"),
        ([{"n": "a", "v": 1, "bver": 11}], "senml_version"),
        ([{"n": "a", "v": 1, "u": "K"}], "unit_unexpected"),
        ([{"n": "a", "v": 1, "t": 1e300}], "time_unparsable"),
        ([{"n": "a", "v": 1, "t": 1_000}], "time_in_future"),
        ([{"n": "a", "v": 1, "bt": 3e8}], "time_too_old"),
        ([{"n": "other", "v": 1}], "payload_without_metrics"),
        ([{"n": "a", "vs": "x"}], "value_wrong_type"),
        ([], "payload_without_metrics"),
    ],
)
def test_a_bad_senml_pack_is_refused_and_its_neighbour_is_kept(pack: Any, code: str) -> None:
    spec = senml("a", units={"a": "Cel"})
    spec = spec.model_copy(update={"past_max_s": 86_400})
    found = said(spec, pack, [{"n": "a", "v": 2}])
    assert codes(found) == [(0, code)]
    assert [v for _, _, v in readings(found)] == [2.0]
    assert found.message[found.columns[0].rows].tolist() == [1]


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.floats(-1e9, 1e9),
    st.booleans(),
    st.text(max_size=20),
)
def test_what_is_encoded_in_senml_decodes_to_the_same(t: datetime, a: float, b: bool, c: str) -> None:
    spec = senml("a", "b", "c", b="boolean", c="string", units={"a": "Cel"})
    t, c = t.replace(microsecond=0), c.replace("\x00", "")
    documents, _ = parse([orjson.dumps(encode(spec, {"a": a, "b": b, "c": c}, t))])
    found = decode(spec, documents, None)
    assert found.refusals == []
    assert readings(found) == [
        ("a", t.timestamp(), a),
        ("b", t.timestamp(), float(b)),
        ("c", t.timestamp(), c),
    ]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["bn", "bt", "bv", "n", "v", "vs", "t", "data"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(st.lists(anything, max_size=5))
def test_whatever_stands_beside_it_a_good_pack_and_a_good_frame_are_kept(others: list[Any]) -> None:
    for spec, good in ((senml("a"), [{"n": "a", "v": 1.5}]), (METER, {"data": "010064ffff"})):
        found = said(spec, *others, good)
        assert len(others) in {int(found.message[row]) for c in found.columns for row in c.rows}
        assert len(others) not in {refusal.index for refusal in found.refusals}


# --- bits ----------------------------------------------------------------------------------

TYPE_1 = {"offset_bits": 0, "length_bits": 8, "equals": [1]}
TYPE_2 = {"offset_bits": 0, "length_bits": 8, "equals": [2]}


def bits(length_bytes: int = 5, **metrics: dict[str, Any]) -> dict[str, Any]:
    return {
        "format": "bits",
        "frame": "/data",
        "encoding": "hex",
        "length_bytes": length_bytes,
        "metrics": metrics,
    }


METER = product(
    bits(
        temperature={
            "offset_bits": 8,
            "length_bits": 16,
            "signed": True,
            "scale": 0.1,
            "invalid": [-32768],
            "when": TYPE_1,
        },
        battery={
            "offset_bits": 24,
            "length_bits": 16,
            "endianness": "little",
            "scale": 0.001,
            "invalid": [65535],
            "when": TYPE_1,
        },
        open={"offset_bits": 15, "length_bits": 1, "when": TYPE_2},
    ),
    open="boolean",
)


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ("01 00eb 100e", {"temperature": 23.5, "battery": 3.6}),
        ("01 fff6 ffff", {"temperature": -1.0}),
        ("01 8000 100e", {"battery": 3.6}),
        ("02 01", {"open": 1.0}),
        ("02 fe", {"open": 0.0}),
    ],
)
def test_a_frame_of_each_type_has_its_own_metrics(frame: str, expected: dict[str, float]) -> None:
    found = said(METER, {"data": frame})
    assert found.refusals == []
    assert {metric: value for metric, _, value in readings(found)} == expected


def test_a_frame_in_base64_has_the_time_that_the_network_server_gives() -> None:
    decoder = bits(a={"offset_bits": 4, "length_bits": 12, "offset": -100}, length_bytes=2)
    decoder |= {"encoding": "base64", "frame": "/uplink/data", "time": "/at"}
    found = said(product(decoder), {"uplink": {"data": "8ME="}, "at": NOW.isoformat()})
    assert readings(found) == [("a", NOW.timestamp(), 93.0)]


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({}, "frame_missing"),
        ({"data": 7}, "frame_missing"),
        ({"data": "0g"}, "frame_unreadable"),
        ({"data": "\u00e9"}, "frame_unreadable"),
        ({"data": ""}, "frame_length"),
        ({"data": "010203040506"}, "frame_length"),
        ({"data": "0100ebff"}, "frame_cut"),
        ({"data": "09"}, "payload_without_metrics"),
    ],
)
def test_a_bad_frame_is_refused_and_its_neighbour_is_kept(document: Any, code: str) -> None:
    found = said(METER, document, {"data": "0201"})
    assert codes(found) == [(0, code)]
    assert [v for m, _, v in readings(found) if m == "open"] == [1.0]


@st.composite
def layouts(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, int]]:
    """Fields side by side, and a number for each."""
    metrics: dict[str, Any] = {}
    numbers: dict[str, int] = {}
    at = draw(st.integers(0, 9))
    for position in range(draw(st.integers(1, 5))):
        little = draw(st.booleans())
        length = draw(st.integers(1, 6)) * 8 if little else draw(st.integers(1, 53))
        at = -(-at // 8) * 8 if little else at
        signed = draw(st.booleans())
        low, high = (-(1 << (length - 1)), (1 << (length - 1)) - 1) if signed else (0, (1 << length) - 1)
        metrics[f"m{position}"] = {
            "offset_bits": at,
            "length_bits": length,
            "signed": signed,
            "endianness": "little" if little else "big",
        }
        numbers[f"m{position}"] = draw(st.integers(low, high))
        at += length + draw(st.integers(0, 3))
    return bits(-(-at // 8), **metrics), numbers


@given(layouts(), st.sampled_from(["hex", "base64"]))
def test_what_is_encoded_in_bits_decodes_to_the_same(
    layout: tuple[dict[str, Any], dict[str, int]], form: str
) -> None:
    decoder, numbers = layout
    spec = product(decoder | {"encoding": form})
    found = said(spec, encode(spec, numbers, NOW))
    assert found.refusals == []
    assert {metric: value for metric, _, value in readings(found)} == numbers


@given(st.integers(-32767, 32767), st.integers(-3, 6), st.integers(-50, 50))
def test_scaled_values_come_back(number: int, decimals: int, offset: int) -> None:
    field = {"offset_bits": 0, "length_bits": 16, "signed": True, "scale": 10.0**-decimals, "offset": offset}
    spec = product(bits(a=field))
    value = round(number * 10.0**-decimals + offset, 12)
    assume(abs(value) < 1e8)
    found = said(spec, encode(spec, {"a": value}, NOW))
    assert found.columns[0].value[0] == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"temperature": 5_000}, "value_not_expressible"),
        ({"temperature": -3276.8}, "value_not_expressible"),
        ({"temperature": "warm"}, "value_not_expressible"),
        ({"temperature": 20, "open": True}, "frame_conflict"),
        ({"humidity": 20}, "metric_unknown"),
    ],
)
def test_what_a_frame_cannot_hold_is_not_encoded(values: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        encode(METER, values, NOW)
    assert raised.value.code == code


def test_a_frame_says_nothing_of_a_metric_that_was_not_given() -> None:
    found = said(METER, encode(METER, {"temperature": 20.5}, NOW))
    assert [(m, v) for m, _, v in readings(found)] == [("temperature", 20.5)]
    pair = product(bits(**{m: {"offset_bits": o, "length_bits": 8} for m, o in (("a", 0), ("b", 8))}))
    with pytest.raises(InvalidInput) as raised:
        encode(pair, {"a": 1}, NOW)
    assert raised.value.code == "frame_incomplete"


@pytest.mark.parametrize(
    "field",
    [
        {"offset_bits": 33, "length_bits": 8},
        {"offset_bits": 0, "length_bits": 65},
        {"offset_bits": 4, "length_bits": 16, "endianness": "little"},
        {"offset_bits": 0, "length_bits": 8, "invalid": [256]},
        {"offset_bits": 0, "length_bits": 8, "scale": 0},
        {
            "offset_bits": 0,
            "length_bits": 8,
            "when": {"offset_bits": 40, "length_bits": 1, "equals": [1]},
        },
    ],
)
def test_a_layout_that_no_frame_can_have_is_refused(field: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        product(bits(a=field))


def test_a_frame_holds_no_text() -> None:
    with pytest.raises(ValidationError):
        product(bits(a={"offset_bits": 0, "length_bits": 8}), a="string")


def test_rules_run_dry_over_senml_and_frames() -> None:
    manifest = {"scene": "s", "version": "1.0.0", "name": TEXT, "description": TEXT}
    rule = {
        "label": TEXT,
        "product": "p",
        "operator": "threshold",
        "metric": "temperature",
        "above": 30,
        "message": TEXT,
    }
    device = {"device": "d", "product": "p", "entity": "e", "name": TEXT, "lon": 120, "lat": 36}
    start = datetime(2026, 7, 1, tzinfo=UTC)
    for spec in (senml("temperature"), METER):
        pack = ScenePack.model_validate(
            {"manifest": manifest, "products": {"p": spec.model_dump()}, "rules": {"hot": rule}}
            | {"devices": [device]}
        )
        messages: list[Any] = [
            encode(spec, {"temperature": value}, start + timedelta(minutes=minute))
            for minute, value in enumerate((20, 35, 20))
        ]
        events = dry_run(pack, pack.devices[0], messages, None)
        assert [event.event for event in events] == ["opened", "cleared"]
