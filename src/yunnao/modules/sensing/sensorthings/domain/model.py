"""The entity sets of SensorThings (OGC 18-088, 8.2) as columns of the views of schema `sensorthings`.

An expression is SQL over one row of its view, `{a}` being the view's alias and `%(lang)s` the
reader's language. Nothing that a client sends gets into it.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["number", "text", "time", "bool", "duration", "date", "clock", "json", "geo", "result", "key"]
"""What an expression is to operators: `clock` is a time of day, `geo` the alias of a row with lon and
lat, `result` a row with value and value_text, `key` a row with datastream and time."""


@dataclass(frozen=True)
class Property:
    """A property: `out` answers it; `of` is what filters see, where that is not the same."""

    name: str
    out: str
    kind: Kind
    of: str | None = None


@dataclass(frozen=True)
class Navigation:
    """A relation: rows of `target` whose column `there` equals this row's column `here`."""

    name: str
    target: str
    many: bool
    here: str
    there: str


@dataclass(frozen=True)
class EntitySet:
    """One entity set: `columns` are the keys that its navigations join by."""

    name: str
    view: str
    properties: tuple[Property, ...]
    navigations: tuple[Navigation, ...]
    columns: tuple[str, ...]
    key: tuple[str, ...] = ("id",)

    def property(self, name: str) -> Property | None:
        return next((p for p in self.properties if p.name == name), None)

    def navigation(self, name: str) -> Navigation | None:
        return next((n for n in self.navigations if n.name == name), None)


def _told(name: str) -> Property:
    return Property(name, f"{{a}}.{name} ->> %(lang)s", "text")


_NAMED = (_told("name"), _told("description"))
_PROPERTIES = Property("properties", "{a}.properties", "json")
_ENCODING = Property("encodingType", "{a}.encoding_type", "text")
_TIME = "{a}.time"
_UNIT = (
    "coalesce({a}.unit, jsonb_build_object('name', coalesce({a}.unit_label ->> %(lang)s, {a}.unit_code),"
    " 'symbol', coalesce({a}.unit_label ->> %(lang)s, {a}.unit_code),"
    " 'definition', 'https://vocabulary.uncefact.org/UnitMeasureCode#' || {a}.unit_code))"
)
_RESULT = (
    "CASE {a}.value_type WHEN 'string' THEN to_jsonb({a}.value_text) WHEN 'boolean' THEN"
    " to_jsonb({a}.value <> 0) WHEN 'integer' THEN to_jsonb({a}.value::numeric) ELSE to_jsonb({a}.value) END"
)

_SETS = (
    EntitySet(
        "Things",
        "sensorthings.things",
        (*_NAMED, _PROPERTIES),
        (
            Navigation("Datastreams", "Datastreams", True, "id", "thing"),
            Navigation("Locations", "Locations", True, "location", "id"),
            Navigation("HistoricalLocations", "HistoricalLocations", True, "id", "thing"),
        ),
        ("id", "location"),
    ),
    EntitySet(
        "Locations",
        "sensorthings.locations",
        (*_NAMED, _ENCODING, Property("location", "{a}.location", "geo", "{a}"), _PROPERTIES),
        (
            Navigation("Things", "Things", True, "id", "location"),
            Navigation("HistoricalLocations", "HistoricalLocations", True, "id", "location"),
        ),
        ("id",),
    ),
    EntitySet(
        "HistoricalLocations",
        "sensorthings.historical_locations",
        (Property("time", _TIME, "time"),),
        (
            Navigation("Thing", "Things", False, "thing", "id"),
            Navigation("Locations", "Locations", True, "location", "id"),
        ),
        ("id", "thing", "location"),
    ),
    EntitySet(
        "Sensors",
        "sensorthings.sensors",
        (*_NAMED, _ENCODING, Property("metadata", "{a}.metadata", "json"), _PROPERTIES),
        (Navigation("Datastreams", "Datastreams", True, "id", "sensor"),),
        ("id",),
    ),
    EntitySet(
        "ObservedProperties",
        "sensorthings.observed_properties",
        (_NAMED[0], Property("definition", "{a}.definition", "text"), _NAMED[1], _PROPERTIES),
        (Navigation("Datastreams", "Datastreams", True, "id", "observed_property"),),
        ("id",),
    ),
    EntitySet(
        "Datastreams",
        "sensorthings.datastreams",
        (
            *_NAMED,
            Property("observationType", "{a}.observation_type", "text"),
            Property("unitOfMeasurement", _UNIT, "json"),
            _PROPERTIES,
        ),
        (
            Navigation("Thing", "Things", False, "thing", "id"),
            Navigation("Sensor", "Sensors", False, "sensor", "id"),
            Navigation("ObservedProperty", "ObservedProperties", False, "observed_property", "id"),
            Navigation("Observations", "Observations", True, "id", "datastream"),
        ),
        ("id", "thing", "sensor", "observed_property"),
    ),
    EntitySet(
        "FeaturesOfInterest",
        "sensorthings.features",
        (*_NAMED, _ENCODING, Property("feature", "{a}.feature", "geo", "{a}"), _PROPERTIES),
        (Navigation("Observations", "Observations", True, "id", "feature"),),
        ("id",),
    ),
    EntitySet(
        "Observations",
        "sensorthings.observations",
        (
            Property("phenomenonTime", _TIME, "time"),
            Property("resultTime", "coalesce(({a}.fields ->> 'resultTime')::timestamptz, {a}.time)", "time"),
            Property("result", _RESULT, "result", "{a}"),
            Property("resultQuality", "{a}.fields -> 'resultQuality'", "json"),
            Property("validTime", "{a}.fields ->> 'validTime'", "text"),
            Property("parameters", "{a}.fields -> 'parameters'", "json"),
        ),
        (
            Navigation("Datastream", "Datastreams", False, "datastream", "id"),
            Navigation("FeatureOfInterest", "FeaturesOfInterest", False, "feature", "id"),
        ),
        ("datastream", "time", "feature"),
        ("datastream", "time"),
    ),
)

ENTITY_SETS: dict[str, EntitySet] = {found.name: found for found in _SETS}
OPTIONAL = frozenset({"resultQuality", "validTime", "parameters"})
"""Left out of an answer where there is none."""
