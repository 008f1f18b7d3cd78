"""Decoding messages to columns: round trips, every format of time, neighbours untouched."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.packs.scene import Product
from yunnao.modules.sensing.domain import times
from yunnao.modules.sensing.domain.decoding import decode, parse
from yunnao.modules.sensing.domain.encoding import encode
from yunnao.modules.sensing.domain.partitions import Span, plan, span_named
from yunnao.modules.sensing.domain.pointers import place, values_at

TEXT = {"zh": "一", "en": "one"}
NOW = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)

moments = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def product(time_format: str = "iso8601", **metrics: str) -> Product:
    names = metrics or {"a": "number"}
    return Product.model_validate(
        {
            "label": TEXT,
            "entity_type": "Thing",
            "metrics": {name: {"label": TEXT, "value_type": kind} for name, kind in names.items()},
            "decoder": {
                "metrics": {name: f"/data/{name}" for name in names},
                "time": "/meta/t",
                "time_format": time_format,
            },
        }
    )


@given(
    st.lists(
        st.tuples(moments, st.floats(-1e9, 1e9), st.booleans(), st.text(max_size=20)), min_size=1, max_size=20
    ),
    st.sampled_from(["iso8601", "epoch_s", "epoch_ms"]),
)
def test_what_is_encoded_decodes_to_the_same(
    said: list[tuple[datetime, float, bool, str]], form: str
) -> None:
    spec = product(form, a="number", b="boolean", c="string")
    said = [(t.replace(microsecond=0), a, b, c.replace("\x00", "")) for t, a, b, c in said]
    payloads = [orjson.dumps(encode(spec, {"a": a, "b": b, "c": c}, t)) for t, a, b, c in said]
    documents, unreadable = parse(payloads)
    found = decode(spec, documents, None)
    assert unreadable == []
    assert found.refusals == []
    assert [times.from_us(t) for t in found.time_us.tolist()] == [t for t, *_ in said]
    columns = {column.metric: column for column in found.columns}
    assert columns["a"].value.tolist() == [a for _, a, _, _ in said]
    assert columns["b"].value.tolist() == [float(b) for _, _, b, _ in said]
    assert columns["c"].text == [c for *_, c in said]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["data", "meta", "a", "t"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.lists(anything, max_size=8), st.integers(0, 8))
def test_whatever_stands_beside_it_a_good_message_is_kept(others: list[Any], place_of_good: int) -> None:
    good = {"data": {"a": 1.5}, "meta": {"t": NOW.isoformat()}}
    at = min(place_of_good, len(others))
    documents = [*others[:at], good, *others[at:]]
    found = decode(product(), documents, np.full(len(documents), times.to_us(NOW), np.int64))
    (column,) = found.columns
    assert at in column.rows.tolist()
    kept = set(column.rows.tolist())
    refused = {refusal.index for refusal in found.refusals}
    assert kept | refused == set(range(len(documents)))


@given(st.lists(st.binary(max_size=20), max_size=8))
def test_any_bytes_are_parsed_or_refused_one_by_one(payloads: list[bytes]) -> None:
    documents, refusals = parse([*payloads, b'{"a":1}'])
    assert len(documents) == len(payloads) + 1
    assert documents[-1] == {"a": 1}
    assert len(payloads) not in {refusal.index for refusal in refusals}


@pytest.mark.parametrize(
    "text",
    [
        "2026-07-01T08:00:00Z",
        "2026-07-01T16:00:00+08:00",
        "2026-07-01T16:00:00.000000+0800",
        "2026-07-01 08:00:00+00:00",
        "20260701T080000Z",
        "2026-07-01T08:00:00.000000000Z",
    ],
)
def test_every_way_to_write_a_time_is_one_time(text: str) -> None:
    found, errors = times.parse([text], "iso8601")
    assert errors == {}
    assert times.from_us(int(found[0])) == NOW


@given(moments, st.integers(-14, 14))
def test_times_are_exact_to_the_microsecond(moment: datetime, hours: int) -> None:
    told = moment.astimezone(timezone(timedelta(hours=hours))).isoformat()
    found, errors = times.parse([told, "nonsense"], "iso8601")
    assert errors == {1: "time_unparsable"}
    assert times.from_us(int(found[0])) == moment


@pytest.mark.parametrize("value", ["1782892800", True, None, float("nan"), 1e30, 10**400, -(10**400)])
def test_a_number_that_is_no_time_is_refused(value: Any) -> None:
    found, errors = times.parse([1_782_892_800, value], "epoch_s")
    assert errors == {1: "time_unparsable"}
    assert times.from_us(int(found[0])) == NOW


@given(st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=4), st.integers())
def test_a_pointer_finds_what_was_placed(path: list[str], value: int) -> None:
    pointer = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)
    document: dict[str, Any] = {}
    place(document, pointer, value)
    assert values_at(pointer, [document, {}, None, 7]) == [value, None, None, None]


def test_a_pointer_reaches_into_lists_and_must_begin_with_a_slash() -> None:
    assert values_at("/a/1", [{"a": [5, 6]}, {"a": [5]}, {"a": {"1": 7}}]) == [6, None, 7]
    assert values_at("", [1, "x"]) == [1, "x"]
    with pytest.raises(InvalidInput, match="json_pointer_invalid"):
        values_at("a", [])


hours_near = st.lists(
    st.integers(-24 * 800, 2).map(lambda h: NOW.replace(minute=0) + timedelta(hours=h)), max_size=40
)


@given(hours_near, hours_near)
def test_every_hour_has_one_partition_and_none_overlap(first: list[datetime], second: list[datetime]) -> None:
    spans: list[Span] = []
    for hours, later in ((first, timedelta()), (second, timedelta(days=2))):
        spans += plan(hours, spans, NOW + later)
    ordered = sorted(spans)
    assert all(a.end <= b.start for a, b in pairwise(ordered))
    for hour in [*first, *second]:
        assert sum(span.start <= hour < span.end for span in spans) == 1
    assert all(span_named(span.name) == span for span in spans)


def test_the_present_is_kept_in_hours_and_the_past_in_days_and_months() -> None:
    hours = [NOW, NOW - timedelta(days=2), NOW - timedelta(days=5), NOW - timedelta(days=40)]
    assert sorted(span.name for span in plan(hours, [], NOW)) == [
        "reading_202605",
        "reading_20260626",
        "reading_2026062908",
        "reading_2026070108",
    ]
