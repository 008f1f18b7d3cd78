"""The clock of a case's time limit as actions stop it, let it go on, and give it more time."""

from datetime import datetime, timedelta

from yunnao.kernel.errors import InvalidInput
from yunnao.modules.cases.acting.doing import Doing
from yunnao.modules.cases.deadlines import facade as deadlines


async def stop(doing: Doing, until: datetime | None) -> None:
    case = doing.case
    case["suspended_at"], case["suspended_until"] = doing.now, until
    _due(doing, await deadlines.pause(doing.tx, doing.parts, case["id"], doing.now))


async def go_on(doing: Doing) -> None:
    """What was left of the limit is left."""
    case = doing.case
    _due(doing, await deadlines.resume(doing.tx, doing.parts, case["id"], doing.now))
    doing.detail |= {
        "suspended_s": int((doing.now - case["suspended_at"]).total_seconds()),
        "due_at": case["due_at"].isoformat(),
    }
    case["suspended_at"] = case["suspended_until"] = None


async def give_time(doing: Doing, hours: float | None, until: datetime | None) -> None:
    """`hours` more, on the clock that the limit runs by, or as many as there are before `until`.

    Raises InvalidInput `extension_not_later` where that is none.
    """
    case = doing.case
    if until is not None:
        hours = _hours_until(doing, until)
    if not hours:
        raise InvalidInput("extension_not_later")
    _due(doing, await deadlines.extend(doing.tx, doing.parts, case["id"], hours, doing.now))
    doing.detail["due_at"] = case["due_at"].isoformat()


def _hours_until(doing: Doing, until: datetime) -> float:
    case = doing.case
    due_at: datetime = case["due_at"]
    if doing.snapshot.deadline(case["category"], case["case_type"]).clock == "urgent":
        return max(0.0, (until - due_at) / timedelta(hours=1))
    return doing.snapshot.city.calendar.working_hours_between(due_at, until)


def _due(doing: Doing, due_at: datetime) -> None:
    doing.case["due_at"] = due_at
    if due_at > doing.now:
        doing.case["overdue_at"] = None
