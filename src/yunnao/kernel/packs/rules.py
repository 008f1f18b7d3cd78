"""`rules.yaml`: what is found in readings. One union over the operators, told apart by `operator`."""

from typing import Annotated

from pydantic import Field

from yunnao.kernel.packs.common import Model, Slug
from yunnao.kernel.packs.scheduled_rules import (
    ForecastRule,
    NeighboursRule,
    RelatedRule,
    SameHourRule,
    WindowRule,
)
from yunnao.kernel.packs.streaming_rules import (
    RangeRule,
    RateRule,
    SilenceRule,
    StuckRule,
    ThresholdRule,
)

Rule = Annotated[
    ThresholdRule
    | RangeRule
    | RateRule
    | StuckRule
    | SilenceRule
    | WindowRule
    | SameHourRule
    | NeighboursRule
    | RelatedRule
    | ForecastRule,
    Field(discriminator="operator"),
]


class RulesFile(Model):
    rules: dict[Slug, Rule]
