"""What the doors of topics answer."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from yunnao.modules.cases.domain import Status
from yunnao.modules.cases.http_models import CaseArea, CategoryName


class TopicWeek(BaseModel):
    week: datetime = Field(description="Its Monday, 00:00 UTC.")
    messages: int


class HotTopic(BaseModel):
    id: UUID
    name: str = Field(description="Phrases that its messages share and others lack.")
    phrases: list[str]
    places: list[str] = Field(description="Names that end as those of places do, in several messages.")
    heat: float = Field(description="√people · (1 + ln(1 + weeks) / 4) · 2^(−age / 26 weeks).")
    trend: float = Field(description="Of the last four weeks over the four before; 1 is steady.")
    messages: int
    people: int = Field(description="Different reporters.")
    votes: int = Field(description='Who said "me too".')
    district: CaseArea | None = Field(description="Where most of it is.")
    lon: float | None
    lat: float | None
    first_at: datetime
    last_at: datetime
    weekly: list[TopicWeek] = Field(description="Of at most 26 weeks, oldest first.")


class TopicCase(BaseModel):
    id: UUID
    number: str
    title: str
    status: Status
    category: CategoryName | None
    lon: float | None
    lat: float | None
    opened_at: datetime


class TopicDetail(HotTopic):
    cases: list[TopicCase] = Field(description="Those that the reader may list, newest first.")


class HotTopics(BaseModel):
    """The hottest first."""

    items: list[HotTopic]
    next: None = None
