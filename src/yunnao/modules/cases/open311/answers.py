"""The forms in which Open311 answers: JSON, XML by the Spark convention, lists of errors."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

import orjson
from fastapi import Response

NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 (section 2.2) cannot hold, even escaped."""
MEDIA_TYPES = {"json": "application/json; charset=utf-8", "xml": "text/xml; charset=utf-8"}


def answer(found: Any, elements: tuple[str, str], form: str, status: int = 200) -> Response:
    """`found` (a list of records, or one record); `elements` name the root and each record in XML."""
    if form == "xml":
        return Response(to_xml(found, *elements), status, media_type=MEDIA_TYPES["xml"])
    return Response(orjson.dumps(found), status, media_type=MEDIA_TYPES["json"])


def error_list(status: int, sentence: str) -> list[dict[str, Any]]:
    return [{"code": status, "description": sentence}]


def moment(time: datetime | None) -> str | None:
    """In the W3C's subset of ISO 8601 that the standard asks for."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if time else None


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
    if isinstance(value, Mapping):
        return _children(value)
    if isinstance(value, list):
        # The standard nests <attributes><attribute>, <values><value>.
        single = name.removesuffix("s")
        return "".join(f"<{single}>{_content(single, each)}</{single}>" for each in value)
    return escape(NOT_XML.sub("", str(value)))
