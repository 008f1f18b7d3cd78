"""Doors of topics, under /api/v1."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.infra.pages import Limit
from yunnao.modules.cases.topics import http_models as models
from yunnao.modules.cases.topics.facade import Topics


def router(topics: Topics) -> APIRouter:
    api = APIRouter(tags=["one event, one case"])

    @api.get("/topics", response_model=models.HotTopics, summary="What many people speak of, week by week")
    async def hottest(tx: Tx, principal: CurrentPrincipal, limit: Limit = 20) -> dict[str, Any]:
        return {"items": await topics.hottest(tx, principal, limit)}

    @api.get("/topics/{topic_id}", response_model=models.TopicDetail, summary="One topic and its cases")
    async def topic(tx: Tx, principal: CurrentPrincipal, topic_id: UUID) -> dict[str, Any]:
        return await topics.topic(tx, topic_id, principal)

    return api
