"""The citizens' door, under /api/v1: report, track, rate, photos, what is known nearby. Public."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.infra.idempotency import Remembered, seal, unseal
from yunnao.modules.cases import http_models as models
from yunnao.modules.cases.contracts import NewCase, Reporter
from yunnao.modules.cases.facade import Cases
from yunnao.modules.cases.limits import (
    LOOKUPS_PER_ADDRESS_MAX,
    PHOTOS_PER_ADDRESS_MAX,
    REPORTS_PER_ADDRESS_MAX,
    RateLimit,
)
from yunnao.modules.cases.photos.keeping import PHOTO_BYTES_MAX
from yunnao.modules.identity.facade import Identity

PHOTO_CACHE_S = 3_600


class ReportReporter(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    phone: str | None = None
    email: str | None = None


class ReportBody(BaseModel):
    """What a citizen sends; coordinates in WGS 84."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    text: str
    lon: float | None = None
    lat: float | None = None
    address: str | None = None
    photos: list[UUID] = []
    reporter: ReportReporter | None = None


class RatingBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    score: int = Field(ge=1, le=5)
    comment: str | None = None


class Limits:
    """The rates of this process's public doors."""

    def __init__(self) -> None:
        self.reports = RateLimit(REPORTS_PER_ADDRESS_MAX)
        self.photos = RateLimit(PHOTOS_PER_ADDRESS_MAX)
        self.lookups = RateLimit(LOOKUPS_PER_ADDRESS_MAX)


def router(cases: Cases, identity: Identity) -> APIRouter:
    api = APIRouter(tags=["reports"])
    limits = Limits()
    _add_reports(api, cases, identity, limits)
    _add_tracking(api, cases, limits)
    _add_photos(api, cases, limits)
    return api


def _address(request: Request) -> str:
    return request.client.host if request.client else "-"


def _add_reports(api: APIRouter, cases: Cases, identity: Identity, limits: Limits) -> None:
    @api.post("/reports", status_code=201, response_model=models.ReportReceipt, summary="Report a problem")
    async def report(
        request: Request,
        tx: Tx,
        principal: CurrentPrincipal,
        body: ReportBody,
        key: Annotated[str | None, Header(alias="Idempotency-Key")] = None,
    ) -> dict[str, Any]:
        identity.authorize(principal, "case:report")
        # Not by the address: a phone that sends again may have come into another network meanwhile.
        whose = str(principal.id) if principal.id else "anonymous"
        remembered = Remembered(tx, whose, key, ["reports", body.model_dump(mode="json")])
        answer = await remembered.answer()
        if answer is not None and key is not None:
            return {**answer, "tracking_code": unseal(answer["tracking_code"], key)}
        if principal.id is None:
            limits.reports.take(_address(request))
        new = NewCase(
            text=body.text,
            source="citizen",
            lon=body.lon,
            lat=body.lat,
            address=body.address,
            photos=tuple(dict.fromkeys(body.photos)),
            reporter=Reporter(**body.reporter.model_dump()) if body.reporter else None,
        )
        opened = await cases.open_case(tx, new, principal)
        answer = {"case_id": str(opened.id), "number": opened.number}
        if key is not None:
            await remembered.keep({**answer, "tracking_code": seal(opened.tracking_code, key)})
        return {**answer, "tracking_code": opened.tracking_code}

    @api.get("/reports", response_model=models.OwnReports, summary="What you reported yourself")
    async def own(tx: Tx, principal: CurrentPrincipal) -> dict[str, Any]:
        return {"items": await cases.own(tx, principal), "next": None}

    @api.get(
        "/reports/near",
        response_model=models.NearReports,
        summary="What was reported nearby, without personal data",
    )
    async def near(request: Request, tx: Tx, lon: float, lat: float) -> dict[str, Any]:
        limits.lookups.take(_address(request))
        return {"items": await cases.near(tx, lon, lat), "next": None}

    @api.get("/reports/map", response_model=models.NearReports, summary="The public map, newest first")
    async def public_map(request: Request, response: Response, tx: Tx) -> dict[str, Any]:
        """Of the last 30 days, without words, photos or persons; places are rounded to about 100 m."""
        limits.lookups.take(_address(request))
        response.headers["Cache-Control"] = "public, max-age=60"
        return {"items": await cases.public_map(tx), "next": None}


def _add_tracking(api: APIRouter, cases: Cases, limits: Limits) -> None:
    @api.get("/reports/{tracking_code}", response_model=models.TrackedReport, summary="Track a report")
    async def track(request: Request, response: Response, tx: Tx, tracking_code: str) -> dict[str, Any]:
        limits.lookups.take(_address(request))
        response.headers["Referrer-Policy"] = "no-referrer"
        return await cases.tracked(tx, tracking_code)

    @api.post(
        "/reports/{tracking_code}/rating",
        response_model=models.TrackedReport,
        summary="Rate how a report was handled",
    )
    async def rate(
        request: Request, tx: Tx, principal: CurrentPrincipal, tracking_code: str, body: RatingBody
    ) -> dict[str, Any]:
        limits.lookups.take(_address(request))
        return await cases.rate(tx, tracking_code, body.score, body.comment, principal)

    @api.get(
        "/reports/{tracking_code}/photos/{photo_id}",
        response_class=Response,
        responses=models.PICTURE,
        summary="A photo of a tracked report",
    )
    async def photo(
        request: Request,
        tx: Tx,
        principal: CurrentPrincipal,
        tracking_code: str,
        photo_id: UUID,
        size: Literal["full", "thumb"] = "full",
    ) -> Response:
        limits.photos.take(_address(request))
        content, media_type = await cases.photos.read(
            tx, photo_id, principal, thumb=size == "thumb", tracking_code=tracking_code
        )
        return picture(content, media_type)


def _add_photos(api: APIRouter, cases: Cases, limits: Limits) -> None:
    @api.post(
        "/photos",
        status_code=201,
        response_model=models.SentPhoto,
        summary="Send a photo (JPEG, PNG or WebP)",
    )
    async def send(request: Request, tx: Tx, principal: CurrentPrincipal, file: UploadFile) -> dict[str, Any]:
        if principal.id is None:
            limits.photos.take(_address(request))
        photo = await cases.photos.keep(tx, await file.read(PHOTO_BYTES_MAX + 1), principal)
        url = f"/api/v1/photos/{photo.id}"
        return {
            "id": photo.id,
            "url": url,
            "thumb_url": f"{url}?size=thumb",
            "lon": photo.lon,
            "lat": photo.lat,
        }

    @api.get(
        "/photos/{photo_id}",
        response_class=Response,
        responses=models.PICTURE,
        summary="A photo of a case that you may see",
    )
    async def read(
        tx: Tx, principal: CurrentPrincipal, photo_id: UUID, size: Literal["full", "thumb"] = "full"
    ) -> Response:
        content, media_type = await cases.photos.read(tx, photo_id, principal, thumb=size == "thumb")
        return picture(content, media_type)


def picture(content: bytes, media_type: str) -> Response:
    return Response(
        content,
        media_type=media_type,
        headers={
            "Cache-Control": f"private, max-age={PHOTO_CACHE_S}",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'",
        },
    )
