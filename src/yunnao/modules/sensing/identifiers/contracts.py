"""What resolution knows of a device."""

from dataclasses import dataclass
from datetime import datetime

from yunnao.kernel.text import Text


@dataclass(frozen=True)
class KnownDevice:
    """A device as its record tells it; `owner` is a department's id."""

    id: str
    product: str
    entity: str
    name: Text
    lon: float | None
    lat: float | None
    owner: str | None
    registered_at: datetime
