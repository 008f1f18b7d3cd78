"""The city at a glance: counts of every module in one answer."""

from dataclasses import asdict
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from pydantic import BaseModel, Field

from yunnao.bootstrap import Platform
from yunnao.infra import packs
from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.kernel.text import Language, Text
from yunnao.modules.cases.http_models import CaseCounts, CasesOverview


class CityView(BaseModel):
    city: str
    code: str
    name: Text
    centre: tuple[float, float] = Field(description="Longitude, latitude, WGS 84.")
    bounds: tuple[float, float, float, float] = Field(description="West, south, east, north.")
    time_zone: str
    languages: list[Language]


class SceneName(BaseModel):
    scene: str
    label: Text


class Meta(BaseModel):
    name: Text
    city: CityView
    scenes: list[SceneName]
    version: str
    demo: bool
    synthetic: bool = Field(description="True where the data is made up, which screens must say.")


class Counts(CaseCounts):
    devices: int
    online: int
    readings_today: int
    readings_per_s: float
    alarms_open: int


class Overview(CasesOverview):
    time: datetime
    counts: Counts


def router(platform: Platform, version: str) -> APIRouter:
    api = APIRouter(tags=["overview"])

    @api.get("/meta", response_model=Meta, summary="What this city is")
    async def meta(tx: Tx) -> dict[str, Any]:
        city = platform.city.manifest
        return {
            "name": Text(zh="云脑", en="Yunnao"),
            "city": {
                "city": city.city,
                "code": city.code,
                "name": city.name,
                "centre": city.centre,
                "bounds": city.bounds,
                "time_zone": city.time_zone,
                "languages": city.languages,
            },
            "scenes": await packs.scene_names(tx),
            "version": version,
            "demo": platform.settings.demo,
            "synthetic": platform.settings.demo,
        }

    @api.get("/overview", response_model=Overview, summary="Counts of readings, alarms and cases")
    async def overview(tx: Tx, principal: CurrentPrincipal) -> dict[str, Any]:
        platform.identity.authorize(principal, "overview:read")
        cases = await platform.cases.overview(tx)
        sensing = await platform.sensing.overview(tx, _midnight(platform))
        return {
            **cases,
            "time": platform.clock.now(),
            "counts": {**asdict(sensing), **cases["counts"]},
        }

    return api


def _midnight(platform: Platform) -> datetime:
    """The start of the city's own day."""
    local = platform.clock.now().astimezone(ZoneInfo(platform.city.manifest.time_zone))
    return local.replace(hour=0, minute=0, second=0, microsecond=0)
