"""Why a message, or a part of it, is refused."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Refusal:
    """Why message `index` (or one metric of it) is refused: a public code and its parameters."""

    index: int
    code: str
    params: dict[str, Any] = field(default_factory=dict)


def shown(value: Any, chars_max: int = 60) -> str:
    """A value as it can be told: short, and without what PostgreSQL's texts cannot hold."""
    return str(value)[:chars_max].replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
