"""References between the files of a scene, and to the scenes that it requires."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from string import Formatter

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from yunnao.kernel.packs.decoders import BitsDecoder, JsonDecoder
from yunnao.kernel.packs.rule_base import RuleBase
from yunnao.kernel.packs.scene import (
    Category,
    DemoDevice,
    EntityType,
    HistoryInput,
    MapLayer,
    Product,
    ReadingsInput,
    ReportExpected,
    ScenePack,
    ValueType,
)
from yunnao.kernel.packs.scheduled_rules import RelatedRule, ScheduledRule
from yunnao.kernel.packs.streaming_rules import ReadingRule, StuckRule, ThresholdRule
from yunnao.kernel.text import Text
from yunnao.scenes.problems import kind_name
from yunnao.scenes.source import PackSource

message_parameters = frozenset({"entity", "value", "since"})

NUMERIC: tuple[ValueType, ...] = ("number", "integer")

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Known:
    """What the pack and the scenes it requires define. A file that could not be read defines
    nothing, so references into it are not judged: one mistake, one problem."""

    entity_types: Mapping[str, EntityType]
    products: Mapping[str, Product]
    categories: Mapping[str, Category]
    case_types: frozenset[str]
    flows: frozenset[str]
    broken: frozenset[str]

    @classmethod
    def of(cls, pack: ScenePack, required: Iterable[ScenePack], broken: frozenset[str]) -> "Known":
        packs = [*required, pack]
        return cls(
            entity_types={name: item for one in packs for name, item in one.entity_types.items()},
            products={name: item for one in packs for name, item in one.products.items()},
            categories={code: item for one in packs for code, item in one.categories.items()},
            case_types=frozenset(name for one in packs for name in one.case_types),
            flows=frozenset(pack.flows),
            broken=broken,
        )


def check_scene(source: PackSource, pack: ScenePack, known: Known) -> None:
    """Adds a problem for every reference that leads nowhere."""
    check = _Check(source, known)
    for name, entity_type in pack.entity_types.items():
        check.entity_type(name, entity_type)
    for name, product in pack.products.items():
        check.product(name, product)
    for name, rule in pack.rules.items():
        check.rule(name, rule)
    check.categories(pack.categories)
    check.case_types(pack)
    for name, layer in pack.layers.items():
        check.layer(name, layer)
    for code in pack.examples:
        check.category("examples.yaml", ("examples", code), code)
    check.devices(pack.devices)
    for index, report in enumerate(pack.reports):
        check.category("reports.yaml", ("reports", index, "category"), report.category)
    for case in pack.cases:
        check.case(case.name, case.input, case.expected)


@dataclass(frozen=True)
class _Check:
    source: PackSource
    known: Known

    def missing(
        self, file: str, path: Path, kind: str, name: str, defined: Iterable[str], where: str
    ) -> bool:
        """Reports `name` if nothing of that kind is defined; True if it is missing."""
        names = list(defined)
        if name in names:
            return False
        if where not in self.known.broken:
            self.source.add(file, path, "pack_reference", kind=kind_name(kind), name=name, known=_few(names))
        return True

    def category(self, file: str, path: Path, code: str) -> None:
        self.missing(file, path, "category", code, self.known.categories, "cases.yaml")

    def entity_type(self, name: str, entity_type: EntityType) -> None:
        file = "entities.yaml"
        for key, attribute in entity_type.attributes.items():
            path = ("entity_types", name, "attributes", key)
            if attribute.kind == "Relationship":
                if attribute.target_type is None:
                    self.source.add(file, path, "pack_key_missing", key="target_type")
                else:
                    target = attribute.target_type
                    self.missing(
                        file, (*path, "target_type"), "entity_type", target, self.known.entity_types, file
                    )
            elif attribute.target_type is not None:
                self.source.add(file, (*path, "target_type"), "pack_target_needless")

    def product(self, name: str, product: Product) -> None:
        file, path = "products.yaml", ("products", name)
        decoder = product.decoder
        pointers: list[tuple[str, str | None]] = []
        if isinstance(decoder, JsonDecoder):
            pointers = [*decoder.metrics.items(), ("time", decoder.time)]
        elif isinstance(decoder, BitsDecoder):
            pointers = [("frame", decoder.frame), ("time", decoder.time)]
        for field, pointer in pointers:
            if pointer and not pointer.startswith("/"):
                self.source.add(file, (*path, "decoder"), "pack_pointer", name=field, given=pointer)
        entity_type = product.entity_type
        types = self.known.entity_types
        if self.missing(file, (*path, "entity_type"), "entity_type", entity_type, types, "entities.yaml"):
            return
        attributes = self.known.entity_types[entity_type].attributes
        for key, metric in product.metrics.items():
            if metric.attribute is not None:
                here = (*path, "metrics", key, "attribute")
                self.missing(file, here, "attribute", metric.attribute, attributes, "entities.yaml")
            if metric.minimum is not None and metric.maximum is not None and metric.minimum > metric.maximum:
                self.source.add(file, (*path, "metrics", key), "pack_range_reversed")

    def rule(self, name: str, rule: RuleBase) -> None:
        file, path = "rules.yaml", ("rules", name)
        for parameter in sorted(_parameters(rule.message) - message_parameters):
            self.source.add(
                file, (*path, "message"), "pack_parameter", name=parameter, known=_few(message_parameters)
            )
        if rule.case is not None:
            here = (*path, "case")
            case_type, known = rule.case.case_type, self.known.case_types
            self.missing(file, (*here, "case_type"), "case_type", case_type, known, "cases.yaml")
            self.category(file, (*here, "category"), rule.case.category)
            for index, code in enumerate(rule.case.inform):
                self.category(file, (*here, "inform", index), code)
        products = self.known.products
        if self.missing(file, (*path, "product"), "product", rule.product, products, "products.yaml"):
            return
        if isinstance(rule, ScheduledRule):
            self.number(file, (*path, "metric"), rule.product, rule.metric)
        if isinstance(rule, RelatedRule):
            here, other = (*path, "other"), rule.other
            where = (*here, "product")
            if not self.missing(file, where, "product", other.product, products, "products.yaml"):
                self.number(file, (*here, "metric"), other.product, other.metric)
        if isinstance(rule, ReadingRule):
            product = products[rule.product]
            self.number(file, (*path, "metric"), rule.product, rule.metric, _judged_types(rule))
            if isinstance(rule, ThresholdRule) and rule.relative_to is not None:
                self.attribute(file, (*path, "relative_to"), product.entity_type, rule.relative_to)

    def number(
        self, file: str, path: Path, product: str, name: str, types: tuple[ValueType, ...] = NUMERIC
    ) -> None:
        """A metric of a known product that is of one of these types."""
        metrics = self.known.products[product].metrics
        metric = metrics.get(name)
        if metric is None:
            self.missing(file, path, "metric", name, metrics, "products.yaml")
        elif metric.value_type not in types:
            self.source.add(file, path, "pack_metric_not_numeric", name=name)

    def attribute(self, file: str, path: Path, entity_type: str, attribute: str) -> None:
        held = self.known.entity_types.get(entity_type)
        if held is not None:
            self.missing(file, path, "attribute", attribute, held.attributes, "entities.yaml")

    def categories(self, own: Mapping[str, Category]) -> None:
        file = "cases.yaml"
        for code, category in own.items():
            path = ("categories", code, "parent")
            if category.parent is None:
                continue
            if self.missing(file, path, "category", category.parent, self.known.categories, file):
                continue
            cycle = _cycle(code, self.known.categories)
            if cycle:
                self.source.add(file, path, "pack_cycle", cycle=" → ".join(cycle))

    def case_types(self, pack: ScenePack) -> None:
        file = "cases.yaml"
        for name, case_type in pack.case_types.items():
            path = ("case_types", name)
            self.missing(file, (*path, "flow"), "flow", case_type.flow, self.known.flows, case_type.flow)
            try:
                Draft202012Validator.check_schema(case_type.form)
            except SchemaError as error:
                here = (*path, "form", *error.absolute_path)
                self.source.add(file, here, "pack_form", detail=error.message)

    def layer(self, name: str, layer: MapLayer) -> None:
        file, path = "views.yaml", ("layers", name)
        here = (*path, "entity_type")
        entity_types = self.known.entity_types
        if self.missing(file, here, "entity_type", layer.entity_type, entity_types, "entities.yaml"):
            return
        for key, attribute in (("attribute", layer.attribute), ("relative_to", layer.relative_to)):
            if attribute is not None:
                self.attribute(file, (*path, key), layer.entity_type, attribute)
        if any(a.from_value >= b.from_value for a, b in pairwise(layer.steps)):
            self.source.add(file, (*path, "steps"), "pack_steps_order")

    def devices(self, devices: Sequence[DemoDevice]) -> None:
        seen: set[str] = set()
        for index, device in enumerate(devices):
            if device.device in seen:
                self.source.add("devices.yaml", ("devices", index), "pack_duplicate", name=device.device)
            seen.add(device.device)
            self.device("devices.yaml", ("devices", index), device)

    def device(self, file: str, path: Path, device: DemoDevice) -> None:
        products = self.known.products
        if self.missing(file, (*path, "product"), "product", device.product, products, "products.yaml"):
            return
        product = products[device.product]
        for metric, rhythm in device.rhythm.items():
            here = (*path, "rhythm", metric)
            self.missing(file, here, "metric", metric, product.metrics, "products.yaml")
            if rhythm.share_of is not None and rhythm.share_of not in device.attributes:
                self.source.add(
                    file,
                    here,
                    "pack_reference",
                    kind=kind_name("attribute"),
                    name=rhythm.share_of,
                    known=_few(device.attributes),
                )
        for attribute in device.attributes:
            self.attribute(file, (*path, "attributes", attribute), product.entity_type, attribute)

    def case(self, name: str, given: object, expected: object) -> None:
        if isinstance(given, ReadingsInput):
            self.device(f"cases/{name}.input.json", ("device",), given.device)
        if isinstance(given, HistoryInput):
            for index, device in enumerate(given.devices):
                self.device(f"cases/{name}.input.json", ("devices", index), device)
        if isinstance(expected, ReportExpected):
            self.category(f"cases/{name}.expected.json", ("category",), expected.category)


def _judged_types(rule: ReadingRule) -> tuple[ValueType, ...]:
    """What an operator can compare; that a switch never moves can be told too."""
    return (*NUMERIC, "boolean") if isinstance(rule, StuckRule) else NUMERIC


def _cycle(code: str, categories: Mapping[str, Category]) -> list[str]:
    """The way from `code` up to `code` again; empty where the tree ends above."""
    way, at = [code], categories[code].parent
    while at is not None and at in categories and at not in way:
        way.append(at)
        at = categories[at].parent
    return [*way, code] if at == code else []


def _parameters(text: Text) -> set[str]:
    """Names in braces in either language; a sentence that cannot be parsed has the name `{`."""
    found: set[str] = set()
    for sentence in (text.zh, text.en):
        try:
            found.update(name for _, name, _, _ in Formatter().parse(sentence) if name is not None)
        except ValueError:
            found.add("{")
    return found


def _few(names: Iterable[str], told_max: int = 8) -> str:
    ordered = sorted(names)
    return ", ".join(ordered[:told_max]) + ("…" if len(ordered) > told_max else "") or "–"
