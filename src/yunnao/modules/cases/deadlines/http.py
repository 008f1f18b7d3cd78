"""Doors of deadlines, under /api/v1: how well being late is foretold."""

from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.kernel.errors import NotFound
from yunnao.modules.cases.deadlines.forecasts import Forecasts


class ForecastReport(BaseModel):
    """How the forecast of overdue was learned. It is tested on the latest closed cases, from which it did not
    learn: 0.5 is a guess, 1 is never wrong. `kind` rates: there are too few cases for a model, and each case
    is told the share of its category."""

    kind: Literal["model", "rates"]
    trained_at: datetime
    cases: int
    trained_on: int
    tested_on: int
    overdue_share: float | None
    auc_at_opening: float | None
    auc_all_looks: float | None
    auc_of_category_rate: float | None


def router(forecasts: Forecasts) -> APIRouter:
    api = APIRouter(tags=["cases"])

    @api.get("/cases/forecast", response_model=ForecastReport, summary="How well being late is foretold")
    async def report(tx: Tx, principal: CurrentPrincipal) -> dict[str, Any]:
        found = await forecasts.report(tx, principal)
        if found is None:
            raise NotFound("forecast_none")
        return found

    return api
