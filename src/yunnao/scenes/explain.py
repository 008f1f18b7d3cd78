"""Pydantic's errors as codes of our catalogue, in the terms of someone who writes YAML."""

from datetime import date
from typing import Any

shown_chars_max = 60


def explain(error: Any) -> tuple[str, dict[str, Any]]:
    """The message code and parameters for one item of `ValidationError.errors()`."""
    kind = error["type"]
    context = error.get("ctx", {})
    given = _shown(error.get("input"))
    loc = error["loc"]
    name = loc[-1] if loc else ""
    if kind == "extra_forbidden":
        return "pack_key_unknown", {"key": name}
    if kind in ("missing", "union_tag_not_found"):
        key = name if kind == "missing" else str(context.get("discriminator", "")).strip("'")
        return "pack_key_missing", {"key": key}
    if kind == "string_type" and isinstance(error.get("input"), int | float | date):
        return "pack_needs_quotes", {"given": given}
    if kind in ("literal_error", "union_tag_invalid", "enum"):
        allowed = context.get("expected") or context.get("expected_tags")
        return "pack_not_one_of", {"given": given, "allowed": allowed}
    if kind == "string_pattern_mismatch":
        return "pack_pattern", {"given": given, "pattern": context["pattern"]}
    if kind.endswith(("_type", "_parsing")) or kind == "int_from_float":
        wanted = kind.replace("_parsing", "").replace("_type", "").replace("model", "mapping")
        return "pack_wrong_type", {"given": given, "wanted": wanted}
    if kind in ("greater_than", "greater_than_equal", "less_than", "less_than_equal"):
        sign = {"greater_than": ">", "greater_than_equal": "≥", "less_than": "<", "less_than_equal": "≤"}
        return "pack_out_of_bounds", {"given": given, "bound": f"{sign[kind]} {next(iter(context.values()))}"}
    return "pack_value", {"given": given, "detail": error["msg"].removeprefix("Value error, ")}


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= shown_chars_max else text[: shown_chars_max - 1] + "…"
