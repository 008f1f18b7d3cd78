"""The specification of packs as one JSON Schema document, and as a page of reference."""

import json
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from yunnao.kernel.packs import city, indicators, rules, scene

scene_specs: dict[str, type[BaseModel]] = {
    "scene.yaml": scene.SceneManifest,
    "entities.yaml": scene.EntitiesFile,
    "products.yaml": scene.ProductsFile,
    "rules.yaml": rules.RulesFile,
    "cases.yaml": scene.CasesFile,
    "indicators.yaml": indicators.IndicatorsFile,
    "views.yaml": scene.ViewsFile,
    "examples.yaml": scene.ExamplesFile,
    "devices.yaml": scene.DevicesFile,
    "reports.yaml": scene.ReportsFile,
    "quality.yaml": scene.QualityFile,
    "cases/*.input.json (readings)": scene.ReadingsInput,
    "cases/*.input.json (history)": scene.HistoryInput,
    "cases/*.expected.json (readings)": scene.ReadingsExpected,
    "cases/*.input.json (report)": scene.ReportInput,
    "cases/*.expected.json (report)": scene.ReportExpected,
}
city_specs: dict[str, type[BaseModel]] = {
    "city.yaml": city.CityManifest,
    "areas.yaml": city.AreasFile,
    "departments.yaml": city.DepartmentsFile,
    "duties.yaml": city.DutiesFile,
    "roles.yaml": city.RolesFile,
    "calendar.yaml": city.CalendarFile,
}

_head = """# Files of packs

Made from the specification (`src/yunnao/kernel/packs/`) by `yunnao schema`; do not edit. The same as
[JSON Schema](pack.schema.json). An unknown key is an error. Every text is `{zh, en}`.
"""


def export_schema() -> dict[str, Any]:
    """JSON Schema 2020-12: `$defs` holds every type; the properties name the file each belongs to."""
    models = [*scene_specs.values(), *city_specs.values()]
    references, schema = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/$defs/{model}"
    )

    def folder(specs: dict[str, type[BaseModel]], required: str) -> dict[str, Any]:
        properties = {name: references[model, "validation"] for name, model in specs.items()}
        return {"type": "object", "properties": properties, "required": [required]}

    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Yunnao packs",
        "description": "The files of a scene pack and of a city pack, by name.",
        "type": "object",
        "properties": {
            "scene": folder(scene_specs, "scene.yaml"),
            "city": folder(city_specs, "city.yaml"),
        },
        "$defs": schema["$defs"],
    }


def render_schema() -> str:
    """`export_schema` as a file."""
    return json.dumps(export_schema(), ensure_ascii=False, indent=2) + "\n"


def render_pack_reference() -> str:
    """Every file and key of packs as Markdown."""
    document = export_schema()
    definitions = document["$defs"]
    parts = [_head]
    for title, folder in (("A scene: `scenes/<scene>/`", "scene"), ("A city: `cities/<city>/`", "city")):
        parts.append(f"## {title}\n")
        for file, reference in document["properties"][folder]["properties"].items():
            parts.append(_section(f"### `{file}`", definitions[_name(reference)], definitions))
        if folder == "scene":
            parts.append(
                "### `flows/*.bpmn`\n\nBPMN 2.0, one process with an id, a start and an end, no scripts. "
                "Case types name the file.\n"
            )
        else:
            parts.append(
                "### `shapes.geojson`\n\nA FeatureCollection of Polygon or MultiPolygon in WGS 84; "
                "`properties.code` is an area's code.\n"
            )
    parts.append("## Types\n")
    kinds = document["properties"].values()
    tops = {_name(reference) for kind in kinds for reference in kind["properties"].values()}
    for name in sorted(definitions.keys() - tops):
        parts.append(_section(f"### {name}", definitions[name], definitions))
    return "\n".join(parts)


def _section(heading: str, definition: dict[str, Any], definitions: dict[str, Any]) -> str:
    lines = [heading, ""]
    if "description" in definition:
        lines += [" ".join(definition["description"].split()), ""]
    properties = definition.get("properties", {})
    if properties:
        lines += ["| key | value | default | meaning |", "|---|---|---|---|"]
        required = definition.get("required", [])
        for key, spec in properties.items():
            default = "required" if key in required else _default(spec)
            meaning = " ".join(spec.get("description", "").split()).replace("|", "\\|")
            lines.append(f"| `{key}` | {_type(spec, definitions)} | {default} | {meaning} |")
        lines.append("")
    return "\n".join(lines)


def _default(spec: dict[str, Any]) -> str:
    value = spec.get("default")
    return "–" if value is None else f"`{json.dumps(value, ensure_ascii=False)}`"


def _type(spec: dict[str, Any], definitions: dict[str, Any]) -> str:
    """A type in words, with links to those of this page."""
    if "$ref" in spec:
        name = _name(spec)
        return f"[{name}](#{name.lower()})"
    for key in ("anyOf", "oneOf"):
        if key in spec:
            kinds = [_type(one, definitions) for one in spec[key] if one.get("type") != "null"]
            return " or ".join(kinds)
    if "const" in spec:
        return f"`{spec['const']}`"
    if "enum" in spec:
        return ", ".join(f"`{value}`" for value in spec["enum"])
    if spec.get("type") == "array":
        if "prefixItems" in spec:
            return "[" + ", ".join(_type(item, definitions) for item in spec["prefixItems"]) + "]"
        return f"list of {_type(spec.get('items', {}), definitions)}"
    if spec.get("type") == "object":
        values = spec.get("additionalProperties") or next(
            iter(spec.get("patternProperties", {}).values()), None
        )
        return f"mapping to {_type(values, definitions)}" if isinstance(values, dict) else "mapping"
    limits = [
        f"{sign} {spec[key]:g}"
        for key, sign in (
            ("minimum", "≥"),
            ("exclusiveMinimum", ">"),
            ("maximum", "≤"),
            ("exclusiveMaximum", "<"),
        )
        if key in spec
    ]
    pattern = f" `{spec['pattern']}`".replace("|", "\\|") if "pattern" in spec else ""
    return " ".join([spec.get("type", "any"), *limits]) + pattern


def _name(reference: dict[str, Any]) -> str:
    return str(reference["$ref"]).rpartition("/")[2]
