"""When a span of hot readings is sealed."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from yunnao.modules.sensing.domain.partitions import Span
from yunnao.modules.sensing.lake.hot import HotPartition

sealing_grace = timedelta(minutes=30)
"""After the end of an hour, for what comes out of order."""
settling = timedelta(minutes=10)
"""A partition that has just appeared is being filled: history that is replayed, or a gateway that
was cut off."""
late_rest = timedelta(hours=1)
"""Between two sealings of one span, so that what is late goes to the lake in few files."""


def due(
    partitions: Iterable[HotPartition],
    now: datetime,
    first_seen: Mapping[str, datetime],
    recent: Iterable[Span],
) -> dict[Span, list[HotPartition]]:
    """Partitions to seal, those of one span together, in order of time.

    `first_seen`: since when each has been known, by name; `recent`: spans sealed within `late_rest`.
    """
    resting = list(recent)
    found: dict[Span, list[HotPartition]] = {}
    for each in sorted(partitions):
        closed = each.span.end + sealing_grace <= now
        settled = first_seen.get(each.name, now) + settling <= now
        rests = any(span.start < each.span.end and each.span.start < span.end for span in resting)
        if closed and settled and not rests:
            found.setdefault(each.span, []).append(each)
    return found
