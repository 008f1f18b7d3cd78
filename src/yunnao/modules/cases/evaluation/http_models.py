"""What the doors of evaluation answer."""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from yunnao.kernel.text import Text
from yunnao.modules.cases import http_models as cases
from yunnao.modules.cases.evaluation.contracts import Outcome


class IndicatorOut(BaseModel):
    """An indicator as it is declared, with the city's own target."""

    name: str
    label: Text
    description: Text
    operator: Literal["share", "mean", "count"]
    basis: Literal["opened", "closed"]
    unit: Literal["percent", "hours", "score", "cases"]
    direction: Literal["higher", "lower"]
    target: float | None
    owner: cases.ResponsibleDepartment | None
    ranked: bool
    of: list[str]
    of_none: list[str]
    where: list[str]
    where_none: list[str]
    measure: str | None


class IndicatorsOut(BaseModel):
    """`kept_at`: up to when cases are counted; `due`: cases and days that still wait to be."""

    items: list[IndicatorOut]
    kept_at: datetime | None
    cases_due: int
    days_due: int
    today: date


class NumberOut(BaseModel):
    """`numerator` of a share: cases; of a mean: the sum of what is measured. `value`: null where nothing
    is counted."""

    indicator: str
    value: float | None
    numerator: float
    denominator: int
    target: float | None
    met: bool | None


class FigureOut(NumberOut):
    before: float | None = Field(description="The value of the period before.")
    before_denominator: int | None


class FiguresOut(BaseModel):
    items: list[FigureOut]


class PointOut(BaseModel):
    period: date = Field(description="First day of the day, week (from Monday) or month.")
    value: float | None
    numerator: float
    denominator: int


class TrendOut(BaseModel):
    indicator: str
    target: float | None
    points: list[PointOut]


class GroupOut(BaseModel):
    key: str
    name: Text
    deeper: bool = Field(description="Of a category: there are others below it.")
    numbers: list[NumberOut]


class BreakdownOut(BaseModel):
    by: str
    items: list[GroupOut]


class BehindItem(cases.CaseItem):
    measured: float | None = Field(description="Of a mean: what was measured of this case.")


class BehindOut(BaseModel):
    items: list[BehindItem]
    next: str | None
    total: int


class PlaceOut(BaseModel):
    """One place. `expected`: what its mix of categories would give at the city's rates; `ratio`: observed /
    expected; `fair`: adjusted and drawn towards the city's value, by which is ranked; `weight`: how much of
    it is its own; `low`, `high`: 95 % bounds of the observed value."""

    rank: int | None
    key: str
    name: Text
    denominator: int
    numerator: float
    value: float
    low: float
    high: float
    expected: float
    ratio: float | None
    adjusted: float
    fair: float
    weight: float
    excluded: Literal["few_cases"] | None
    words: Text


class RankingOut(BaseModel):
    indicator: str
    by: str
    value: float | None
    denominator: int
    cases_min: int
    items: list[PlaceOut]


class SurveyOut(BaseModel):
    """`weighted_…`: each kind of case (category and door) counts by its part of the closed cases;
    `weighted_part`: the share of closed cases whose kind has an answer."""

    model_config = ConfigDict(from_attributes=True)

    closed: int
    sampled: int
    called: int
    reached: int
    resolved: int
    rated: int
    scored: int
    response_rate: float | None
    satisfied_share: float | None
    score: float | None
    weighted_satisfied_share: float | None
    weighted_score: float | None
    weighted_part: float | None


class CallbackIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    outcome: Outcome
    score: int | None = Field(None, ge=1, le=5)
    resolved: bool | None = None
    comment: str | None = None


class CallbackOut(BaseModel):
    id: UUID
    time: datetime
    caller_name: Text
    outcome: Outcome
    outcome_label: Text
    score: int | None
    resolved: bool | None
    comment: str | None


class CallbacksOut(BaseModel):
    items: list[CallbackOut]


class DueReporter(BaseModel):
    name: str | None
    phone: str | None


class DueOut(BaseModel):
    case: cases.CaseItem
    reporter: DueReporter
    attempts: int
    last_at: datetime | None


class DuesOut(BaseModel):
    items: list[DueOut]


class ReportIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    month: date = Field(description="Any day of a month that has ended.")
    language: Literal["zh", "en"] = "zh"


class ReportOut(BaseModel):
    id: UUID
    month: date
    language: Literal["zh", "en"]
    state: Literal["asked", "made", "failed"]
    asked_at: datetime
    asked_by: Text
    made_at: datetime | None
    pdf_hash: str | None
    xlsx_hash: str | None
    pdf_bytes: int | None
    xlsx_bytes: int | None
    reason: str | None


class ReportDetailOut(ReportOut):
    figures: dict[str, Any] | None = Field(description="The numbers within, as they were when it was made.")


class ReportsOut(BaseModel):
    items: list[ReportOut]
    next: str | None
