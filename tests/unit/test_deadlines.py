"""Due times, pauses and calendars: what holds for every case, in a zone with and one without shifts."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yunnao.kernel.calendar import WorkingCalendar
from yunnao.kernel.packs.city import CalendarFile, Escalation, SeasonHours
from yunnao.kernel.packs.scene import Deadline, StepLimit
from yunnao.modules.cases.deadlines.domain import (
    Standing,
    add,
    between,
    due_at,
    events,
    inherited,
    level_of,
    state_of,
    used_h,
)

HOURS = [("09:00", "12:00"), ("13:30", "17:30")]
QINGDAO = WorkingCalendar.from_pack(
    CalendarFile(
        hours=HOURS,
        weekday_hours={5: [("09:00", "12:00")]},
        seasons=[SeasonHours(first="06-01", last="09-30", hours=[("08:30", "11:30"), ("14:00", "18:00")])],
        date_hours={"2026-02-16": [("09:00", "12:00")], "2026-03-10": []},
        holidays=["2026-03-18"],
        workdays=["2026-03-21"],
    ),
    "Asia/Shanghai",
)
# A zone that shifts, working through the night of the shift, every day.
BERLIN = WorkingCalendar.from_pack(
    CalendarFile(hours=[("00:00", "06:00"), ("20:00", "23:30")], weekly_days_off=[], national=False),
    "Europe/Berlin",
)
START = datetime(2026, 1, 1, tzinfo=UTC)

calendars = st.sampled_from([QINGDAO, BERLIN])
clocks = st.sampled_from(["working", "urgent"])
moments = st.integers(0, 330 * 24 * 60).map(lambda n: START + timedelta(minutes=n))
quarters = st.integers(0, 4 * 80).map(lambda n: n / 4)
limits = st.integers(1, 4 * 80).map(lambda n: n / 4)


@st.composite
def stops(draw: st.DrawFn, opened: datetime) -> list[tuple[datetime, datetime]]:
    """Pauses in order and apart."""
    at, found = opened, []
    for _ in range(draw(st.integers(0, 4))):
        at += timedelta(minutes=draw(st.integers(0, 5 * 24 * 60)))
        end = at + timedelta(minutes=draw(st.integers(0, 5 * 24 * 60)))
        found.append((at, end))
        at = end
    return found


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=QINGDAO.zone)


def open_at(calendar: WorkingCalendar, moment: datetime) -> bool:
    here = moment.astimezone(calendar.zone)
    return any(opens <= here.time() <= closes for opens, closes in calendar.hours_of(here.date()))


# --- the calendar ------------------------------------------------------------------------------


@given(calendars, moments, quarters)
def test_what_is_added_and_subtracted_leaves_no_working_time_between(
    calendar: WorkingCalendar, start: datetime, hours: float
) -> None:
    end = calendar.add_working_hours(start, hours)
    back = calendar.subtract_working_hours(end, hours)
    assert calendar.working_hours_between(start, back) == 0
    assert calendar.working_hours_between(back, start) == 0


@given(calendars, moments, quarters)
def test_a_moment_reckoned_back_lies_within_working_hours(
    calendar: WorkingCalendar, end: datetime, hours: float
) -> None:
    start = calendar.subtract_working_hours(end, hours)
    assert start <= end
    assert open_at(calendar, start)
    assert calendar.working_hours_between(start, end) == hours


@given(calendars, moments, quarters, quarters)
def test_reckoning_is_monotone_both_ways(calendar: WorkingCalendar, at: datetime, a: float, b: float) -> None:
    assert calendar.add_working_hours(at, a) <= calendar.add_working_hours(at, a + b)
    assert calendar.subtract_working_hours(at, a) >= calendar.subtract_working_hours(at, a + b)


@given(calendars, moments, quarters)
def test_a_due_time_never_lies_outside_working_hours(
    calendar: WorkingCalendar, start: datetime, hours: float
) -> None:
    assert open_at(calendar, calendar.add_working_hours(start, hours))


def test_fridays_seasons_half_days_and_single_days_have_hours_of_their_own() -> None:
    assert QINGDAO.add_working_hours(local("2026-03-06T11:00"), 2) == local("2026-03-09T10:00")
    assert QINGDAO.add_working_hours(local("2026-07-06T11:00"), 1) == local("2026-07-06T14:30")
    assert QINGDAO.add_working_hours(local("2026-03-09T17:00"), 1) == local("2026-03-11T09:30")
    assert [str(opens) for opens, _ in QINGDAO.hours_of(local("2026-02-16T00:00").date())] == ["09:00:00"]


def test_the_hour_that_a_shift_takes_or_gives_is_not_counted_as_work_that_was_not_done() -> None:
    spring = datetime(2026, 3, 29, 0, 0, tzinfo=BERLIN.zone)
    assert BERLIN.working_hours_between(spring, spring + timedelta(hours=12)) == 5
    autumn = datetime(2026, 10, 25, 0, 0, tzinfo=BERLIN.zone)
    assert BERLIN.working_hours_between(autumn, autumn + timedelta(hours=12)) == 7


# --- clocks that stand --------------------------------------------------------------------------


@given(calendars, clocks, moments, limits, st.data())
def test_until_it_is_due_exactly_the_limit_has_run(
    calendar: WorkingCalendar, clock: str, opened: datetime, limit: float, data: st.DataObject
) -> None:
    pauses = data.draw(stops(opened))
    due = due_at(opened, limit, clock, calendar, pauses)
    assert used_h(opened, due, clock, calendar, pauses) == pytest.approx(limit)


@given(calendars, clocks, moments, limits, st.data())
def test_a_pause_never_brings_a_deadline_nearer(
    calendar: WorkingCalendar, clock: str, opened: datetime, limit: float, data: st.DataObject
) -> None:
    pauses = data.draw(stops(opened))
    for n in range(len(pauses)):
        assert due_at(opened, limit, clock, calendar, pauses[:n]) <= due_at(
            opened, limit, clock, calendar, pauses[: n + 1]
        )


@given(calendars, clocks, moments, limits, st.integers(0, 20_000), st.integers(0, 20_000))
def test_what_was_left_at_the_stop_is_left_at_the_start(
    calendar: WorkingCalendar, clock: str, opened: datetime, limit: float, ran: int, stood: int
) -> None:
    stop = opened + timedelta(minutes=ran)
    go = stop + timedelta(minutes=stood)
    running = Standing(opened, limit, clock, 0.25)
    paused = Standing(opened, limit, clock, 0.25, paused_at=stop)
    left = running.left_h(stop, calendar)
    assert paused.left_h(go, calendar) == pytest.approx(left)
    resumed = Standing(opened, limit, clock, 0.25, pauses=((stop, go),))
    due = resumed.due(go, calendar)
    assert resumed.left_h(go, calendar) == pytest.approx(left)
    assert due == paused.due(go, calendar)
    if left > 0:
        assert due == add(calendar, clock, go, left)


@given(calendars, clocks, moments, limits, st.floats(0, 0.99))
def test_amber_comes_before_red_with_its_share_left(
    calendar: WorkingCalendar, clock: str, opened: datetime, limit: float, share: float
) -> None:
    kept = Standing(opened, limit, clock, share)
    amber, due = kept.amber(opened, calendar), kept.due(opened, calendar)
    assert amber <= due
    assert between(calendar, clock, amber, due) == pytest.approx(limit * share, abs=1e-6)


def test_states_follow_the_clock() -> None:
    amber, due = START + timedelta(hours=3), START + timedelta(hours=4)
    assert state_of(START, due, amber, None) == "green"
    assert state_of(amber, due, amber, None) == "amber"
    assert state_of(due, due, amber, None) == "amber"
    assert state_of(due + timedelta(seconds=1), due, amber, None) == "red"
    assert state_of(due + timedelta(days=1), due, amber, START) == "paused"


# --- declarations -------------------------------------------------------------------------------


def test_each_part_of_a_limit_is_inherited_by_itself() -> None:
    found = inherited(
        [
            Deadline(limit_h=4, clock="urgent", steps={"accept": StepLimit(limit_h=1)}),
            Deadline(limit_h=8, amber_share=0.5, steps={"accept": StepLimit(limit_h=3)}),
            Deadline(limit_h=40, amber_share=0.1, steps={"check": StepLimit(limit_h=9)}),
        ]
    )
    assert (found.limit_h, found.clock, found.amber_share) == (4, "urgent", 0.5)
    assert (found.steps["accept"].limit_h, found.steps["accept"].clock) == (1, "urgent")
    assert (found.steps["check"].limit_h, found.steps["check"].clock) == (9, "working")


def test_the_ladder_counts_from_red_in_its_own_clock() -> None:
    ladder = [
        Escalation(role="leader", of="responsible"),
        Escalation(after_h=8, clock="working", role="dispatcher"),
        Escalation(after_h=24, role="leader"),
    ]
    due = local("2026-03-12T17:00")
    found = {event.name: event.at for event in events(due, due, None, ladder, QINGDAO)}
    assert found["rung-1"] == due
    assert found["rung-2"] == local("2026-03-16T15:00")
    assert found["rung-3"] == due + timedelta(hours=24)
    assert level_of(["amber", "red", "rung-1", "rung-2"]) == 2
