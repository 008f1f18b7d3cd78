"""Coordinates: WGS 84 inside, GCJ-02 and BD-09 converted at the edge.

Chinese map services answer in GCJ-02 (AMap, Tencent) or BD-09 (Baidu), shifted from WGS 84 by some
hundred metres. The conversions are `fast_geocn`'s; it inverts GCJ-02 by iteration, within 1 m.
"""

from math import asin, cos, isfinite, radians, sin, sqrt
from typing import Literal

from fast_geocn.coord import (
    bd09_to_gcj02,
    bd09_to_wgs84,
    gcj02_to_bd09,
    gcj02_to_wgs84,
    wgs84_to_bd09,
    wgs84_to_gcj02,
)

from yunnao.kernel.errors import InvalidInput

__all__ = [
    "EARTH_RADIUS_M",
    "Datum",
    "bd09_to_gcj02",
    "bd09_to_wgs84",
    "distance_m",
    "gcj02_to_bd09",
    "gcj02_to_wgs84",
    "to_wgs84",
    "valid_lonlat",
    "wgs84_to_bd09",
    "wgs84_to_gcj02",
]

Datum = Literal["wgs84", "gcj02", "bd09"]

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius of the Earth (IUGG)."""


def valid_lonlat(lon: float, lat: float) -> tuple[float, float]:
    """The pair, if it is a position in degrees.

    Raises InvalidInput `coordinates_not_finite` (NaN, infinity), `coordinates_swapped` (latitude
    given where longitude belongs) or `coordinates_out_of_range`.
    """
    if not (isfinite(lon) and isfinite(lat)):
        raise InvalidInput("coordinates_not_finite", lon=lon, lat=lat)
    if abs(lat) > 90 and abs(lon) <= 90 and abs(lat) <= 180:
        raise InvalidInput("coordinates_swapped", lon=lon, lat=lat)
    if abs(lon) > 180 or abs(lat) > 90:
        raise InvalidInput("coordinates_out_of_range", lon=lon, lat=lat)
    return lon, lat


def to_wgs84(lon: float, lat: float, datum: Datum) -> tuple[float, float]:
    """A position of another datum in WGS 84; raises as `valid_lonlat` does."""
    valid_lonlat(lon, lat)
    if datum == "gcj02":
        return _pair(gcj02_to_wgs84(lon, lat))
    if datum == "bd09":
        return _pair(bd09_to_wgs84(lon, lat))
    return lon, lat


def distance_m(lon_a: float, lat_a: float, lon_b: float, lat_b: float) -> float:
    """Great-circle distance in metres (haversine; within 0.5 % of the ellipsoid's)."""
    phi_a, phi_b = radians(lat_a), radians(lat_b)
    half_chord = (
        sin((phi_b - phi_a) / 2) ** 2 + cos(phi_a) * cos(phi_b) * sin(radians(lon_b - lon_a) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_M * asin(min(1.0, sqrt(half_chord)))


def _pair(position: tuple[float, float]) -> tuple[float, float]:
    return float(position[0]), float(position[1])
