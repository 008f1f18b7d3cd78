"""The doors of acting, under /api/v1."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.infra.idempotency import Remembered
from yunnao.infra.pages import Limit, encode_cursor, uuid_cursor
from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.principal import Principal
from yunnao.modules.cases.acting import http_models as models
from yunnao.modules.cases.acting.facade import Acting

IfMatch = Annotated[
    str | None, Header(alias="If-Match", description="The case's version as it was seen, as its ETag.")
]
IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key")]
_ETAG = re.compile(r'(?:W/)?"?(\d{1,9})"?')


def router(acting: Acting) -> APIRouter:
    """The doors that do not concern one case's page; that one is in the case centre's own."""
    api = APIRouter(tags=["cases"])

    @api.post("/cases/actions", response_model=models.ManyResults, summary="The same action on several cases")
    async def act_on_many(
        request: Request,
        tx: Tx,
        principal: CurrentPrincipal,
        body: models.ManyBody,
        key: IdempotencyKey = None,
    ) -> Any:
        """Each by itself: what fails takes nothing else with it."""
        remembered = Remembered(
            tx, sender(request, principal), key, ["cases/actions", body.model_dump(mode="json")]
        )
        answer = await remembered.answer()
        if answer is None:
            wanted = [(each.id, each.version) for each in body.cases]
            items = await acting.act_on_many(tx, wanted, body.action, body.data(), principal)
            answer = models.ManyResults.model_validate({"items": items}).model_dump(mode="json")
            await remembered.keep(answer)
        return answer

    @api.get("/requests", response_model=models.WaitingRequests, summary="What waits for your decision")
    async def requests(
        tx: Tx, principal: CurrentPrincipal, asked: bool = False, limit: Limit = 50, cursor: str | None = None
    ) -> dict[str, Any]:
        """With `asked`: also what you or your department ask for."""
        items, following = await acting.requests(
            tx, principal, asked=asked, limit=limit, after=uuid_cursor(cursor)
        )
        return {"items": items, "next": encode_cursor(str(following)) if following else None}

    @api.get(
        "/cases/parts",
        response_model=models.WaitingParts,
        summary="Cases of others that wait for your department's part",
    )
    async def parts(tx: Tx, principal: CurrentPrincipal) -> dict[str, Any]:
        return {"items": await acting.parts_waiting(tx, principal)}

    return api


def sender(request: Request, principal: Principal) -> str:
    """Whose idempotency keys these are: the account's, or the address's of an anonymous sender."""
    address = request.client.host if request.client else "-"
    return str(principal.id) if principal.id else f"{principal.kind}:{address}"


def version_of(if_match: str | None, body: int | None) -> int | None:
    """The version that an action was meant for; `*` and none: any. Raises InvalidInput `if_match_invalid`."""
    if if_match is None or if_match.strip() == "*":
        return body
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        raise InvalidInput("if_match_invalid")
    return int(found[1])


def tag(response: Response, shown: dict[str, Any]) -> None:
    """The case's version as its ETag (RFC 9110, 8.8.3)."""
    if "version" in shown:
        response.headers["ETag"] = f'"{shown["version"]}"'
