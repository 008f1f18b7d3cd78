"""Paging by cursor: opaque to the caller, a key of the last row within."""

import base64
import binascii
from typing import Annotated, Any
from uuid import UUID

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


def like_pattern(q: str | None) -> str | None:
    """A pattern for LIKE that finds `q` anywhere, exactly as it is written; None for no search.

    Raises InvalidInput for a NUL, which PostgreSQL's texts cannot hold.
    """
    if not q:
        return None
    if "\x00" in q:
        raise InvalidInput("search_invalid")
    escaped = q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def text_cursor(cursor: str | None) -> str | None:
    """The key of a list in order of texts. Raises InvalidInput where the cursor holds anything else."""
    key = decode_cursor(cursor)
    if key is not None and (not isinstance(key, str) or "\x00" in key):
        raise InvalidInput("cursor_invalid")
    return key


def uuid_cursor(cursor: str | None) -> UUID | None:
    """The key of a list in order of UUIDs. Raises InvalidInput where the cursor holds anything else."""
    key = decode_cursor(cursor)
    try:
        return UUID(key) if key is not None else None
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidInput("cursor_invalid") from error
