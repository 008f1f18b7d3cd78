"""Doors of sharing: the catalogue, requests and grants, subscriptions, streams."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.infra.pages import Limit, decode_cursor, encode_cursor, text_cursor
from yunnao.kernel.errors import InvalidInput
from yunnao.modules.sensing.sharing import http_models as models
from yunnao.modules.sensing.sharing.contracts import ShareDraft, ShareState, Side, SubscriptionDraft
from yunnao.modules.sensing.sharing.facade import Sharing
from yunnao.modules.sensing.sharing.shares import Shares
from yunnao.modules.sensing.sharing.subscriptions import Subscriptions

Name = Annotated[str | None, Query(max_length=128)]


def router(sharing: Sharing) -> APIRouter:
    """Every door; paths without the API's prefix."""
    routes = APIRouter(tags=["sharing"])
    _catalogue(routes, sharing.shares)
    _shares(routes, sharing.shares)
    _subscriptions(routes, sharing.subscriptions)
    _delivery(routes, sharing)
    return routes


def _catalogue(routes: APIRouter, shares: Shares) -> None:
    @routes.get("/catalogue/devices")
    async def find_devices(
        tx: Tx,
        principal: CurrentPrincipal,
        *,
        q: Name = None,
        product: Name = None,
        area: Name = None,
        owner: Name = None,
        limit: Limit = 50,
        cursor: str | None = None,
    ) -> models.CatalogueOut:
        """Devices of all departments, without what they measure."""
        page = await shares.catalogue(
            tx,
            principal,
            q=q,
            product=product,
            area=area,
            owner=owner,
            limit=limit,
            after=text_cursor(cursor),
        )
        return models.CatalogueOut(
            items=[models.CatalogueDeviceOut.model_validate(item) for item in page.items],
            next=encode_cursor(page.after) if page.after else None,
        )

    @routes.get("/devices/{device}/uses")
    async def list_uses(tx: Tx, principal: CurrentPrincipal, device: str) -> models.UsesOut:
        """Departments that a device's readings are shared with."""
        found = await shares.uses(tx, principal, device)
        return models.UsesOut(items=[models.UseOut.model_validate(use) for use in found])


def _shares(routes: APIRouter, shares: Shares) -> None:
    @routes.post("/shares", status_code=201)
    async def ask(tx: Tx, principal: CurrentPrincipal, wanted: models.ShareIn) -> models.ShareOut:
        """Asks the owner for readings."""
        draft = ShareDraft(
            purpose=wanted.purpose,
            until=wanted.until,
            devices=wanted.devices,
            product=wanted.product,
            area=wanted.area,
            owner=wanted.owner,
            metrics=wanted.metrics,
        )
        return models.ShareOut.model_validate(await shares.ask(tx, principal, draft))

    @routes.get("/shares")
    async def list_shares(
        tx: Tx,
        principal: CurrentPrincipal,
        state: ShareState | None = None,
        side: Side | None = None,
        limit: Limit = 50,
        cursor: str | None = None,
    ) -> models.SharesOut:
        """What one's department asked for (`side` asking) and what it is asked for (owning), newest first."""
        page = await shares.page(
            tx, principal, state=state, side=side, limit=limit, before=_uuid_cursor(cursor)
        )
        return models.SharesOut(
            items=[models.ShareOut.model_validate(item) for item in page.items],
            next=encode_cursor(page.after) if page.after else None,
        )

    @routes.get("/shares/{share}")
    async def get_share(tx: Tx, principal: CurrentPrincipal, share: UUID) -> models.ShareOut:
        return models.ShareOut.model_validate(await shares.share(tx, principal, share))

    @routes.post("/shares/{share}/grant")
    async def grant(
        tx: Tx, principal: CurrentPrincipal, share: UUID, decision: models.GrantIn
    ) -> models.ShareOut:
        found = await shares.grant(tx, principal, share, decision.reason, decision.until)
        return models.ShareOut.model_validate(found)

    @routes.post("/shares/{share}/refuse")
    async def refuse(
        tx: Tx, principal: CurrentPrincipal, share: UUID, decision: models.ReasonIn
    ) -> models.ShareOut:
        return models.ShareOut.model_validate(await shares.refuse(tx, principal, share, decision.reason))

    @routes.post("/shares/{share}/revoke")
    async def revoke(
        tx: Tx, principal: CurrentPrincipal, share: UUID, decision: models.ReasonIn
    ) -> models.ShareOut:
        """Ends a granted share and its subscriptions."""
        return models.ShareOut.model_validate(await shares.revoke(tx, principal, share, decision.reason))

    @routes.post("/shares/{share}/withdraw")
    async def withdraw(tx: Tx, principal: CurrentPrincipal, share: UUID) -> models.ShareOut:
        """Takes one's own request back, or gives the share up."""
        return models.ShareOut.model_validate(await shares.withdraw(tx, principal, share))


def _subscriptions(routes: APIRouter, subscriptions: Subscriptions) -> None:
    @routes.post("/subscriptions", status_code=201)
    async def make(
        tx: Tx, principal: CurrentPrincipal, wanted: models.SubscriptionIn
    ) -> models.SubscriptionMadeOut:
        """Has a share's readings sent from now on."""
        draft = SubscriptionDraft(**wanted.model_dump(exclude={"share"}))
        made, secret = await subscriptions.make(tx, principal, wanted.share, draft)
        shown = models.SubscriptionOut.model_validate(made)
        return models.SubscriptionMadeOut(**shown.model_dump(), secret=secret)

    @routes.get("/subscriptions")
    async def list_subscriptions(
        tx: Tx,
        principal: CurrentPrincipal,
        share: UUID | None = None,
        limit: Limit = 50,
        cursor: str | None = None,
    ) -> models.SubscriptionsOut:
        page = await subscriptions.page(tx, principal, share=share, limit=limit, before=_uuid_cursor(cursor))
        return models.SubscriptionsOut(
            items=[models.SubscriptionOut.model_validate(item) for item in page.items],
            next=encode_cursor(page.after) if page.after else None,
        )

    @routes.get("/subscriptions/{subscription}")
    async def get_subscription(
        tx: Tx, principal: CurrentPrincipal, subscription: UUID
    ) -> models.SubscriptionOut:
        return models.SubscriptionOut.model_validate(await subscriptions.get(tx, principal, subscription))

    @routes.patch("/subscriptions/{subscription}")
    async def change(
        tx: Tx, principal: CurrentPrincipal, subscription: UUID, wanted: models.SubscriptionChangeIn
    ) -> models.SubscriptionOut:
        found = await subscriptions.change(tx, principal, subscription, wanted.name, wanted.url)
        return models.SubscriptionOut.model_validate(found)

    @routes.delete("/subscriptions/{subscription}", status_code=204)
    async def end(tx: Tx, principal: CurrentPrincipal, subscription: UUID) -> None:
        """Ends it; what waits is dropped."""
        await subscriptions.end(tx, principal, subscription)

    @routes.post("/subscriptions/{subscription}/resume")
    async def resume(tx: Tx, principal: CurrentPrincipal, subscription: UUID) -> models.SubscriptionOut:
        """Sends what waits at once, from the oldest on."""
        return models.SubscriptionOut.model_validate(await subscriptions.resume(tx, principal, subscription))

    @routes.post("/subscriptions/{subscription}/secret")
    async def renew_secret(tx: Tx, principal: CurrentPrincipal, subscription: UUID) -> models.SecretOut:
        return models.SecretOut(secret=await subscriptions.renew_secret(tx, principal, subscription))

    @routes.get("/subscriptions/{subscription}/deliveries")
    async def list_waiting(tx: Tx, principal: CurrentPrincipal, subscription: UUID) -> models.ParcelsOut:
        """What waits to be delivered."""
        found = await subscriptions.waiting(tx, principal, subscription)
        return models.ParcelsOut(items=[models.ParcelOut.model_validate(item) for item in found])


def _delivery(routes: APIRouter, sharing: Sharing) -> None:
    @routes.post("/subscriptions/{subscription}/test")
    async def test(tx: Tx, principal: CurrentPrincipal, subscription: UUID) -> models.TestOut:
        """Sends an empty message at once."""
        outcome = await sharing.test(tx, principal, subscription)
        return models.TestOut(delivered=outcome.error is None, status=outcome.status, error=outcome.error)

    @routes.get(
        "/subscriptions/{subscription}/events",
        response_class=StreamingResponse,
        summary="Readings as they come (text/event-stream)",
    )
    async def events(
        request: Request, tx: Tx, principal: CurrentPrincipal, subscription: UUID
    ) -> StreamingResponse:
        row = await sharing.subscriptions.target(tx, principal, subscription)
        if row["channel"] != "events":
            raise InvalidInput("subscription_no_stream")
        sharing.streams.reserve()
        last = request.headers.get("last-event-id")
        return StreamingResponse(
            sharing.streams.frames(subscription, int(last) if last and last.isdecimal() else None),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )


def _uuid_cursor(cursor: str | None) -> UUID | None:
    key = decode_cursor(cursor)
    try:
        return UUID(key) if key is not None else None
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidInput("cursor_invalid") from error
