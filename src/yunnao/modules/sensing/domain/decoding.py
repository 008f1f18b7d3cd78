"""Messages of one product to columns: parsed, checked, and told apart where they break a rule.

The only step per message is reading its JSON; all else is per column. A message that breaks a rule
takes nothing else with it, and of a message with several metrics the good ones are kept.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.packs.decoders import (
    BitsDecoder,
    CsvDecoder,
    Decoder,
    JsonDecoder,
    SenmlDecoder,
    SparkplugDecoder,
    is_binary,
)
from yunnao.kernel.packs.scene import Metric, Product
from yunnao.modules.sensing.domain import bits, csv_lines, gateways, senml, sparkplug, times
from yunnao.modules.sensing.domain.payloads import bytes_of
from yunnao.modules.sensing.domain.pointers import values_at
from yunnao.modules.sensing.domain.refusals import Refusal, shown
from yunnao.modules.sensing.domain.times import Int64, as_floats

payload_bytes_max = 65_536
text_chars_max = 1_000

Bools = NDArray[np.bool_]


class _Unreadable:
    """Stands in for a document that is not JSON; no pointer finds anything in it."""


UNREADABLE = _Unreadable()


@dataclass(frozen=True)
class MetricColumn:
    """Values of one metric: `rows` are rows of `Decoded`, `value` or `text` stand beside them."""

    metric: str
    rows: Int64
    value: NDArray[np.float64]
    text: list[str] | None = None


@dataclass(frozen=True)
class Decoded:
    """n rows: the message that each is of (n), its time (n), the columns, and what was refused.

    A message in JSON or bits is one row, CSV a row a line, SenML and Sparkplug one for each record.
    """

    message: Int64
    time_us: Int64
    columns: list[MetricColumn]
    refusals: list[Refusal]


def parse(payloads: Sequence[bytes]) -> tuple[list[Any], list[Refusal]]:
    """Documents, with `UNREADABLE` in the place of what is not JSON."""
    try:
        if not payloads or max(map(len, payloads)) <= payload_bytes_max:
            return list(map(orjson.loads, payloads)), []
    except orjson.JSONDecodeError:
        pass
    documents: list[Any] = []
    refusals: list[Refusal] = []
    for index, payload in enumerate(payloads):
        document, code = _parse_one(payload)
        documents.append(document)
        if code:
            refusals.append(Refusal(index, code, {"limit_bytes": payload_bytes_max}))
    return documents, refusals


def documents_of(decoder: Decoder, payloads: Sequence[bytes]) -> tuple[list[Any], list[Refusal]]:
    """What `decode` reads, of one product's payloads: parsed JSON, or the bytes as they are."""
    return (list(payloads), []) if is_binary(decoder) else parse(payloads)


def _parse_one(payload: bytes) -> tuple[Any, str | None]:
    if len(payload) > payload_bytes_max:
        return UNREADABLE, "payload_too_large"
    try:
        return orjson.loads(payload), None
    except orjson.JSONDecodeError:
        if b"NaN" not in payload and b"Infinity" not in payload:
            return UNREADABLE, "payload_not_json"
    try:
        # Python and others write NaN into JSON: read it, so that the value can be named as the fault.
        return json.loads(payload), None
    except (ValueError, RecursionError):
        return UNREADABLE, "payload_not_json"


@dataclass(frozen=True)
class _Rows:
    """Rows before their values are checked; of those that are not `usable` nothing is told."""

    message: Int64
    time_us: Int64
    usable: Bools
    raw: dict[str, list[Any]]


def decode(product: Product, documents: Sequence[Any], arrival_us: Int64 | None) -> Decoded:
    """Columns of `documents`; `arrival_us` (n) is the time of those without one of their own.

    Times are judged against the arrival; without it (a dry run) they are not judged.
    """
    readable = np.fromiter((d is not UNREADABLE for d in documents), np.bool_, len(documents))
    refusals: list[Refusal] = []
    decoder = product.decoder
    if is_binary(decoder):
        documents = _as_bytes(documents, readable, refusals)
    if isinstance(decoder, SenmlDecoder | SparkplugDecoder):
        rows = _record_rows(product, decoder, documents, arrival_us, readable=readable, refusals=refusals)
    elif isinstance(decoder, CsvDecoder):
        rows = _line_rows(product, decoder, documents, arrival_us, readable=readable, refusals=refusals)
    else:
        rows = _rows(product, decoder, documents, arrival_us, readable=readable, refusals=refusals)
    return _decoded(product, rows, refusals)


def decode_spoken(product: Product, documents: Sequence[Any], arrival_us: Int64) -> tuple[Decoded, list[Any]]:
    """Columns of gateways' messages, a row for each device that they speak for, and those devices."""
    decoder = product.decoder
    assert isinstance(decoder, JsonDecoder)  # others speak for themselves
    found, refusals = gateways.spoken(decoder, documents)
    told: list[Refusal] = []
    time_us, timely = _times(
        product,
        decoder.time_format,
        found.time,
        arrival_us[found.message],
        readable=np.ones(len(found.message), np.bool_),
        refusals=told,
    )
    refusals.extend(Refusal(int(found.message[r.index]), r.code, r.params) for r in told)
    rows = _Rows(found.message, time_us, timely, found.metrics)
    return _decoded(product, rows, refusals), found.device


def _decoded(product: Product, rows: _Rows, refusals: list[Refusal]) -> Decoded:
    """Checks the values of `rows`; `refusals` are those known so far, by message."""
    columns: list[MetricColumn] = []
    wrong: list[Refusal] = []
    touched = np.zeros(len(rows.message), np.bool_)
    for name, raw in rows.raw.items():
        column = _column(
            name, product.metrics[name], raw, usable=rows.usable, touched=touched, refusals=wrong
        )
        if len(column.rows):
            columns.append(column)
    wrong.extend(
        Refusal(int(index), "payload_without_metrics", {"expected": ", ".join(product.decoder.metrics)})
        for index in np.flatnonzero(rows.usable & ~touched)
    )
    refusals.extend(Refusal(int(rows.message[r.index]), r.code, r.params) for r in wrong)
    return Decoded(rows.message, rows.time_us, columns, refusals)


def _rows(
    product: Product,
    decoder: JsonDecoder | BitsDecoder,
    documents: Sequence[Any],
    arrival_us: Int64 | None,
    *,
    readable: Bools,
    refusals: list[Refusal],
) -> _Rows:
    """One row a message."""
    raw: dict[str, list[Any]]
    if isinstance(decoder, JsonDecoder):
        raw = {name: values_at(pointer, documents) for name, pointer in decoder.metrics.items()}
    else:
        written = documents if decoder.frame is None else values_at(decoder.frame, documents)
        found, unusable = bits.frames(decoder, written, readable)
        values, cut = bits.columns(decoder, found)
        raw = dict(values)
        refusals += unusable + cut
        # A frame that is told about already is not told about a second time.
        readable = readable.copy()
        readable[[refusal.index for refusal in unusable]] = False
    raw_time = None if decoder.time is None else values_at(decoder.time, documents)
    form = decoder.time_format
    time_us, timely = _times(product, form, raw_time, arrival_us, readable=readable, refusals=refusals)
    return _Rows(np.arange(len(documents), dtype=np.int64), time_us, readable & timely, raw)


def _limited(payload: bytes) -> bytes:
    if len(payload) > payload_bytes_max:
        raise InvalidInput("payload_too_large", limit_bytes=payload_bytes_max)
    return payload


def _as_bytes(documents: Sequence[Any], readable: Bools, refusals: list[Refusal]) -> list[Any]:
    """Payloads; one that is none is told, and is not `readable` any more."""
    found: list[Any] = []
    for index, document in enumerate(documents):
        try:
            found.append(_limited(bytes_of(document)) if readable[index] else UNREADABLE)
        except InvalidInput as error:
            readable[index] = False
            refusals.append(Refusal(index, error.code, error.params))
            found.append(UNREADABLE)
    return found


def _record_rows(
    product: Product,
    decoder: SenmlDecoder | SparkplugDecoder,
    documents: Sequence[Any],
    arrival_us: Int64 | None,
    *,
    readable: Bools,
    refusals: list[Refusal],
) -> _Rows:
    """One row a record."""
    base_us = _rhythm(product, len(documents)) if arrival_us is None else arrival_us
    packs = [(index, documents[index]) for index in np.flatnonzero(readable).tolist()]
    if isinstance(decoder, SenmlDecoder):
        records, unusable = senml.records(decoder, packs, base_us)
    else:
        records, unusable = sparkplug.records(decoder, packs, base_us)
    refusals += unusable
    message = np.array([record.message for record in records], np.int64)
    time_us = np.array([record.time_us for record in records], np.int64)
    good = np.ones(len(records), np.bool_)
    if arrival_us is not None:
        told = [times.from_us(record.time_us).isoformat() for record in records]
        good, late = _timely(product, time_us, arrival_us[message], told, good)
        refusals.extend(Refusal(int(message[r.index]), r.code, r.params) for r in late)
    raw: dict[str, list[Any]] = {name: [None] * len(records) for name in decoder.metrics}
    for row, record in enumerate(records):
        raw[record.metric][row] = record.value
    return _Rows(message, time_us, good, raw)


def _line_rows(
    product: Product,
    decoder: CsvDecoder,
    documents: Sequence[Any],
    arrival_us: Int64 | None,
    *,
    readable: Bools,
    refusals: list[Refusal],
) -> _Rows:
    """One row a line."""
    payloads = [(index, documents[index]) for index in np.flatnonzero(readable).tolist()]
    found, unusable = csv_lines.lines(decoder, product.metrics, payloads)
    refusals += unusable
    arrival_us = None if arrival_us is None else arrival_us[found.message]
    told: list[Refusal] = []
    time_us, timely = _times(
        product,
        decoder.time_format,
        found.time,
        arrival_us,
        readable=np.ones(len(found.message), np.bool_),
        refusals=told,
    )
    refusals.extend(Refusal(int(found.message[r.index]), r.code, r.params) for r in told)
    return _Rows(found.message, time_us, timely, found.values)


def _rhythm(product: Product, n: int) -> Int64:
    """Times of messages that have none, in a dry run."""
    return np.arange(n, dtype=np.int64) * (product.interval_s * 1_000_000)


def _times(
    product: Product,
    form: times.TimeFormat,
    raw: list[Any] | None,
    arrival_us: Int64 | None,
    *,
    readable: Bools,
    refusals: list[Refusal],
) -> tuple[Int64, Bools]:
    """Times of rows, and which of them hold; notes refusals of readable rows. `raw` None: the arrival."""
    if raw is None:
        time_us = _rhythm(product, len(readable)) if arrival_us is None else arrival_us
        return time_us, np.ones_like(readable)
    time_us, errors = times.parse(raw, form)
    good = np.ones_like(readable)
    for index, code in errors.items():
        good[index] = False
        if readable[index]:
            missing = raw[index] is None
            refusals.append(Refusal(index, "time_missing" if missing else code, {"value": shown(raw[index])}))
    if arrival_us is not None:
        timely, wrong = _timely(product, time_us, arrival_us, raw, good & readable)
        refusals += wrong
        good &= timely | ~readable
    return time_us, good


def _timely(
    product: Product, time_us: Int64, arrival_us: Int64, told: Sequence[Any], known: Bools
) -> tuple[Bools, list[Refusal]]:
    """Which of the `known` times the product believes, and refusals, by row, of the others."""
    ahead_s = (time_us - arrival_us) / 1e6
    good = known.copy()
    refusals: list[Refusal] = []
    for wrong, code, limit_s in (
        (ahead_s > product.future_max_s, "time_in_future", product.future_max_s),
        (ahead_s < -product.past_max_s, "time_too_old", product.past_max_s),
    ):
        for row in np.flatnonzero(wrong & good).tolist():
            refusals.append(Refusal(row, code, {"value": shown(told[row]), "limit_s": limit_s}))
        good &= ~wrong
    return good, refusals


def _column(
    name: str, metric: Metric, raw: list[Any], *, usable: Bools, touched: Bools, refusals: list[Refusal]
) -> MetricColumn:
    """The good values of one metric; `touched` marks every message that has the metric."""
    kinds = set(map(type, raw))
    if type(None) in kinds:
        present = np.fromiter((value is not None for value in raw), np.bool_, len(raw)) & usable
    else:
        present = usable
    touched |= present
    if metric.value_type == "string":
        return _text_column(name, raw, present, refusals)
    if metric.value_type == "boolean":
        raw = [float(value) if type(value) is bool or value in (0, 1) else None for value in raw]
    values = as_floats(raw)
    wrong: list[tuple[Bools, str]] = []
    finite = np.isfinite(values)
    if not finite[present].all():
        right_type = np.fromiter((type(value) in (int, float) for value in raw), np.bool_, len(raw))
        wrong += [(~right_type, "value_wrong_type"), (right_type & ~finite, "value_not_finite")]
    if metric.value_type == "integer":
        wrong.append((finite & (values != np.trunc(values)), "value_not_integer"))
    low = -np.inf if metric.minimum is None else metric.minimum
    high = np.inf if metric.maximum is None else metric.maximum
    wrong.append((finite & ((values < low) | (values > high)), "value_out_of_range"))
    good = present.copy()
    for mask, code in wrong:
        for index in np.flatnonzero(mask & present).tolist():
            params = {"metric": name, "value": shown(raw[index]), "minimum": low, "maximum": high}
            refusals.append(Refusal(index, code, params))
        good &= ~mask
    rows = np.flatnonzero(good)
    return MetricColumn(name, rows, values[rows])


def _text_column(name: str, raw: list[Any], present: Bools, refusals: list[Refusal]) -> MetricColumn:
    rows: list[int] = []
    for index in np.flatnonzero(present).tolist():
        value = raw[index]
        if not isinstance(value, str) or len(value) > text_chars_max or shown(value, text_chars_max) != value:
            code = "value_wrong_type" if not isinstance(value, str) else "text_unusable"
            params = {"metric": name, "value": shown(value), "limit_chars": text_chars_max}
            refusals.append(Refusal(index, code, params))
        else:
            rows.append(index)
    return MetricColumn(
        name, np.array(rows, np.int64), np.full(len(rows), np.nan), [raw[index] for index in rows]
    )
