"""Typed pieces of SQL, and how one kind is read as another."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from yunnao.kernel.errors import InvalidInput
from yunnao.modules.sensing.sensorthings.domain.model import Kind


@dataclass(frozen=True)
class Expr:
    """SQL and its kind; `literal` is the value where the client wrote one."""

    sql: str
    kind: Kind | Literal["null"]
    literal: Any = None


class Mismatch(Exception):
    """Kinds that an operation does not take."""

    def __init__(self, operation: str) -> None:
        super().__init__(operation)
        self.operation = operation


def moment(text: str) -> datetime:
    """An instant of ISO 8601, of an interval its beginning; without a zone it is UTC."""
    try:
        found = datetime.fromisoformat(text.split("/", maxsplit=1)[0].strip().replace("Z", "+00:00"))
    except ValueError as error:
        raise InvalidInput("odata_literal", literal=text[:80]) from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def as_kind(found: Expr, kind: Kind) -> Expr:
    """The same value as `kind`; NULL where JSON or a result holds another. Raises Mismatch."""
    if found.kind == kind:
        return found
    sql: str | None = None
    if found.kind == "null":
        sql = "NULL"
    elif found.kind == "json":
        cast = {"number": "float8", "bool": "boolean"}.get(kind)
        name = {"number": "number", "bool": "boolean"}.get(kind)
        if kind == "text":
            sql = f"({found.sql} #>> '{{}}')"
        elif cast is not None:
            # CASE keeps PostgreSQL from casting what is no number before it looks.
            sql = f"(CASE WHEN jsonb_typeof({found.sql}) = '{name}' THEN ({found.sql})::{cast} END)"
    elif found.kind == "result":
        alias = found.sql
        sql = {
            "number": f"{alias}.value",
            "text": f"{alias}.value_text",
            "bool": f"(CASE WHEN {alias}.value_type = 'boolean' THEN {alias}.value <> 0 END)",
        }.get(kind)
    elif found.kind == "date" and kind == "time":
        sql = f"(({found.sql})::date::timestamp AT TIME ZONE 'UTC')"
    if sql is None:
        raise Mismatch(kind)
    return Expr(sql, kind)


def compared(operator: str, left: Expr, right: Expr) -> Expr:
    """A comparison; equality with null is IS NULL. Raises Mismatch."""
    if "null" in (left.kind, right.kind):
        other = right if left.kind == "null" else left
        if operator not in {"=", "<>"}:
            return Expr("FALSE", "bool")
        return Expr(f"({_presence(other)} IS {'NOT ' if operator == '<>' else ''}NULL)", "bool")
    if left.kind in {"geo", "key"} or right.kind in {"geo", "key"}:
        raise Mismatch(operator)
    left, right = _same(left, right)
    return Expr(f"({left.sql} {operator} {right.sql})", "bool")


def _presence(found: Expr) -> str:
    if found.kind == "result":
        return f"coalesce({found.sql}.value::text, {found.sql}.value_text)"
    if found.kind == "geo":
        return f"{found.sql}.lon"
    if found.kind == "json":
        return f"nullif({found.sql}, 'null'::jsonb)"
    return found.sql


def _same(left: Expr, right: Expr) -> tuple[Expr, Expr]:
    """Both as one kind."""
    if left.kind == right.kind:
        if left.kind == "result":
            return as_kind(left, "number"), as_kind(right, "number")
        return left, right
    kinds = {left.kind, right.kind}
    open_kinds = {"json", "result"}
    if kinds <= open_kinds:
        return as_kind(left, "number"), as_kind(right, "number")
    for kind in ("number", "text", "bool", "time"):
        if kind in kinds and kinds & open_kinds:
            if kind == "time":
                break
            return as_kind(left, kind), as_kind(right, kind)
    if kinds == {"time", "date"}:
        return as_kind(left, "time"), as_kind(right, "time")
    if kinds == {"time", "text"}:
        return _timed(left), _timed(right)
    raise Mismatch("/".join(sorted(kinds)))


def _timed(found: Expr) -> Expr:
    """A quoted instant, as many clients write them."""
    if found.kind == "time":
        return found
    if found.literal is None:
        raise Mismatch("time")
    moment(found.literal)
    return Expr(f"(split_part({found.sql}, '/', 1)::timestamptz)", "time")
