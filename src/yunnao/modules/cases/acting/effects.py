"""What each action changes besides the case's place in its flow."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from yunnao.kernel.errors import Conflict, InvalidInput
from yunnao.modules.cases.acting import clock, parties, requests, subcases
from yunnao.modules.cases.acting.catalogue import PARTY_CHARS_MAX, REMINDER_PAUSE_MIN
from yunnao.modules.cases.acting.doing import Doing

Effect = Callable[[Doing], Awaitable[None]]


async def _assign(doing: Doing) -> None:
    await _give(doing)
    data, case = doing.data, doing.case
    if data.category is not None:
        doing.snapshot.category(data.category)
        case["category"] = data.category
    if data.departments:
        await parties.involve(doing)


async def _give(doing: Doing) -> None:
    department = doing.data.department
    if department not in await doing.parts.departments(doing.tx, doing.snapshot):
        raise InvalidInput("department_unknown_for_case", department=str(department)[:60])
    doing.case["department"] = department
    await parties.follow_lead(doing)


async def _return(doing: Doing) -> None:
    doing.case["department"] = None
    await parties.follow_lead(doing)


async def _hand_over(doing: Doing) -> None:
    party = (doing.data.party or "").strip()
    if len(party) > PARTY_CHARS_MAX:
        raise InvalidInput("text_too_long", limit_chars=PARTY_CHARS_MAX)
    doing.case["handed_to"] = party
    doing.detail["party"] = party


async def _take_back(doing: Doing) -> None:
    doing.case["handed_to"] = None


async def _finish(doing: Doing) -> None:
    await parties.finish(doing)


async def _rework(doing: Doing) -> None:
    await parties.reopen(doing)


async def _rate(doing: Doing) -> None:
    doing.case["score"], doing.case["rating_comment"] = doing.data.score, doing.data.comment
    doing.detail["score"] = doing.data.score


async def _suspend(doing: Doing) -> None:
    await clock.stop(doing, doing.until())
    doing.detail |= requests.told(doing)


async def _resume(doing: Doing) -> None:
    await clock.go_on(doing)


async def _remind(doing: Doing) -> None:
    case = doing.case
    last = case["reminded_at"]
    if last is not None and doing.now < last + timedelta(minutes=REMINDER_PAUSE_MIN):
        raise Conflict("case_reminded_already", minutes=REMINDER_PAUSE_MIN)
    case["reminders"] += 1
    case["reminded_at"] = doing.now
    doing.detail["reminders"] = case["reminders"]


async def _supervise(doing: Doing) -> None:
    doing.case["supervised_at"], doing.case["supervised_until"] = doing.now, doing.until()
    doing.detail |= requests.told(doing)


async def _lift(doing: Doing) -> None:
    doing.case["supervised_at"] = doing.case["supervised_until"] = None


EFFECTS: Mapping[str, Effect] = {
    "assign": _assign,
    "reassign": _give,
    "return": _return,
    "hand_over": _hand_over,
    "take_back": _take_back,
    "finish": _finish,
    "confirm": _finish,
    "rework": _rework,
    "rate": _rate,
    "feed_back": parties.feed_back,
    "involve": parties.involve,
    "release": parties.release,
    "split": subcases.split,
    "ask_extension": requests.ask,
    "ask_suspension": requests.ask,
    "appeal": requests.ask,
    "extend": requests.extend,
    "suspend": _suspend,
    "resume": _resume,
    "remind": _remind,
    "supervise": _supervise,
    "lift": _lift,
}
"""Actions that are not here only move the flow."""
