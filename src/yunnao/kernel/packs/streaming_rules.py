"""Operators that run on each batch of readings, and silence."""

from typing import Literal

from pydantic import Field, model_validator

from yunnao.kernel.packs.rule_base import RuleBase


class ReadingRule(RuleBase):
    """A rule that judges reading after reading of one metric."""

    metric: str
    for_s: float = Field(0, ge=0, description="How long the condition must hold, seconds.")
    readings: int = Field(
        1, ge=1, le=10_000, description="How many readings in a row must hold it, at least."
    )


class ThresholdRule(ReadingRule):
    """A metric above or below a bound for a duration; clears past `clear` (hysteresis)."""

    operator: Literal["threshold"]
    above: float | None = None
    below: float | None = None
    clear: float | None = Field(None, description="Bound for clearing; none: the same bound.")
    relative_to: str | None = Field(
        None, description="A numeric attribute of the device, e.g. capacity: bounds are shares of it."
    )

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


class RangeRule(ReadingRule):
    """A metric outside a band, or inside one."""

    operator: Literal["range"]
    minimum: float
    maximum: float
    when: Literal["outside", "inside"] = Field(
        "outside", description="Which side is trouble. The bounds themselves are inside."
    )
    margin: float = Field(0, ge=0, description="How far past the bound a reading must be to clear.")

    @model_validator(mode="after")
    def _band(self) -> "RangeRule":
        if self.minimum > self.maximum:
            raise ValueError("`minimum` must not be over `maximum`")
        if self.when == "outside" and self.minimum + self.margin > self.maximum - self.margin:
            raise ValueError("`margin` leaves nothing of the band")
        return self


class RateRule(ReadingRule):
    """A metric that changes faster than a bound, between readings or over a window."""

    operator: Literal["rate"]
    direction: Literal["up", "down", "either"] = "either"
    per_minute: float | None = Field(None, gt=0, description="The bound, units a minute.")
    per_hour: float | None = Field(None, gt=0, description="The bound, units an hour.")
    clear: float | None = Field(
        None, ge=0, description="Bound for clearing, of the same unit; none: the same."
    )
    over_s: float = Field(
        0, ge=0, description="Change is measured over at least so many seconds; 0: reading to reading."
    )
    gap_max_s: float = Field(3600, gt=0, description="Readings further apart say nothing of a rate.")

    @model_validator(mode="after")
    def _one_bound(self) -> "RateRule":
        if (self.per_minute is None) == (self.per_hour is None):
            raise ValueError("a rate has either `per_minute` or `per_hour`")
        if self.clear is not None and self.clear > self.bound:
            raise ValueError("`clear` must not be over the bound")
        if self.gap_max_s < self.over_s:
            raise ValueError("`gap_max_s` must not be under `over_s`")
        return self

    @property
    def bound(self) -> float:
        return self.per_minute if self.per_minute is not None else self.per_hour or 0.0

    @property
    def unit_s(self) -> float:
        return 60.0 if self.per_minute is not None else 3600.0


class StuckRule(ReadingRule):
    """A metric whose value stands still."""

    operator: Literal["stuck"]
    for_s: float = Field(gt=0, description="Standing still so long opens the alarm, seconds.")
    tolerance: float = Field(0, ge=0, description="A value within so much of the first one has not changed.")
    unless_at: list[float] = Field(
        [],
        max_length=8,
        description="Values (within `tolerance`) at which standing still is normal, e.g. 0 of a dry gauge.",
    )


class SilenceRule(RuleBase):
    """A device that has said nothing for a time."""

    operator: Literal["silence"]
    after_s: float = Field(gt=0, description="Silence longer than this opens the alarm, seconds.")
