"""Whose readings a party may see, asked for many devices at once.

The policies know a device by whose it is to the party (no department's, its own, another's), by the
grade of its product and by whether it is shared. That makes few kinds: they are decided once a
question, and PostgreSQL or the live table's columns tell which devices are of which kind.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString, TypeVar, get_args

import numpy as np

from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.kernel.principal import Principal
from yunnao.kernel.time import Clock
from yunnao.modules.identity.contracts import Resource
from yunnao.modules.identity.facade import Identity
from yunnao.modules.sensing.contracts import Int32
from yunnao.modules.sensing.live.domain.grid import Booleans
from yunnao.modules.sensing.live.index import NONE, Index
from yunnao.modules.sensing.sharing.contracts import Grade

_PARTS = load_queries("yunnao.modules.sensing.sharing", "rights.sql")
ANOTHER = ""
"""A department that nobody is of."""
reaches_max = 10_000
T = TypeVar("T")

Hidden = Mapping[int, frozenset[str]]
"""Metrics that may not be read, by device number; devices of which all may be read are left out."""


def _query(name: str) -> LiteralString:
    """A query with its common parts in place."""
    text = _PARTS[name]
    text = text.replace("{readable}", _PARTS["readable"]).replace("{shares_of}", _PARTS["shares_of"])
    return text.replace("{kind}", _PARTS["kind"]).replace("{graded}", _PARTS["graded"])


@dataclass(frozen=True)
class Reach:
    """Kinds of devices (`open:general`, `other:core`) whose readings a party may see as they are
    (`alone`), or if they are shared with its department."""

    department: str | None
    alone: frozenset[str]
    shared: frozenset[str]

    @property
    def free(self) -> list[str]:
        """Grades of which every device may be read."""
        return [g for g in get_args(Grade) if {f"open:{g}", f"own:{g}", f"other:{g}"} <= self.alone]


class ReadingRights:
    """The rule of `device:read` for sets of devices; every door that tells values asks here."""

    def __init__(self, clock: Clock, identity: Identity) -> None:
        self._clock = clock
        self._identity = identity
        self._reaches: dict[tuple[str, frozenset[str], str | None], Reach] = {}

    async def authorize(
        self, tx: Transaction, principal: Principal, names: Sequence[tuple[str, str | None]]
    ) -> None:
        """Whether `principal` may read every one of these devices' metrics (None: all of the device).

        Raises as `Identity.authorize`. Of a device that does not exist the general right is asked.
        """
        for resource in await self._resources(tx, principal, names):
            self._identity.authorize(principal, "device:read", resource)

    async def readable(
        self, tx: Transaction, principal: Principal, names: Sequence[tuple[str, str | None]]
    ) -> list[bool]:
        """The same for each, in the order given."""
        found = await self._resources(tx, principal, names)
        return [self._identity.allowed(principal, "device:read", resource) for resource in found]

    async def hidden(self, tx: Transaction, principal: Principal, devices: Sequence[int]) -> Hidden:
        """What a list of these devices must leave out."""
        if not devices:
            return {}
        rows = await self._rows(tx, principal, "hidden_metrics", devices=list(devices))
        return {row["number"]: frozenset(row["metrics"]) for row in rows}

    async def hidden_attributes(
        self, tx: Transaction, principal: Principal, entities: Sequence[str]
    ) -> frozenset[tuple[str, str]]:
        """Entities and their attributes that come from readings which may not be seen."""
        if not entities:
            return frozenset()
        rows = await self._rows(tx, principal, "hidden_attributes", entities=list(entities))
        return frozenset((row["entity"], row["attribute"]) for row in rows)

    async def hidden_series(self, tx: Transaction, principal: Principal, product: str, metric: str) -> Int32:
        """Series of a product's metric that may not be read, ascending."""
        (row,) = await self._rows(tx, principal, "hidden_series", product=product, metric=metric)
        return np.array(row["series"] or [], np.int32)

    async def hidden_among(
        self, tx: Transaction, principal: Principal, series: Sequence[int]
    ) -> Collection[int]:
        """Which of these series may not be read."""
        rows = await self._rows(tx, principal, "series_hidden", series=list(series))
        return frozenset(row["series"] for row in rows)

    async def mask(self, tx: Transaction, principal: Principal, index: Index, metric: str) -> Booleans | None:
        """Which devices' metric may be read, by device number; None: all. As old as the index is as to
        owners, of now as to shares."""
        reach = self._reach(principal)
        names = index.names
        # Rows and columns have one more for NONE, which is -1: no owner, and no product.
        allowed = np.ones((len(names.owners) + 1, len(names.products) + 1), np.bool_)
        for i, owner in enumerate([*names.owners, None]):
            relation = "open" if owner is None else "own" if owner == reach.department else "other"
            for j, spec in enumerate(names.specs):
                allowed[i, j] = f"{relation}:{spec.grade}" in reach.alone
        if allowed.all():
            return None
        found: Booleans = allowed[index.columns.owner, index.columns.product]
        found |= index.columns.product == NONE
        if reach.department is not None and not found.all():
            (row,) = await self._rows(tx, principal, "shared_numbers", metric=metric)
            numbers = np.array(row["devices"] or [], np.int32)
            found[numbers[numbers < len(found)]] = True
        return found

    async def views(self, tx: Transaction, principal: Principal) -> tuple[dict[str, str], dict[str, Any]]:
        """What stands in place of the views of SensorThings' sets, by the set's name, and its parameters;
        nothing where every device may be read."""
        reach = self._reach(principal)
        parameters = self._parameters(reach)
        row = await (await tx.execute(_query("anything_hidden"), parameters)).fetchone()
        if row is None or not row["hidden"]:
            return {}, {}
        views = {"Observations": "observations_readable", "Things": "things_readable"}
        return {name: f"({_query(query)})" for name, query in views.items()}, parameters

    # --- parts ---

    def _reach(self, principal: Principal) -> Reach:
        """Kept, since 18 decisions cost milliseconds and policies do not change while a process runs;
        those of `device:read` look at nothing of a party but this."""
        key = principal.kind, principal.roles, principal.department
        if key not in self._reaches:
            if len(self._reaches) >= reaches_max:
                self._reaches.clear()
            self._reaches[key] = self._decided(principal)
        return self._reaches[key]

    def _decided(self, principal: Principal) -> Reach:
        alone: set[str] = set()
        shared: set[str] = set()
        for relation, owner in (("open", None), ("own", principal.department), ("other", ANOTHER)):
            for grade in get_args(Grade):
                for is_shared, kinds in ((False, alone), (True, shared)):
                    device = Resource("Device", department=owner, grade=grade, shared=is_shared)
                    if self._identity.allowed(principal, "device:read", device):
                        kinds.add(f"{relation}:{grade}")
        return Reach(principal.department, frozenset(alone), frozenset(shared))

    def _parameters(self, reach: Reach) -> dict[str, Any]:
        return {
            "department": reach.department,
            "now": self._clock.now(),
            "alone": sorted(reach.alone),
            "shared": sorted(reach.shared),
            "free": reach.free,
        }

    async def _rows(self, tx: Transaction, principal: Principal, query: str, **parameters: Any) -> list[Row]:
        known = self._parameters(self._reach(principal))
        return await (await tx.execute(_query(query), known | parameters)).fetchall()

    async def _resources(
        self, tx: Transaction, principal: Principal, names: Sequence[tuple[str, str | None]]
    ) -> list[Resource]:
        asked = {
            "devices": [device for device, _ in names],
            "metrics": [metric for _, metric in names],
            "department": principal.department,
            "now": self._clock.now(),
        }
        rows = await (await tx.execute(_query("device_rights"), asked)).fetchall()
        return [
            Resource(
                "Device", row["device"], department=row["owner"], grade=row["grade"], shared=row["shared"]
            )
            if row["known"]
            else Resource("Device", row["device"])
            for row in rows
        ]


def seen(latest: Mapping[str, T], number: int, hidden: Hidden) -> dict[str, T]:
    """The newest values of a device that are not hidden."""
    without = hidden.get(number, frozenset())
    return {name: value for name, value in latest.items() if name not in without}
