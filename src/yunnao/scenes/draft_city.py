"""A draft of a city pack from an administrative code: what is public, and a general pattern."""

import json
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import shapely
from shapely.geometry import shape

from yunnao.kernel.errors import Conflict, InvalidInput
from yunnao.kernel.text import Text, catalogue
from yunnao.scenes.divisions import CityDivisions, Division, city_divisions, district_shapes

bounds_margin_deg = 0.02
"""Room around the shapes, so that piers and beaches lie within the bounds."""

_plain = re.compile(r"^[A-Za-z\u4e00-\u9fff][\w\u4e00-\u9fff' ()-]*$")


def draft_city(cities: Path, code: str, name_en: str | None = None) -> Path:
    """Writes the draft to `cities/<slug>/`, the slug after the English name; the new folder.

    Raises NotFound for an unknown code, InvalidInput where no district has a shape, Conflict where
    the folder exists.
    """
    city = city_divisions(code)
    english = name_en or re.sub(r" City$", "", city.name.en)
    slug = re.sub(r"[^a-z0-9]+", "-", english.lower().replace("'", "")).strip("-")
    if not slug or not slug[0].isalpha():
        raise InvalidInput("city_name_invalid", given=english)
    folder = cities / slug
    if folder.exists():
        raise Conflict("pack_exists", folder=str(folder))
    shapes = district_shapes([district.code for district in city.districts])
    if not shapes:
        raise InvalidInput("city_shapes_missing", name=city.name.zh)
    bounds, centre = _extent(shapes)
    lacking = [d.name.zh for d in city.districts if d.code not in shapes]
    values = {
        "zh": city.name.zh,
        "en": english,
        "city": slug,
        "code": city.code,
        "bounds": json.dumps(bounds),
        "centre": json.dumps(centre),
        "lacking": ", ".join(lacking) or "–",
    }
    contents = {"shapes.geojson": feature_collection(city.districts, shapes)}
    for source in files("yunnao").joinpath("data", "city").iterdir():
        text = Template(source.read_text(encoding="utf-8")).substitute(values)
        text += "".join(f"  - {_flow(row)}\n" for row in _rows(source.name, city))
        contents[source.name] = text
    folder.mkdir(parents=True)
    for name, text in contents.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def feature_collection(areas: Sequence[Division], shapes: Mapping[str, Any]) -> str:
    """Shapes as the pack's GeoJSON, a feature a line."""
    names = {area.code: area.name for area in areas}
    lines = []
    for code, geometry in shapes.items():
        properties = {"code": code, "name": names[code].zh}
        feature = {"type": "Feature", "properties": properties, "geometry": geometry}
        lines.append(json.dumps(feature, ensure_ascii=False, separators=(",", ":")))
    return '{"type":"FeatureCollection","features":[\n' + ",\n".join(lines) + "\n]}\n"


def _extent(shapes: Mapping[str, Any]) -> tuple[list[float], list[float]]:
    polygons = [shape(geometry) for geometry in shapes.values()]
    west, south, east, north = shapely.total_bounds(polygons).tolist()
    middle = shapely.union_all(polygons).centroid
    margin = bounds_margin_deg
    bounds = [west - margin, south - margin, east + margin, north + margin]
    return [round(degree, 2) for degree in bounds], [round(middle.x, 3), round(middle.y, 3)]


def _rows(file: str, city: CityDivisions) -> list[dict[str, Any]]:
    """The rows that follow a template: areas, and their governments and offices."""
    if file == "areas.yaml":
        districts = [_area(d, "district") for d in city.districts]
        return districts + [{**_area(s, "street"), "parent": s.code[:6]} for s in city.streets]
    if file == "departments.yaml":
        governments = [
            {
                "id": f"district-{d.code}",
                "name": _office("draft_government", d.name),
                "kind": "district",
                "area": d.code,
            }
            for d in city.districts
        ]
        return governments + [
            {
                "id": f"street-{s.code}",
                "name": _office(_office_kind(s.name.zh), s.name),
                "kind": "street_office",
                "area": s.code,
                "parent": f"district-{s.code[:6]}",
            }
            for s in city.streets
        ]
    return []


def _area(division: Division, level: str) -> dict[str, Any]:
    return {"code": division.code, "name": division.name.model_dump(), "level": level}


def _office_kind(name: str) -> str:
    """A street has an office of its district, a town a government, any other area a committee."""
    if name.endswith("街道"):
        return "draft_street_office"
    if name.endswith(("镇", "乡", "苏木")):
        return "draft_government"
    return "draft_committee"


def _office(code: str, name: Text) -> dict[str, str]:
    pattern = catalogue()[code]
    return {"zh": pattern.zh.format(name=name.zh), "en": pattern.en.format(name=name.en)}


def _flow(value: Any) -> str:
    """YAML in flow style, a row a line, quoted only where it must be."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    text = str(value)
    return text if _plain.match(text) else json.dumps(text, ensure_ascii=False)
