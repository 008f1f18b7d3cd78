"""What the doors of linking answer."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from yunnao.kernel.text import Text
from yunnao.modules.cases.domain import Status
from yunnao.modules.cases.http_models import CaseArea, CategoryName

LinkKind = Literal["duplicate", "related", "recurrent"]


class LinkedCase(BaseModel):
    id: UUID
    number: str
    title: str
    status: Status
    category: CategoryName | None
    opened_at: datetime


class CaseLink(BaseModel):
    case: LinkedCase
    later: bool = Field(description="True where the other case came after this one.")
    kind: LinkKind
    kind_label: Text
    score: float = Field(description="Probability that people would call the two one event.")
    reasons: list[Text]
    state: Literal["suggested", "confirmed", "dismissed"]
    suggested_at: datetime
    decided_at: datetime | None


class CaseLinks(BaseModel):
    items: list[CaseLink]
    merged_into: UUID | None = Field(description="The case that stands for this one.")
    merged: list[LinkedCase] = Field(description="The cases that this one stands for.")
    reporters: int = Field(description="How many people told of the event.")
    may_merge: bool = Field(description="Whether the case's state lets it be merged.")


class WaitingLink(BaseModel):
    case_id: UUID
    number: str
    title: str
    status: Status
    other_id: UUID
    other_number: str
    other_title: str
    other_status: Status
    kind: LinkKind
    kind_label: Text
    score: float
    reasons: list[Text]
    suggested_at: datetime


class WaitingLinks(BaseModel):
    """Newest first."""

    items: list[WaitingLink]
    next: None = None


class RecurringPlace(BaseModel):
    place: str = Field(description="An entity's id, or a cell of H3 (resolution 10).")
    category: CategoryName
    district: CaseArea | None
    cases: int
    reopened: int = Field(description="Cases opened after an earlier one there was closed.")
    trend: float = Field(description="Cases of the later half of the span over the earlier's; 1 is steady.")
    lon: float | None
    lat: float | None
    first_at: datetime
    last_at: datetime
    last_case: UUID
    counted_at: datetime


class RecurringPlaces(BaseModel):
    """The most often reopened first."""

    items: list[RecurringPlace]
    next: None = None


class GroupWarning(BaseModel):
    """Many people with one complaint in one area."""

    id: UUID
    category: CategoryName
    place: str = Field(description="A cell of H3 (resolution 8), `topic:` and its id, or a district's code.")
    district: CaseArea | None
    lon: float | None
    lat: float | None
    reporters: int = Field(description="Different people, at its height.")
    cases: int
    usual: float = Field(description="Cases to be expected there in as many hours.")
    chance: float = Field(description="That so many come by chance (Poisson).")
    sample: list[LinkedCase]
    opened_at: datetime
    changed_at: datetime
    ended_at: datetime | None
    acknowledged_at: datetime | None
    comment: str | None


class GroupWarnings(BaseModel):
    """Newest first."""

    items: list[GroupWarning]
    next: None = None


class MergeBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    into: UUID
    comment: str | None = None


class CommentBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    comment: str | None = None


class DecisionBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    state: Literal["confirmed", "dismissed"]


class SimilarReport(BaseModel):
    number: str
    category: CategoryName | None
    status: Status
    status_label: Text
    lon: float | None
    lat: float | None
    metres: int | None = Field(description="From the place that was asked for.")
    opened_at: datetime
    score: float = Field(description="Probability that it is the same event.")
    reporters: int


class SimilarReports(BaseModel):
    """Likeliest first."""

    items: list[SimilarReport]
    next: None = None


class FollowReceipt(BaseModel):
    number: str
    tracking_code: str = Field(description="Told this once; only its hash is kept.")
