"""Which partition of `sensing.reading` and of `sensing.reading_run` an hour belongs to.

Where the city is alive partitions are hours, so that sealing and dropping are cheap. History that
is replayed would make thousands of nearly empty ones (2,677 daily readings, 2,677 hours), so what
ended before the hot window lies in days or months. A partition is known by its name alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

hot_window = timedelta(days=3)
_FORMATS = {6: "%Y%m", 8: "%Y%m%d", 10: "%Y%m%d%H"}
_PREFIX = "reading_"
_RUN_PREFIX = "reading_run_"


@dataclass(frozen=True, order=True)
class Span:
    """A partition's time: [start, end), whole hours, days or months of UTC."""

    start: datetime
    end: datetime

    @property
    def name(self) -> str:
        width = 10 if self.end - self.start == timedelta(hours=1) else 8
        if self.end - self.start > timedelta(days=1):
            width = 6
        return _PREFIX + self.start.strftime(_FORMATS[width])

    @property
    def run_name(self) -> str:
        """The partition of `sensing.reading_run`."""
        return _RUN_PREFIX + self.name.removeprefix(_PREFIX)


def span_named(name: str) -> Span:
    """The span of the partition called `name`."""
    digits = name.removeprefix(_PREFIX)
    start = datetime.strptime(digits, _FORMATS[len(digits)]).replace(tzinfo=UTC)
    return next(span for span in _candidates(start) if span.name == name)


def plan(hours: Iterable[datetime], existing: Iterable[Span], now: datetime) -> list[Span]:
    """The spans to create so that every hour of `hours` has its place.

    The widest that lies wholly before the hot window and overlaps none that exists.
    """
    known = set(existing)
    created: list[Span] = []
    hot_from = now - hot_window
    for hour in sorted(set(hours)):
        if any(span.start <= hour < span.end for span in known):
            continue
        for span in _candidates(hour):
            narrow = span.end - span.start == timedelta(hours=1)
            free = not any(other.start < span.end and span.start < other.end for other in known)
            if free and (narrow or span.end <= hot_from):
                created.append(span)
                known.add(span)
                break
    return created


def _candidates(hour: datetime) -> list[Span]:
    """Month, day and hour of `hour`, the widest first."""
    day = hour.replace(hour=0)
    month = day.replace(day=1)
    next_month = (month + timedelta(days=32)).replace(day=1)
    return [
        Span(month, next_month),
        Span(day, day + timedelta(days=1)),
        Span(hour, hour + timedelta(hours=1)),
    ]
