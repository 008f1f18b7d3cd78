"""A rule run dry over past readings, hot and sealed, by the code that judges live ones."""

import asyncio
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial

import numpy as np
import pyarrow as pa

from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.errors import InvalidInput, TooLarge
from yunnao.kernel.packs.scheduled_rules import ScheduledRule
from yunnao.kernel.packs.streaming_rules import ReadingRule, SilenceRule
from yunnao.kernel.text import Text
from yunnao.modules.sensing.contracts import Int64
from yunnao.modules.sensing.domain.times import UNKNOWN_US, from_us, to_us
from yunnao.modules.sensing.history.history import History
from yunnao.modules.sensing.rules.contracts import DeviceReview, DryRun, Judgeable, PastAlarm
from yunnao.modules.sensing.rules.domain.dry_run import attribute_number
from yunnao.modules.sensing.rules.domain.review import (
    Episodes,
    ReadingReview,
    SilenceReview,
    reviewed,
)
from yunnao.modules.sensing.rules.domain.schedules import CityTime, in_force
from yunnao.modules.sensing.rules.states import QUERIES
from yunnao.modules.sensing.scheduled.past import ReadAhead, WholePast
from yunnao.modules.sensing.scheduled.rehearsing import rehearse
from yunnao.modules.sensing.scheduled.scoring import Scoring
from yunnao.modules.twin.facade import Twin

series_max = 20_000
readings_max = 10_000_000
span_max = timedelta(days=92)
worst_max = 20
alarms_of_device_max = 50
read_ahead = timedelta(days=1)
few_series_max = 100
"""So many series are read a month at a time, more a day at a time."""


@dataclass(frozen=True)
class Span:
    start: datetime
    until: datetime

    def checked(self) -> "Span":
        """Raises InvalidInput `dry_run_span`."""
        if not timedelta(0) < self.until - self.start <= span_max:
            raise InvalidInput("dry_run_span", days=span_max.days)
        return self


class _Past:
    """The series that a rule looks at, and their readings, part after part."""

    def __init__(self, rows: list[Row]) -> None:
        self.series = np.array([row["series"] for row in rows], np.int32)
        places = {device: i for i, device in enumerate(dict.fromkeys(row["id"] for row in rows))}
        self.place = np.array([places[row["id"]] for row in rows], np.int64)
        self.devices = list({row["id"]: row for row in rows}.values())


async def dry_run(
    tx: Transaction,
    twin: Twin,
    history: History,
    city: CityTime,
    judgeable: Judgeable,
    span: Span,
    devices: list[str] | None,
) -> DryRun:
    """What the rule would have done; nothing is known of the time before the span.

    Of a rule by the clock the time before the span is known, as it is to the clock.
    Raises InvalidInput `dry_run_span`; TooLarge `dry_run_too_large`, `dry_run_moments`.
    """
    rule = judgeable.rule
    span.checked()
    metric = None if isinstance(rule, SilenceRule) else rule.metric
    asked = {"product": rule.product, "metric": metric, "devices": devices, "limit": series_max + 1}
    rows = await (await tx.execute(QUERIES["series_of_rule"], asked)).fetchall()
    if len(rows) > series_max:
        raise _too_large()
    past = _Past(rows)
    if isinstance(rule, ScheduledRule):
        return await _rehearsed(tx, twin, history, city, rule, past, span)
    review = _review(rule, past, city)
    readings = 0
    step = timedelta(days=31 if len(rows) <= few_series_max else 1)
    start = span.start
    while start < span.until and len(rows):
        until = min(start + step, span.until)
        left = readings_max - readings
        found = await history.rows(tx, past.series, start, until, left + 1)
        if found.num_rows > left:
            raise _too_large()
        readings += found.num_rows
        await asyncio.to_thread(_feed, review, past, found)
        start = until
    until_us = to_us(span.until)
    episodes = review.episodes(until_us) if isinstance(review, SilenceReview) else review.episodes()
    return _summed(episodes, past, span, city, readings)


async def _rehearsed(
    tx: Transaction,
    twin: Twin,
    history: History,
    city: CityTime,
    rule: ScheduledRule,
    past: _Past,
    span: Span,
) -> DryRun:
    """Every device of the product is scored, since neighbours and relations count; `past` are told of."""
    ahead = ReadAhead(WholePast(history), read_ahead, readings_max)
    scoring = Scoring(twin, city, ahead, keep_sites=True)
    number, found = await rehearse(tx, scoring, rule, to_us(span.start), to_us(span.until))
    places = {row["device"]: i for i, row in enumerate(past.devices)}
    place = np.array([places.get(n, -1) for n in number.tolist()], np.int64)
    asked = place[found.device] >= 0 if len(place) else np.zeros(0, np.bool_)
    told = Episodes(
        place[found.device[asked]], found.start_us[asked], found.end_us[asked], found.value[asked]
    )
    return _summed(told, past, span, city, ahead.readings)


def _too_large() -> TooLarge:
    return TooLarge("dry_run_too_large", devices=series_max, readings=readings_max)


def _review(rule: ReadingRule | SilenceRule, past: _Past, city: CityTime) -> ReadingReview | SilenceReview:
    if isinstance(rule, SilenceRule):
        return SilenceReview(rule, len(past.devices))
    name = getattr(rule, "relative_to", None)
    attributes = (
        {}
        if name is None
        else {name: np.array([attribute_number(d["attributes"], name) for d in past.devices], np.float64)}
    )
    return ReadingReview(rule, len(past.devices), attributes, partial(in_force, city=city))


def _feed(review: ReadingReview | SilenceReview, past: _Past, found: pa.Table | pa.RecordBatch) -> None:
    """Readings in the lake's schema, in order of (series, time)."""
    series = found["series"].to_numpy()
    time_us = found["time"].cast("int64").to_numpy()
    value = found["value"].to_numpy()
    device = past.place[np.searchsorted(past.series, series)]
    order = np.lexsort((time_us, device))
    review.feed(device[order], time_us[order], value[order])


def _summed(episodes: Episodes, past: _Past, span: Span, city: CityTime, readings: int) -> DryRun:
    span_us = to_us(span.start), to_us(span.until)
    length = span_us[1] - span_us[0]

    def local_day(time_us: Int64) -> Int64:
        zoned = [from_us(t).astimezone(city.zone).date().toordinal() for t in time_us.tolist()]
        return np.array(zoned, np.int64)

    found = reviewed(episodes, len(past.devices), span_us, local_day, worst_max)
    worst = []
    for device in found.worst:
        own = np.flatnonzero(episodes.device == device)
        row = past.devices[device]
        worst.append(
            DeviceReview(
                device=row["id"],
                entity=row["entity"],
                name=Text(**row["name"]),
                opened=len(own),
                share=float(found.in_alarm_us[device] / length),
                alarms=[_alarm(episodes, i) for i in own[:alarms_of_device_max].tolist()],
            )
        )
    return DryRun(
        start=span.start,
        until=span.until,
        devices=len(past.devices),
        readings=readings,
        opened=found.opened,
        cleared=found.cleared,
        open_at_end=found.opened - found.cleared,
        devices_in_alarm=found.devices_in_alarm,
        share=found.share,
        per_day=[(date.fromordinal(day), n) for day, n in found.per_day],
        worst=worst,
    )


def _alarm(episodes: Episodes, i: int) -> PastAlarm:
    end, value = int(episodes.end_us[i]), float(episodes.value[i])
    return PastAlarm(
        from_us(int(episodes.start_us[i])),
        None if end == UNKNOWN_US else from_us(end),
        None if np.isnan(value) else value,
    )
