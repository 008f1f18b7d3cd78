"""Dead letters for an administrator: a list to read, a button to send one again."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter

from yunnao.bootstrap import Platform, replay_dead_letter
from yunnao.infra import deadletters
from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.infra.pages import Limit, decode_cursor, encode_cursor
from yunnao.kernel.text import catalogue

PREVIEW_BYTES_MAX = 500


def router(platform: Platform) -> APIRouter:
    api = APIRouter(tags=["dead letters"])

    @api.get("/dead-letters", summary="Messages that could not be handled, newest first")
    async def page(
        tx: Tx, principal: CurrentPrincipal, limit: Limit = 50, cursor: str | None = None
    ) -> dict[str, Any]:
        platform.identity.authorize(principal, "deadletter:read")
        before = decode_cursor(cursor)
        rows = await deadletters.page(tx, limit=limit, before=UUID(before) if before else None)
        return {
            "items": [
                {
                    "id": row["id"],
                    "source": row["source"],
                    "subject": row["subject"],
                    "code": row["code"],
                    "reason": catalogue().get(row["code"]),
                    "params": row["params"],
                    "preview": row["payload"][:PREVIEW_BYTES_MAX].decode("utf-8", "replace"),
                    "created_at": row["created_at"],
                }
                for row in rows
            ],
            "next": encode_cursor(str(rows[-1]["id"])) if len(rows) == limit else None,
        }

    @api.post("/dead-letters/{letter_id}/replay", summary="Send one again through its own door")
    async def replay(tx: Tx, principal: CurrentPrincipal, letter_id: UUID) -> dict[str, Any]:
        platform.identity.authorize(principal, "deadletter:replay")
        await replay_dead_letter(platform, tx, letter_id)
        await platform.identity.audit(tx, principal, "deadletter:replay", str(letter_id))
        return {"id": letter_id, "replayed": True}

    return api
