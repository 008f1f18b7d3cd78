"""Doors of linking, under /api/v1: links of a case, merging, what is already known, following."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.infra.pages import Limit
from yunnao.modules.cases.facade import Cases
from yunnao.modules.cases.limits import LOOKUPS_PER_ADDRESS_MAX, REPORTS_PER_ADDRESS_MAX, RateLimit
from yunnao.modules.cases.linking import http_models as models
from yunnao.modules.cases.linking.facade import SIMILAR_TEXT_CHARS_MAX
from yunnao.modules.identity.facade import Identity


def router(cases: Cases, identity: Identity) -> APIRouter:
    api = APIRouter(tags=["one event, one case"])
    _add_links(api, cases, identity)
    _add_watched(api, cases)
    _add_public(api, cases)
    return api


def _add_links(api: APIRouter, cases: Cases, identity: Identity) -> None:
    @api.get(
        "/case-links", response_model=models.WaitingLinks, summary="Suggested links that wait for a decision"
    )
    async def queue(
        tx: Tx, principal: CurrentPrincipal, kind: models.LinkKind | None = None, limit: Limit = 50
    ) -> dict[str, Any]:
        return {"items": await cases.linking.queue(tx, principal, kind, limit)}

    @api.get(
        "/cases/{case_id}/links",
        response_model=models.CaseLinks,
        summary="Cases of the same event, merges, and how many people told of it",
    )
    async def links(tx: Tx, principal: CurrentPrincipal, case_id: UUID) -> dict[str, Any]:
        return await cases.links(tx, case_id, principal)

    @api.post(
        "/cases/{case_id}/links/{other_id}",
        response_model=models.CaseLinks,
        summary="Confirm or dismiss a suggested link",
    )
    async def decide(
        tx: Tx, principal: CurrentPrincipal, case_id: UUID, other_id: UUID, body: models.DecisionBody
    ) -> dict[str, Any]:
        identity.authorize(principal, "case:merge")
        await cases.decide_link(tx, case_id, other_id, body.state, principal)
        return await cases.links(tx, case_id, principal)

    @api.post(
        "/cases/{case_id}/merge", response_model=models.CaseLinks, summary="Merge a case into another one"
    )
    async def merge(
        tx: Tx, principal: CurrentPrincipal, case_id: UUID, body: models.MergeBody
    ) -> dict[str, Any]:
        main = await cases.linking.merge(tx, case_id, body.into, principal, body.comment)
        return await cases.linking.links(tx, main)

    @api.post(
        "/cases/{case_id}/unmerge", response_model=models.CaseLinks, summary="Take a merged case out again"
    )
    async def unmerge(
        tx: Tx, principal: CurrentPrincipal, case_id: UUID, body: models.CommentBody
    ) -> dict[str, Any]:
        case = await cases.linking.unmerge(tx, case_id, principal, body.comment)
        return await cases.linking.links(tx, case)


def _add_watched(api: APIRouter, cases: Cases) -> None:
    @api.get(
        "/recurring-places",
        response_model=models.RecurringPlaces,
        summary="Places where trouble comes back after it was closed",
    )
    async def recurring(
        tx: Tx, principal: CurrentPrincipal, category: str | None = None, limit: Limit = 50
    ) -> dict[str, Any]:
        return {"items": await cases.linking.recurring(tx, principal, category, limit)}

    @api.get(
        "/group-warnings",
        response_model=models.GroupWarnings,
        summary="Group complaints, warned of early",
    )
    async def warnings(
        tx: Tx, principal: CurrentPrincipal, unacknowledged: bool = False, limit: Limit = 50
    ) -> dict[str, Any]:
        return {"items": await cases.linking.warnings(tx, principal, limit, unacknowledged=unacknowledged)}

    @api.post(
        "/group-warnings/{warning_id}/acknowledge",
        response_model=models.GroupWarning,
        summary="Answer for a group complaint",
    )
    async def acknowledge(
        tx: Tx, principal: CurrentPrincipal, warning_id: UUID, body: models.CommentBody
    ) -> dict[str, Any]:
        return await cases.linking.acknowledge(tx, warning_id, principal, body.comment)


def _add_public(api: APIRouter, cases: Cases) -> None:
    lookups, follows = RateLimit(LOOKUPS_PER_ADDRESS_MAX), RateLimit(REPORTS_PER_ADDRESS_MAX)

    @api.get(
        "/reports/similar",
        response_model=models.SimilarReports,
        summary="What is already known of what you are about to report",
    )
    async def similar(
        request: Request,
        tx: Tx,
        lon: float,
        lat: float,
        text: Annotated[str, Query(max_length=SIMILAR_TEXT_CHARS_MAX)] = "",
    ) -> dict[str, Any]:
        lookups.take(_address(request))
        return {"items": await cases.linking.similar(tx, lon, lat, text)}

    @api.post(
        "/reports/{number}/follow",
        status_code=201,
        response_model=models.FollowReceipt,
        summary="Me too: follow a known case",
    )
    async def follow(request: Request, tx: Tx, principal: CurrentPrincipal, number: str) -> dict[str, Any]:
        follows.take(_address(request))
        of, code = await cases.linking.follow(tx, number, principal)
        return {"number": of, "tracking_code": code}


def _address(request: Request) -> str:
    return request.client.host if request.client else "-"
