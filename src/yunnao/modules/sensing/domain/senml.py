"""SenML packs (RFC 8428) to records: base fields resolved, names matched to metrics."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.packs.decoders import SenmlDecoder
from yunnao.modules.sensing.domain.refusals import Refusal, shown
from yunnao.modules.sensing.domain.times import Int64, epoch_abs_max_us

relative_below_s = 2**28
"""RFC 8428, 4.5.3: a smaller time counts from now."""
version_max = 10
"""RFC 8428, 4.4: the version that it describes, and the one where none is stated."""
records_max = 1_000
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-:./_]*")
BASES = {"bn": str, "bt": float, "bu": str, "bv": float, "bs": float}


@dataclass(frozen=True)
class Record:
    """One record that is a metric's: in message `message`, at `time_us`."""

    message: int
    metric: str
    value: Any
    time_us: int


def records(
    decoder: SenmlDecoder, packs: Sequence[tuple[int, Any]], base_us: Int64
) -> tuple[list[Record], list[Refusal]]:
    """The records of (message, document) pairs, and the first refusal of each message.

    `base_us`, by message, is the now of relative times. A message that breaks the format is refused
    from the faulty record on; records of other names are left out. The sum is the value of a record
    that has no other.
    """
    metrics = {name: metric for metric, name in decoder.metrics.items()}
    found: list[Record] = []
    refusals: list[Refusal] = []
    for index, document in packs:
        before = len(found)
        try:
            _read(decoder, metrics, document, index, int(base_us[index]), found)
        except InvalidInput as error:
            refusals.append(Refusal(index, error.code, error.params))
        else:
            if len(found) == before:
                expected = ", ".join(decoder.metrics.values())
                refusals.append(Refusal(index, "payload_without_metrics", {"expected": expected}))
    return found, refusals


def _read(
    decoder: SenmlDecoder,
    metrics: Mapping[str, str],
    document: Any,
    index: int,
    now_us: int,
    found: list[Record],
) -> None:
    if not isinstance(document, list) or not all(isinstance(record, dict) for record in document):
        raise InvalidInput("senml_not_a_pack")
    if len(document) > records_max:
        raise InvalidInput("senml_too_long", limit=records_max)
    base: dict[str, Any] = {"bn": "", "bt": 0, "bu": None, "bv": None, "bs": None}
    for record in document:
        _take_bases(record, base)
        name = base["bn"] + _of(record, "n", str, "")
        value = _value(record, base)
        if value is None:
            continue
        if not NAME.fullmatch(name):
            raise InvalidInput("senml_name_invalid", name=shown(name))
        time_us = _time_us(base["bt"] + _of(record, "t", float, 0), now_us)
        metric = _metric(metrics, name)
        if metric is None:
            continue
        unit, expected = _of(record, "u", str, base["bu"]), decoder.units.get(metric)
        if unit is not None and expected is not None and unit != expected:
            raise InvalidInput("unit_unexpected", metric=metric, unit=shown(unit), expected=expected)
        found.append(Record(index, metric, value, time_us))


def _take_bases(record: Mapping[str, Any], base: dict[str, Any]) -> None:
    """Keeps the base fields, which hold until they come again."""
    for field in record:
        # RFC 8428, 4.4: who does not know a field that ends so must not read the record.
        if field.endswith("_"):
            raise InvalidInput("senml_field_unknown", field=shown(field))
    if _of(record, "bver", float, version_max) > version_max:
        raise InvalidInput("senml_version", version=shown(record["bver"]), limit=version_max)
    for field, kind in BASES.items():
        base[field] = _of(record, field, kind, base[field])


def _of(record: Mapping[str, Any], field: str, kind: type, default: Any) -> Any:
    value = record.get(field)
    if value is None:
        return default
    if type(value) not in ((int, float) if kind is float else (kind,)):
        raise InvalidInput("senml_field_wrong_type", field=field, value=shown(value))
    return value


def _value(record: Mapping[str, Any], base: Mapping[str, Any]) -> Any:
    """The value; None where the record has none. A lacking part of a sum counts as zero."""
    given = [field for field in ("v", "vs", "vb", "vd") if record.get(field) is not None]
    if len(given) > 1:
        raise InvalidInput("senml_several_values", fields=", ".join(given))
    if given and given[0] != "v":
        return record[given[0]]
    number, total = _of(record, "v", float, None), _of(record, "s", float, None)
    if number is not None or (base["bv"] is not None and total is None and _names(record)):
        return (number or 0) + (base["bv"] or 0)
    if total is not None or (base["bs"] is not None and _names(record)):
        return (total or 0) + (base["bs"] or 0)
    return None


def _names(record: Mapping[str, Any]) -> bool:
    """Whether it is more than the bearer of base fields."""
    return "n" in record or "t" in record


def _time_us(time_s: float, now_us: int) -> int:
    if not abs(time_s) * 1e6 <= epoch_abs_max_us:
        raise InvalidInput("time_unparsable", value=shown(time_s))
    time_us = round(time_s * 1e6)
    return now_us + time_us if time_s < relative_below_s else time_us


def _metric(metrics: Mapping[str, str], name: str) -> str | None:
    """The metric whose name is `name` or its longest end after a `:` or `/`."""
    while name not in metrics:
        cut = re.search(r"[:/]", name)
        if cut is None:
            return None
        name = name[cut.end() :]
    return metrics[name]


def pack_of(decoder: SenmlDecoder, values: Mapping[str, Any], time_s: float | None) -> list[dict[str, Any]]:
    """The pack of `values` (metric to value) at one time: what `records` reads.

    Raises InvalidInput `time_not_expressible`: a time before July 1978 would count from now.
    """
    if time_s is not None and time_s < relative_below_s:
        raise InvalidInput("time_not_expressible")
    found: list[dict[str, Any]] = []
    for metric, value in values.items():
        field = "vb" if isinstance(value, bool) else "vs" if isinstance(value, str) else "v"
        unit = {"u": decoder.units[metric]} if metric in decoder.units else {}
        found.append({"n": decoder.metrics[metric], field: value, **unit})
    if found and time_s is not None:
        found[0]["bt"] = time_s
    return found
