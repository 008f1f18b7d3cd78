"""SELECT statements over the views, from paths and options."""

from collections.abc import Sequence
from datetime import datetime

from yunnao.modules.sensing.sensorthings.domain.model import EntitySet, Navigation
from yunnao.modules.sensing.sensorthings.domain.options import Options
from yunnao.modules.sensing.sensorthings.domain.paths import Key, Step, key_of
from yunnao.modules.sensing.sensorthings.domain.sql import Compiler, Parameters, Row

ALIAS = "r"


def columns(entity_set: EntitySet, alias: str = ALIAS) -> str:
    """Every property under its name, and keys under `k_<column>`."""
    told = [f'{p.out.replace("{a}", alias)} AS "{p.name}"' for p in entity_set.properties]
    keys = [f"{alias}.{column} AS k_{column}" for column in entity_set.columns]
    return ", ".join([*keys, *told])


def reached(steps: Sequence[Step], parameters: Parameters, alias: str = ALIAS) -> list[str]:
    """Conditions on row `alias` of the last step's set: its key, and that the way leads there.

    The way is an array that is found first, so that it always leads through an index.
    """
    last = steps[-1]
    found = keyed(last.entity_set, last.key, parameters, alias) if last.key is not None else []
    if len(steps) == 1 or last.navigation is None:
        return found
    parent, navigation = steps[-2], last.navigation
    if len(steps) == 2 and parent.key is not None and (navigation.here,) == parent.entity_set.key:
        return [*found, f"{alias}.{navigation.there} = {parameters.add(parent.key[0])}"]
    if parent.entity_set.name == "Observations" and parent.key is not None:
        return [*found, _of_observation(navigation, parent.key, parameters, alias)]
    above = f"{alias}p"
    conditions = reached(steps[:-1], parameters, above)
    view = parameters.view(parent.entity_set)
    way = f"SELECT {above}.{navigation.here} FROM {view} AS {above}{_where(conditions)}"
    return [*found, f"{alias}.{navigation.there} = ANY(ARRAY({way}))"]


def _of_observation(navigation: Navigation, key: Key, parameters: Parameters, alias: str) -> str:
    """What an Observation leads to, told by its id alone: the reading itself may be sealed."""
    series = parameters.add(key[0])
    if navigation.here == "datastream":
        return f"{alias}.id = {series}"
    posted = (
        "SELECT o.feature FROM sensorthings.observation o"
        f" WHERE o.series = {series} AND o.time = {parameters.add(key[1])}"
    )
    thing = f"SELECT coalesce(({posted}), d.thing) FROM sensorthings.datastreams d WHERE d.id = {series}"
    return f"{alias}.id = ANY(ARRAY({thing}))"


def keyed(entity_set: EntitySet, key: Key, parameters: Parameters, alias: str = ALIAS) -> list[str]:
    return [f"{alias}.{c} = {parameters.add(v)}" for c, v in zip(entity_set.key, key, strict=True)]


class Selection:
    """One SELECT of rows of a set that `options` let through."""

    def __init__(
        self,
        entity_set: EntitySet,
        options: Options,
        parameters: Parameters,
        now: datetime,
        source: str | None = None,
    ) -> None:
        """`source` stands where the set's view stands otherwise, with the same columns."""
        self._set = entity_set
        self._source = parameters.view(entity_set) if source is None else f"({source})"
        self._options = options
        self._parameters = parameters
        compiler = Compiler(Row(entity_set, ALIAS), parameters, now)
        self._where: list[str] = []
        if options.filter is not None:
            self._where.append(compiler.condition(options.filter))
        self._order = [
            f"{compiler.ordering(node)} {'DESC NULLS LAST' if down else 'ASC'}"
            for node, down in options.orderby
        ]
        self._after: list[str] = []
        if options.after is not None:
            key = key_of(entity_set, options.after)
            ours = ", ".join(f"{ALIAS}.{column}" for column in entity_set.key)
            theirs = ", ".join(parameters.add(part) for part in key)
            self._after.append(f"({ours}) > ({theirs})")

    def page(self, conditions: Sequence[str], top: int) -> str:
        """Rows in order, one more than `top`, by which a next page shows."""
        key = [f"{ALIAS}.{column}" for column in self._set.key]
        where = [*conditions, *self._where, *self._after]
        return (
            f"SELECT {columns(self._set)} FROM {self._source} AS {ALIAS}"
            f"{_where(where)} ORDER BY {', '.join([*self._order, *key])}"
            f" LIMIT {self._parameters.add(top + 1)} OFFSET {self._parameters.add(self._options.skip)}"
        )

    def count(self, conditions: Sequence[str]) -> str:
        return f"SELECT count(*) AS n FROM {self._source} AS {ALIAS}{_where([*conditions, *self._where])}"

    def children(self, navigation: Navigation, keys: Sequence[int], top: int) -> str:
        """Rows that belong to each of `keys`, in one statement: `parent` is the key of whose they are."""
        given = self._parameters.add(list(keys))
        if not navigation.many:
            where = [f"{ALIAS}.{navigation.there} = ANY({given}::bigint[])", *self._where]
            return (
                f"SELECT {ALIAS}.{navigation.there} AS parent, {columns(self._set)}"
                f" FROM {self._source} AS {ALIAS}{_where(where)}"
            )
        inner = self.page([f"{ALIAS}.{navigation.there} = k.parent"], top)
        each = f"unnest({given}::bigint[]) AS k (parent)"
        return f"SELECT k.parent, c.* FROM {each} CROSS JOIN LATERAL ({inner}) AS c"

    def children_count(self, navigation: Navigation, keys: Sequence[int]) -> str:
        inner = self.count([f"{ALIAS}.{navigation.there} = k.parent"])
        given = self._parameters.add(list(keys))
        return f"SELECT k.parent, ({inner}) AS n FROM unnest({given}::bigint[]) AS k (parent)"


def _where(conditions: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""
