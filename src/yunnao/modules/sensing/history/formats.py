"""Answers in the formats that people and programs read, in pieces, so that a large one never is whole in
memory twice."""

import io
from collections.abc import Iterator
from typing import Any, Literal

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from yunnao.kernel.errors import InvalidInput
from yunnao.modules.sensing.history.contracts import Answer, GroupAnswer

Format = Literal["json", "csv", "arrow", "parquet"]
MEDIA_TYPES: dict[Format, str] = {
    "json": "application/json",
    "csv": "text/csv",
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
}
piece_rows = 20_000
piece_bytes = 1024 * 1024
_JSON_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC


def chosen(named: str | None, accept: str | None) -> Format:
    """The format that is named, else the first of the Accept header (RFC 9110, 12.5.1) that is ours, else
    JSON. Raises InvalidInput `format_unknown`."""
    if named is not None:
        for each in MEDIA_TYPES:
            if named == each:
                return each
        raise InvalidInput("format_unknown", format=named, known=", ".join(MEDIA_TYPES))
    for part in (accept or "").split(","):
        for each, media_type in MEDIA_TYPES.items():
            if part.split(";")[0].strip().lower() == media_type:
                return each
    return "json"


def pieces(answer: Answer | GroupAnswer, form: Format) -> Iterator[bytes]:
    """The answer as bytes."""
    if form == "csv":
        return _csv(answer.table)
    if form == "arrow":
        return _arrow(answer.table)
    if form == "parquet":
        return _parquet(answer.table)
    return _json(answer) if isinstance(answer, Answer) else _json_groups(answer)


def _json(answer: Answer) -> Iterator[bytes]:
    yield b'{"from":' + _told(answer.start) + b',"to":' + _told(answer.until) + b',"time":'
    yield from _list(answer.table["time"])
    yield b',"series":['
    for place, column in enumerate(answer.columns):
        head = {
            "name": column.name,
            "device": column.device,
            "metric": column.metric,
            "aggregate": column.aggregate,
            "unit_label": column.unit_label.model_dump() if column.unit_label else None,
        }
        yield (b"," if place else b"") + _told(head)[:-1] + b',"values":'
        yield from _list(answer.table[column.name])
        yield b"}"
    yield b"]}"


def _json_groups(answer: GroupAnswer) -> Iterator[bytes]:
    yield b'{"from":' + _told(answer.start) + b',"to":' + _told(answer.until) + b',"items":['
    for number, batch in enumerate(answer.table.to_batches(piece_rows)):
        yield (b"," if number else b"") + _told(batch.to_pylist())[1:-1]
    yield b"]}"


def _list(column: pa.ChunkedArray) -> Iterator[bytes]:
    yield b"["
    for start in range(0, len(column), piece_rows):
        yield (b"," if start else b"") + _told(column.slice(start, piece_rows).to_pylist())[1:-1]
    yield b"]"


def _told(value: Any) -> bytes:
    return orjson.dumps(value, option=_JSON_OPTIONS)


def _csv(table: pa.Table) -> Iterator[bytes]:
    times = pc.strftime(table["time"], format="%Y-%m-%dT%H:%M:%SZ")
    told = table.set_column(0, "time", times)
    for number, start in enumerate(range(0, max(told.num_rows, 1), piece_rows)):
        sink = io.BytesIO()
        options = pacsv.WriteOptions(include_header=number == 0, quoting_style="needed")
        pacsv.write_csv(told.slice(start, piece_rows), sink, options)
        yield sink.getvalue()


def _arrow(table: pa.Table) -> Iterator[bytes]:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        for batch in table.to_batches(piece_rows):
            writer.write_batch(batch)
            yield sink.getvalue()
            sink.seek(0)
            sink.truncate()
    yield sink.getvalue()


def _parquet(table: pa.Table) -> Iterator[bytes]:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    content = sink.getbuffer()
    for start in range(0, len(content), piece_bytes):
        yield bytes(content[start : start + piece_bytes])
