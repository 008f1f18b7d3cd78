"""The door of forecasts."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.kernel.text import Text
from yunnao.modules.sensing.scheduled.facade import Scheduled
from yunnao.modules.sensing.sharing.rights import ReadingRights

forecast_hours_max = 24
Name = Annotated[str, Query(max_length=128)]


class ForecastOut(BaseModel):
    """`points`: time, value, and the interval that covers `share` of what comes; none where the history
    is shorter than two days or full of gaps."""

    metric: str
    unit_label: Text | None
    share: float
    points: list[tuple[datetime, float, float, float]]


def router(scheduled: Scheduled, rights: ReadingRights) -> APIRouter:
    routes = APIRouter(tags=["sensing"])

    @routes.get("/forecast")
    async def forecast(
        tx: Tx,
        principal: CurrentPrincipal,
        device: Name,
        metric: Name,
        hours: Annotated[float, Query(gt=0, le=forecast_hours_max)] = 3,
        share: Annotated[float, Query(gt=0.5, lt=1)] = 0.95,
    ) -> ForecastOut:
        """How a series is likely to go on."""
        await rights.authorize(tx, principal, [(device, metric)])
        found = await scheduled.forecast(tx, device, metric, hours, share=share)
        return ForecastOut(**vars(found))

    return routes
