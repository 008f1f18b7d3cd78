"""The patrol officers' door, under /api/v1."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.infra.idempotency import Remembered
from yunnao.kernel.time import require_aware
from yunnao.modules.cases import http_models as models
from yunnao.modules.cases.facade import Cases
from yunnao.modules.cases.patrol.contracts import Finding


class FindingBody(BaseModel):
    """What an officer found; coordinates in WGS 84, `accuracy_m` as the phone states it."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    text: str
    category: str
    lon: float
    lat: float
    accuracy_m: float = Field(gt=0)
    observed_at: AwareDatetime
    address: str | None = None
    photos_before: list[UUID] = Field(max_length=20)
    photos_after: list[UUID] = Field([], max_length=20)
    handled: bool = Field(False, description="Settled on the spot: it goes to the check at once.")
    comment: str | None = Field(None, description="How it was settled.")


def router(cases: Cases) -> APIRouter:
    api = APIRouter(tags=["patrol"])

    @api.post(
        "/patrol/findings",
        status_code=201,
        response_model=models.CaseDetail | models.CaseReceipt,
        summary="What an officer found, and perhaps settled on the spot",
    )
    async def report(
        tx: Tx,
        principal: CurrentPrincipal,
        body: FindingBody,
        key: Annotated[str | None, Header(alias="Idempotency-Key")] = None,
    ) -> dict[str, Any]:
        remembered = Remembered(tx, str(principal.id), key, ["patrol", body.model_dump(mode="json")])
        case_id = await remembered.answer()
        if case_id is None:
            sent = body.model_dump() | {
                "photos_before": tuple(body.photos_before),
                "photos_after": tuple(body.photos_after),
                "observed_at": require_aware(body.observed_at),
            }
            case_id = str((await cases.patrol.report(tx, Finding(**sent), principal)).id)
            await remembered.keep(case_id)
        return await cases.opened(tx, UUID(case_id), principal)

    return api
