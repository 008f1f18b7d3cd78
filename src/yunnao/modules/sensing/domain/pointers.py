"""JSON Pointers (RFC 6901) over many documents at a time."""

from collections.abc import Sequence
from functools import cache
from operator import itemgetter
from typing import Any

from yunnao.kernel.errors import InvalidInput


@cache
def tokens(pointer: str) -> tuple[str, ...]:
    """The reference tokens of `pointer`; raises InvalidInput `json_pointer_invalid`."""
    if not pointer:
        return ()
    if not pointer.startswith("/"):
        raise InvalidInput("json_pointer_invalid", pointer=pointer)
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/"))


def values_at(pointer: str, documents: Sequence[Any]) -> list[Any]:
    """What `pointer` finds in each document; None where it finds nothing or null."""
    path = tokens(pointer)
    if len(path) == 1:
        # The common case runs in C; a document of another shape sends all through the careful way.
        try:
            return list(map(itemgetter(path[0]), documents))
        except (KeyError, TypeError, IndexError):
            pass
    return [_resolve(document, path) for document in documents]


def _resolve(document: Any, path: tuple[str, ...]) -> Any:
    for token in path:
        if isinstance(document, dict):
            document = document.get(token)
        elif isinstance(document, list) and token.isdecimal() and int(token) < len(document):
            document = document[int(token)]
        else:
            return None
    return document


def place(document: dict[str, Any], pointer: str, value: Any) -> None:
    """Puts `value` where `pointer` says, making objects on the way: the inverse of `values_at`."""
    *parents, last = tokens(pointer)
    for token in parents:
        document = document.setdefault(token, {})
    document[last] = value
