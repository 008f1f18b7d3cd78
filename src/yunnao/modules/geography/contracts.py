"""What geography tells others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from yunnao.kernel.text import Text

Level = Literal["district", "street"]


@dataclass(frozen=True)
class Area:
    """An administrative division; `parent` is the code of a street's district."""

    code: str
    name: Text
    level: Level
    parent: str | None


@dataclass(frozen=True)
class Place:
    """The areas that a position lies in; none outside the city, or where no shape is known."""

    district: Area | None
    street: Area | None


@dataclass(frozen=True)
class AreaCodes:
    """The areas of n positions as codes; None outside the city."""

    district: Sequence[str | None]
    street: Sequence[str | None]
