"""Operators that the clock runs, over latest values and history."""

from typing import Literal

from pydantic import Field, model_validator

from yunnao.kernel.packs.common import Model, Slug
from yunnao.kernel.packs.rule_base import RuleBase

Side = Literal["both", "above", "below"]
Statistic = Literal["mean", "min", "max", "count", "sum", "rate"]


class ScheduledRule(RuleBase):
    """A rule that is evaluated every so often, not with each batch of readings.

    Each operator makes one number for a device, its score, and compares it with a bound: the alarm
    opens when the score has been beyond the bound for `for_s`, and clears when it passes `clear`. A
    device of which too little is known to have a score keeps its state.
    """

    every_s: int = Field(300, ge=10, description="How often it is evaluated, seconds.")
    metric: str
    above: float | None = None
    below: float | None = None
    clear: float | None = Field(None, description="Bound for clearing; none: the same bound.")
    for_s: float = Field(0, ge=0, description="How long the score must be beyond the bound, seconds.")

    @model_validator(mode="after")
    def _one_bound(self) -> "ScheduledRule":
        if (self.above is None) == (self.below is None):
            raise ValueError("a rule has either `above` or `below`")
        if self.clear is not None:
            if self.above is not None and self.clear > self.above:
                raise ValueError("`clear` must not be over `above`")
            if self.below is not None and self.clear < self.below:
                raise ValueError("`clear` must not be under `below`")
        return self


class WindowRule(ScheduledRule):
    """A statistic of the readings of the last `window_s`. Score: the statistic."""

    operator: Literal["window"]
    window_s: float = Field(gt=0, le=604_800)
    statistic: Statistic = Field(
        description="rate: change per second from the window's first reading to its last."
    )
    count_min: int = Field(
        1, ge=1, description="Fewer readings say nothing. `count` and `sum` need none: of nothing they are 0."
    )


class SameHourRule(ScheduledRule):
    """The mean of the last `window_s` against the same time of past weeks.

    Score: the distance from their median, in robust standard deviations (1.4826 times the median
    absolute deviation) or in percent of the median.
    """

    operator: Literal["same-hour"]
    window_s: float = Field(3600, gt=0, le=86_400)
    weeks: int = Field(4, ge=1, le=26)
    weeks_min: int = Field(3, ge=1, description="With readings in fewer weeks there is no score.")
    measure: Literal["deviations", "percent"] = "deviations"
    spread_min: float = Field(
        0, ge=0, description="The least standard deviation to reckon with, in the metric's unit."
    )
    side: Side = "both"


class NeighboursRule(ScheduledRule):
    """The mean of the last `window_s` against the median of devices of the same product nearby.

    Score: the distance from it, in the metric's unit or in robust standard deviations of the neighbours.
    """

    operator: Literal["neighbours"]
    window_s: float = Field(600, gt=0, le=86_400)
    nearest: int | None = Field(None, ge=3, le=100, description="The k nearest; none: all within `within_m`.")
    within_m: float | None = Field(None, gt=0, le=100_000)
    neighbours_min: int = Field(3, ge=3, description="With fewer there is no score.")
    measure: Literal["unit", "deviations"] = "unit"
    spread_min: float = Field(
        0, ge=0, description="The least standard deviation to reckon with, in the metric's unit."
    )
    side: Side = "both"

    @model_validator(mode="after")
    def _some_reach(self) -> "NeighboursRule":
        if self.nearest is None and self.within_m is None:
            raise ValueError("neighbours are the `nearest`, or those `within_m`")
        return self


class Related(Model):
    """Devices of the things that a device's thing is related to."""

    relation: str | None = Field(None, description="The relation's name in the twin; none: the same thing.")
    points_to: Literal["other", "this"] = Field(
        "other", description="other: from the rule's thing to the other; this: the other way round."
    )
    product: Slug
    metric: str
    combine: Literal["sum", "mean", "min", "max"] = Field("sum", description="Where there are several.")


class RelatedRule(ScheduledRule):
    """The mean of the last `window_s` together with that of related things.

    Score: of `difference` own minus other, of `share` that as a share of own, of `both` own where the
    other is beyond its bound too; elsewhere the alarm clears.
    """

    operator: Literal["related"]
    window_s: float = Field(600, gt=0, le=86_400)
    other: Related
    compare: Literal["difference", "share", "both"] = "difference"
    other_above: float | None = None
    other_below: float | None = None

    @model_validator(mode="after")
    def _other_bound(self) -> "RelatedRule":
        bounds = (self.other_above is not None) + (self.other_below is not None)
        if bounds != (1 if self.compare == "both" else 0):
            raise ValueError("`both` has either `other_above` or `other_below`, the others neither")
        return self


class ForecastRule(ScheduledRule):
    """The newest full step against the interval that was forecast for it.

    Score: how far outside the interval, in half widths of it; 0 within.
    """

    operator: Literal["forecast"]
    above: float | None = 0.0
    step_s: int = Field(300, ge=10, description="Readings are averaged to steps; a day holds whole ones.")
    ahead: int = Field(1, ge=1, le=48, description="Steps from the forecast to what it is of.")
    history_days: int = Field(28, ge=2, le=90)
    share: float = Field(0.99, gt=0.5, lt=1, description="What the interval is to cover.")

    @model_validator(mode="after")
    def _whole_steps(self) -> "ForecastRule":
        if 86_400 % self.step_s:
            raise ValueError("a day must be a whole number of `step_s`")
        return self
