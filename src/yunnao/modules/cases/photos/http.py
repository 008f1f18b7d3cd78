"""Photos as everybody may see them."""

from typing import Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response

from yunnao.infra.http import Tx
from yunnao.modules.cases import http_models as models
from yunnao.modules.cases.limits import RateLimit
from yunnao.modules.cases.photos.facade import Photos

PUBLISHED_PER_ADDRESS_MAX = 600
CACHE_S = 86_400


def router(photos: Photos) -> APIRouter:
    api = APIRouter(tags=["reports"])
    limit = RateLimit(PUBLISHED_PER_ADDRESS_MAX)

    @api.get(
        "/photos/{photo_id}/published",
        response_class=Response,
        responses=models.PICTURE,
        summary="A photo of a case with faces and number plates blurred; public",
    )
    async def published(
        request: Request, tx: Tx, photo_id: UUID, size: Literal["full", "thumb"] = "full"
    ) -> Response:
        limit.take(request.client.host if request.client else "-")
        content, media_type = await photos.published(tx, photo_id, thumb=size == "thumb")
        return Response(
            content,
            media_type=media_type,
            headers={
                "Cache-Control": f"public, max-age={CACHE_S}",
                "X-Content-Type-Options": "nosniff",
                "Content-Security-Policy": "default-src 'none'",
            },
        )

    return api
