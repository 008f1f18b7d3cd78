"""The actions on a case: what each decides in the flow, what must and what may come with it. Pure."""

from dataclasses import dataclass
from typing import Literal

Need = Literal[
    "comment",
    "department",
    "photos",
    "category",
    "score",
    "departments",
    "hours",
    "until",
    "reason",
    "about",
    "party",
    "text",
]
RequestKind = Literal["extension", "suspension", "appeal"]
RequestState = Literal["asked", "granted", "refused", "withdrawn", "lapsed"]
About = Literal["responsibility", "check"]

COMMENT_CHARS_MAX = 2_000
PARTY_CHARS_MAX = 120
EXTENSION_HOURS_MAX = 2_000.0
AHEAD_DAYS_MAX = 366
"""How far a date that comes with an action may lie ahead."""
DEPARTMENTS_MAX = 20
SUBCASES_MAX = 20
REMINDER_PAUSE_MIN = 30
"""Minutes between two reminders of one case."""


@dataclass(frozen=True)
class Action:
    """What a party may do. `decision` moves the flow; None: the case stays where it is in it."""

    name: str
    decision: str | None = None
    needs: tuple[Need, ...] = ()
    offers: tuple[Need, ...] = ()


def _moving(name: str, needs: tuple[Need, ...] = (), offers: tuple[Need, ...] = ()) -> Action:
    return Action(name, name, needs, offers)


ACTIONS: dict[str, Action] = {
    action.name: action
    for action in (
        _moving("assign", ("department",), ("category", "comment", "departments")),
        _moving("hand_over", ("party", "comment")),
        _moving("reject", ("comment",)),
        _moving("accept", (), ("comment",)),
        _moving("return", ("comment",)),
        _moving("reassign", ("department",), ("comment",)),
        _moving("complete", ("comment",), ("photos",)),
        _moving("finish", ("comment",), ("photos",)),
        _moving("confirm", (), ("comment", "photos")),
        _moving("redo", ("comment",)),
        _moving("answered", ("comment",), ("photos",)),
        _moving("take_back", ("comment",)),
        _moving("pass", (), ("comment",)),
        _moving("rework", ("comment",), ("photos", "departments")),
        _moving("rate", ("score",), ("comment",)),
        Action("feed_back", None, ("comment",), ("photos",)),
        Action("involve", None, ("departments",), ("comment",)),
        Action("release", None, ("departments", "comment")),
        Action("split", None, ("text",), ("category", "department")),
        Action("ask_extension", None, ("reason", "hours"), ("until",)),
        Action("extend", None, ("reason", "hours"), ("until",)),
        Action("ask_suspension", None, ("reason",), ("until",)),
        Action("suspend", None, ("reason",), ("until",)),
        Action("resume", None, (), ("comment",)),
        Action("remind", None, (), ("comment",)),
        Action("supervise", None, ("comment", "until")),
        Action("lift", None, ("comment",)),
        Action("appeal", None, ("about", "reason"), ("photos",)),
    )
}

FINISHING = frozenset({"finish", "confirm"})
"""What the lead of a joint handling does only when the others fed back, or with a reason."""
WHILE_SUSPENDED = frozenset({"resume", "supervise", "lift"})
LAPSING = frozenset(
    {"assign", "return", "reassign", "finish", "complete", "confirm", "hand_over", "take_back", "answered"}
)
"""Moves after which nobody needs the time that was asked for."""
EVENTS_OF_REQUESTS = {
    "extension": "ask_extension",
    "suspension": "ask_suspension",
    "appeal": "appeal",
}
