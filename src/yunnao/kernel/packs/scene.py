"""A scene pack: what the city does. A folder `scenes/<scene>/`.

scene.yaml      SceneManifest (required)
entities.yaml   EntitiesFile       types of things, in NGSI-LD's model
products.yaml   ProductsFile       device products: metrics and decoders
rules.yaml      RulesFile          what is found in readings, and the case it raises
cases.yaml      CasesFile          categories and case types (form, flow, deadlines)
indicators.yaml IndicatorsFile     what the case centre is judged by
flows/*.bpmn    BPMN 2.0           named by case types
views.yaml      ViewsFile          map layers
examples.yaml   ExamplesFile       texts that teach the dispatcher a category
devices.yaml    DevicesFile        synthetic entities and devices of demo mode
reports.yaml    ReportsFile        synthetic reports of demo mode, apart from the examples
cases/*.input.json, *.expected.json   the scene's own test cases
quality.yaml    QualityFile        bronze, silver or gold, with reasons
README.md
"""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from yunnao.kernel.packs.commands import Command
from yunnao.kernel.packs.common import Code, Model, PascalName, Slug, Text, Version
from yunnao.kernel.packs.decoders import BitsDecoder, Decoder
from yunnao.kernel.packs.indicators import Indicator
from yunnao.kernel.packs.rules import Rule

ValueType = Literal["number", "integer", "boolean", "string"]


class SceneManifest(Model):
    """`scene.yaml`: who the pack is."""

    scene: Slug
    version: Version
    name: Text
    description: Text
    icon: str = Field("apps", max_length=40, description="Name of an icon of the console.")
    requires: list[Slug] = Field([], description="Scenes that must be installed before.")


# --- entities.yaml ---------------------------------------------------------------------------


class Attribute(Model):
    """An attribute of an entity type (NGSI-LD: Property, GeoProperty or Relationship)."""

    kind: Literal["Property", "GeoProperty", "Relationship"] = "Property"
    value_type: ValueType = "number"
    unit: str | None = Field(None, description="UN/CEFACT Common Code, e.g. MTR, CEL, P1.")
    label: Text
    target_type: PascalName | None = Field(None, description="Of a Relationship: the type it points to.")


class EntityType(Model):
    """A type of thing in the city."""

    label: Text
    icon: str = Field("place", max_length=40)
    attributes: dict[str, Attribute] = {}


class EntitiesFile(Model):
    entity_types: dict[PascalName, EntityType]


# --- products.yaml ---------------------------------------------------------------------------


class Metric(Model):
    """One measured quantity of a product."""

    label: Text
    value_type: ValueType = "number"
    unit: str | None = Field(None, description="UN/CEFACT Common Code.")
    unit_label: Text | None = Field(None, description="The unit as people write it.")
    minimum: float | None = None
    maximum: float | None = None
    attribute: str | None = Field(
        None, description="The entity's attribute that this metric keeps; none: the entity is untouched."
    )


class EdgeThinning(Model):
    """At an edge site, one message a window and device stands for all that the device said in it."""

    every_s: int = Field(ge=1, le=900, description="Length of the window, seconds.")
    aggregate: Literal["mean", "minimum", "maximum", "last"] = "mean"


class Product(Model):
    """A device product: what its devices measure and how they say it."""

    label: Text
    entity_type: PascalName = Field(description="The type of thing that these devices watch.")
    metrics: dict[str, Metric]
    decoder: Decoder
    grade: Literal["general", "important", "core"] = Field(
        "general", description="Of the readings (GB/T 43697-2024): what other departments may know of them."
    )
    commands: dict[Slug, Command] = {}
    interval_s: int = Field(60, ge=1, description="How often a device reports, seconds.")
    future_max_s: int = Field(300, ge=0, description="Readings further in the future are refused.")
    messages_per_minute_max: int | None = Field(
        None, ge=1, description="Of one device; what is beyond is refused. None: only storms are noticed."
    )
    past_max_s: int = Field(31_536_000, ge=1, description="Readings older than this are refused.")
    retention_days: int | None = Field(
        None, ge=1, description="Readings older than this many whole days are removed; none: kept for ever."
    )
    edge: EdgeThinning | None = Field(
        None, description="What an edge site hands up; none: every message as it came."
    )

    @field_validator("decoder", mode="before")
    @classmethod
    def _json_unless_said(cls, given: Any) -> Any:
        return {"format": "json", **given} if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _decoder_names_metrics(self) -> "Product":
        unknown = set(self.decoder.metrics) - set(self.metrics)
        if unknown:
            raise ValueError(f"decoder names metrics that the product lacks: {sorted(unknown)}")
        if isinstance(self.decoder, BitsDecoder):
            texts = [name for name in self.decoder.metrics if self.metrics[name].value_type == "string"]
            if texts:
                raise ValueError(f"a frame of bits holds no text: {texts}")
        return self


class ProductsFile(Model):
    products: dict[Slug, Product]


# --- cases.yaml ------------------------------------------------------------------------------


StepName = Literal["dispatch", "accept", "handle", "check"]


class StepLimit(Model):
    """A time limit of one step, from when the case came to it."""

    limit_h: float = Field(gt=0, description="Hours.")
    clock: Literal["working", "urgent"] | None = Field(None, description="None: the deadline's.")


class Deadline(Model):
    """A time limit from acceptance to the end of handling."""

    limit_h: float = Field(gt=0, description="Hours.")
    amber_share: float | None = Field(
        None, ge=0, lt=1, description="Amber while less of the limit is left. None: inherited, at last 0.25."
    )
    steps: dict[StepName, StepLimit] = Field(
        {}, description="Limits of single steps; each is inherited where it is not declared."
    )
    clock: Literal["working", "urgent"] = Field(
        "working", description="working: the city's working hours; urgent: every hour counts."
    )


class Category(Model):
    """A category of cases. Codes of urban management follow GB/T 30428.2."""

    name: Text
    parent: Code | None = None
    deadline: Deadline | None = Field(None, description="None: the parent's, then the case type's.")
    keywords: list[str] = []


class CaseType(Model):
    """A type of case: its form, flow and time limit."""

    label: Text
    flow: str = Field(pattern=r"^flows/[A-Za-z0-9_-]+\.bpmn$", description="BPMN file of this pack.")
    deadline: Deadline
    form: dict[str, Any] = Field({"type": "object"}, description="JSON Schema 2020-12 of extra fields.")
    reported_by: list[Literal["citizen", "officer", "alarm"]] = ["citizen", "officer"]
    archive_after_days: int = Field(
        90, ge=1, le=3650, description="Days after closing until a case is archived, and read-only."
    )


class CasesFile(Model):
    categories: dict[Code, Category] = {}
    case_types: dict[Slug, CaseType] = {}


# --- views.yaml ------------------------------------------------------------------------------


class ColourStep(Model):
    """From this value on, this token of the design system."""

    from_value: float
    token: Literal["good", "notice", "warning", "danger", "neutral"]
    label: Text


class MapLayer(Model):
    """A live layer of the map: one point an entity, coloured by one attribute."""

    label: Text
    entity_type: PascalName
    attribute: str | None = None
    relative_to: str | None = Field(None, description="Colour by attribute / this attribute.")
    steps: list[ColourStep] = []
    shown: bool = True


class ViewsFile(Model):
    layers: dict[Slug, MapLayer]


# --- examples.yaml ---------------------------------------------------------------------------


class ExamplesFile(Model):
    """Texts written for this pack (synthetic), a list for each category."""

    examples: dict[Code, list[str]]


# --- devices.yaml ----------------------------------------------------------------------------


class Rhythm(Model):
    """How a synthetic metric moves: a day's curve, noise, and what rain adds."""

    base: float
    daily_amplitude: float = 0.0
    peak_hour: float = Field(14, ge=0, lt=24)
    noise: float = Field(0.0, ge=0)
    rain_gain: float = Field(0.0, description="Added at full rain.")
    minimum: float = 0.0
    maximum: float | None = None
    share_of: str | None = Field(None, description="Values are shares of this device attribute.")


class DemoDevice(Model):
    """A synthetic entity and the device that watches it."""

    device: Code
    product: Slug
    entity: str = Field(description="Local part of the entity's URN.")
    name: Text
    lon: float = Field(ge=-180, le=180)
    lat: float = Field(ge=-90, le=90)
    attributes: dict[str, float | str | bool] = {}
    rhythm: dict[str, Rhythm] = {}
    owner: Code | None = Field(
        None, description="The department whose readings they are; none: all may read."
    )


class DevicesFile(Model):
    devices: list[DemoDevice]
    owner: Code | None = Field(None, description="Of every device that names no owner itself.")

    def owned(self) -> list[DemoDevice]:
        """The devices, each with its owner."""
        return [one if one.owner else one.model_copy(update={"owner": self.owner}) for one in self.devices]


# --- reports.yaml ----------------------------------------------------------------------------


class DemoReport(Model):
    """What a synthetic citizen writes. Never taught to the dispatcher, so that it can be judged by it."""

    text: str = Field(min_length=1, max_length=4000)
    category: Code = Field(description="The true category.")
    lon: float = Field(ge=-180, le=180)
    lat: float = Field(ge=-90, le=90)
    address: str = Field(max_length=200)


class ReportsFile(Model):
    reports: list[DemoReport]


# --- quality.yaml ----------------------------------------------------------------------------


class QualityFile(Model):
    level: Literal["bronze", "silver", "gold"]
    reasons: list[Text]
    missing: list[Text] = []


# --- cases/*.json ----------------------------------------------------------------------------


class ReadingsInput(Model):
    """A test case of rules: device messages in time order."""

    kind: Literal["readings"]
    device: DemoDevice
    messages: list[dict[str, Any] | list[Any] | str] = Field(
        description="Payloads, as the device sends them."
    )
    until: str | None = Field(None, description="The time at which silence is judged, ISO 8601.")


class HistoryReadings(Model):
    """Readings of one metric of one device at equal steps; null where there is none."""

    device: Code
    metric: str
    start: str = Field(description="Of the first value, ISO 8601.")
    step_s: float = Field(gt=0)
    values: list[float | None] = Field(min_length=1)
    repeat: int = Field(1, ge=1, le=1_000, description="How often the values come, one after another.")


class HistoryInput(Model):
    """A test case of scheduled rules: devices, their relations and what they measured."""

    kind: Literal["history"]
    devices: list[DemoDevice]
    relations: dict[str, dict[str, str]] = Field(
        {}, description="By entity: the name of each relation and the entity that it points to."
    )
    readings: list[HistoryReadings]
    start: str = Field(description="The first time at which rules are evaluated, ISO 8601.")
    until: str = Field(description="The last time, ISO 8601.")

    @model_validator(mode="after")
    def _known_devices(self) -> "HistoryInput":
        unknown = {told.device for told in self.readings} - {device.device for device in self.devices}
        if unknown:
            raise ValueError(f"readings of devices that are not listed: {sorted(unknown)}")
        return self


class ReadingsExpected(Model):
    """`alarms`: what happened, in order."""

    alarms: list[dict[str, str]] = Field(
        description="rule, event (opened|cleared), time (ISO 8601); of a history the device too."
    )


class ReportInput(Model):
    """A test case of dispatch: what a citizen writes."""

    kind: Literal["report"]
    text: str


class ReportExpected(Model):
    category: Code


TestInput = Annotated[ReadingsInput | HistoryInput | ReportInput, Field(discriminator="kind")]


class PackCase(Model):
    """A test case of a pack: the pair `cases/<name>.input.json`, `cases/<name>.expected.json`."""

    name: str
    input: TestInput
    expected: ReadingsExpected | ReportExpected


class ScenePack(Model):
    """A whole scene pack, as the engine holds it after validation."""

    manifest: SceneManifest
    entity_types: dict[str, EntityType] = {}
    products: dict[str, Product] = {}
    rules: dict[str, Rule] = {}
    categories: dict[str, Category] = {}
    case_types: dict[str, CaseType] = {}
    indicators: dict[str, Indicator] = {}
    flows: dict[str, str] = Field({}, description="File name (flows/x.bpmn) to BPMN XML.")
    layers: dict[str, MapLayer] = {}
    examples: dict[str, list[str]] = {}
    devices: list[DemoDevice] = []
    reports: list[DemoReport] = []
    quality: QualityFile | None = None
    cases: list[PackCase] = []
