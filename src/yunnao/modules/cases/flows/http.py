"""The doors of flows, under /api/v1."""

from typing import Any

from fastapi import APIRouter

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.kernel.errors import InvalidInput
from yunnao.modules.cases.flows import http_models as models
from yunnao.modules.cases.flows.facade import Flows


def router(flows: Flows) -> APIRouter:
    api = APIRouter(tags=["cases"])

    @api.get("/flows", response_model=models.FlowVersions, summary="Versions of flows and their cases")
    async def versions(tx: Tx, principal: CurrentPrincipal) -> dict[str, Any]:
        return {"items": await flows.versions(tx, principal)}

    @api.get("/flows/{case_type}/{version}", response_model=models.FlowSource, summary="One version's BPMN")
    async def source(tx: Tx, principal: CurrentPrincipal, case_type: str, version: int) -> dict[str, Any]:
        _readable(case_type)
        return {"bpmn": await flows.bpmn(tx, case_type, version, principal)}

    @api.post(
        "/flows/{case_type}/migrate",
        response_model=models.Migration,
        summary="Move running cases to another version of their flow",
    )
    async def migrate(
        tx: Tx, principal: CurrentPrincipal, case_type: str, body: models.MigrationBody
    ) -> dict[str, Any]:
        """Tells first, unless `dry_run` is false: which cases can move, which not and why."""
        _readable(case_type)
        return await flows.migrate(
            tx,
            case_type,
            principal,
            to=body.to,
            source=body.source,
            tasks=body.tasks,
            dry_run=body.dry_run,
            after=body.after,
        )

    return api


def _readable(text: str) -> None:
    if "\x00" in text:
        raise InvalidInput("text_unreadable")
