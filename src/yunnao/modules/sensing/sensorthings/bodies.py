"""What clients post (OGC 18-088, 8.2 and 10.2), checked."""

from datetime import datetime
from typing import Any, TypeVar

import shapely
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from shapely.errors import ShapelyError
from shapely.geometry import shape

from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.geometry import valid_lonlat
from yunnao.modules.sensing.sensorthings.domain.expressions import moment
from yunnao.modules.sensing.sensorthings.domain.model import ENTITY_SETS

Kind = TypeVar("Kind", bound=BaseModel)
Name = Field(min_length=1, max_length=1_000)
Body = dict[str, Any]
nested_max = 100
"""Entities that one relation of a body inserts or links."""


class Posted(BaseModel):
    """Properties of an entity; relations are handled apart."""

    model_config = ConfigDict(extra="allow")

    name: str = Name
    description: str = Field(max_length=10_000)
    properties: dict[str, Any] = {}


class PostedSensor(Posted):
    encodingType: str = Name  # noqa: N815
    metadata: Any


class PostedProperty(Posted):
    definition: str = Name


class PostedPlace(Posted):
    encodingType: str = Name  # noqa: N815


class PostedLocation(PostedPlace):
    location: Any


class PostedFeature(PostedPlace):
    feature: Any


class PostedDatastream(Posted):
    observationType: str = Name  # noqa: N815
    unitOfMeasurement: dict[str, Any]  # noqa: N815


class PostedObservation(BaseModel):
    """`phenomenonTime` is an instant or an interval, of which the beginning counts."""

    model_config = ConfigDict(extra="allow")

    phenomenonTime: str | None = None  # noqa: N815
    result: Any
    resultTime: str | None = None  # noqa: N815
    resultQuality: Any = None  # noqa: N815
    validTime: str | None = None  # noqa: N815
    parameters: dict[str, Any] | list[Any] | None = None

    def time(self, now: datetime) -> datetime:
        return moment(self.phenomenonTime) if self.phenomenonTime else now

    def fields(self) -> Body:
        """What a reading has no room for."""
        told: Body = {}
        for name in ("resultQuality", "validTime", "parameters"):
            if getattr(self, name) not in (None, {}):
                told[name] = getattr(self, name)
        if self.resultTime is not None:
            at = moment(self.resultTime)
            if self.phenomenonTime is None or at != moment(self.phenomenonTime):
                told["resultTime"] = at.isoformat()
        return told


def read(kind: type[Kind], body: Any) -> Kind:
    """Raises InvalidInput `sta_body_invalid`, saying where and why."""
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        found = error.errors()[0]
        where = "/".join(map(str, found["loc"])) or "/"
        raise InvalidInput("sta_body_invalid", where=where, detail=found["msg"]) from error


def related(body: Body, name: str) -> Any:
    """`{"@iot.id": …}`, an entity to insert, a list of such, or None.

    Raises InvalidInput `sta_body_invalid`.
    """
    found = body.get(name)
    items = found if isinstance(found, list) else [] if found is None else [found]
    if len(items) > nested_max or not all(isinstance(item, dict) for item in items):
        raise InvalidInput("sta_body_invalid", where=name, detail=f"0..{nested_max} objects")
    return found


def place_of(geometry: Any) -> tuple[float | None, float | None]:
    """A point within GeoJSON, by which filters find it; none of another encoding."""
    if isinstance(geometry, dict) and geometry.get("type") == "Feature":
        geometry = geometry.get("geometry")
    if not isinstance(geometry, dict) or "coordinates" not in geometry:
        return None, None
    try:
        found: Any = shapely.force_2d(shape(geometry))
        point: Any = found if found.geom_type == "Point" else found.representative_point()
        return valid_lonlat(point.x, point.y)
    except (ShapelyError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise InvalidInput("geography_invalid", wkt=str(geometry)[:80]) from error


def known_relations(entity_set: str, body: Body) -> None:
    """Refuses what looks like a relation that the set lacks, by InvalidInput `odata_navigation_unknown`."""
    found = ENTITY_SETS[entity_set]
    for name in body:
        if name[:1].isupper() and found.navigation(name) is None:
            known = ", ".join(n.name for n in found.navigations)
            raise InvalidInput("odata_navigation_unknown", name=name[:60], set=entity_set, known=known)
