"""Forms of case types (JSON Schema) as Open311 attributes, and what a sender filled in, read back."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.text import Language, Text, catalogue
from yunnao.kernel.time import require_aware
from yunnao.modules.cases.registry import Snapshot

Datatype = Literal["string", "number", "datetime", "text", "singlevaluelist", "multivaluelist"]

AUTO = "auto"
LINE_CHARS_MAX = 200
"""A text that may be longer is asked for in a box of several lines."""
NUMBER_CHARS_MAX = 40
NUMBER_MAX = 1e15
"""Whole numbers up to here are exact as floats, which is what JSON's readers hold them in."""
VALUES_MAX = 200

_NUMBER = re.compile(r"[+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][+-]?\d{1,3})?", re.ASCII)
_ATTRIBUTE = re.compile(r"attribute\[([^\[\]]{1,100})\](?:\[\])?")
_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def services(snapshot: Snapshot) -> list[dict[str, Any]]:
    """`auto` first, then every category that has none below it, in the order of the packs.

    Left out are those that no type of case lets a citizen report.
    """
    parents = {node.parent for node in snapshot.categories.values() if not node.retired}
    listed: list[dict[str, Any]] = [
        {
            "code": AUTO,
            "name": catalogue()["category_automatic"],
            "description": catalogue()["category_automatic_description"],
            "keywords": [],
            "group": None,
            "case_type": None,
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
                "case_type": case_type.type,
                "form": case_type.form,
            }
        )
    return listed


def datatype(schema: Mapping[str, Any]) -> Datatype | None:
    """The standard's datatype of a property; None for what it has none for (objects)."""
    kind = schema.get("type")
    if kind == "array":
        items = schema.get("items")
        return "multivaluelist" if isinstance(items, Mapping) and choices(items) else None
    if choices(schema) or kind == "boolean":
        return "singlevaluelist"
    if kind in {"integer", "number"}:
        return "number"
    if kind != "string":
        return None
    if schema.get("format") in {"date-time", "date"}:
        return "datetime"
    return "text" if schema.get("maxLength", 0) > LINE_CHARS_MAX else "string"


def choices(schema: Mapping[str, Any]) -> list[tuple[Any, str]]:
    """Values and titles of a property that is one of a few: `enum`, or `oneOf` with `const`, `title`."""
    if isinstance(schema.get("enum"), list):
        return [(value, str(value)) for value in schema["enum"][:VALUES_MAX]]
    listed = schema.get("oneOf")
    if isinstance(listed, list) and all(isinstance(each, Mapping) and "const" in each for each in listed):
        return [(each["const"], str(each.get("title", each["const"]))) for each in listed[:VALUES_MAX]]
    return []


def attributes(form: Mapping[str, Any], language: Language = "zh") -> list[dict[str, Any]]:
    """The properties of a form as the service definition lists them, required ones first.

    A `readOnly` property only tells something: its `variable` is false.
    """
    required = set(form.get("required", []))
    found: list[dict[str, Any]] = []
    # The store keeps no order of a form's properties, so what must be filled in comes first.
    ordered = sorted(form.get("properties", {}).items(), key=lambda each: each[0] not in required)
    for code, schema in ordered:
        kind = datatype(schema) if isinstance(schema, Mapping) else None
        if kind is None:
            continue
        values = _values(schema, kind, language)
        found.append(
            {
                "variable": not schema.get("readOnly", False),
                "code": code,
                "datatype": kind,
                "required": code in required,
                "datatype_description": told(schema.get("description", ""), language),
                "order": len(found) + 1,
                "description": told(schema.get("title", code), language),
                **({"values": values} if values else {}),
            }
        )
    return found


def _values(schema: Mapping[str, Any], kind: Datatype, language: Language) -> list[dict[str, str]]:
    if schema.get("type") == "boolean":
        yes, no = catalogue()["open311_yes"], catalogue()["open311_no"]
        return [{"key": "true", "name": yes.to(language)}, {"key": "false", "name": no.to(language)}]
    listed = choices(schema.get("items", {}) if kind == "multivaluelist" else schema)
    return [{"key": str(value), "name": told(title, language)} for value, title in listed]


def told(label: Any, language: Language) -> str:
    """A label of a pack's form, which may give both languages as `数量 / Quantity`."""
    zh, slash, en = str(label).partition(" / ")
    return Text(zh=zh, en=en).to(language) if slash else str(label)


def read(items: Iterable[tuple[str, Any]], form: Mapping[str, Any]) -> dict[str, Any]:
    """`attribute[code]=value` and `attribute[code][]=value` as the form's types say.

    Raises InvalidInput: `open311_attribute_unknown`, `open311_attribute_twice`,
    `open311_attribute_value`, `number_unreadable`, `time_unreadable`.
    """
    sent: dict[str, list[str]] = {}
    for key, value in items:
        if not key.startswith("attribute") or not isinstance(value, str):
            continue
        named = _ATTRIBUTE.fullmatch(key)
        if named is None or named[1] not in form.get("properties", {}):
            raise InvalidInput("open311_attribute_unknown", attribute=key[:80])
        # The standard: an empty parameter is as one that was not sent.
        if value.strip():
            sent.setdefault(named[1], []).append(value.strip())
    return {code: _value(code, values, form["properties"][code]) for code, values in sent.items()}


def _value(code: str, values: list[str], schema: Mapping[str, Any]) -> Any:
    kind = datatype(schema)
    if kind is None or schema.get("readOnly", False):
        raise InvalidInput("open311_attribute_unknown", attribute=code)
    if kind == "multivaluelist":
        return [_choice(code, value, schema["items"]) for value in dict.fromkeys(values)]
    if len(values) > 1:
        raise InvalidInput("open311_attribute_twice", attribute=code)
    value = values[0]
    if schema.get("type") == "boolean":
        if value.lower() not in _TRUTH:
            raise InvalidInput("open311_attribute_value", attribute=code, known="true, false")
        return _TRUTH[value.lower()]
    if kind == "singlevaluelist":
        return _choice(code, value, schema)
    if kind == "number":
        found = number(value)
        return int(found) if found.is_integer() else found
    if kind == "datetime" and schema.get("format") == "date-time":
        return time(value).isoformat()
    return value


def _choice(code: str, value: str, schema: Mapping[str, Any]) -> Any:
    known = {str(each): each for each, _ in choices(schema)}
    if value not in known:
        raise InvalidInput("open311_attribute_value", attribute=code, known=", ".join(known)[:200])
    return known[value]


def number(value: str) -> float:
    """A decimal number in ASCII. Raises InvalidInput `number_unreadable`."""
    found = float(value) if len(value) <= NUMBER_CHARS_MAX and _NUMBER.fullmatch(value) else None
    if found is None or abs(found) > NUMBER_MAX:
        raise InvalidInput("number_unreadable", value=value[:40])
    return found


def time(value: str) -> datetime:
    """ISO 8601 with a zone. Raises InvalidInput `time_unreadable`."""
    try:
        # A plus sign that was not escaped arrives as a space.
        moment = require_aware(datetime.fromisoformat(value.strip().replace(" ", "+")))
    except (ValueError, OverflowError, InvalidInput) as error:
        raise InvalidInput("time_unreadable", value=value[:40]) from error
    if not 1900 < moment.year < 9000:
        raise InvalidInput("time_unreadable", value=value[:40])
    return moment
