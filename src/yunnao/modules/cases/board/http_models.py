"""What the doors of the board answer."""

from datetime import datetime

from pydantic import BaseModel, Field

from yunnao.modules.cases.domain import Status
from yunnao.modules.cases.http_models import CaseItem, CategoryName, ResponsibleDepartment


class DispatchOption(BaseModel):
    category: CategoryName | None
    department: ResponsibleDepartment
    confidence: float = Field(description="0 to 1.")


class QueueItem(CaseItem):
    photos: int = Field(description="How many.")
    options: list[DispatchOption] = Field(description="Where it could go, likeliest first.")


class Queue(BaseModel):
    items: list[QueueItem]
    next: str | None = Field(description="The cursor of the next page.")


class RunningCounts(BaseModel):
    """Running cases; `amber`: little of their time is left; `paused`: their clock stands."""

    open: int
    desk: int
    assigned: int
    handling: int
    checking: int
    overdue: int
    amber: int
    paused: int


class Band(BaseModel):
    from_h: float
    to_h: float | None
    n: int


class StepAges(BaseModel):
    """How long cases have stood in a step."""

    status: Status
    oldest_at: datetime | None
    bands: list[Band]


class DepartmentLoad(BaseModel):
    department: ResponsibleDepartment
    open: int
    overdue: int
    amber: int
    unaccepted: int


class Rung(BaseModel):
    level: int = Field(description="Of the city's escalation ladder, from 1.")
    n: int


class Wall(BaseModel):
    counts: RunningCounts
    ages: list[StepAges]
    overdue: list[Band] = Field(description="By how long they are overdue.")
    ladder: list[Rung] = Field(description="Running cases by the highest rung that was told.")
    departments: list[DepartmentLoad]
