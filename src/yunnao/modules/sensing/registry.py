"""What an ingest worker remembers of products, rules and the devices it has met, in columns."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yunnao.infra.nats_subjects import partition_of
from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.kernel.packs.decoders import is_binary
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
    lanes: NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, np.int8))
    """Of the intake, where the device is at home: its gateway's, or its own where it has none."""
    gateways: Int32 = field(default_factory=lambda: np.zeros(0, np.int32))
    """Numbers of the devices that may speak for these, 0 where none may."""
    ids: list[str] = field(default_factory=list)
    series: dict[str, Int32] = field(default_factory=dict)
    attributes: dict[str, Floats] = field(default_factory=dict)

    @property
    def thresholds(self) -> list[tuple[InstalledRule, ThresholdRule]]:
        return [(rule, rule.spec) for rule in self.rules if isinstance(rule.spec, ThresholdRule)]

    @property
    def silences(self) -> list[tuple[InstalledRule, SilenceRule]]:
        return [(rule, rule.spec) for rule in self.rules if isinstance(rule.spec, SilenceRule)]

    def add(self, name: str, found: Sequence[Row]) -> None:
        """Appends devices that are not known yet, one concatenation a column; `name` is the product's."""
        start = len(self.rows)
        self.rows.update((row["id"], start + i) for i, row in enumerate(found))
        self.ids.extend(row["id"] for row in found)
        self.entities.extend(row["entity"] for row in found)
        self.gateways = np.concatenate([self.gateways, _ints([row["gateway"] or 0 for row in found])])
        self.numbers = np.concatenate([self.numbers, _ints([row["number"] for row in found])])
        self.lanes = np.concatenate([self.lanes, _lanes(name, found)])
        for metric in self.spec.metrics:
            fresh = _series(found, metric)
            self.series[metric] = np.concatenate([self.series.get(metric, fresh[:0]), fresh])
        for attribute in self._bounding():
            values = _numbers(found, attribute)
            self.attributes[attribute] = np.concatenate([self.attributes.get(attribute, values[:0]), values])

    def renew(self, found: Sequence[Row]) -> None:
        """What has changed of known devices."""
        at = [self.rows[row["id"]] for row in found]
        for position, row in zip(at, found, strict=True):
            self.entities[position] = row["entity"]
            self.gateways[position] = row["gateway"] or 0
        self.lanes[at] = _lanes(self.name, found)
        for metric in self.spec.metrics:
            self.series[metric][at] = _series(found, metric)
        for attribute in self._bounding():
            self.attributes[attribute][at] = _numbers(found, attribute)

    def _bounding(self) -> set[str]:
        """Attributes that bounds of rules are shares of."""
        return {spec.relative_to for _, spec in self.thresholds if spec.relative_to is not None}


class Registry:
    """Products and rules whole, devices as they are met, brought up to date as the database changes."""

    def __init__(self) -> None:
        self._version: int | None = None
        self._products: dict[str, ProductDevices] = {}
        self._row_of_series: Int32 = np.zeros(0, np.int32)

    async def refresh(self, tx: Transaction) -> None:
        """Sees to it that nothing older than the transaction is remembered."""
        row = await (await tx.execute(QUERIES["registry_version"])).fetchone()
        version = row["version"] if row else None
        full = self._count() >= devices_remembered_max
        if version == self._version and not full:
            return
        products = await (await tx.execute(QUERIES["products_list"])).fetchall()
        before = {} if full else self._products
        self._products = {
            row["product"]: ProductDevices(Product.model_validate(row["spec"]), row["product"])
            for row in products
        }
        for rule in await active_rules(tx):
            if rule.spec.product in self._products:
                self._products[rule.spec.product].rules.append(rule)
        for name, product in self._products.items():
            if name in before and (before[name].spec, before[name].rules) == (product.spec, product.rules):
                self._products[name] = before[name]
        if self._products != before:
            self._row_of_series = np.zeros(0, np.int32)  # found again as series are met
        if self._version is not None and self._count():
            await self._renew(tx, self._version)
        self._version = version

    async def _renew(self, tx: Transaction, version: int) -> None:
        """Looks the known devices up that have changed after `version`: few of them, or a part of many."""
        changed = await (await tx.execute(QUERIES["devices_changed"], {"version": version})).fetchone()
        numbers = np.array((changed or {"numbers": None})["numbers"] or [], np.int32)
        for product in self._products.values():
            known = numbers[np.isin(numbers, product.numbers)]
            if len(known):
                rows = await (
                    await tx.execute(QUERIES["devices_lookup_numbers"], {"numbers": known.tolist()})
                ).fetchall()
                product.renew(rows)
                self._note_series(product, rows)

    def binary(self, names: Iterable[str]) -> set[str]:
        """Which of these products send bytes and not JSON."""
        return {
            name
            for name in names
            if (known := self._products.get(name)) is not None and is_binary(known.spec.decoder)
        }

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
            found = await self._meet(tx, "devices_lookup", {"ids": list(unknown)})
            misplaced = {row["id"] for row in found if row["product"] != product}
        get = known.rows.get
        return np.array([get(device, -1) for device in devices], np.int64), misplaced

    async def find(self, tx: Transaction, devices: Sequence[str]) -> dict[str, Int64]:
        """By product the rows (n) of `devices` in its columns, -1 where it has none of that id."""
        unknown = set(devices)
        for product in self._products.values():
            unknown -= product.rows.keys()
        if unknown:
            await self._meet(tx, "devices_lookup", {"ids": list(unknown)})
        found: dict[str, Int64] = {}
        for name, product in self._products.items():
            get = product.rows.get
            rows = np.array([get(device, -1) for device in devices], np.int64)
            if (rows >= 0).any():
                found[name] = rows
        return found

    async def rows_of_series(self, tx: Transaction, series: Int32) -> Int64:
        """Rows (n) of the devices of `series` in their products' columns, -1 where there is none."""
        top = int(series.max(initial=-1))
        if top >= len(self._row_of_series):
            self._reach(top + 1)
        rows = self._row_of_series.take(series)
        if (rows < 0).any():
            missing = np.unique(series[rows < 0])
            await self._meet(tx, "devices_lookup_series", {"series": missing.tolist()})
            rows = self._row_of_series.take(series)
        return rows.astype(np.int64)

    async def _meet(self, tx: Transaction, query: str, parameters: dict[str, Any]) -> list[Row]:
        """Adds the devices that `query` finds, whatever their product."""
        found = await (await tx.execute(QUERIES[query], parameters)).fetchall()
        for name, product in self._products.items():
            own = [row for row in found if row["product"] == name]
            if own:
                product.add(name, [row for row in own if row["id"] not in product.rows])
                self._note_series(product, own)
        return found

    def _note_series(self, product: ProductDevices, found: Sequence[Row]) -> None:
        at = np.array([product.rows[row["id"]] for row in found], np.int32)
        for metric in product.spec.metrics:
            series = product.series[metric][at]
            known = series != NO_SERIES
            self._reach(int(series.max(initial=-1)) + 1)
            self._row_of_series[series[known]] = at[known]

    def _reach(self, rows: int) -> None:
        more = max(rows, 2 * len(self._row_of_series)) - len(self._row_of_series)
        if rows > len(self._row_of_series):
            self._row_of_series = np.concatenate([self._row_of_series, np.full(more, -1, np.int32)])

    def _count(self) -> int:
        return sum(len(product.rows) for product in self._products.values())


async def active_rules(tx: Transaction) -> list[InstalledRule]:
    """Every rule of the installed packs."""
    rows = await (await tx.execute(QUERIES["rules_active"])).fetchall()
    return [InstalledRule(row["number"], row["scene"], row["rule"], rule_of(row["spec"])) for row in rows]


def rule_of(spec: dict[str, Any]) -> Rule:
    """A rule from its stored form."""
    return RulesFile.model_validate({"rules": {"rule": spec}}).rules["rule"]


def _lanes(product: str, found: Sequence[Row]) -> NDArray[np.int8]:
    """A gateway's devices are at home in its lane, so that what it says need not travel on."""
    return np.array([partition_of(product, row["speaker"] or row["id"]) for row in found], np.int8)


def _ints(values: list[int]) -> Int32:
    return np.array(values, np.int32)


def _series(found: Sequence[Row], metric: str) -> Int32:
    return _ints([row["series"].get(metric, NO_SERIES) for row in found])


def _numbers(found: Sequence[Row], attribute: str) -> Floats:
    return np.array([attribute_number(row["attributes"], attribute) for row in found], np.float64)
