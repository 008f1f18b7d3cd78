"""What other modules know of the twin: frozen values, and the port to areas."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from yunnao.kernel.packs.scene import MapLayer
from yunnao.kernel.text import Text

URN_PREFIX = "urn:ngsi-ld:"

Floats = NDArray[np.float64]
AttributeValue = float | int | str | bool


def urn(entity_type: str, local: str) -> str:
    """The identifier of an entity: `urn:ngsi-ld:CarPark:mixc` (ETSI GS CIM 009, 4.6.2)."""
    return f"{URN_PREFIX}{entity_type}:{local}"


class AreaCodes(Protocol):
    """The areas of n places as codes; None outside the city."""

    @property
    def district(self) -> Sequence[str | None]: ...
    @property
    def street(self) -> Sequence[str | None]: ...


class Areas(Protocol):
    """The port to geography: which areas places (WGS 84, degrees) lie in."""

    def codes_of(self, lons: Floats, lats: Floats) -> AreaCodes: ...


@dataclass(frozen=True)
class EntityDraft:
    """An entity to create or update. `relations` maps a relation's name to the URN that it points to."""

    id: str
    type: str
    name: Text
    lon: float | None
    lat: float | None
    attributes: dict[str, AttributeValue] = field(default_factory=dict)
    relations: dict[str, str] = field(default_factory=dict)
    geometry: dict[str, Any] | None = None
    synthetic: bool = False


ENTITY_COLUMNS = pl.Schema(
    {
        "id": pl.String,
        "type": pl.String,
        "name": pl.String,
        "lon": pl.Float64,
        "lat": pl.Float64,
        "district": pl.String,
        "street": pl.String,
        "attributes": pl.String,
        "relations": pl.String,
        "geometry": pl.String,
        "synthetic": pl.Boolean,
    }
)
"""Entities as columns. `name`, `attributes`, `relations` and `geometry` are JSON as in `EntityDraft`;
attributes that are null are none. What else is null stays as it is known: a name, a place, a shape."""


@dataclass(frozen=True)
class Attribute:
    """A Property's value, its unit (UN/CEFACT Common Code) and the time of the observation."""

    value: Any
    unit: str | None
    observed_at: datetime | None


@dataclass(frozen=True)
class Entity:
    """A thing in the city."""

    id: str
    type: str
    name: Text
    lon: float | None
    lat: float | None
    district: str | None
    street: str | None
    attributes: dict[str, Attribute]
    relations: dict[str, str]
    modified_at: datetime


@dataclass(frozen=True)
class EntityPlace:
    """An entity's name, and where it is: WGS 84 and the district's code."""

    name: Text
    lon: float | None
    lat: float | None
    district: str | None


@dataclass(frozen=True)
class EntityPage:
    """Entities in order of id; `after` is the cursor of the next page."""

    items: list[Entity]
    after: str | None
    total: int


@dataclass(frozen=True)
class ObservedAttributes:
    """n new values of attributes, column by column.

    `value` holds numbers and, with `boolean`, 0 and 1; where `text` is not None it is the value.
    """

    entity: Sequence[str]
    attribute: Sequence[str]
    value: Sequence[float | None]
    text: Sequence[str | None]
    boolean: Sequence[bool]
    unit: Sequence[str | None]
    observed_at: Sequence[datetime]


@dataclass(frozen=True)
class Layer:
    """A live layer of the map, as its scene declares it."""

    scene: str
    layer: str
    spec: MapLayer
