"""What an ingest worker remembers of products, rules and the devices it has met, in columns."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.kernel.packs.rules import Rule, RulesFile
from yunnao.kernel.packs.scene import Product
from yunnao.kernel.packs.streaming_rules import SilenceRule, ThresholdRule
from yunnao.modules.sensing.contracts import Floats, Int32, Int64
from yunnao.modules.sensing.rules.domain.dry_run import attribute_number

QUERIES = load_queries("yunnao.modules.sensing", "intake.sql")
devices_remembered_max = 2_000_000
NO_SERIES = -1


@dataclass(frozen=True)
class InstalledRule:
    """A rule with its number in the database."""

    number: int
    scene: str
    rule: str
    spec: Rule


@dataclass
class ProductDevices:
    """The known devices of one product; row r of every column is one device."""

    spec: Product
    name: str = ""
    rules: list[InstalledRule] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    entities: list[str] = field(default_factory=list)
    numbers: Int32 = field(default_factory=lambda: np.zeros(0, np.int32))
    series: dict[str, Int32] = field(default_factory=dict)
    attributes: dict[str, Floats] = field(default_factory=dict)

    @property
    def thresholds(self) -> list[tuple[InstalledRule, ThresholdRule]]:
        return [(rule, rule.spec) for rule in self.rules if isinstance(rule.spec, ThresholdRule)]

    @property
    def silences(self) -> list[tuple[InstalledRule, SilenceRule]]:
        return [(rule, rule.spec) for rule in self.rules if isinstance(rule.spec, SilenceRule)]

    def add(self, found: Sequence[Row]) -> None:
        """Appends devices, one concatenation a column."""
        start = len(self.rows)
        self.rows.update((row["id"], start + i) for i, row in enumerate(found))
        self.entities.extend(row["entity"] for row in found)
        self.numbers = np.concatenate([self.numbers, _ints([row["number"] for row in found])])
        for metric in self.spec.metrics:
            fresh = _ints([row["series"].get(metric, NO_SERIES) for row in found])
            self.series[metric] = np.concatenate([self.series.get(metric, fresh[:0]), fresh])
        for name in {spec.relative_to for _, spec in self.thresholds if spec.relative_to is not None}:
            values = np.array([attribute_number(row["attributes"], name) for row in found], np.float64)
            self.attributes[name] = np.concatenate([self.attributes.get(name, values[:0]), values])


class Registry:
    """Products and rules whole, devices as they are met; forgotten when the database has changed."""

    def __init__(self) -> None:
        self._version: int | None = None
        self._products: dict[str, ProductDevices] = {}

    async def refresh(self, tx: Transaction) -> None:
        """Sees to it that nothing older than the transaction is remembered."""
        row = await (await tx.execute(QUERIES["registry_version"])).fetchone()
        version = row["version"] if row else None
        if version == self._version and self._count() < devices_remembered_max:
            return
        products = await (await tx.execute(QUERIES["products_list"])).fetchall()
        self._products = {
            row["product"]: ProductDevices(Product.model_validate(row["spec"]), row["product"])
            for row in products
        }
        for rule in await active_rules(tx):
            if rule.spec.product in self._products:
                self._products[rule.spec.product].rules.append(rule)
        self._version = version

    def product(self, name: str) -> ProductDevices | None:
        return self._products.get(name)

    async def locate(self, tx: Transaction, product: str, devices: Sequence[str]) -> tuple[Int64, set[str]]:
        """Rows (n) of devices in the product's columns, -1 where it has none of that id.

        Beside them the ids that belong to another product.
        """
        known = self._products[product]
        unknown = {device for device in devices if device not in known.rows}
        misplaced: set[str] = set()
        if unknown:
            found = await (await tx.execute(QUERIES["devices_lookup"], {"ids": list(unknown)})).fetchall()
            known.add([row for row in found if row["product"] == product])
            misplaced = {row["id"] for row in found if row["product"] != product}
        get = known.rows.get
        return np.array([get(device, -1) for device in devices], np.int64), misplaced

    def _count(self) -> int:
        return sum(len(product.rows) for product in self._products.values())


async def active_rules(tx: Transaction) -> list[InstalledRule]:
    """Every rule of the installed packs."""
    rows = await (await tx.execute(QUERIES["rules_active"])).fetchall()
    return [InstalledRule(row["number"], row["scene"], row["rule"], rule_of(row["spec"])) for row in rows]


def rule_of(spec: dict[str, Any]) -> Rule:
    """A rule from its stored form."""
    return RulesFile.model_validate({"rules": {"rule": spec}}).rules["rule"]


def _ints(values: list[int]) -> Int32:
    return np.array(values, np.int32)
