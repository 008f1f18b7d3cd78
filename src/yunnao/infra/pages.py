"""Paging by cursor: opaque to the caller, a key of the last row within."""

import base64
import binascii
from typing import Annotated, Any

import orjson
from fastapi import Query

from yunnao.kernel.errors import InvalidInput

PAGE_ROWS_MAX = 500

Limit = Annotated[int, Query(ge=1, le=PAGE_ROWS_MAX)]


def encode_cursor(key: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(key)).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> Any:
    """The key within `cursor`; None for the first page. Raises InvalidInput on any other text."""
    if not cursor:
        return None
    try:
        return orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError) as error:
        raise InvalidInput("cursor_invalid") from error
