"""What the doors of acting take and answer."""

from datetime import datetime
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from yunnao.kernel.text import Text
from yunnao.modules.cases.acting.catalogue import (
    COMMENT_CHARS_MAX,
    EXTENSION_HOURS_MAX,
    PARTY_CHARS_MAX,
    About,
    Need,
    RequestKind,
    RequestState,
)
from yunnao.modules.cases.contracts import ActionData
from yunnao.modules.cases.domain import Status

CASES_AT_ONCE_MAX = 200


class ActionBody(BaseModel):
    """What comes with an action; `needs` and `offers` of a case's actions tell which of it."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    comment: str | None = None
    department: str | None = None
    category: str | None = None
    photos: list[UUID] = []
    score: int | None = Field(None, ge=1, le=5)
    departments: list[str] = Field([], max_length=50, description="That take part, or no longer.")
    hours: float | None = Field(
        None, gt=0, le=EXTENSION_HOURS_MAX, description="More time, on the clock of the case's limit."
    )
    until: AwareDatetime | None = Field(
        None, description="More time instead of hours; the end of a suspension; a supervisor's date."
    )
    reason: str | None = Field(None, description="Why it is asked for, or why it is done all the same.")
    about: About | None = Field(None, description="What an appeal is about.")
    party: str | None = Field(None, max_length=PARTY_CHARS_MAX, description="Outside, who has it.")
    text: str | None = Field(None, description="Of a sub-case: what is to be done.")
    version: int | None = Field(
        None, ge=0, description="Of the case as it was seen; refused with 409 if it has changed since."
    )

    def data(self) -> ActionData:
        given = self.model_dump(exclude={"version", "action", "cases"})
        for several in ("photos", "departments"):
            given[several] = tuple(dict.fromkeys(given[several]))
        return ActionData(**given)


class CaseVersion(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: UUID
    version: int | None = Field(None, ge=0)


class ManyBody(ActionBody):
    """The same action on several cases."""

    action: str = Field(max_length=40)
    cases: list[CaseVersion] = Field(min_length=1, max_length=CASES_AT_ONCE_MAX)


class ManyProblem(BaseModel):
    status: int
    code: str
    detail: Text


class ManyResult(BaseModel):
    id: UUID
    ok: bool
    number: str | None
    status: Status | None
    version: int | None
    problem: ManyProblem | None = Field(description="Why not; the case is as it was.")


class ManyResults(BaseModel):
    items: list[ManyResult]


class DecisionBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    granted: bool
    comment: str = Field("", max_length=COMMENT_CHARS_MAX)


class CaseAction(BaseModel):
    action: str
    label: Text
    needs: list[Need] = Field(description="What must come with the action.")
    offers: list[Need] = Field(description="What may come with it.")


class OfficeName(BaseModel):
    id: str
    name: Text


class Kin(BaseModel):
    """A case beside another: its parent, its child, or the one that something waits for."""

    id: UUID
    number: str
    title: str
    status: Status
    department: OfficeName | None
    due_at: datetime


class PartyShown(BaseModel):
    department: OfficeName
    role: str = Field(description="lead or joint.")
    added_at: datetime
    done_at: datetime | None = Field(description="When it fed back its part.")
    comment: str | None


class RequestShown(BaseModel):
    id: UUID
    kind: RequestKind
    label: Text
    state: RequestState
    state_label: Text
    department: OfficeName | None
    asked_by: Text
    asked_at: datetime
    reason: str
    hours: float | None
    until: datetime | None
    about: About | None
    decided_by: Text | None
    decided_at: datetime | None
    decision_comment: str | None
    may_decide: bool = Field(description="Whether the reader may.")
    may_withdraw: bool


class WaitingRequest(RequestShown):
    case: Kin


class WaitingRequests(BaseModel):
    """Oldest first."""

    items: list[WaitingRequest]
    next: str | None


class WaitingPart(BaseModel):
    case: Kin
    category: dict[str, str | Text] | None
    since: datetime


class WaitingParts(BaseModel):
    """Oldest first."""

    items: list[WaitingPart]
    next: None = None


class CaseWork(BaseModel):
    """What is done with a case beside its flow."""

    version: int = Field(description="Grows with every change; send it with an action.")
    actions: list[CaseAction]
    suspended_at: datetime | None = Field(description="Since when its clock stands still.")
    suspended_until: datetime | None
    supervised_at: datetime | None
    supervised_until: datetime | None
    reminders: int
    reminded_at: datetime | None
    handed_to: str | None = Field(description="The party outside that has it.")
    archived_at: datetime | None = Field(description="From then on it is read-only.")
    parent: Kin | None
    children: list[Kin]
    parties: list[PartyShown] = Field(description="Joint handling; empty where one department handles it.")
    requests: list[RequestShown]
