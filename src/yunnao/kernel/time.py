"""Time is aware UTC and comes from a clock that is passed in."""

from datetime import UTC, datetime
from typing import Protocol

from yunnao.kernel.errors import InvalidInput


class Clock(Protocol):
    """Where the present comes from; the system's clock, or a test's."""

    def now(self) -> datetime:
        """The present, aware, UTC."""
        ...


def require_aware(moment: datetime) -> datetime:
    """`moment` in UTC; a naive one is refused, since its meaning would be a guess."""
    if moment.tzinfo is None:
        raise InvalidInput("time_without_zone", value=moment.isoformat())
    return moment.astimezone(UTC)
