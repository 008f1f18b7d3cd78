"""Which areas a position lies in: an index in memory, never changed once built."""

from collections.abc import Iterable, Mapping, Sequence
from math import cos, radians
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import shape

from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.geometry import EARTH_RADIUS_M, valid_lonlat
from yunnao.modules.geography.contracts import Area, AreaCodes, Place

nearby_max_m = 2_000.0
"""A position in no district, yet this near to one, is that district's: shapes are generalised, and
quays and beaches lie outside their coast lines."""

_none = -1
Floats = NDArray[np.float64]
Indexes = NDArray[np.int64]


class _Layer:
    """The shapes of one level in a local plane (metres), with a tree over them."""

    def __init__(self, areas: Sequence[Area], shapes: Mapping[str, Any], scale: Floats) -> None:
        self.areas = [area for area in areas if area.code in shapes]
        flat = [shapely.force_2d(shape(shapes[area.code])) for area in self.areas]
        polygons = shapely.transform(np.array(flat, dtype=object), lambda xy: xy * scale)
        shapely.prepare(polygons)
        self.tree = shapely.STRtree(polygons)

    def within(self, points: NDArray[Any]) -> Indexes:
        """The shape that each point lies in or on the edge of; of several the first by code."""
        found = np.full(len(points), _none, dtype=np.int64)
        at, which = self.tree.query(points, predicate="intersects")
        order = np.lexsort((which, at))[::-1]
        found[at[order]] = which[order]
        return found

    def nearest(self, points: NDArray[Any]) -> Indexes:
        """The nearest shape no further than `nearby_max_m`."""
        found = np.full(len(points), _none, dtype=np.int64)
        if len(self.areas) and len(points):
            at, which = self.tree.query_nearest(points, max_distance=nearby_max_m, all_matches=False)
            found[at] = which
        return found


class PlaceIndex:
    """Resolves positions to districts and streets. Safe to share between threads."""

    def __init__(self, areas: Iterable[Area], shapes: Mapping[str, Any]) -> None:
        """`shapes`: area code to GeoJSON geometry, WGS 84; an area without one is never found."""
        ordered = sorted(areas, key=lambda area: area.code)
        self.areas = {area.code: area for area in ordered}
        latitudes = [shape(geometry).centroid.y for geometry in shapes.values()]
        middle = sum(latitudes) / len(latitudes) if latitudes else 0.0
        metre = radians(1) * EARTH_RADIUS_M
        self._scale = np.array([metre * cos(radians(middle)), metre])
        self._districts = _Layer([a for a in ordered if a.level == "district"], shapes, self._scale)
        self._streets = _Layer([a for a in ordered if a.level == "street"], shapes, self._scale)

    def resolve(self, lon: float, lat: float) -> Place:
        """The areas of one position; raises InvalidInput as `valid_lonlat` does."""
        valid_lonlat(lon, lat)
        return self.resolve_many([lon], [lat])[0]

    def resolve_many(self, lons: Sequence[float] | Floats, lats: Sequence[float] | Floats) -> list[Place]:
        """The areas of many positions, in their order. A street decides its district.

        Raises InvalidInput for the first position that is none.
        """
        district, street = self._found(lons, lats)
        return [self._place(d, s) for d, s in zip(district.tolist(), street.tolist(), strict=True)]

    def codes_of(self, lons: Floats, lats: Floats) -> AreaCodes:
        """As `resolve_many`, the codes alone: for a million positions at once."""
        district, street = self._found(lons, lats)
        own = np.array([area.code for area in self._streets.areas] + [None], dtype=object)
        above = np.array([area.parent for area in self._streets.areas] + [None], dtype=object)
        plain = np.array([area.code for area in self._districts.areas] + [None], dtype=object)
        in_street = street != _none
        return AreaCodes(np.where(in_street, above[street], plain[district]).tolist(), own[street].tolist())

    def _found(
        self, lons: Sequence[float] | Floats, lats: Sequence[float] | Floats
    ) -> tuple[Indexes, Indexes]:
        """Indexes of the district and the street of each position."""
        x, y = np.asarray(lons, dtype=np.float64), np.asarray(lats, dtype=np.float64)
        if len(x) != len(y):
            raise InvalidInput("coordinates_many_uneven", lons=len(x), lats=len(y))
        wrong = ~(np.isfinite(x) & np.isfinite(y) & (np.abs(x) <= 180) & (np.abs(y) <= 90))
        if wrong.any():
            first = int(np.argmax(wrong))
            valid_lonlat(float(x[first]), float(y[first]))
        points = shapely.points(np.column_stack((x, y)) * self._scale)
        street = self._streets.within(points)
        district = self._districts.within(points)
        outside = np.flatnonzero((street == _none) & (district == _none))
        district[outside] = self._districts.nearest(points[outside])
        return district, street

    def ancestors(self, code: str) -> tuple[Area, ...]:
        """The area itself, then its parents upwards; empty for an unknown code."""
        found: list[Area] = []
        area = self.areas.get(code)
        while area is not None:
            found.append(area)
            area = self.areas.get(area.parent) if area.parent else None
        return tuple(found)

    def _place(self, district: int, street: int) -> Place:
        own = self._streets.areas[street] if street != _none else None
        if own is not None:
            return Place(self.areas.get(own.parent or ""), own)
        return Place(self._districts.areas[district] if district != _none else None, None)
