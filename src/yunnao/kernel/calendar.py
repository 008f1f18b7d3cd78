"""Working time: the city's hours on the national calendar with its 调休 (moved working days).

A deadline of so many working hours is a moment that `add_working_hours` finds. National holidays
come from `chinese_calendar`, which carries the State Council's yearly notices; past the last
notice weekdays decide (`known_until`).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import accumulate
from zoneinfo import ZoneInfo

import chinese_calendar
from chinese_calendar.constants import holidays as national_holidays

from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.packs.city import CalendarFile
from yunnao.kernel.time import require_aware

years_searched_max = 10
"""How far a deadline may lie ahead or back."""
HOUR = timedelta(hours=1)

Hours = tuple[tuple[time, time], ...]


@cache
def national_known_until() -> date:
    """The last day for which the national calendar is published."""
    return date(max(day.year for day in national_holidays), 12, 31)


@dataclass(frozen=True)
class Season:
    """Hours of a part of the year, by (month, day), both ends included; it may run over New Year."""

    first: tuple[int, int]
    last: tuple[int, int]
    hours: Hours

    def holds(self, day: date) -> bool:
        at = (day.month, day.day)
        if self.first <= self.last:
            return self.first <= at <= self.last
        return at >= self.first or at <= self.last


@dataclass(frozen=True)
class _Year:
    """The working intervals of a year in UTC, and the working time before each, so that a sum over months
    is two look-ups."""

    opens: Sequence[datetime]
    closes: Sequence[datetime]
    before: Sequence[timedelta]
    """One more than there are intervals: the last is the year's total."""

    def worked_until(self, at: datetime) -> timedelta:
        n = bisect_right(self.opens, at)
        if n == 0:
            return timedelta()
        return self.before[n - 1] + min(at, self.closes[n - 1]) - self.opens[n - 1]


@dataclass(frozen=True)
class WorkingCalendar:
    """When the city works. Moments go in aware and come out in UTC."""

    zone: ZoneInfo
    hours: Hours
    weekly_days_off: frozenset[int]
    national: bool
    holidays: frozenset[date]
    workdays: frozenset[date]
    weekday_hours: Mapping[int, Hours] = field(default_factory=dict)
    seasons: tuple[Season, ...] = ()
    date_hours: Mapping[date, Hours] = field(default_factory=dict)
    _years: dict[int, _Year] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_pack(cls, calendar: CalendarFile, time_zone: str) -> "WorkingCalendar":
        """The calendar of a checked pack (hours in order, dates in ISO form)."""
        return cls(
            zone=ZoneInfo(time_zone),
            hours=_hours(calendar.hours),
            weekly_days_off=frozenset(calendar.weekly_days_off),
            national=calendar.national,
            holidays=frozenset(date.fromisoformat(day) for day in calendar.holidays),
            workdays=frozenset(date.fromisoformat(day) for day in calendar.workdays),
            weekday_hours={day: _hours(given) for day, given in calendar.weekday_hours.items()},
            seasons=tuple(
                Season(_month_day(each.first), _month_day(each.last), _hours(each.hours))
                for each in calendar.seasons
            ),
            date_hours={date.fromisoformat(day): _hours(given) for day, given in calendar.date_hours.items()},
        )

    @property
    def known_until(self) -> date | None:
        """The last day of which holidays are known; none: no national calendar is used."""
        return national_known_until() if self.national else None

    def is_workday(self, day: date) -> bool:
        """The city's own days come first, then the national calendar, then the week."""
        if day in self.date_hours:
            return bool(self.date_hours[day])
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

    def hours_of(self, day: date) -> Hours:
        """The day's working hours: its own, else of its season, else of its weekday, else the usual ones."""
        if day in self.date_hours:
            return self.date_hours[day]
        if not self.is_workday(day):
            return ()
        season = next((each.hours for each in self.seasons if each.holds(day)), None)
        return season or self.weekday_hours.get(day.isoweekday()) or self.hours

    def add_working_hours(self, start: datetime, hours: float) -> datetime:
        """The moment when `hours` (≥ 0) of working time have passed since `start`.

        It lies within working hours, both ends included; with 0 hours it is `start` itself or the
        next opening. Raises InvalidInput `calendar_without_workdays` past `years_searched_max`.
        """
        left, at = _positive(hours), require_aware(start)
        first = at.astimezone(self.zone).year
        for number in range(first, first + years_searched_max):
            year = self._year(number)
            wanted = year.worked_until(at) + left
            # The first interval that is not over before `at` and at whose end enough has passed.
            n = max(bisect_left(year.before, wanted, lo=1) - 1, bisect_left(year.closes, at))
            if n < len(year.opens):
                return max(year.opens[n], at) if not left else year.opens[n] + wanted - year.before[n]
            left = wanted - year.before[-1]
        raise InvalidInput("calendar_without_workdays", days=years_searched_max * 366)

    def subtract_working_hours(self, end: datetime, hours: float) -> datetime:
        """The latest moment from which `hours` (≥ 0) of working time pass until `end`.

        With 0 hours it is `end` itself or the closing before it. Raises as `add_working_hours`.
        """
        left, at = _positive(hours), require_aware(end)
        last = at.astimezone(self.zone).year
        for number in range(last, last - years_searched_max, -1):
            year = self._year(number)
            wanted = year.worked_until(at) - left
            n = min(bisect_right(year.before, wanted) - 1, bisect_right(year.opens, at) - 1)
            if wanted >= timedelta() and 0 <= n < len(year.opens):
                return min(year.closes[n], at) if not left else year.opens[n] + wanted - year.before[n]
            left = -wanted
        raise InvalidInput("calendar_without_workdays", days=years_searched_max * 366)

    def working_hours_between(self, start: datetime, end: datetime) -> float:
        """Working time from `start` to `end`, hours; 0 where `end` is not later."""
        begin, finish = require_aware(start), require_aware(end)
        if finish <= begin:
            return 0.0
        first, last = begin.astimezone(self.zone).year, finish.astimezone(self.zone).year
        total = self._year(last).worked_until(finish) - self._year(first).worked_until(begin)
        for number in range(first, last):
            total += self._year(number).before[-1]
        return total / HOUR

    def _year(self, number: int) -> _Year:
        """Intervals in UTC, so that sums hold where the zone shifts."""
        year = self._years.get(number)
        if year is None:
            days = (date(number, 1, 1) + timedelta(days=n) for n in range(366))
            open_ = [
                (self._moment(day, opens), self._moment(day, closes))
                for day in days
                if day.year == number
                for opens, closes in self.hours_of(day)
            ]
            before = list(accumulate((closes - opens for opens, closes in open_), initial=timedelta()))
            year = _Year([opens for opens, _ in open_], [closes for _, closes in open_], before)
            self._years[number] = year
        return year

    def _moment(self, day: date, at: time) -> datetime:
        return datetime.combine(day, at, tzinfo=self.zone).astimezone(UTC)


def _positive(hours: float) -> timedelta:
    if hours < 0:
        raise InvalidInput("working_hours_negative", hours=hours)
    return timedelta(hours=hours)


def _hours(given: Sequence[tuple[str, str]]) -> Hours:
    return tuple((time.fromisoformat(opens), time.fromisoformat(closes)) for opens, closes in given)


def _month_day(text: str) -> tuple[int, int]:
    month, day = text.split("-")
    return int(month), int(day)
