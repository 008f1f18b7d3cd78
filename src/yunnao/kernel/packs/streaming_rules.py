"""Operators that run on each batch of readings."""

from typing import Literal

from pydantic import Field, model_validator

from yunnao.kernel.packs.rule_base import RuleBase


class ThresholdRule(RuleBase):
    """A metric above or below a bound for a duration; clears past `clear` (hysteresis)."""

    operator: Literal["threshold"]
    metric: str
    above: float | None = None
    below: float | None = None
    clear: float | None = Field(None, description="Bound for clearing; none: the same bound.")
    relative_to: str | None = Field(
        None, description="A numeric attribute of the device, e.g. capacity: bounds are shares of it."
    )
    for_s: float = Field(0, ge=0, description="How long the condition must hold, seconds.")

    @model_validator(mode="after")
    def _one_bound(self) -> "ThresholdRule":
        if (self.above is None) == (self.below is None):
            raise ValueError("a threshold has either `above` or `below`")
        if self.clear is not None:
            if self.above is not None and self.clear > self.above:
                raise ValueError("`clear` must not be over `above`")
            if self.below is not None and self.clear < self.below:
                raise ValueError("`clear` must not be under `below`")
        return self


class SilenceRule(RuleBase):
    """A device that has said nothing for a time."""

    operator: Literal["silence"]
    after_s: float = Field(gt=0, description="Silence longer than this opens the alarm, seconds.")
