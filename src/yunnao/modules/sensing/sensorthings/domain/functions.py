"""The functions of OData and SensorThings in SQL (OGC 18-088, 9.3.3.5.2)."""

import re
from typing import Any

import shapely

from yunnao.kernel.errors import InvalidInput
from yunnao.modules.sensing.sensorthings.domain import shapes
from yunnao.modules.sensing.sensorthings.domain.expressions import Expr, Mismatch, as_kind
from yunnao.modules.sensing.sensorthings.domain.model import Kind
from yunnao.modules.sensing.sensorthings.domain.shapes import Add
from yunnao.modules.sensing.sensorthings.domain.syntax import RELATIONS

_TEXT: dict[str, tuple[str, Kind]] = {
    "contains": ("(strpos({0}, {1}) > 0)", "bool"),
    "substringof": ("(strpos({1}, {0}) > 0)", "bool"),
    "startswith": ("starts_with({0}, {1})", "bool"),
    "endswith": ("(right({0}, length({1})) = {1})", "bool"),
    "length": ("length({0})", "number"),
    "indexof": ("(strpos({0}, {1}) - 1)", "number"),
    "tolower": ("lower({0})", "text"),
    "toupper": ("upper({0})", "text"),
    "trim": ("btrim({0})", "text"),
    "concat": ("({0} || {1})", "text"),
}
_UTC = "({0} AT TIME ZONE 'UTC')"
_TIME: dict[str, tuple[str, Kind]] = {
    **{
        name: (f"extract({name} FROM {_UTC})::int", "number")
        for name in ("year", "month", "day", "hour", "minute")
    },
    "second": (f"floor(extract(second FROM {_UTC}))::int", "number"),
    "fractionalseconds": (
        f"(extract(second FROM {_UTC}) - floor(extract(second FROM {_UTC})))::float8",
        "number",
    ),
    "date": (f"{_UTC}::date", "date"),
    "time": (f"{_UTC}::time", "clock"),
    # Times are kept in UTC.
    "totaloffsetminutes": ("(0 * extract(epoch FROM {0}))::int", "number"),
}
_NUMBER = {
    "round": "round(({0})::numeric)::float8",
    "floor": "floor(({0})::float8)",
    "ceiling": "ceil(({0})::float8)",
}
_ENDS = {
    "mindatetime": "'0001-01-01 00:00+00'::timestamptz",
    "maxdatetime": "'9999-12-31 23:59:59.999999+00'::timestamptz",
}
_DE9IM = re.compile(r"[TF*012]{9}")


def shape(wkt: str) -> Any:
    return shapes.shape_of(wkt)


def call(name: str, arguments: list[Expr], add: Add) -> Expr:
    """A call by the name that `syntax` has checked. Raises Mismatch, InvalidInput."""
    if name in _ENDS:
        return Expr(_ENDS[name], "time")
    if name.startswith(("st_", "geo.")):
        return _spatial(name, arguments, add)
    if name in _TEXT:
        template, kind = _TEXT[name]
        return Expr(template.format(*(as_kind(a, "text").sql for a in arguments)), kind)
    if name == "substring":
        start = as_kind(arguments[1], "number").sql
        taken = f", greatest(({as_kind(arguments[2], 'number').sql})::int, 0)" if len(arguments) == 3 else ""
        return Expr(f"substr({as_kind(arguments[0], 'text').sql}, ({start})::int + 1{taken})", "text")
    if name in _TIME:
        template, kind = _TIME[name]
        return Expr(template.format(as_kind(arguments[0], "time").sql), kind)
    if name == "totalseconds":
        return Expr(f"extract(epoch FROM {as_kind(arguments[0], 'duration').sql})::float8", "number")
    if name in _NUMBER:
        return Expr(_NUMBER[name].format(as_kind(arguments[0], "number").sql), "number")
    raise InvalidInput("odata_function_unknown", function=name)


def arithmetic(operator: str, left: Expr, right: Expr) -> Expr:
    """Numbers with numbers; times with durations and times (OData 4.0 part 2, 5.1.1.2)."""
    kinds = (left.kind, right.kind)
    if operator in "+-" and kinds in {("time", "duration"), ("duration", "duration"), ("date", "duration")}:
        if kinds[0] == "date":
            left = as_kind(left, "time")
        return Expr(f"({left.sql} {operator} {right.sql})", "duration" if kinds[0] == "duration" else "time")
    if operator == "-" and kinds == ("time", "time"):
        return Expr(f"({left.sql} - {right.sql})", "duration")
    numbers = [as_kind(side, "number").sql for side in (left, right)]
    if operator == "%":
        return Expr(f"mod(({numbers[0]})::numeric, ({numbers[1]})::numeric)::float8", "number")
    return Expr(f"({numbers[0]} {operator} {numbers[1]})", "number")


def _spatial(name: str, arguments: list[Expr], add: Add) -> Expr:
    """A place against a shape, two places, or two shapes, which need no row."""
    if any(argument.kind != "geo" for argument in arguments[:2]):
        raise Mismatch(name)
    if name == "geo.length":
        found = arguments[0].literal
        return Expr(f"{add(float(found.length))}::float8" if found is not None else "0::float8", "number")
    first, second = arguments[0], arguments[1]
    if name == "geo.distance":
        return Expr(_distance(first, second, add), "number")
    relation = "intersects" if name == "geo.intersects" else name.removeprefix("st_")
    pattern = _pattern(arguments[2]) if relation == "relate" else ""

    def holds(one: Any, other: Any) -> bool:
        if pattern:
            return bool(shapely.relate_pattern(one, other, pattern))
        assert relation in RELATIONS
        return bool(getattr(shapely, relation)(one, other))

    if first.literal is not None and second.literal is not None:
        return Expr("TRUE" if holds(first.literal, second.literal) else "FALSE", "bool")
    if first.literal is None and second.literal is None:
        if relation not in {"equals", "intersects", "within", "contains", "disjoint"}:
            return Expr("FALSE", "bool")
        same = f"(point({first.sql}.lon, {first.sql}.lat) ~= point({second.sql}.lon, {second.sql}.lat))"
        return Expr(f"(NOT {same})" if relation == "disjoint" else same, "bool")
    if first.literal is None:
        return Expr(
            shapes.related(lambda p: holds(p, second.literal), second.literal, first.sql, add), "bool"
        )
    return Expr(shapes.related(lambda p: holds(first.literal, p), first.literal, second.sql, add), "bool")


def _distance(first: Expr, second: Expr, add: Add) -> str:
    if first.literal is not None and second.literal is not None:
        return f"{add(float(shapely.distance(first.literal, second.literal)))}::float8"
    if first.literal is None and second.literal is None:
        return f"(point({first.sql}.lon, {first.sql}.lat) <-> point({second.sql}.lon, {second.sql}.lat))"
    place, other = (first, second) if first.literal is None else (second, first)
    return shapes.distance(other.literal, place.sql, add)


def _pattern(argument: Expr) -> str:
    if not isinstance(argument.literal, str) or not _DE9IM.fullmatch(argument.literal):
        raise InvalidInput("odata_literal", literal=str(argument.literal)[:80])
    return argument.literal
