"""The doors of saved views, under /api/v1."""

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.modules.cases.search.contracts import CaseFilter, Sort
from yunnao.modules.cases.search.http import case_filter
from yunnao.modules.cases.search.saved import SavedViews, ViewDraft


class FilterBody(BaseModel):
    """The parameters of GET /cases."""

    model_config = ConfigDict(extra="forbid")

    status: str | None = None
    department: str | None = None
    category: str | None = None
    area: str | None = None
    source: str | None = None
    q: str | None = None
    overdue: bool = False
    since: datetime | None = None
    until: datetime | None = None
    due_before: datetime | None = None
    severity: str | None = None
    scene: str | None = None
    case_type: str | None = None
    bbox: str | None = None
    flags: str | None = None

    def wanted(self) -> CaseFilter:
        return case_filter(**self.model_dump())


def filter_of(stored: dict[str, Any]) -> CaseFilter:
    """A filter as it was stored. Raises InvalidInput where it no longer holds."""
    return FilterBody.model_validate(stored).wanted()


class ViewBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    filter: FilterBody
    columns: list[str] = Field([], description="As the screen names them, in order.")
    sort: Sort = "newest"
    department: str | None = Field(None, description="Whose people see it too.")
    role: str | None = Field(None, description="Whoever has it sees it too.")
    begins: bool = Field(False, description="Whether you begin with it.")


class DefaultBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    begins: bool


class SavedView(ViewBody):
    id: UUID
    mine: bool = Field(description="Who does not own it cannot change it.")
    changed_at: datetime


class SavedViewList(BaseModel):
    """One's own first."""

    items: list[SavedView]


class ViewCount(BaseModel):
    id: UUID
    n: int
    exact: bool = Field(description="False where there are more than `n`.")


class ViewCounts(BaseModel):
    items: list[ViewCount]


def router(views: SavedViews) -> APIRouter:
    api = APIRouter(tags=["cases"])

    @api.get("/case-views", response_model=SavedViewList, summary="Saved views, one's own and shared ones")
    async def all_views(tx: Tx, principal: CurrentPrincipal) -> dict[str, Any]:
        return {"items": await views.all(tx, principal)}

    @api.post("/case-views", status_code=201, response_model=SavedView, summary="Save a view")
    async def make(tx: Tx, principal: CurrentPrincipal, body: ViewBody) -> dict[str, Any]:
        return await views.put(tx, principal, _draft(body))

    @api.get("/case-views/counts", response_model=ViewCounts, summary="How many cases each view has")
    async def counts(tx: Tx, principal: CurrentPrincipal) -> dict[str, Any]:
        saved = await views.all(tx, principal)
        wanted = [(view["id"], filter_of(view["filter"])) for view in saved]
        found = await views.counts(tx, principal, wanted)
        return {"items": [{"id": key, "n": n.n, "exact": n.exact} for key, n in found.items()]}

    @api.put("/case-views/{view_id}", response_model=SavedView, summary="Change a view of one's own")
    async def change(tx: Tx, principal: CurrentPrincipal, view_id: UUID, body: ViewBody) -> dict[str, Any]:
        return await views.put(tx, principal, _draft(body), view_id)

    @api.put("/case-views/{view_id}/default", status_code=204, summary="Begin with a view, or no longer")
    async def begin(tx: Tx, principal: CurrentPrincipal, view_id: UUID, body: DefaultBody) -> None:
        await views.begin_with(tx, principal, view_id, begins=body.begins)

    @api.delete("/case-views/{view_id}", status_code=204, summary="Delete a view of one's own")
    async def delete(tx: Tx, principal: CurrentPrincipal, view_id: UUID) -> None:
        await views.delete(tx, principal, view_id)

    return api


def _draft(body: ViewBody) -> ViewDraft:
    body.filter.wanted()
    return ViewDraft(
        body.name,
        body.filter.model_dump(mode="json", exclude_defaults=True),
        tuple(body.columns),
        body.sort,
        body.department,
        body.role,
        body.begins,
    )
