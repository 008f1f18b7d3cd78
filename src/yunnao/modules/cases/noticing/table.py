"""From events of the timeline to who is told what.

What an officer's own action asks of others (an assignment, a request, a reminder) is told where the action
is done; here is what follows for everybody else.
"""

from dataclasses import dataclass
from typing import Literal

Who = Literal["reporters", "handlers", "department", "desk", "rung"]
"""reporters: everybody who reported or follows the case, or one merged into it, by the contact they gave and
in the application; handlers: the responsible department's staff, or the desk while nobody is responsible;
department: that of the timeline's entry; desk: the dispatchers; rung: whom the city's ladder names."""


@dataclass(frozen=True)
class Telling:
    """A template of notices.yaml, and who is told by it."""

    template: str
    who: Who
    urgent: bool = False


TABLE: dict[str, tuple[Telling, ...]] = {
    "opened": (Telling("case_received", "reporters"),),
    "closed": (Telling("case_closed", "reporters"),),
    "reject": (Telling("case_rejected", "reporters"),),
    "hand_over": (Telling("case_handed_over", "reporters"),),
    "merged": (Telling("case_merged", "reporters"),),
    "unmerged": (Telling("case_unmerged", "reporters"),),
    "return": (Telling("case_returned", "desk"),),
    "informed": (Telling("case_informed", "department"),),
    "amber": (Telling("case_amber", "handlers"),),
    "overdue": (Telling("case_overdue", "handlers", urgent=True),),
    "step_overdue": (Telling("case_step_overdue", "handlers"),),
    "escalated": (Telling("case_escalated", "rung", urgent=True),),
}
