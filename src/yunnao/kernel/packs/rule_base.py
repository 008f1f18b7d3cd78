"""What every rule of a pack has, whichever operator finds its alarms."""

from pydantic import Field

from yunnao.kernel.packs.alarming import EscalationLevel, FloodLimit, Grouping
from yunnao.kernel.packs.common import Code, Model, Severity, Slug, Text


class RaisedCase(Model):
    """The case that an alarm opens."""

    case_type: Slug
    category: Code
    inform: list[Code] = Field([], description="Categories whose departments are informed too.")


class RuleBase(Model):
    label: Text
    product: Slug
    severity: Severity = "moderate"
    message: Text = Field(description="With {entity}, {value}, {since} as parameters.")
    case: RaisedCase | None = Field(None, description="The case to open; none: the alarm only.")
    escalation: list[EscalationLevel] | None = Field(
        None, description="What happens while nobody acknowledges an alarm; none: as the city's file says."
    )
    flood: FloodLimit | None = Field(None, description="None: as the city's file says.")
    group: Grouping | None = Field(
        None, description="When an alarm lies beneath another as its consequence; none: never."
    )
