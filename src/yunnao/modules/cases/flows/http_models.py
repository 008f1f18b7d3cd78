"""What the doors of flows take and answer."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from yunnao.kernel.text import Text


class FlowStay(BaseModel):
    """How long the case stayed at one element."""

    name: Text
    step: str | None = Field(
        description="Of city management: collect, open, assign, handle, feed_back, check or close."
    )
    entered_at: datetime = Field(description="First.")
    left_at: datetime | None = Field(description="Last; null where the case waits there.")
    spent_s: float = Field(description="In all, by the clock on the wall.")
    visits: int


class CaseFlow(BaseModel):
    bpmn: str = Field(description="BPMN 2.0 XML.")
    current: list[str] = Field(description="Ids of the elements that wait.")
    done: list[str] = Field(description="Ids of the elements that are done.")
    case_type: str
    version: int | None = Field(description="Of the case type's flow, by which this case runs.")
    newest: int | None = Field(description="By which new cases run.")
    elements: dict[str, FlowStay] = Field(description="By id, those that the case has come to.")


class FlowVersion(BaseModel):
    case_type: str
    label: Text | None
    scene: str | None
    version: int
    hash: str
    installed_at: datetime
    current: bool = Field(description="New cases run by it.")
    retired: bool = Field(description="No case of this type is opened any more.")
    running: int = Field(description="Cases that run by it.")
    oldest_at: datetime | None = Field(description="When the oldest of them was opened.")


class FlowVersions(BaseModel):
    """By case type, newest first."""

    items: list[FlowVersion]
    next: None = None


class FlowSource(BaseModel):
    bpmn: str = Field(description="BPMN 2.0 XML.")


class MigrationBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    dry_run: bool = Field(True, description="Only tell which cases could move.")
    to: int | None = Field(None, ge=1, description="Version; none: the current one.")
    source: int | None = Field(None, ge=1, description="Only cases of this version.")
    tasks: dict[str, str] = Field(
        {}, max_length=50, description="For a task that the other version lacks: where its cases go."
    )
    after: UUID | None = Field(None, description="`next` of the call before.")


class MigrationGroup(BaseModel):
    version: int | None = Field(description="By which they run.")
    task: str
    name: Text
    cases: int
    reason: Text | None = Field(description="Why they cannot move; null: they can.")


class Migration(BaseModel):
    case_type: str
    to: int
    dry_run: bool
    movable: int
    blocked: int
    moved: int
    next: UUID | None = Field(description="There are more cases, after this one.")
    groups: list[MigrationGroup]
