"""The forms of Open311 GeoReport v2: services, attributes, errors, XML."""

import re
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.text import catalogue
from yunnao.modules.cases.registry import Snapshot

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 (section 2.2) cannot hold, even escaped."""

DATATYPES = {"string": "string", "integer": "number", "number": "number", "boolean": "string"}


def services(snapshot: Snapshot) -> list[dict[str, Any]]:
    """`auto` first, then every category that has none below it, in the order of the packs.

    Left out are those that no type of case lets a citizen report.
    """
    parents = {node.parent for node in snapshot.categories.values() if not node.retired}
    listed: list[dict[str, Any]] = [
        {
            "code": "auto",
            "name": catalogue()["category_automatic"],
            "description": catalogue()["category_automatic_description"],
            "keywords": [],
            "group": None,
            "form": {},
        }
    ]
    for node in snapshot.categories.values():
        if node.retired or node.code in parents:
            continue
        try:
            case_type = snapshot.case_type_for(node.code, None, "open311")
        except InvalidInput:
            continue
        above = snapshot.categories.get(node.parent or "")
        listed.append(
            {
                "code": node.code,
                "name": node.name,
                "description": node.name,
                "keywords": list(node.keywords),
                "group": above.name if above else None,
                "form": case_type.form,
            }
        )
    return listed


def service_attributes(form: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The simple properties of a JSON Schema form as Open311 attributes."""
    required = set(form.get("required", []))
    return [
        {
            "variable": True,
            "code": code,
            "datatype": "singlevaluelist" if "enum" in schema else DATATYPES[schema["type"]],
            "required": code in required,
            "datatype_description": schema.get("description", ""),
            "order": order,
            "description": schema.get("title", code),
            **(
                {"values": [{"key": str(value), "name": str(value)} for value in schema["enum"]]}
                if "enum" in schema
                else {}
            ),
        }
        for order, (code, schema) in enumerate(form.get("properties", {}).items(), start=1)
        if isinstance(schema, Mapping) and schema.get("type") in DATATYPES
    ]


def error_list(status: int, sentence: str) -> list[dict[str, Any]]:
    return [{"code": status, "description": sentence}]


def to_xml(value: Any, root: str, item: str) -> str:
    """`value` (a list of records, or one record) under `root`, each record an `item`."""
    if isinstance(value, list):
        body = "".join(f"<{item}>{_children(each)}</{item}>" for each in value)
    else:
        body = _children(value)
    return f'<?xml version="1.0" encoding="utf-8"?><{root}>{body}</{root}>'


def _children(record: Mapping[str, Any]) -> str:
    return "".join(f"<{name}>{_content(name, value)}</{name}>" for name, value in record.items())


def _content(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        # The standard nests <attributes><attribute>, <values><value>.
        single = name.removesuffix("s")
        return "".join(f"<{single}>{_children(each)}</{single}>" for each in value)
    return escape(_NOT_XML.sub("", str(value)))
