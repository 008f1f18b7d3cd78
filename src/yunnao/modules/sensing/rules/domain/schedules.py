"""When rules are in force: weekly hours and working days of the city, over columns of times."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from yunnao.kernel.calendar import WorkingCalendar
from yunnao.kernel.packs.city import CalendarFile
from yunnao.kernel.packs.rule_base import Schedule
from yunnao.modules.sensing.domain.times import Int64, from_us

Bools = NDArray[np.bool_]
QUARTER_US = 900 * 1_000_000
MINUTE_US = 60 * 1_000_000
DAY_MIN = 1440
UNIX_DAY = date(1970, 1, 1)


@dataclass(frozen=True)
class CityTime:
    """What schedules need of the city: its zone, and which days are working days."""

    zone: ZoneInfo
    is_workday: Callable[[date], bool]


NATIONAL_TIME = CityTime(
    ZoneInfo("Asia/Shanghai"),
    WorkingCalendar.from_pack(CalendarFile(hours=[]), "Asia/Shanghai").is_workday,
)
"""For the test cases of scenes, which belong to no city."""


def in_force(schedule: Schedule, time_us: Int64, city: CityTime) -> Bools:
    """Whether `schedule` is in force at each of n moments.

    Zones change their offset on quarter hours of UTC, so one look a quarter hour is exact.
    """
    if not len(time_us):
        return np.zeros(0, np.bool_)
    quarters, place = _distinct(time_us // QUARTER_US)
    offset_min = np.array([_offset_min(city.zone, q) for q in quarters], np.int64)[place]
    local_min = time_us // MINUTE_US + offset_min
    day, minute = local_min // DAY_MIN, local_min % DAY_MIN
    today, yesterday = _matching(schedule, city, day), _matching(schedule, city, day - 1)
    found = np.zeros(len(time_us), np.bool_)
    for start, end in (map(_minutes, span) for span in schedule.hours):
        if start < end:
            found |= today & (minute >= start) & (minute < end)
        else:
            found |= (today & (minute >= start)) | (yesterday & (minute < end))
    return found


def _offset_min(zone: ZoneInfo, quarter: int) -> int:
    offset = from_us(quarter * QUARTER_US).astimezone(zone).utcoffset()
    assert offset is not None  # the moment is aware
    return offset // timedelta(minutes=1)


def _minutes(clock_time: str) -> int:
    hour, minute = clock_time.split(":")
    return int(hour) * 60 + int(minute)


def _matching(schedule: Schedule, city: CityTime, day: Int64) -> Bools:
    days, place = _distinct(day)
    return np.array([_day_matches(schedule, city, d) for d in days], np.bool_)[place]


def _distinct(values: Int64) -> tuple[list[int], Int64]:
    """The different ones, and each value's place among them; a batch mostly has one."""
    if values.min() == values.max():
        return [int(values[0])], np.zeros(len(values), np.int64)
    distinct, place = np.unique(values, return_inverse=True)
    return distinct.tolist(), place


def _day_matches(schedule: Schedule, city: CityTime, day: int) -> bool:
    when = UNIX_DAY + timedelta(days=day)
    if when.isoweekday() not in schedule.weekdays:
        return False
    return schedule.days == "all" or city.is_workday(when) == (schedule.days == "working")
