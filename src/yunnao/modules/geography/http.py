"""`/areas`: public, since the divisions of a country are."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from pydantic import BaseModel, ConfigDict

from yunnao.infra.http import Tx
from yunnao.kernel.geometry import Datum, to_wgs84
from yunnao.kernel.text import Text
from yunnao.modules.geography.contracts import Level
from yunnao.modules.geography.facade import Geography


class _View(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class AreaView(_View):
    code: str
    name: Text
    level: Level
    parent: str | None


class AreaName(_View):
    code: str
    name: Text


class AreaList(_View):
    items: list[AreaView]


class PlaceView(_View):
    district: AreaName | None
    street: AreaName | None


def router(geography: Geography) -> APIRouter:
    """The areas of the city, their shapes, and the areas of a position."""
    api = APIRouter(prefix="/areas", tags=["geography"])

    @api.get("", summary="Districts and streets")
    async def areas(tx: Tx, level: Level | None = None) -> AreaList:
        found = await geography.areas(tx, level)
        return AreaList(items=[AreaView.model_validate(area) for area in found])

    @api.get("/shapes", summary="Shapes as a GeoJSON FeatureCollection")
    async def shapes(
        tx: Tx,
        response: Response,
        level: Level = "district",
        if_none_match: Annotated[str | None, Header()] = None,
    ) -> Any:
        await geography.refresh(tx)
        tag = f'"{geography.revision}-{level}"'
        if if_none_match == tag:
            return Response(status_code=304, headers={"ETag": tag})
        response.headers["ETag"] = tag
        return await geography.shapes(tx, level)

    @api.get("/resolve", summary="The district and street of a position")
    async def resolve(tx: Tx, lon: float, lat: float, datum: Datum = "wgs84") -> PlaceView:
        await geography.refresh(tx)
        return PlaceView.model_validate(geography.resolve(*to_wgs84(lon, lat, datum)))

    return api
