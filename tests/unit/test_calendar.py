"""The working calendar, against a brute-force count of minutes."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yunnao.kernel.calendar import WorkingCalendar, national_known_until
from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.packs.city import CalendarFile

HOURS = [("09:00", "12:00"), ("13:30", "17:30")]
CITY = WorkingCalendar.from_pack(
    CalendarFile(hours=HOURS, holidays=["2026-03-18"], workdays=["2026-03-21"]), "Asia/Shanghai"
)
ZONE = CITY.zone

moments = st.integers(0, 270 * 24 * 60).map(lambda n: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=n))
quarters = st.integers(0, 4 * 60).map(lambda n: n / 4)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def open_at(moment: datetime) -> bool:
    """Whether the minute that begins at `moment` is working time."""
    here = moment.astimezone(ZONE)
    clock = here.strftime("%H:%M")
    return CITY.is_workday(here.date()) and any(opens <= clock < closes for opens, closes in HOURS)


def test_hours_run_over_lunch_night_and_weekend() -> None:
    friday = local("2026-03-06T16:30")
    assert CITY.add_working_hours(friday, 1) == local("2026-03-06T17:30")
    assert CITY.add_working_hours(friday, 2) == local("2026-03-09T10:00")
    assert CITY.add_working_hours(friday, 5) == local("2026-03-09T14:30")


def test_a_night_report_begins_in_the_morning() -> None:
    assert CITY.add_working_hours(local("2026-03-09T22:00"), 0) == local("2026-03-10T09:00")


def test_the_national_day_week_does_not_count_and_its_moved_working_days_do() -> None:
    assert not CITY.is_workday(date(2026, 10, 1))
    assert not CITY.is_workday(date(2026, 10, 7))
    assert CITY.is_workday(date(2026, 10, 10))  # a Saturday, worked in exchange
    assert CITY.is_workday(date(2026, 2, 14))  # a Saturday before the Spring Festival


def test_the_citys_own_days_come_before_the_national_ones() -> None:
    assert not CITY.is_workday(date(2026, 3, 18))
    assert CITY.is_workday(date(2026, 3, 21))


def test_past_the_last_national_notice_the_week_decides_and_it_says_so() -> None:
    year = national_known_until().year + 1
    assert CITY.known_until == national_known_until()
    monday = date(year, 1, 4) + timedelta(days=(7 - date(year, 1, 4).weekday()) % 7)
    assert CITY.is_workday(monday)
    assert not CITY.is_workday(monday + timedelta(days=5))


def test_without_national_holidays_only_the_week_counts() -> None:
    plain = WorkingCalendar.from_pack(CalendarFile(hours=HOURS, national=False), "Asia/Shanghai")
    assert plain.known_until is None
    assert plain.is_workday(date(2026, 10, 1))


def test_a_calendar_that_never_opens_is_an_error_not_an_endless_search() -> None:
    never = WorkingCalendar.from_pack(
        CalendarFile(hours=HOURS, national=False, weekly_days_off=[1, 2, 3, 4, 5, 6, 7]), "Asia/Shanghai"
    )
    with pytest.raises(InvalidInput, match="calendar_without_workdays"):
        never.add_working_hours(local("2026-03-09T10:00"), 1)


def test_negative_time_and_naive_moments_are_refused() -> None:
    with pytest.raises(InvalidInput, match="working_hours_negative"):
        CITY.add_working_hours(local("2026-03-09T10:00"), -1)
    with pytest.raises(InvalidInput, match="time_without_zone"):
        CITY.add_working_hours(datetime(2026, 3, 9), 1)  # noqa: DTZ001 - naive on purpose


@given(moments, quarters)
def test_a_deadline_never_lies_outside_working_hours(start: datetime, hours: float) -> None:
    end = CITY.add_working_hours(start, hours)
    assert end >= start
    assert open_at(end) or open_at(end - timedelta(minutes=1))


@given(moments, quarters, quarters)
def test_more_hours_never_end_earlier(start: datetime, a: float, b: float) -> None:
    assert CITY.add_working_hours(start, a) <= CITY.add_working_hours(start, a + b)


@given(moments, st.integers(0, 10_000), quarters)
def test_a_later_start_never_ends_earlier(start: datetime, minutes: int, hours: float) -> None:
    later = start + timedelta(minutes=minutes)
    assert CITY.add_working_hours(start, hours) <= CITY.add_working_hours(later, hours)


@given(moments, quarters, quarters)
def test_hours_add_up(start: datetime, a: float, b: float) -> None:
    in_two = CITY.add_working_hours(CITY.add_working_hours(start, a), b)
    at_once = CITY.add_working_hours(start, a + b)
    assert CITY.working_hours_between(min(in_two, at_once), max(in_two, at_once)) == 0
    if b > 0:
        assert in_two == at_once


@given(moments, quarters)
def test_what_was_added_is_what_lies_between(start: datetime, hours: float) -> None:
    assert CITY.working_hours_between(start, CITY.add_working_hours(start, hours)) == hours


@settings(max_examples=25, deadline=None)
@given(moments, st.integers(0, 14 * 24 * 60))
def test_working_time_agrees_with_a_count_of_minutes(start: datetime, minutes: int) -> None:
    counted = sum(open_at(start + timedelta(minutes=n)) for n in range(minutes))
    between = CITY.working_hours_between(start, start + timedelta(minutes=minutes))
    assert round(between * 60) == counted
