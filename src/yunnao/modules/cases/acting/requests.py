"""What a department asks for: more time, a stopped clock, another verdict. Somebody else decides."""

from typing import Any

from psycopg.types.json import Jsonb

from yunnao.kernel.errors import Conflict, InvalidInput
from yunnao.kernel.ids import new_id
from yunnao.modules.cases.acting import clock, store
from yunnao.modules.cases.acting.catalogue import RequestKind
from yunnao.modules.cases.acting.doing import Doing

KINDS: dict[str, RequestKind] = {
    "ask_extension": "extension",
    "ask_suspension": "suspension",
    "appeal": "appeal",
}
"""By the action that asks."""
VERDICTS = {
    "responsibility": ["assign", "reassign", "assigned_automatically"],
    "check": ["pass", "rework"],
}
"""The entries of the timeline that an appeal about each is against."""


async def ask(doing: Doing) -> None:
    """Keeps the request; the state of the case is as it was until somebody decides."""
    data, kind, request_id = doing.data, KINDS[doing.action.name], new_id()
    judged_by = None
    if kind == "appeal":
        judged_by = await _judge(doing)
    until = doing.until()
    if kind == "extension" and until is not None and until <= doing.case["due_at"]:
        raise InvalidInput("extension_not_later")
    await store.run(
        doing.tx,
        "request_insert",
        id=request_id,
        case_id=doing.case["id"],
        kind=kind,
        department=doing.principal.department,
        asked_by=doing.principal.id,
        asked_by_name=Jsonb(doing.principal.name.model_dump()),
        asked_at=doing.now,
        reason=data.reason,
        hours=doing.hours() if kind == "extension" else None,
        until=until if kind != "appeal" else None,
        about=data.about if kind == "appeal" else None,
        judged_by=judged_by,
    )
    doing.detail |= {"request_id": str(request_id), **told(doing)}


async def extend(doing: Doing) -> None:
    """By right, without asking."""
    await clock.give_time(doing, doing.hours(), doing.until())
    doing.detail |= told(doing)


def told(doing: Doing) -> dict[str, Any]:
    """What came with the action, for the timeline."""
    data = doing.data
    found = {"reason": data.reason, "hours": data.hours, "about": data.about}
    if data.until is not None:
        found["until"] = data.until.isoformat()
    return {key: value for key, value in found.items() if value is not None}


async def _judge(doing: Doing) -> Any:
    """Who gave the verdict that is appealed against; None: the machine."""
    about = str(doing.data.about)
    found = await store.one(doing.tx, "verdict", case_id=doing.case["id"], events=VERDICTS[about])
    if found is None:
        raise Conflict("appeal_without_verdict", about=about)
    return found["actor_id"]
