"""What the case centre's doors answer; every name in Chinese and English, every time in UTC."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from yunnao.kernel.packs.common import Severity
from yunnao.kernel.text import Text
from yunnao.modules.cases.acting.http_models import CaseAction, CaseWork
from yunnao.modules.cases.domain import Source, Status

PICTURE: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            media_type: {"schema": {"type": "string", "format": "binary"}}
            for media_type in ("image/jpeg", "image/png", "image/webp")
        }
    }
}
"""The answer that is a photo, for the description of the API."""


class CategoryName(BaseModel):
    code: str
    name: Text


class ResponsibleDepartment(BaseModel):
    id: str
    name: Text


class CaseArea(BaseModel):
    """The street, else the district, that the case is in."""

    code: str
    name: Text


class PhotoLinks(BaseModel):
    id: UUID
    url: str
    thumb_url: str


class SentPhoto(PhotoLinks):
    lon: float | None = Field(description="Where it was taken, as its EXIF says.")
    lat: float | None


class CasePhoto(SentPhoto):
    taken_at: datetime | None
    stage: Literal["before", "after"] | None = Field(description="Of work that was done on the spot.")
    text: str | None = Field(
        description="What is written in it, numbers of persons masked; none: not read yet."
    )
    published: bool = Field(description="Whether the public sees a copy, faces and number plates blurred.")


class Rating(BaseModel):
    score: int = Field(description="1 to 5.")
    comment: str | None


class CaseDeadline(BaseModel):
    """How a case stands with its limit; a case that has ended has no state.

    `left_s` is in the case's own clock (working or every hour) and below zero when it is overdue; `level` is
    the highest rung of escalation; `risk` the forecast probability that it will be overdue in the end. While
    `paused` the clock stands and `due_at` is an estimate.
    """

    due_at: datetime
    amber_at: datetime
    state: Literal["green", "amber", "red", "paused"] | None
    left_s: float | None
    clock: Literal["working", "urgent"]
    limit_s: float | None
    paused_at: datetime | None
    level: int
    step: Literal["dispatch", "accept", "handle", "check"] | None
    step_due_at: datetime | None
    risk: float | None


class CaseItem(BaseModel):
    """A case in a list; personal data in its text is masked."""

    id: UUID
    number: str
    title: str
    text: str
    status: Status
    source: Source
    category: CategoryName | None
    department: ResponsibleDepartment | None
    area: CaseArea | None
    address: str | None
    lon: float | None
    lat: float | None
    opened_at: datetime
    due_at: datetime
    closed_at: datetime | None
    overdue: bool
    confidence: float = Field(description="Of the automatic dispatch, 0 to 1.")
    automatic: bool
    scene: str
    severity: Severity | None
    deadline: CaseDeadline | None = None


class CaseReporter(BaseModel):
    name: str | None
    phone: str | None
    email: str | None
    masked: bool = Field(description="True where the reader has no right to see the reporter.")


class DispatchAlternative(BaseModel):
    category: str
    name: Text
    confidence: float


class DispatchExplanation(BaseModel):
    """Why the case went where it went."""

    automatic: bool
    confidence: float
    threshold: float = Field(description="Below this confidence a person dispatches.")
    category: CategoryName | None
    department: ResponsibleDepartment | None
    reasons: list[Text]
    alternatives: list[DispatchAlternative]


class CaseDetail(CaseItem, CaseWork):
    """Everything of one case; masked as far as the reader's rights ask for."""

    case_type: str
    reporter: CaseReporter | None
    photos: list[CasePhoto]
    fields: dict[str, Any] = Field(description="As the form of the case type has them.")
    alarm_id: UUID | None
    entity: str | None
    trace_id: str | None
    dispatch: DispatchExplanation
    informed: list[ResponsibleDepartment]
    rating: Rating | None


class CaseReceipt(BaseModel):
    """All that is told to a party that may open or act on, but (no longer) read the case.

    Nothing more fits it, so that a detail which does not hold is an error, not a receipt.
    """

    model_config = ConfigDict(extra="forbid")

    id: UUID
    number: str
    status: Status
    actions: list[CaseAction]


class TimelineActor(BaseModel):
    name: Text
    kind: Literal["person", "system", "anonymous"]


class TimelineEntry(BaseModel):
    time: datetime
    event: str
    label: Text
    actor: TimelineActor
    comment: str | None
    department: ResponsibleDepartment | None
    category: CategoryName | None
    photos: list[PhotoLinks]
    detail: dict[str, Any]


class CaseTimeline(BaseModel):
    """Oldest first."""

    items: list[TimelineEntry]


class CategoryNode(BaseModel):
    code: str
    name: Text
    parent: str | None
    scene: str
    alarm_case_type: str | None = Field(description="The type of the case that an alarm of it opens.")


class CategoryList(BaseModel):
    items: list[CategoryNode]


class PointGeometry(BaseModel):
    type: Literal["Point"]
    coordinates: tuple[float, float] = Field(description="Longitude, latitude, WGS 84.")


class CasePoint(BaseModel):
    id: UUID
    number: str
    title: str
    status: Status
    category_zh: str
    category_en: str
    overdue: bool
    severity: Severity | None
    deadline: CaseDeadline | None = None


class CaseFeature(BaseModel):
    type: Literal["Feature"]
    geometry: PointGeometry
    properties: CasePoint


class CaseMap(BaseModel):
    """GeoJSON (RFC 7946)."""

    type: Literal["FeatureCollection"]
    features: list[CaseFeature]


class ReportReceipt(BaseModel):
    case_id: UUID
    number: str
    tracking_code: str = Field(description="Told this once; only its hash is kept.")


class OwnReports(BaseModel):
    items: list[CaseItem]
    next: None


class NearReport(BaseModel):
    number: str
    category: CategoryName | None
    status: Status
    lon: float
    lat: float
    opened_at: datetime


class NearReports(BaseModel):
    """In the order that the door says."""

    items: list[NearReport]
    next: None


class ReportTimelineEntry(BaseModel):
    time: datetime
    what: Text
    comment: str | None
    photos: list[PhotoLinks]


class TrackedReport(BaseModel):
    """What the holder of a tracking code sees."""

    number: str
    status: Status
    status_label: Text
    text: str
    category: CategoryName | None
    department: ResponsibleDepartment | None
    address: str | None
    lon: float | None
    lat: float | None
    opened_at: datetime
    due_at: datetime
    closed_at: datetime | None
    photos: list[CasePhoto]
    timeline: list[ReportTimelineEntry]
    can_rate: bool
    rating: Rating | None
    reporters: int = Field(description="How many people told of the same event.")
    main_number: str | None = Field(description="The case that stands for this one; none: itself.")


class CaseCounts(BaseModel):
    cases_today: int
    cases_open: int
    desk: int
    overdue: int
    closed_today: int
    auto_share: float | None = Field(description="Dispatched automatically, 0 to 1, of the last 30 days.")
    satisfaction: float | None = Field(description="Mean score, 1 to 5, of the last 30 days.")


class DistrictCases(BaseModel):
    code: str
    name: Text
    open: int
    overdue: int


class CategoryCases(CategoryName):
    n: int


class HourCases(BaseModel):
    hour: datetime
    opened: int
    closed: int


class ClosedCase(BaseModel):
    id: UUID
    number: str
    title: str
    category: CategoryName | None
    department: ResponsibleDepartment | None
    closed_at: datetime
    score: int | None


class CasesOverview(BaseModel):
    """The part of the overview that is about cases, but for the counts."""

    by_district: list[DistrictCases]
    by_category: list[CategoryCases]
    hourly: list[HourCases]
    recent_closed: list[ClosedCase]
