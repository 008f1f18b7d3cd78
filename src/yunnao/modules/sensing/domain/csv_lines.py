"""Lines of CSV to columns, all messages of a batch at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.packs.decoders import CsvDecoder
from yunnao.kernel.packs.scene import Metric
from yunnao.modules.sensing.domain.refusals import Refusal
from yunnao.modules.sensing.domain.times import Int64, to_us

lines_max = 10_000
"""Of one message."""


@dataclass(frozen=True)
class Lines:
    """n lines: the message that each is of (n), what stands in the column of time, and the values.

    A value is a number where it reads as one, None where the field is empty, else its text.
    """

    message: Int64
    time: list[Any] | None
    values: dict[str, list[Any]]


def lines(
    decoder: CsvDecoder, metrics: Mapping[str, Metric], payloads: Sequence[tuple[int, bytes]]
) -> tuple[Lines, list[Refusal]]:
    """The lines of (message, payload) pairs, and refusals of messages that are no such text."""
    message: list[int] = []
    texts: list[str] = []
    refusals: list[Refusal] = []
    for index, payload in payloads:
        try:
            found = _lines_of(decoder, payload)
        except InvalidInput as error:
            refusals.append(Refusal(index, error.code, error.params))
            continue
        message += [index] * len(found)
        texts += found
    table = _table(decoder, texts)
    values = {name: _values(table[column - 1], metrics[name]) for name, column in decoder.metrics.items()}
    time = None if decoder.time is None else _times(table[decoder.time - 1], decoder)
    return Lines(np.array(message, np.int64), time, values), refusals


def _lines_of(decoder: CsvDecoder, payload: bytes) -> list[str]:
    try:
        text = payload.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput("payload_not_text", position=error.start) from error
    found = [line for line in text.splitlines()[decoder.header_lines :] if line.strip()]
    if not found:
        raise InvalidInput("payload_without_lines")
    if len(found) > lines_max:
        raise InvalidInput("payload_lines_too_many", limit_lines=lines_max)
    return found


def _table(decoder: CsvDecoder, texts: list[str]) -> list[pl.Series]:
    """The columns as text; a line that is too short has nulls at its end."""
    width = max([*decoder.metrics.values(), decoder.time or 1])
    parts = pl.Series("line", texts, dtype=pl.String).str.split(decoder.delimiter)
    columns: list[pl.Series] = []
    for position in range(width):
        column = parts.list.get(position, null_on_oob=True).str.strip_chars().str.strip_chars('"')
        columns.append(column.replace("", None))
    return columns


def _values(column: pl.Series, metric: Metric) -> list[Any]:
    texts = column.to_list()
    if metric.value_type == "string":
        return texts
    numbers = column.cast(pl.Float64, strict=False)
    if metric.value_type == "boolean":
        words = column.str.to_lowercase().replace_strict({"true": 1.0, "false": 0.0}, default=None)
        numbers = numbers.fill_null(words)
    return [text if number is None else number for number, text in zip(numbers.to_list(), texts, strict=True)]


def _times(column: pl.Series, decoder: CsvDecoder) -> list[Any]:
    if decoder.time_format == "iso8601":
        return column.to_list()
    numbers = column.cast(pl.Float64, strict=False).to_list()
    return [
        text if number is None else number for number, text in zip(numbers, column.to_list(), strict=True)
    ]


def line_of(decoder: CsvDecoder, values: Mapping[str, Any], time: datetime | None) -> str:
    """The line of `values` (metric to value): what `lines` reads."""
    fields = [""] * max([*decoder.metrics.values(), decoder.time or 1])
    for metric, value in values.items():
        fields[decoder.metrics[metric] - 1] = str(value).lower() if isinstance(value, bool) else str(value)
    if decoder.time is not None and time is not None:
        written = {"epoch_s": str(to_us(time) / 1e6), "epoch_ms": str(to_us(time) // 1_000)}
        fields[decoder.time - 1] = written.get(decoder.time_format, time.isoformat())
    return "\n" * decoder.header_lines + decoder.delimiter.join(fields)
