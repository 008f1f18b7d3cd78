"""The system's clock."""

from datetime import UTC, datetime


class SystemClock:
    """The present from the operating system, aware, UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)
