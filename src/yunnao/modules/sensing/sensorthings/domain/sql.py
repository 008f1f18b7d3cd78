"""OData expressions to SQL: names come from the model, whatever a client sent is a parameter."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from odata_query import ast

from yunnao.kernel.errors import InvalidInput, NotFound
from yunnao.modules.sensing.sensorthings.domain import functions
from yunnao.modules.sensing.sensorthings.domain.expressions import Expr, Mismatch, as_kind, compared
from yunnao.modules.sensing.sensorthings.domain.model import ENTITY_SETS, EntitySet
from yunnao.modules.sensing.sensorthings.domain.paths import key_of

joins_max = 12
"""Navigations within one filter or ordering."""

_COMPARATORS = {"Eq": "=", "NotEq": "<>", "Lt": "<", "LtE": "<=", "Gt": ">", "GtE": ">="}
_OPERATORS = {"Add": "+", "Sub": "-", "Mult": "*", "Div": "/", "Mod": "%"}


class Parameters:
    """The values of one statement."""

    def __init__(
        self, language: str, views: Mapping[str, str] | None = None, given: Mapping[str, Any] | None = None
    ) -> None:
        """`views` stand in place of sets' own, by the set's name, and read `given`."""
        self.values: dict[str, Any] = {"lang": language, **(given or {})}
        self._views = views or {}

    def add(self, value: Any) -> str:
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f"%({name})s"

    def view(self, entity_set: EntitySet) -> str:
        """Where the rows of a set that may be read are."""
        return self._views.get(entity_set.name, entity_set.view)


@dataclass(frozen=True)
class Row:
    """A row that expressions speak of: of which set, under which alias."""

    entity_set: EntitySet
    alias: str


@dataclass(frozen=True)
class Join:
    row: Row
    on: str


class Compiler:
    """Translates expressions over `row`. Joins that a path needs are put around the smallest condition
    that holds the path, by EXISTS: of a relation to many it is enough that one fulfils it."""

    def __init__(self, row: Row, parameters: Parameters, now: datetime) -> None:
        self._row = row
        self._parameters = parameters
        self._now = now
        self._aliases = 0
        self._variables: dict[str, Row] = {}
        self._joins: dict[tuple[str, ...], Join] | None = None

    def condition(self, node: Any) -> str:
        """SQL of a boolean. Raises InvalidInput where the tree is none, or names what is not there."""
        try:
            return self._condition(node)
        except Mismatch as error:
            raise InvalidInput("odata_types", operation=error.operation) from error
        except RecursionError as error:
            raise InvalidInput("odata_too_deep") from error

    def ordering(self, node: Any) -> str:
        """SQL to order by."""
        try:
            with self._joining() as joins:
                found = self._value(node)
                if found.kind in {"geo", "null"}:
                    raise Mismatch("$orderby")
                text = f"({found.sql}.datastream, {found.sql}.time)" if found.kind == "key" else found.sql
                if found.kind == "result":
                    text = as_kind(found, "number").sql
            if not joins:
                return text
            return f"(SELECT {text} FROM {self._tables(joins)} WHERE {_on(joins)} LIMIT 1)"
        except Mismatch as error:
            raise InvalidInput("odata_types", operation=error.operation) from error
        except RecursionError as error:
            raise InvalidInput("odata_too_deep") from error

    # --- booleans ---

    def _condition(self, node: Any) -> str:
        if isinstance(node, ast.BoolOp):
            word = "AND" if isinstance(node.op, ast.And) else "OR"
            return f"({self._condition(node.left)} {word} {self._condition(node.right)})"
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return f"(NOT {self._condition(node.operand)})"
        if isinstance(node, ast.CollectionLambda):
            return self._lambda(node)
        with self._joining() as joins:
            found = self._compare(node) if isinstance(node, ast.Compare) else self._value(node)
            if found.kind == "json":
                found = as_kind(found, "bool")
            if found.kind != "bool":
                raise InvalidInput("odata_not_a_condition")
        if not joins:
            return found.sql
        return f"EXISTS (SELECT FROM {self._tables(joins)} WHERE {_on(joins)} AND {found.sql})"

    def _compare(self, node: Any) -> Expr:
        comparator = type(node.comparator).__name__
        left = self._value(node.left)
        if comparator == "In":
            if left.kind == "key":
                return Expr(self._keyed(left, node.right.val), "bool")
            tests = [compared("=", left, self._value(item)).sql for item in node.right.val]
            return Expr(f"({' OR '.join(tests)})", "bool")
        operator = _COMPARATORS[comparator]
        if left.kind == "key" and operator in {"=", "<>"}:
            negated = "NOT " if operator == "<>" else ""
            return Expr(f"({negated}{self._keyed(left, [node.right])})", "bool")
        return compared(operator, left, self._value(node.right))

    def _keyed(self, left: Expr, items: Sequence[Any]) -> str:
        """An Observation's id names its series and time."""
        tests: list[str] = []
        for item in items:
            if not isinstance(item, ast.String):
                raise Mismatch("id")
            try:
                series, time = key_of(ENTITY_SETS["Observations"], item.val)
            except NotFound:
                tests.append("FALSE")
                continue
            add = self._parameters.add
            tests.append(f"({left.sql}.datastream = {add(series)} AND {left.sql}.time = {add(time)})")
        return f"({' OR '.join(tests)})"

    def _lambda(self, node: Any) -> str:
        names = _names(node.owner)
        row, names = self._start(names)
        joins: list[Join] = []
        for name in names:
            joins.append(self._joined(row, name))
            row = joins[-1].row
        inner = "TRUE"
        wants_all = isinstance(node.operator, ast.All)
        if node.lambda_ is not None:
            variable = node.lambda_.identifier.name
            outer, self._variables = self._variables, {**self._variables, variable: row}
            pending, self._joins = self._joins, None
            inner = self._condition(node.lambda_.expression)
            self._variables, self._joins = outer, pending
        against = f"NOT {inner}" if wants_all else inner
        test = f"EXISTS (SELECT FROM {self._tables(joins)} WHERE {_on(joins)} AND {against})"
        return f"(NOT {test})" if wants_all else test

    # --- values ---

    def _value(self, node: Any) -> Expr:
        if isinstance(node, ast.Identifier | ast.Attribute):
            return self._path(_names(node))
        if isinstance(node, ast.Call):
            return self._called(node)
        if isinstance(node, ast.BinOp):
            return functions.arithmetic(
                _OPERATORS[type(node.op).__name__], self._value(node.left), self._value(node.right)
            )
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return Expr(f"(- {as_kind(self._value(node.operand), 'number').sql})", "number")
        if isinstance(node, ast.Compare | ast.BoolOp | ast.UnaryOp | ast.CollectionLambda):
            return Expr(self._condition(node), "bool")
        return self._literal(node)

    def _called(self, node: Any) -> Expr:
        name = node.func.full_name()
        if name == "now":
            return Expr(self._parameters.add(self._now), "time")
        arguments: list[Expr] = []
        for argument in node.args:
            if isinstance(argument, ast.Geography):
                arguments.append(Expr("", "geo", literal=functions.shape(argument.val)))
            elif name == "st_relate" and isinstance(argument, ast.String):
                arguments.append(Expr("", "text", literal=argument.val))
            else:
                arguments.append(self._value(argument))
        return functions.call(name, arguments, self._parameters.add)

    def _literal(self, node: Any) -> Expr:
        add = self._parameters.add
        if isinstance(node, ast.Null):
            return Expr("NULL", "null")
        try:
            value = node.py_val
        except (ValueError, OverflowError, AttributeError, NotImplementedError) as error:
            raise InvalidInput("odata_literal", literal=str(getattr(node, "val", ""))[:80]) from error
        if isinstance(node, ast.String | ast.GUID):
            return Expr(f"{add(str(value))}::text", "text", literal=str(value))
        if isinstance(node, ast.Boolean):
            return Expr("TRUE" if value else "FALSE", "bool")
        if isinstance(node, ast.Integer):
            if abs(value) >= 2**63:
                raise InvalidInput("odata_literal", literal=node.val[:80])
            return Expr(add(value), "number")
        if isinstance(node, ast.Float):
            return Expr(f"{add(value)}::float8", "number")
        if isinstance(node, ast.DateTime):
            return Expr(add(value if value.tzinfo else value.replace(tzinfo=UTC)), "time")
        kinds = {ast.Duration: "duration", ast.Date: "date", ast.Time: "clock"}
        for kind, told in kinds.items():
            if isinstance(node, kind):
                return Expr(add(value), told)  # type: ignore[arg-type]
        raise InvalidInput("odata_literal", literal=str(getattr(node, "val", ""))[:80])

    # --- paths ---

    def _start(self, names: list[str]) -> tuple[Row, list[str]]:
        if names[0] in self._variables:
            return self._variables[names[0]], names[1:]
        return self._row, names

    def _path(self, names: list[str]) -> Expr:
        row, rest = self._start(names)
        walked: tuple[str, ...] = (row.alias,)
        while rest and row.entity_set.navigation(rest[0]) is not None:
            walked += (rest[0],)
            row, rest = self._reached(row, walked), rest[1:]
        if not rest:
            raise InvalidInput("odata_not_a_value", name=names[-1][:60])
        name, *deeper = rest
        if name == "id" and not deeper:
            if len(row.entity_set.key) > 1:
                return Expr(row.alias, "key")
            return Expr(f"{row.alias}.id", "number")
        found = row.entity_set.property(name)
        if found is None:
            known = ", ".join(["id", *(p.name for p in row.entity_set.properties)])
            raise InvalidInput("odata_property_unknown", name=name[:60], set=row.entity_set.name, known=known)
        text = (found.of or found.out).replace("{a}", row.alias)
        if deeper:
            if found.kind != "json":
                raise InvalidInput("odata_property_unknown", name=deeper[0][:60], set=name, known="-")
            return Expr(f"({text} #> {self._parameters.add(deeper)}::text[])", "json")
        return Expr(text if found.kind in {"geo", "result"} else f"({text})", found.kind)

    def _reached(self, row: Row, walked: tuple[str, ...]) -> Row:
        if self._joins is None:
            raise InvalidInput("odata_not_a_value", name=walked[-1])
        if walked not in self._joins:
            self._joins[walked] = self._joined(row, walked[-1])
        return self._joins[walked].row

    def _joined(self, row: Row, name: str) -> Join:
        navigation = row.entity_set.navigation(name)
        if navigation is None:
            known = ", ".join(n.name for n in row.entity_set.navigations)
            raise InvalidInput(
                "odata_navigation_unknown", name=name[:60], set=row.entity_set.name, known=known
            )
        self._aliases += 1
        if self._aliases > joins_max:
            raise InvalidInput("odata_joins_too_many", limit=joins_max)
        there = Row(ENTITY_SETS[navigation.target], f"{row.alias}_{self._aliases}")
        return Join(there, f"{there.alias}.{navigation.there} = {row.alias}.{navigation.here}")

    def _tables(self, joins: Sequence[Join]) -> str:
        view = self._parameters.view
        return ", ".join(f"{view(join.row.entity_set)} AS {join.row.alias}" for join in joins)

    @contextmanager
    def _joining(self) -> Iterator[list[Join]]:
        """Collects the joins of the paths within; the list is filled when the block ends."""
        outer, self._joins = self._joins, {}
        found: list[Join] = []
        try:
            yield found
            found.extend(self._joins.values())
        finally:
            self._joins = outer


def _names(node: Any) -> list[str]:
    """Names of a path, first to last."""
    if isinstance(node, ast.Attribute):
        return [*_names(node.owner), node.attr]
    if isinstance(node, ast.Identifier):
        return [".".join((*node.namespace, node.name))]
    raise InvalidInput("odata_not_a_value", name=type(node).__name__)


def _on(joins: Sequence[Join]) -> str:
    return " AND ".join(join.on for join in joins)
