"""The door for personal data, under /api/v1: erasing at one's own wish, and the report on what is kept."""

from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.kernel.ids import UUID
from yunnao.kernel.packs.doors import Retention
from yunnao.modules.cases.limits import LOOKUPS_PER_ADDRESS_MAX, RateLimit
from yunnao.modules.cases.privacy.facade import Privacy


class PersonalData(BaseModel):
    """How much of persons the case centre keeps now."""

    reporters: int = Field(description="Cases that hold who reported.")
    reporters_of_closed: int
    accounts: int = Field(description="Cases that an account reported.")
    anonymised: int
    oldest_closed_at: datetime | None = Field(description="Of cases that hold who reported.")
    photos: int
    originals: int
    published: int
    waiting: int = Field(description="Photos that nobody has looked through yet.")
    retention: Retention


def router(privacy: Privacy) -> APIRouter:
    api = APIRouter(tags=["personal data"])
    limit = RateLimit(LOOKUPS_PER_ADDRESS_MAX)

    @api.delete("/cases/{case_id}/reporter", status_code=204, summary="Erase who reported a closed case")
    async def erase(tx: Tx, principal: CurrentPrincipal, case_id: UUID) -> None:
        await privacy.erase(tx, case_id, principal)

    @api.delete(
        "/reports/{tracking_code}/reporter", status_code=204, summary="Erase who reported, by tracking code"
    )
    async def erase_tracked(
        request: Request, tx: Tx, principal: CurrentPrincipal, tracking_code: str
    ) -> None:
        limit.take(request.client.host if request.client else "-")
        await privacy.erase_tracked(tx, tracking_code, principal)

    @api.get("/personal-data", response_model=PersonalData, summary="What is kept of persons")
    async def report(tx: Tx, principal: CurrentPrincipal) -> dict[str, object]:
        return await privacy.report(tx, principal)

    return api
