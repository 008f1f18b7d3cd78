"""Street shapes from a GeoJSON file of administrative boundaries, matched to a city's areas."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry import mapping, shape
from shapely.geometry.base import BaseGeometry

from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.geometry import Datum, to_wgs84
from yunnao.kernel.packs.city import Area, CityPack
from yunnao.scenes.source import shapes_bytes_max

simplify_deg = 0.0001
"""Tolerance of simplification, about 10 m: the map stays light, neighbours keep touching."""

decimals = 5
district_away_max_deg = 0.03
"""How far a street may lie from its district's generalised shape, about 3 km."""

osm_attribution = "© OpenStreetMap contributors, ODbL 1.0"
streets_file = "streets.geojson"

_offices = ("街道办事处", "办事处")
_kinds = ("街道", "镇", "乡")


@dataclass(frozen=True)
class ImportedShapes:
    """What an import found: area code to GeoJSON geometry, streets without a shape, and names of
    features that are no street of this city."""

    shapes: dict[str, dict[str, Any]]
    lacking: tuple[Area, ...]
    unused: tuple[str, ...]
    attribution: str


def streets_path(home: Path, city: str) -> Path:
    """Where the imported shapes of a city's streets are kept, outside the pack."""
    return home / "cities" / city / streets_file


def import_streets(
    pack: CityPack, file: Path, datum: Datum = "wgs84", attribution: str | None = None
) -> ImportedShapes:
    """Reads `file` and gives every street its shape, by code, else by name and district.

    Raises InvalidInput where the file is no usable GeoJSON, or has neither OpenStreetMap's ids nor
    an `attribution`.
    """
    features = _features(file)
    if attribution is None:
        if not any("osm_id" in (f.get("properties") or {}) for f in features):
            raise InvalidInput("shapes_attribution_missing", file=file.name)
        attribution = osm_attribution
    districts = {code: shape(g) for code, g in pack.shapes.items()}
    streets = [area for area in pack.areas if area.level == "street"]
    finder = _Finder({area.code: area for area in streets}, _by_name(streets), districts)
    candidates = [
        (_names(f.get("properties") or {}), f.get("properties") or {}, _polygon(f.get("geometry"), datum))
        for f in features
    ]
    found: dict[str, BaseGeometry] = {}
    used: set[int] = set()
    # Whole names first: the district Huangdao is also called as its street Huangdao is without its kind.
    for find in (finder.exactly, finder.by_stem):
        for index, (names, properties, polygon) in enumerate(candidates):
            area = find(properties, names, polygon) if polygon is not None and index not in used else None
            if area is not None and polygon is not None and area.code not in found:
                found[area.code] = polygon
                used.add(index)
    others = {area.name.zh for area in pack.areas if area.level == "district"} | {pack.manifest.name.zh}
    unused = [
        names[0]
        for index, (names, _, _) in enumerate(candidates)
        if index not in used and names and not any(other in name for name in names for other in others)
    ]
    lacking = tuple(area for area in streets if area.code not in found)
    return ImportedShapes(_light(found), lacking, tuple(unused), attribution)


def write_streets(target: Path, imported: ImportedShapes, source: str) -> None:
    """Writes the shapes with where they come from, whole or not at all."""
    collection = {
        "type": "FeatureCollection",
        "attribution": imported.attribution,
        "source": source,
        "features": [
            {"type": "Feature", "properties": {"code": code}, "geometry": geometry}
            for code, geometry in sorted(imported.shapes.items())
        ],
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_suffix(".part")
    beside.write_text(json.dumps(collection, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
    beside.replace(target)


def _features(file: Path) -> list[dict[str, Any]]:
    if not file.is_file():
        raise InvalidInput("shapes_file_missing", file=str(file))
    if file.stat().st_size > shapes_bytes_max:
        raise InvalidInput("shapes_file_too_large", file=file.name, limit_bytes=shapes_bytes_max)
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InvalidInput("shapes_file_unreadable", file=file.name, detail=str(error)) from error
    features = data.get("features") if isinstance(data, dict) else None
    if not isinstance(features, list) or not all(isinstance(f, dict) for f in features):
        raise InvalidInput("shapes_file_unreadable", file=file.name, detail="FeatureCollection")
    return features


def _polygon(geometry: Any, datum: Datum) -> BaseGeometry | None:
    """A valid polygon in WGS 84; None for anything else."""
    if not isinstance(geometry, dict) or geometry.get("type") not in ("Polygon", "MultiPolygon"):
        return None
    try:
        polygon = shapely.force_2d(shape(geometry))
    except (shapely.GEOSException, ValueError, TypeError, IndexError):
        return None
    if datum != "wgs84":
        polygon = shapely.transform(polygon, lambda xy: np.array([to_wgs84(x, y, datum) for x, y in xy]))
    return _polygonal(shapely.make_valid(polygon))


def _polygonal(geometry: BaseGeometry) -> BaseGeometry | None:
    parts = [part for part in shapely.get_parts(geometry) if part.geom_type in ("Polygon", "MultiPolygon")]
    joined = shapely.union_all(parts)
    return None if joined.is_empty else joined


def _names(properties: Mapping[str, Any]) -> list[str]:
    names = [properties.get(key) for key in ("name", "name:zh", "name:zh-Hans", "official_name", "alt_name")]
    return [
        part.strip() for name in names if isinstance(name, str) for part in name.split(";") if part.strip()
    ]


def _stem(name: str) -> str:
    """A street's name without the word for its kind, which changes when a town becomes a street."""
    for suffix in (*_offices, *_kinds):
        if name.endswith(suffix) and len(name) > len(suffix) + 1:
            return name.removesuffix(suffix)
    return name


def _by_name(streets: Iterable[Area]) -> dict[str, list[Area]]:
    found: dict[str, list[Area]] = defaultdict(list)
    for area in streets:
        for name in {area.name.zh, _stem(area.name.zh)}:
            found[name].append(area)
    return found


@dataclass(frozen=True)
class _Finder:
    """Finds the street that a feature is."""

    by_code: Mapping[str, Area]
    by_name: Mapping[str, list[Area]]
    districts: Mapping[str, BaseGeometry]

    def exactly(
        self, properties: Mapping[str, Any], names: Sequence[str], polygon: BaseGeometry
    ) -> Area | None:
        """By the code that the feature states, else by a whole name."""
        for key in ("code", "division_code"):
            if str(properties.get(key)) in self.by_code:
                return self.by_code[str(properties[key])]
        return self._named([name for name in names if _stem(name) != name], polygon)

    def by_stem(self, _: Mapping[str, Any], names: Sequence[str], polygon: BaseGeometry) -> Area | None:
        """By the first name without the word for its kind."""
        return self._named([_stem(name) for name in names[:1]], polygon)

    def _named(self, names: Sequence[str], polygon: BaseGeometry) -> Area | None:
        """The street of that name whose district the feature overlaps most, or lies near."""
        for name in names:
            near = sorted(
                (_away(polygon, self.districts.get(area.parent or "")), area.code, area)
                for area in self.by_name.get(name, ())
            )
            if near and near[0][0] <= district_away_max_deg:
                return near[0][2]
        return None


def _away(polygon: BaseGeometry, district: BaseGeometry | None) -> float:
    """Distance to the district, degrees; below zero the more, the larger the share inside it."""
    if district is None:
        return inf
    inside = polygon.intersection(district).area / polygon.area
    return -inside if inside > 0 else float(polygon.representative_point().distance(district))


def _light(found: Mapping[str, BaseGeometry]) -> dict[str, dict[str, Any]]:
    """Simplified as one coverage, so that neighbours neither gap nor overlap more than before."""
    codes = sorted(found)
    simple = shapely.coverage_simplify(np.array([found[c] for c in codes], dtype=object), simplify_deg)
    rounded = shapely.set_precision(simple, 10**-decimals)
    shapes: dict[str, dict[str, Any]] = {}
    for code, geometry in zip(codes, rounded, strict=True):
        polygon = _polygonal(shapely.make_valid(geometry))
        if polygon is not None:
            shapes[code] = json.loads(json.dumps(mapping(polygon)))
    return shapes
