"""Working time: the city's hours on the national calendar with its 调休 (moved working days).

A deadline of so many working hours is a moment that `add_working_hours` finds. National holidays
come from `chinese_calendar`, which carries the State Council's yearly notices; past the last
notice weekdays decide (`known_until`).
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import chinese_calendar
from chinese_calendar.constants import holidays as national_holidays

from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.packs.city import CalendarFile
from yunnao.kernel.time import require_aware

days_searched_max = 3660
"""How far a deadline may lie ahead, days: ten years."""


@cache
def national_known_until() -> date:
    """The last day for which the national calendar is published."""
    return date(max(day.year for day in national_holidays), 12, 31)


@dataclass(frozen=True)
class WorkingCalendar:
    """When the city works. Moments go in aware and come out in UTC."""

    zone: ZoneInfo
    hours: tuple[tuple[time, time], ...]
    weekly_days_off: frozenset[int]
    national: bool
    holidays: frozenset[date]
    workdays: frozenset[date]
    _opened: dict[date, tuple[tuple[datetime, datetime], ...]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @classmethod
    def from_pack(cls, calendar: CalendarFile, time_zone: str) -> "WorkingCalendar":
        """The calendar of a checked pack (hours in order, dates in ISO form)."""
        return cls(
            zone=ZoneInfo(time_zone),
            hours=tuple((time.fromisoformat(a), time.fromisoformat(b)) for a, b in calendar.hours),
            weekly_days_off=frozenset(calendar.weekly_days_off),
            national=calendar.national,
            holidays=frozenset(date.fromisoformat(day) for day in calendar.holidays),
            workdays=frozenset(date.fromisoformat(day) for day in calendar.workdays),
        )

    @property
    def known_until(self) -> date | None:
        """The last day of which holidays are known; none: no national calendar is used."""
        return national_known_until() if self.national else None

    def is_workday(self, day: date) -> bool:
        """The city's own days come first, then the national calendar, then the week."""
        if day in self.workdays:
            return True
        if day in self.holidays:
            return False
        if self.national:
            try:
                return bool(chinese_calendar.is_workday(day))
            except NotImplementedError:
                pass  # a year without a notice: the week decides, as `known_until` tells
        return day.isoweekday() not in self.weekly_days_off

    def add_working_hours(self, start: datetime, hours: float) -> datetime:
        """The moment when `hours` (≥ 0) of working time have passed since `start`.

        It lies within working hours, both ends included; with 0 hours it is `start` itself or the
        next opening. Raises InvalidInput `calendar_without_workdays` past `days_searched_max`.
        """
        if hours < 0:
            raise InvalidInput("working_hours_negative", hours=hours)
        at, left = require_aware(start), timedelta(hours=hours)
        first = at.astimezone(self.zone).date()
        for offset in range(days_searched_max):
            for opens, closes in self._open_on(first + timedelta(days=offset)):
                if closes < at:
                    continue
                begin = max(opens, at)
                if left <= closes - begin:
                    return begin + left
                left -= closes - begin
        raise InvalidInput("calendar_without_workdays", days=days_searched_max)

    def working_hours_between(self, start: datetime, end: datetime) -> float:
        """Working time from `start` to `end`, hours; 0 where `end` is not later."""
        begin, finish = require_aware(start), require_aware(end)
        total, day = timedelta(), begin.astimezone(self.zone).date()
        last = finish.astimezone(self.zone).date()
        while day <= last:
            for opens, closes in self._open_on(day):
                total += max(timedelta(), min(closes, finish) - max(opens, begin))
            day += timedelta(days=1)
        return total / timedelta(hours=1)

    def _open_on(self, day: date) -> tuple[tuple[datetime, datetime], ...]:
        """The day's working intervals in UTC, so that sums hold where the zone shifts."""
        intervals = self._opened.get(day)
        if intervals is None:
            intervals = (
                tuple((self._moment(day, opens), self._moment(day, closes)) for opens, closes in self.hours)
                if self.is_workday(day)
                else ()
            )
            self._opened[day] = intervals
        return intervals

    def _moment(self, day: date, at: time) -> datetime:
        return datetime.combine(day, at, tzinfo=self.zone).astimezone(UTC)
