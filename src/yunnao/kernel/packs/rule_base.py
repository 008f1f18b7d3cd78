"""What every rule of a pack has, whichever operator finds its alarms."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from yunnao.kernel.packs.alarming import EscalationLevel, FloodLimit, Grouping
from yunnao.kernel.packs.common import Code, Model, Severity, Slug, Text

ClockTime = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$")]
Weekday = Annotated[int, Field(ge=1, le=7)]


class RaisedCase(Model):
    """The case that an alarm opens."""

    case_type: Slug
    category: Code
    inform: list[Code] = Field([], description="Categories whose departments are informed too.")


class Schedule(Model):
    """When a rule is in force, in the city's zone. Outside of it nothing breaks the rule."""

    days: Literal["all", "working", "off"] = Field(
        "all", description="working: the city's working days with 调休; off: all others."
    )
    weekdays: tuple[Weekday, ...] = Field(
        (1, 2, 3, 4, 5, 6, 7), min_length=1, description="ISO: 1 is Monday."
    )
    hours: tuple[tuple[ClockTime, ClockTime], ...] = Field(
        (("00:00", "24:00"),),
        min_length=1,
        max_length=12,
        description="From, until (excluded). `until` before `from` goes past midnight, of the day it began.",
    )

    @model_validator(mode="after")
    def _hours_last(self) -> "Schedule":
        if any(start in (end, "24:00") for start, end in self.hours):
            raise ValueError("hours begin before 24:00 and do not end when they begin")
        return self


class RuleBase(Model):
    label: Text
    product: Slug
    severity: Severity = "moderate"
    message: Text = Field(description="With {entity}, {value}, {since} as parameters.")
    case: RaisedCase | None = Field(None, description="The case to open; none: the alarm only.")
    active: Schedule | None = Field(None, description="When the rule is in force; none: always.")
    escalation: list[EscalationLevel] | None = Field(
        None, description="What happens while nobody acknowledges an alarm; none: as the city's file says."
    )
    flood: FloodLimit | None = Field(None, description="None: as the city's file says.")
    group: Grouping | None = Field(
        None, description="When an alarm lies beneath another as its consequence; none: never."
    )
