"""The doors of the desk, the departments' inboxes and the wall, under /api/v1."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.infra.pages import Limit, decode_cursor, encode_cursor
from yunnao.kernel.errors import InvalidInput
from yunnao.modules.cases import domain
from yunnao.modules.cases.board import http_models as models
from yunnao.modules.cases.board.facade import Board, Place
from yunnao.modules.cases.figures import statuses


def router(board: Board) -> APIRouter:
    api = APIRouter(tags=["cases"])

    @api.get("/cases/queue", response_model=models.Queue, summary="Running cases, nearest deadline first")
    async def queue(
        tx: Tx,
        principal: CurrentPrincipal,
        status: Annotated[str, Query(description="A running status, several by comma, or `open`.")] = "desk",
        department: str | None = None,
        limit: Limit = 50,
        cursor: str | None = None,
    ) -> dict[str, Any]:
        if department is not None and "\x00" in department:
            raise InvalidInput("text_unreadable")
        wanted = statuses(status)
        for each in wanted:
            if each not in domain.OPEN:
                raise InvalidInput("status_unknown", state=each[:40], known=", ".join(domain.OPEN))
        items, following = await board.queue(tx, principal, wanted, department, limit, _after(cursor))
        key = [following.due_at.isoformat(), str(following.id)] if following else None
        return {"items": items, "next": encode_cursor(key) if key else None}

    @api.get("/cases/counts", response_model=models.RunningCounts, summary="How many cases run, by step")
    async def counts(tx: Tx, principal: CurrentPrincipal) -> dict[str, Any]:
        return await board.counts(tx, principal)

    @api.get("/cases/wall", response_model=models.Wall, summary="Ages of queues, overdue cases, loads")
    async def wall(tx: Tx, principal: CurrentPrincipal) -> dict[str, Any]:
        return await board.wall(tx, principal)

    return api


def _after(cursor: str | None) -> Place | None:
    key = decode_cursor(cursor)
    if key is None:
        return None
    try:
        due, case_id = key
        moment = datetime.fromisoformat(due)
        if moment.tzinfo is None:
            raise InvalidInput("cursor_invalid")
        return Place(moment, UUID(case_id))
    except (ValueError, AttributeError, TypeError) as error:
        raise InvalidInput("cursor_invalid") from error
