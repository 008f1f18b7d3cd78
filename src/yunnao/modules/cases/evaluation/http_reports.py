"""Doors of monthly reports, under /api/v1/evaluation/reports."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.infra.pages import Limit, encode_cursor, uuid_cursor
from yunnao.modules.cases.evaluation import http_models as models
from yunnao.modules.cases.evaluation.reports import MEDIA_TYPES, Form, Reports

FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            media_type: {"schema": {"type": "string", "format": "binary"}}
            for media_type in MEDIA_TYPES.values()
        }
    }
}


def router(reports: Reports) -> APIRouter:
    api = APIRouter(tags=["evaluation"])

    @api.get("/evaluation/reports", response_model=models.ReportsOut, summary="Monthly reports, newest first")
    async def page(
        tx: Tx, principal: CurrentPrincipal, limit: Limit = 50, cursor: str | None = None
    ) -> dict[str, Any]:
        items, following = await reports.page(tx, principal, limit, uuid_cursor(cursor))
        return {"items": items, "next": encode_cursor(str(following)) if following else None}

    @api.post(
        "/evaluation/reports",
        status_code=202,
        response_model=models.ReportDetailOut,
        summary="Ask for a report of a month; the worker makes it",
    )
    async def ask(tx: Tx, principal: CurrentPrincipal, body: models.ReportIn) -> Any:
        return await reports.get(tx, await reports.ask(tx, body.month, body.language, principal), principal)

    @api.get("/evaluation/reports/{report_id}", response_model=models.ReportDetailOut, summary="One report")
    async def get(tx: Tx, principal: CurrentPrincipal, report_id: UUID) -> Any:
        return await reports.get(tx, report_id, principal)

    @api.get(
        "/evaluation/reports/{report_id}/{form}",
        response_class=Response,
        responses=FILE,
        summary="A report's file",
    )
    async def file(tx: Tx, principal: CurrentPrincipal, report_id: UUID, form: Form) -> Response:
        content, name = await reports.file(tx, report_id, form, principal)
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(content, media_type=MEDIA_TYPES[form], headers=headers)

    return api
