"""Formats of batches become the same columns, and what is wrong is told by its place."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yunnao.kernel.errors import InvalidInput
from yunnao.modules.sensing.batches import arrow, influx, lines
from yunnao.modules.sensing.batches.contracts import Columns
from yunnao.modules.sensing.domain import chunks
from yunnao.modules.sensing.domain.times import UNKNOWN_US, to_us

T0 = datetime(2026, 7, 1, 8, tzinfo=UTC)
T0_US = to_us(T0)


def stream(**columns: Any) -> bytes:
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    return bytes(sink.getvalue())


def rows(columns: Columns) -> list[tuple[int, str, str, int, float]]:
    return [
        (int(i), columns.devices[d], columns.metrics[m], int(t), float(v))
        for i, d, m, t, v in zip(
            columns.index, columns.device, columns.metric, columns.time_us, columns.value, strict=True
        )
    ]


TIMES = pa.array([T0, T0, T0], pa.timestamp("ms", "Asia/Shanghai"))


@pytest.mark.parametrize("encoded", [False, True])
def test_an_arrow_stream_is_long(encoded: bool) -> None:
    device, metric = pa.array(["A", "B", "A"]), pa.array(["level"] * 3)
    if encoded:
        device, metric = device.dictionary_encode(), metric.dictionary_encode()
    found = arrow.columns(stream(device=device, metric=metric, time=TIMES, value=[1.0, None, 3.0]))
    told = rows(found)
    assert [row[:4] for row in told] == [
        (0, "A", "level", T0_US),
        (1, "B", "level", T0_US),
        (2, "A", "level", T0_US),
    ]
    assert np.isnan(found.value).tolist() == [False, True, False]


def test_an_arrow_stream_is_wide_and_a_null_is_no_reading() -> None:
    found = arrow.columns(stream(device=["A", "B", "A"], time=TIMES, level=[1, 2, None], free=[None, 5, 6]))
    assert rows(found) == [
        (0, "A", "level", T0_US, 1.0),
        (1, "B", "level", T0_US, 2.0),
        (1, "B", "free", T0_US, 5.0),
        (2, "A", "free", T0_US, 6.0),
    ]


def test_an_empty_arrow_stream_says_nothing() -> None:
    nothing = pa.array([], pa.timestamp("us", "UTC"))
    texts = pa.array([], pa.string())
    body = stream(device=texts, metric=texts, time=nothing, value=pa.array([], pa.float64()))
    assert rows(arrow.columns(body)) == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "arrow_unreadable"),
        (b"{}", "arrow_unreadable"),
        (stream(device=["A"], value=[1.0]), "arrow_columns"),
        (stream(device=["A"], time=[1], value=[1.0]), "arrow_columns"),
        (stream(device=["A"], time=pa.array([0], pa.timestamp("us")), level=[1.0]), "time_without_zone"),
        (stream(device=["A"], time=TIMES[:1], level=["high"]), "arrow_columns"),
    ],
)
def test_another_body_is_no_arrow_stream(body: bytes, code: str) -> None:
    with pytest.raises(InvalidInput, match=code):
        arrow.columns(body)


def test_missing_times_and_devices_are_kept_to_be_told() -> None:
    times = pa.array([None, T0], pa.timestamp("us", "UTC"))
    found = arrow.columns(stream(device=["A", None], metric=["m", "m"], time=times, value=[1.0, 2.0]))
    assert found.time_us.tolist() == [UNKNOWN_US, T0_US]
    assert [found.devices[i] for i in found.device] == ["A", ""]


def test_lines_of_json_are_read_and_bad_ones_told_by_their_place() -> None:
    body = (
        f'{{"device":"A","metric":"level","time":"{T0.isoformat()}","value":1}}\n'
        f'{{"device":"B","metric":"closed","time":"{T0.isoformat()}","value":true}}\n\n'
        '{"device":"C"\n[1]\n'
        '{"device":"C","metric":"level","value":1}\n'
        f'{{"device":"C","metric":"level","time":"{T0.isoformat()}","value":"x"}}\n'
    ).encode()
    found = lines.columns(body)
    assert rows(found) == [(0, "A", "level", T0_US, 1.0), (1, "B", "closed", T0_US, 1.0)]
    assert sorted((one.index, one.code) for one in found.told) == [
        (3, "payload_not_json"),
        (4, "payload_not_json"),
        (5, "time_missing"),
        (6, "value_wrong_type"),
    ]


def test_the_line_protocol_of_influxdb_is_read() -> None:
    body = (
        b"# comment\n"
        b"level,device=A,site=x level=1.5,closed=t 1782892800000\n"
        b"level,device=B\\ 2 level=3i\n"
        b"car-park,device=P-1 free=7u 1782892800001\n"
        b'level level=1 1\nlevel,device=A\nlevel,device=A note="a b" 1\nlevel,device=A level= 1\n'
    )
    found = influx.read(body, "ms", T0_US)
    level = found.points["level"].columns("level")
    assert rows(level) == [
        (1, "A", "level", T0_US, 1.5),
        (1, "A", "closed", T0_US, 1.0),
        (2, "B 2", "level", T0_US, 3.0),
    ]
    assert rows(found.points["car-park"].columns("car-park")) == [(3, "P-1", "free", T0_US + 1_000, 7.0)]
    assert [(one.index, one.code) for one in found.told] == [
        (4, "influx_device_missing"),
        (5, "influx_line_unreadable"),
        (6, "influx_field_unreadable"),
        (7, "influx_field_unreadable"),
    ]


@given(st.lists(st.integers(0, 9), max_size=6), st.integers(1, 7))
def test_chunks_give_back_what_they_were_made_of(sizes: list[int], rows_max: int) -> None:
    parts = [
        chunks.Part(
            f"p{i}",
            "m",
            np.arange(n, dtype=np.int32),
            np.arange(n, dtype=np.int64) * 7,
            np.linspace(0, 1, n),
        )
        for i, n in enumerate(sizes)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "rows_max", rows_max)
        made = chunks.chunks(parts)
    found: dict[str, list[tuple[int, int, float]]] = {}
    for chunk in made:
        read = chunks.parts_of(chunk)
        assert 0 < sum(map(len, read)) <= rows_max
        for part in read:
            told = zip(part.series.tolist(), part.time_us.tolist(), part.value.tolist(), strict=True)
            found.setdefault(part.product, []).extend(told)
    assert found == {
        part.product: list(zip(part.series.tolist(), part.time_us.tolist(), part.value.tolist(), strict=True))
        for part in parts
        if len(part)
    }
