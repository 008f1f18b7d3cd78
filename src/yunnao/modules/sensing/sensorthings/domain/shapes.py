"""Places against shapes, in PostgreSQL without PostGIS.

Places are points, so a shape divides them into three classes: in its interior, on its boundary,
outside. A spatial relation (OGC 06-103r4, DE-9IM) between a point and the shape depends on the class alone:
GEOS decides it once for a representative of each, and the row's class is found by PostgreSQL's own
geometric types. On a boundary means within PostgreSQL's tolerance of 1e-6 degrees, 0.1 m.
"""

from collections.abc import Callable
from math import isfinite
from typing import Any

import shapely
from shapely.errors import GEOSException, ShapelyError

from yunnao.kernel.errors import InvalidInput

wkt_chars_max = 100_000
shape_points_max = 5_000

Add = Callable[[Any], str]
"""Keeps a value as a parameter of the statement; answers its placeholder."""


def shape_of(wkt: str) -> Any:
    """The geometry of a literal. Raises InvalidInput `geography_invalid`, `geography_too_large`."""
    if len(wkt) > wkt_chars_max:
        raise InvalidInput("geography_too_large", limit_points=shape_points_max)
    try:
        # EWKT's prefix is usual among clients; every coordinate here is WGS 84.
        shape = shapely.force_2d(shapely.from_wkt(wkt.removeprefix("SRID=4326;")))
    except (GEOSException, ShapelyError, ValueError) as error:
        raise InvalidInput("geography_invalid", wkt=wkt[:80]) from error
    if (
        shape is None
        or shape.geom_type == "GeometryCollection"
        or shape.is_empty
        or not all(map(isfinite, shape.bounds))
        or not shape.is_valid
    ):
        raise InvalidInput("geography_invalid", wkt=wkt[:80])
    if shapely.get_num_coordinates(shape) > shape_points_max:
        raise InvalidInput("geography_too_large", limit_points=shape_points_max)
    return shape


def related(relation: Callable[[Any], bool], shape: Any, alias: str, add: Add) -> str:
    """SQL: the place of row `alias` stands in `relation` to `shape`.

    `relation` takes the point; it is asked about a point of each class.
    """
    inside = relation(shape.representative_point())
    edges = shape.boundary
    on_edge = not edges.is_empty and relation(shapely.points(shapely.get_coordinates(edges)[0]))
    outside = relation(shapely.Point(shape.bounds[2] + 1, shape.bounds[3] + 1))
    if inside == on_edge == outside or (edges.is_empty and inside == outside):
        return f"({alias}.lon IS NOT NULL AND {'TRUE' if inside else 'FALSE'})"
    point = f"point({alias}.lon, {alias}.lat)"
    covered = _covered(shape, point, add)
    wanted: list[str] = []
    if inside or on_edge:
        west, south, east, north = shape.bounds
        margin = 1e-6
        box = (
            f"{alias}.lon BETWEEN {add(west - margin)} AND {add(east + margin)}"
            f" AND {alias}.lat BETWEEN {add(south - margin)} AND {add(north + margin)}"
        )
        if inside and (on_edge or edges.is_empty):
            which = covered
        else:
            edge = _covered(edges, point, add)
            which = f"({covered} AND NOT {edge})" if inside else edge
        wanted.append(f"({box} AND {which})")
    if outside:
        wanted.append(f"NOT {covered}")
    return f"({alias}.lon IS NOT NULL AND ({' OR '.join(wanted)}))"


def distance(shape: Any, alias: str, add: Add) -> str:
    """SQL: from the place of row `alias` to `shape`, in degrees, as its reference system counts
    (OData 4.0 part 2, 5.1.1.12.1)."""
    point = f"point({alias}.lon, {alias}.lat)"
    if shape.geom_type == "Point":
        return f"({point} <-> {add(f'({shape.x},{shape.y})')}::point)"
    parts = _parts(shape)
    apart = [f"({point} <-> {_value(part, add)})" for part in parts]
    return f"least({', '.join(apart)})"


def _covered(shape: Any, point: str, add: Add) -> str:
    """SQL: the point is in the interior or on the boundary."""
    found: list[str] = []
    for part in _parts(shape):
        if part.geom_type == "Point":
            found.append(f"{point} ~= {_value(part, add)}")
            continue
        test = f"{point} <@ {_value(part, add)}"
        if part.geom_type == "Polygon":
            for ring in part.interiors:
                hole = shapely.Polygon(ring)
                test += f" AND (NOT {point} <@ {_value(hole, add)} OR {point} <@ {_value(ring, add)})"
        found.append(f"({test})")
    return f"({' OR '.join(found)})"


def _parts(shape: Any) -> list[Any]:
    return [inner for part in shape.geoms for inner in _parts(part)] if hasattr(shape, "geoms") else [shape]


def _value(part: Any, add: Add) -> str:
    """The part as a value of PostgreSQL's own type; a ring is an open path that ends where it began."""
    line = part.exterior if part.geom_type == "Polygon" else part
    pairs = ",".join(f"({x!r},{y!r})" for x, y in line.coords)
    if part.geom_type == "Polygon":
        return f"{add(f'({pairs})')}::polygon"
    if part.geom_type == "Point":
        return f"{add(pairs)}::point"
    return f"{add(f'[{pairs}]')}::path"
