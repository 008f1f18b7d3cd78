"""The doors of exports, under /api/v1."""

import tempfile
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict
from starlette.background import BackgroundTask

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.kernel.text import preferred_language
from yunnao.modules.cases.search.exports import Exports
from yunnao.modules.cases.search.http import Filter
from yunnao.modules.cases.search.http_views import FilterBody
from yunnao.modules.cases.search.sheets import MEDIA_TYPES, Format

FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES.values()}
    }
}


class ExportBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    format: Format
    filter: FilterBody = FilterBody()


class CaseExport(BaseModel):
    id: UUID
    format: Format
    filter: dict[str, Any]
    state: Literal["asked", "writing", "done", "failed"]
    rows: int
    whole: bool | None
    error: str | None
    asked_at: datetime
    done_at: datetime | None


class CaseExports(BaseModel):
    """Newest first."""

    items: list[CaseExport]


def router(exports: Exports) -> APIRouter:
    api = APIRouter(tags=["cases"])

    @api.get("/cases/export", response_class=Response, responses=FILE, summary="Cases of a filter as a file")
    async def at_once(
        request: Request,
        tx: Tx,
        principal: CurrentPrincipal,
        wanted: Filter,
        kind: Annotated[Format, Query(alias="format")] = "csv",
    ) -> Response:
        language = preferred_language(request.headers.get("accept-language"))
        folder = tempfile.TemporaryDirectory(prefix="yunnao-export-")
        file = Path(folder.name) / f"cases.{kind}"
        try:
            written = await exports.at_once(tx, wanted, principal, kind, language, file)
        except BaseException:
            folder.cleanup()
            raise
        return FileResponse(
            file,
            media_type=MEDIA_TYPES[kind],
            filename=file.name,
            headers={"X-Rows": str(written.rows), "X-Whole": "1" if written.whole else "0"},
            background=BackgroundTask(folder.cleanup),
        )

    @api.post("/case-exports", status_code=202, response_model=CaseExport, summary="Ask for a large file")
    async def ask(request: Request, tx: Tx, principal: CurrentPrincipal, body: ExportBody) -> dict[str, Any]:
        body.filter.wanted()
        language = preferred_language(request.headers.get("accept-language"))
        given = body.filter.model_dump(mode="json", exclude_defaults=True)
        return await exports.ask(tx, given, principal, body.format, language)

    @api.get("/case-exports", response_model=CaseExports, summary="The files that you asked for")
    async def all_exports(tx: Tx, principal: CurrentPrincipal) -> dict[str, Any]:
        return {"items": await exports.all(tx, principal)}

    @api.get("/case-exports/{export_id}", response_model=CaseExport, summary="How far a file is")
    async def one(tx: Tx, principal: CurrentPrincipal, export_id: UUID) -> dict[str, Any]:
        return await exports.one(tx, export_id, principal)

    @api.get(
        "/case-exports/{export_id}/file",
        response_class=Response,
        responses=FILE,
        summary="A file that is ready",
    )
    async def content(tx: Tx, principal: CurrentPrincipal, export_id: UUID) -> Response:
        found, kind = await exports.content(tx, export_id, principal)
        name = f"attachment; filename=cases-{export_id}.{kind}"
        return Response(found, media_type=MEDIA_TYPES[kind], headers={"Content-Disposition": name})

    return api
