"""The event stream shows each event to those whom it concerns."""

from yunnao.entrypoints.api.events import concerns, present
from yunnao.kernel.ids import new_id
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import Text

NAME = Text(zh="某人", en="Someone")


def test_what_is_addressed_is_shown_to_its_addressees_alone() -> None:
    lin, mei = Principal(new_id(), "lin", NAME), Principal(new_id(), "mei", NAME)
    bell = {"subject": "notifications.notice.made", "data": {"to": [str(lin.id)]}}
    assert concerns(bell, lin, watches=False)
    assert concerns(bell, lin, watches=True)
    assert not concerns(bell, mei, watches=True)


def test_what_is_addressed_to_nobody_is_for_those_who_watch_the_city() -> None:
    citizen = Principal(new_id(), "wang", NAME)
    event = {"subject": "cases.case.opened", "data": {}}
    assert concerns(event, citizen, watches=True)
    assert not concerns(event, citizen, watches=False)


def test_whom_else_it_is_addressed_to_stays_inside() -> None:
    told = present({"id": "1", "time": "t", "subject": "s", "data": {"to": ["a", "b"], "kind": "case_amber"}})
    assert told == {"id": "1", "time": "t", "subject": "s", "kind": "case_amber"}
