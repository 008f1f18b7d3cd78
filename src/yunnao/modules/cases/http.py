"""The case centre's door for officers, under /api/v1."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.infra.idempotency import Remembered
from yunnao.modules.cases import http_models as models
from yunnao.modules.cases import reports
from yunnao.modules.cases.acting import http as acting_http
from yunnao.modules.cases.acting.http import IdempotencyKey, IfMatch, sender, tag, version_of
from yunnao.modules.cases.acting.http_models import ActionBody, DecisionBody
from yunnao.modules.cases.board import http as board_http
from yunnao.modules.cases.deadlines import http as deadlines_http
from yunnao.modules.cases.facade import Cases
from yunnao.modules.cases.flows import http as flows_http
from yunnao.modules.cases.flows.http_models import CaseFlow
from yunnao.modules.cases.importing import http as importing_http
from yunnao.modules.cases.intake_body import CaseBody, new_case
from yunnao.modules.cases.linking import http as linking_http
from yunnao.modules.cases.partners import http as partners_http
from yunnao.modules.cases.patrol import http as patrol_http
from yunnao.modules.cases.photos import http as photos_http
from yunnao.modules.cases.privacy import http as privacy_http
from yunnao.modules.cases.search import http as search_http
from yunnao.modules.cases.search import http_exports, http_views
from yunnao.modules.cases.topics import http as topics_http
from yunnao.modules.cases.voice import http as voice_http
from yunnao.modules.identity.facade import Identity

Shown = models.CaseDetail | models.CaseReceipt


def router(cases: Cases, identity: Identity) -> APIRouter:
    api = APIRouter(tags=["cases"])
    api.include_router(search_http.router(cases.search))
    api.include_router(http_views.router(cases.saved_views))
    api.include_router(http_exports.router(cases.exports))
    _add_lists(api, cases)
    api.include_router(board_http.router(cases.board))
    api.include_router(acting_http.router(cases.acting))
    api.include_router(flows_http.router(cases.flows))
    api.include_router(deadlines_http.router(cases.forecasts))
    _add_cases(api, cases, identity)
    _add_acting(api, cases)
    # Before the reports' own: `/reports/similar` is no tracking code.
    api.include_router(linking_http.router(cases, identity))
    api.include_router(topics_http.router(cases.topics))
    api.include_router(reports.router(cases, identity))
    api.include_router(photos_http.router(cases.photos))
    api.include_router(importing_http.router(cases.imports))
    api.include_router(partners_http.router(cases.partners, identity))
    api.include_router(patrol_http.router(cases))
    api.include_router(privacy_http.router(cases.privacy))
    api.include_router(voice_http.router(identity, cases.speech))
    return api


def address_of(request: Request) -> str:
    return request.client.host if request.client else "-"


def _add_lists(api: APIRouter, cases: Cases) -> None:
    @api.get("/categories", response_model=models.CategoryList, summary="The tree of categories")
    async def categories(tx: Tx) -> dict[str, Any]:
        return {"items": await cases.categories(tx)}


def _add_cases(api: APIRouter, cases: Cases, identity: Identity) -> None:
    @api.post("/cases", status_code=201, response_model=Shown, summary="Open a case")
    async def open_case(
        request: Request, tx: Tx, principal: CurrentPrincipal, body: CaseBody, key: IdempotencyKey = None
    ) -> dict[str, Any]:
        identity.authorize(principal, "case:create")
        remembered = Remembered(tx, sender(request, principal), key, ["cases", body.model_dump(mode="json")])
        case_id = await remembered.answer()
        if case_id is None:
            new = new_case(body, principal)
            brought = await cases.partners.bring(tx, new, body.external_reference, principal)
            case_id = str(brought.case_id)
            await remembered.keep(case_id)
        return await cases.opened(tx, UUID(case_id), principal)

    @api.get("/cases/{case_id}", response_model=models.CaseDetail, summary="One case")
    async def get(response: Response, tx: Tx, principal: CurrentPrincipal, case_id: UUID) -> dict[str, Any]:
        shown = await cases.get(tx, case_id, principal)
        tag(response, shown)
        return shown

    @api.get(
        "/cases/{case_id}/timeline",
        response_model=models.CaseTimeline,
        summary="Everything that happened to a case",
    )
    async def timeline(tx: Tx, principal: CurrentPrincipal, case_id: UUID) -> dict[str, Any]:
        return {"items": await cases.timeline(tx, case_id, principal)}

    @api.get("/cases/{case_id}/flow", response_model=CaseFlow, summary="The case's flow and where it stands")
    async def flow(tx: Tx, principal: CurrentPrincipal, case_id: UUID) -> dict[str, Any]:
        return await cases.flow(tx, case_id, principal)


def _add_acting(api: APIRouter, cases: Cases) -> None:
    @api.post("/cases/{case_id}/actions/{action}", response_model=Shown, summary="Act on a case")
    async def act(
        request: Request,
        response: Response,
        tx: Tx,
        principal: CurrentPrincipal,
        case_id: UUID,
        action: str,
        body: ActionBody,
        if_match: IfMatch = None,
        key: IdempotencyKey = None,
    ) -> dict[str, Any]:
        """With the version that was seen (`If-Match` or `version`) it is refused if the case has changed
        since: 409 `case_changed` tells what changed. With an `Idempotency-Key` a repeated request acts
        once: phones send again what they cannot know to have arrived."""
        version = version_of(if_match, body.version)
        asked = ["act", str(case_id), action, version, body.model_dump(mode="json")]
        remembered = Remembered(tx, sender(request, principal), key, asked)
        if await remembered.answer() is None:
            shown = await cases.act(tx, case_id, action, body.data(), principal, version)
            await remembered.keep(True)
        else:
            shown = await cases.opened(tx, case_id, principal)
        tag(response, shown)
        return shown

    @api.post("/requests/{request_id}/decision", response_model=Shown, summary="Grant or refuse a request")
    async def decide(
        tx: Tx, principal: CurrentPrincipal, request_id: UUID, body: DecisionBody
    ) -> dict[str, Any]:
        """Never your own, nor your department's, nor an appeal against your own verdict."""
        return await cases.decide(tx, request_id, body.granted, body.comment, principal)

    @api.post("/requests/{request_id}/withdrawal", response_model=Shown, summary="Withdraw a request")
    async def withdraw(tx: Tx, principal: CurrentPrincipal, request_id: UUID) -> dict[str, Any]:
        return await cases.withdraw(tx, request_id, principal)
