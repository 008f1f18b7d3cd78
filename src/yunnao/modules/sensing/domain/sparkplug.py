"""Sparkplug B payloads (Eclipse Sparkplug 3.0, section 6.4) to records, and back."""

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message

from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.packs.decoders import SparkplugDecoder
from yunnao.modules.sensing.domain.refusals import Refusal
from yunnao.modules.sensing.domain.senml import Record
from yunnao.modules.sensing.domain.times import Int64

metrics_max = 10_000
"""Of one payload."""
SIGNED = {"Int8": 1, "Int16": 2, "Int32": 3, "Int64": 4}
"""Data types in two's complement within an unsigned field (table of 6.4.16); n has 4 x 2^n bits."""
BOOLEAN, DOUBLE, STRING = 11, 10, 12

_FIELD = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "uint64": _FIELD.TYPE_UINT64,
    "uint32": _FIELD.TYPE_UINT32,
    "string": _FIELD.TYPE_STRING,
    "bool": _FIELD.TYPE_BOOL,
    "float": _FIELD.TYPE_FLOAT,
    "double": _FIELD.TYPE_DOUBLE,
}
_PAYLOAD_FIELDS = {"timestamp": (1, "uint64"), "seq": (3, "uint64")}
_METRIC_FIELDS = {
    "name": (1, "string"),
    "alias": (2, "uint64"),
    "timestamp": (3, "uint64"),
    "datatype": (4, "uint32"),
    "is_null": (7, "bool"),
    "int_value": (10, "uint32"),
    "long_value": (11, "uint64"),
    "float_value": (12, "float"),
    "double_value": (13, "double"),
    "boolean_value": (14, "bool"),
    "string_value": (15, "string"),
}
_VALUES = tuple(name for name in _METRIC_FIELDS if name.endswith("_value"))


def _payload_class() -> type[Message]:
    """The parts of the standard's schema that readings need; others are passed over in reading."""
    file = descriptor_pb2.FileDescriptorProto(name="sparkplug_b.proto", package="yunnao", syntax="proto2")
    payload, metric = file.message_type.add(name="Payload"), file.message_type.add(name="Metric")
    for message, fields in ((payload, _PAYLOAD_FIELDS), (metric, _METRIC_FIELDS)):
        for name, (number, kind) in fields.items():
            message.field.add(name=name, number=number, type=_SCALARS[kind], label=_FIELD.LABEL_OPTIONAL)
    payload.field.add(
        name="metrics",
        number=2,
        type=_FIELD.TYPE_MESSAGE,
        type_name=".yunnao.Metric",
        label=_FIELD.LABEL_REPEATED,
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    made: type[Message] = message_factory.GetMessageClass(pool.FindMessageTypeByName("yunnao.Payload"))
    return made


PAYLOAD = _payload_class()


def records(
    decoder: SparkplugDecoder, payloads: Sequence[tuple[int, bytes]], arrival_us: Int64
) -> tuple[list[Record], list[Refusal]]:
    """The records of (message, payload) pairs, and a refusal of each message that has none.

    A metric's time is its own, else the payload's, else the arrival (by message). Metrics of other
    names, and null ones, are left out.
    """
    names = {name: metric for metric, name in decoder.metrics.items()}
    aliases = {alias: metric for metric, alias in decoder.aliases.items()}
    found: list[Record] = []
    refusals: list[Refusal] = []
    for index, payload in payloads:
        before = len(found)
        try:
            document = _parsed(payload)
        except InvalidInput as error:
            refusals.append(Refusal(index, error.code, error.params))
            continue
        now_us = document.timestamp * 1_000 if document.timestamp else int(arrival_us[index])
        for metric in document.metrics:
            name = names.get(metric.name) if metric.name else aliases.get(metric.alias)
            if name is None or metric.is_null:
                continue
            value = _value(metric, SIGNED.get(decoder.datatypes.get(name, ""), 0))
            if value is not None:
                time_us = metric.timestamp * 1_000 if metric.timestamp else now_us
                found.append(Record(index, name, value, time_us))
        if len(found) == before:
            expected = ", ".join(decoder.metrics.values())
            refusals.append(Refusal(index, "payload_without_metrics", {"expected": expected}))
    return found, refusals


def _parsed(payload: bytes) -> Any:
    document: Any = PAYLOAD()
    try:
        document.ParseFromString(payload)
    except DecodeError as error:
        raise InvalidInput("payload_not_sparkplug") from error
    if len(document.metrics) > metrics_max:
        raise InvalidInput("sparkplug_too_long", limit=metrics_max)
    return document


def _value(metric: Any, datatype: int) -> Any:
    """The value; None where it has none that a reading can be. `datatype` where the metric states none."""
    for field in _VALUES:
        if metric.HasField(field):
            value = getattr(metric, field)
            datatype = metric.datatype or datatype
            if datatype in SIGNED.values() and field in {"int_value", "long_value"}:
                bits = 4 << datatype
                value &= (1 << bits) - 1
                value -= (value >> (bits - 1)) << bits
            return value
    return None


def payload_of(decoder: SparkplugDecoder, values: Mapping[str, Any], time_us: int | None) -> bytes:
    """The payload of `values` (metric to value): what `records` reads."""
    document: Any = PAYLOAD()
    if time_us is not None:
        document.timestamp = time_us // 1_000
    for name, value in values.items():
        metric = document.metrics.add(name=decoder.metrics[name])
        if isinstance(value, bool):
            metric.datatype, metric.boolean_value = BOOLEAN, value
        elif isinstance(value, str):
            metric.datatype, metric.string_value = STRING, value
        else:
            metric.datatype, metric.double_value = DOUBLE, float(value)
    written: bytes = document.SerializeToString()
    return written
