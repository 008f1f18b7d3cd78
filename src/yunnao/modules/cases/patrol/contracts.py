"""What a patrol officer sends from the spot: frozen values."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True)
class Finding:
    """What was found: `accuracy_m` is the radius that the phone is sure of. With `handled` it was settled on
    the spot, `comment` says how, and `photos_after` show it."""

    text: str
    category: str
    lon: float
    lat: float
    accuracy_m: float
    observed_at: datetime
    address: str | None = None
    photos_before: tuple[UUID, ...] = ()
    photos_after: tuple[UUID, ...] = ()
    handled: bool = False
    comment: str | None = None
