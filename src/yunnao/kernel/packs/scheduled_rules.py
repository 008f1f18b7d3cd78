"""Operators that the clock runs, over latest values and history."""

from pydantic import Field

from yunnao.kernel.packs.rule_base import RuleBase


class ScheduledRule(RuleBase):
    """A rule that is evaluated every so often, not with each batch of readings.

    An operator is a class of its own with `operator: Literal[..]`, named in `rules.Rule`.
    """

    every_s: int = Field(300, ge=10, description="How often it is evaluated, seconds.")
