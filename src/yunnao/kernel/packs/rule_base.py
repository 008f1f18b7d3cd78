"""What every rule of a pack has, whichever operator finds its alarms."""

from typing import Literal

from pydantic import Field

from yunnao.kernel.packs.common import Code, Model, Slug, Text

Severity = Literal["minor", "moderate", "severe", "extreme"]
"""CAP 1.2, element `severity`."""


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
