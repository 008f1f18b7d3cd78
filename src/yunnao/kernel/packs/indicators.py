"""indicators.yaml of a scene: what the case centre is judged by, declared as formulas over cases.

An indicator counts cases: those that its conditions `of` and `of_none` choose are the denominator. The
operator says what is told of them: how many there are (count), the share for which `where` and
`where_none` hold too (share), or the mean of a measure (mean).
"""

from typing import Literal

from pydantic import Field, model_validator

from yunnao.kernel.packs.common import Model, Slug, Text

CaseFact = Literal[
    "closed",
    "rejected",
    "citizen",
    "automatic",
    "assigned",
    "accepted",
    "settled",
    "reassigned",
    "returned",
    "reworked",
    "appealed",
    "extended",
    "suspended",
    "reminded",
    "supervised",
    "handled_on_time",
    "closed_on_time",
    "overdue",
    "rated",
    "called",
    "reached",
    "resolved",
    "scored",
    "satisfied",
    "repeat",
    "sampled",
    "merged",
]
"""What may hold of a case; docs/reference/indicators.md says when. The order is that of the bits in which
facts are kept: append only."""

CaseMeasure = Literal["response_h", "resolution_h", "handling_h", "score"]
"""Hours from opening to the first acceptance, to closing, from acceptance to the last finish; score 1-5."""


class Indicator(Model):
    """A number by which the case centre is judged, opening into the cases behind it."""

    label: Text
    description: Text = Field(description="What is counted and what is not, in a sentence or two.")
    operator: Literal["share", "mean", "count"]
    basis: Literal["opened", "closed"] = Field(
        "closed", description="The day on which a case counts: of its opening or of its closing."
    )
    of: list[CaseFact] = Field([], description="All of these hold of a case that is counted.")
    of_none: list[CaseFact] = Field([], description="None of these holds of a case that is counted.")
    where: list[CaseFact] = Field([], description="Of a share: all of these hold in the numerator.")
    where_none: list[CaseFact] = Field([], description="Of a share: none of these holds in the numerator.")
    measure: CaseMeasure | None = Field(None, description="Of a mean: what is averaged.")
    unit: Literal["percent", "hours", "score", "cases"] = "percent"
    direction: Literal["higher", "lower"] = Field(description="What is better.")
    target: float | None = Field(None, description="In the indicator's unit, shares as 0 to 1.")
    owner: Slug | None = Field(None, description="The department that answers for the number.")
    ranked: bool = Field(True, description="Whether departments and areas are ranked by it.")

    @model_validator(mode="after")
    def _whole(self) -> "Indicator":
        if (self.operator == "mean") != (self.measure is not None):
            raise ValueError("a mean needs a measure, and nothing else has one")
        if (self.operator == "share") != bool(self.where or self.where_none):
            raise ValueError("a share needs where or where_none, and nothing else has them")
        if self.operator == "share" and self.target is not None and not 0 <= self.target <= 1:
            raise ValueError("the target of a share is from 0 to 1")
        return self


class IndicatorsFile(Model):
    indicators: dict[Slug, Indicator]


class EvaluationSettings(Model):
    """The city's own over what scenes declare (`evaluation` in city.yaml)."""

    targets: dict[Slug, float] = Field({}, description="By indicator; replaces the scene's target.")
    ranking_cases_min: int = Field(
        30, ge=1, description="Who has fewer cases in the period is shown and not ranked."
    )
    survey_share: float = Field(
        1.0, ge=0, le=1, description="Share of closed cases that is sampled for a call-back."
    )
    survey_days: int = Field(
        14, ge=1, le=365, description="A call-back is due within so many days of closing."
    )
