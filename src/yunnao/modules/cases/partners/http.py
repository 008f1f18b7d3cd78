"""The door for other systems, under /api/v1: cases in batches, and where the case of a number stands."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Request
from pydantic import BaseModel, ConfigDict, Field

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.infra.idempotency import Remembered
from yunnao.kernel.text import Text, say
from yunnao.modules.cases import http_models as models
from yunnao.modules.cases.contracts import NewCase
from yunnao.modules.cases.intake_body import CaseBody, new_case
from yunnao.modules.cases.partners.facade import BATCH_MAX, Brought, Partners
from yunnao.modules.identity.facade import Identity


class BatchBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    items: list[CaseBody] = Field(max_length=BATCH_MAX)


class BatchProblem(BaseModel):
    code: str
    detail: Text


class BatchResult(BaseModel):
    outcome: Literal["opened", "known", "refused"] = Field(
        description="known: its external_reference has a case already."
    )
    external_reference: str | None
    case_id: UUID | None
    problem: BatchProblem | None


class BatchResults(BaseModel):
    """In the order of what was sent."""

    items: list[BatchResult]


class PartnerCase(BaseModel):
    """Where a case stands, for the system that brought it."""

    reference: str
    number: str
    status: str
    status_label: Text
    category: models.CategoryName | None
    department: models.ResponsibleDepartment | None
    opened_at: datetime
    due_at: datetime
    closed_at: datetime | None


def router(partners: Partners, identity: Identity) -> APIRouter:
    api = APIRouter(tags=["cases"])

    @api.post("/cases/batch", response_model=BatchResults, summary="Open up to 100 cases, each by itself")
    async def batch(
        request: Request,
        tx: Tx,
        principal: CurrentPrincipal,
        body: BatchBody,
        key: Annotated[str | None, Header(alias="Idempotency-Key")] = None,
    ) -> dict[str, Any]:
        identity.authorize(principal, "case:create")
        remembered = Remembered(tx, str(principal.id), key, ["batch", body.model_dump(mode="json")])
        told = await remembered.answer()
        if told is None:
            items: list[tuple[NewCase, str | None]] = [
                (new_case(each, principal), each.external_reference) for each in body.items
            ]
            brought = await partners.bring_many(tx, items, principal)
            told = {"items": [_told(*each) for each in zip(body.items, brought, strict=True)]}
            await remembered.keep(told)
        return dict(told)

    @api.get(
        "/external-cases/{reference:path}",
        response_model=PartnerCase,
        summary="Where the case of your own number stands",
    )
    async def status(tx: Tx, principal: CurrentPrincipal, reference: str) -> dict[str, Any]:
        return await partners.status(tx, reference, principal)

    return api


def _told(sent: CaseBody, found: Brought) -> dict[str, Any]:
    problem = None
    if found.code is not None:
        words: Callable[[Literal["zh", "en"]], str] = lambda language: say(  # noqa: E731
            found.code or "", language, **(found.params or {})
        )
        problem = {"code": found.code, "detail": {"zh": words("zh"), "en": words("en")}}
    return {
        "outcome": found.outcome,
        "external_reference": sent.external_reference,
        "case_id": str(found.case_id) if found.case_id else None,
        "problem": problem,
    }
