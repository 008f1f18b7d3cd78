"""Positions in the order of a grid of degrees: a box is one range of rows a line of the grid."""

from collections.abc import Callable

import numpy as np
import shapely
from numpy.typing import NDArray

from yunnao.kernel.geometry import EARTH_RADIUS_M
from yunnao.modules.sensing.contracts import Floats, Int32

Booleans = NDArray[np.bool_]
Keep = Callable[[Int32], Booleans]
Squares = NDArray[np.uint32]
"""Squares of the grid, counted line by line from the south-west; 36,001 lines of 72,000 fit 32 bits."""

STEP_DEG = 0.005
"""Some 500 m: a box of a street is a few lines, a box of a city some hundreds."""
COLUMNS = round(360 / STEP_DEG)
METRES_PER_DEGREE = EARTH_RADIUS_M * np.pi / 180
NEAR_FIRST_DEG = 0.01
NEAR_LAST_DEG = 10.0
"""What is farther than some 1,100 km is not near."""


class Grid:
    """n points, WGS 84 in degrees, by their place; those without one (NaN) are left out."""

    def __init__(self, lon: Floats, lat: Floats, ordered: tuple[Int32, Squares] | None = None) -> None:
        """`ordered`: points by their square, and beside them the squares, where that is known."""
        self._lon, self._lat = lon, lat
        if ordered is None:
            placed = np.flatnonzero(np.isfinite(lon) & np.isfinite(lat)).astype(np.int32)
            squares = squares_of(lon[placed], lat[placed])
            order = np.argsort(squares, kind="stable")
            ordered = placed[order], squares[order]
        self._order, self._square = ordered

    def box(self, west: float, south: float, east: float, north: float) -> Int32:
        """Points (in no order) of the box, borders included; west <= east."""
        starts, lengths = self._lines(west, south, east, north)
        before = np.cumsum(lengths) - lengths
        rows = np.arange(lengths.sum()) + np.repeat(starts - before, lengths)
        points = self._order.take(rows)
        lon, lat = self._lon.take(points), self._lat.take(points)
        found: Int32 = points[(lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)]
        return found

    def at_most(self, west: float, south: float, east: float, north: float) -> int:
        """How many points the squares have that the box touches."""
        return int(self._lines(west, south, east, north)[1].sum())

    def _lines(
        self, west: float, south: float, east: float, north: float
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Where the box's points begin in each line of the grid, and how many follow there."""
        first, last = _line(np.array([south, north])).tolist()
        left, right = _column(np.array([west, east])).tolist()
        lines = np.arange(first, last + 1) * COLUMNS
        # Of the same type as the squares: else every search would copy all of them.
        starts = np.searchsorted(self._square, (lines + left).astype(np.uint32), "left")
        return starts, np.searchsorted(self._square, (lines + right).astype(np.uint32), "right") - starts

    def within(self, polygon: shapely.Geometry) -> Int32:
        """Points inside the polygon or on its border."""
        points = self.box(*shapely.bounds(polygon).tolist())
        shapely.prepare(polygon)
        return points[shapely.intersects_xy(polygon, self._lon.take(points), self._lat.take(points))]

    def nearest(self, lon: float, lat: float, count: int, keep: Keep) -> tuple[Int32, Floats]:
        """Up to `count` points for which `keep` holds, by distance, and the distances in metres."""
        wider = max(np.cos(np.radians(lat)), 0.01)
        reach = NEAR_FIRST_DEG
        while True:
            points = self.box(
                max(lon - reach / wider, -180),
                max(lat - reach, -90),
                min(lon + reach / wider, 180),
                min(lat + reach, 90),
            )
            points = points[keep(points)]
            metres = distances_m(lon, lat, self._lon.take(points), self._lat.take(points))
            # Only inside the circle is it certain that no point outside the box is nearer.
            if (metres <= reach * METRES_PER_DEGREE * 0.99).sum() >= count or reach >= NEAR_LAST_DEG:
                nearest = np.argsort(metres, kind="stable")[:count]
                return points[nearest], metres[nearest]
            reach *= 2


def distances_m(lon: float, lat: float, lons: Floats, lats: Floats) -> Floats:
    """Great-circle distances (n) by the haversine formula."""
    one, other = np.radians(lat), np.radians(lats)
    half = np.sin((other - one) / 2) ** 2
    half += np.cos(one) * np.cos(other) * np.sin(np.radians(lons - lon) / 2) ** 2
    found: Floats = 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.minimum(half, 1.0)))
    return found


def squares_of(lon: Floats, lat: Floats) -> Squares:
    """The square of the grid of each of n places."""
    found: Squares = (_line(lat) * COLUMNS + _column(lon)).astype(np.uint32)
    return found


def _line(lat: Floats) -> NDArray[np.int64]:
    return np.floor((lat + 90) / STEP_DEG).astype(np.int64)


def _column(lon: Floats) -> NDArray[np.int64]:
    return np.minimum(np.floor((lon + 180) / STEP_DEG).astype(np.int64), COLUMNS - 1)
