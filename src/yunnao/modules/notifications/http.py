"""Doors of notifications: the inbox, preferences, and what could not be delivered."""

from uuid import UUID

from fastapi import APIRouter, Response

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.infra.pages import Limit, encode_cursor, uuid_cursor
from yunnao.modules.identity.facade import Identity
from yunnao.modules.notifications import http_models as models
from yunnao.modules.notifications.contracts import Preferences
from yunnao.modules.notifications.domain import kinds
from yunnao.modules.notifications.facade import Notifications


def router(notifications: Notifications, identity: Identity) -> APIRouter:
    """Every door; paths without the API's prefix."""
    routes = APIRouter(tags=["notifications"])
    _inbox(routes, notifications)
    _preferences(routes, notifications)
    _undelivered(routes, notifications, identity)
    return routes


def _inbox(routes: APIRouter, notifications: Notifications) -> None:
    @routes.get("/notifications", summary="Own notices, newest first")
    async def inbox(
        tx: Tx,
        principal: CurrentPrincipal,
        unread: bool = False,
        limit: Limit = 50,
        cursor: str | None = None,
    ) -> models.InboxOut:
        items, following = await notifications.inbox(
            tx, principal, unread=unread, limit=limit, before=uuid_cursor(cursor)
        )
        return models.InboxOut(
            items=[models.NotificationOut.model_validate(item) for item in items],
            next=encode_cursor(str(following)) if following else None,
            unread=await notifications.unread(tx, principal),
        )

    @routes.post("/notifications/read", summary="Mark own notices as read")
    async def mark_read(tx: Tx, principal: CurrentPrincipal, body: models.ReadBody) -> models.UnreadOut:
        await notifications.mark_read(tx, principal, body.ids)
        return models.UnreadOut(unread=await notifications.unread(tx, principal))


def _preferences(routes: APIRouter, notifications: Notifications) -> None:
    def shown(chosen: Preferences, secret: str | None) -> models.PreferencesOut:
        return models.PreferencesOut.model_validate(
            {
                **vars(chosen),
                "kinds": [{"kind": kind, "label": label} for kind, label in kinds().items()],
                "available": notifications.available(),
                "time_zone": notifications.zone.key,
                "webhook_secret": secret,
            }
        )

    @routes.get("/notifications/preferences", summary="How you want to be told")
    async def preferences(tx: Tx, principal: CurrentPrincipal) -> models.PreferencesOut:
        return shown(await notifications.preferences(tx, principal), None)

    @routes.put("/notifications/preferences", summary="Say how you want to be told")
    async def set_preferences(
        tx: Tx, principal: CurrentPrincipal, body: models.PreferencesBody
    ) -> models.PreferencesOut:
        chosen = Preferences(**body.model_dump())
        secret = await notifications.set_preferences(tx, principal, chosen)
        return shown(chosen, secret)


def _undelivered(routes: APIRouter, notifications: Notifications, identity: Identity) -> None:
    @routes.get("/notifications/undelivered", summary="Messages that were given up, and why")
    async def undelivered(
        tx: Tx, principal: CurrentPrincipal, limit: Limit = 50, cursor: str | None = None
    ) -> models.UndeliveredPage:
        found, following = await notifications.undelivered(tx, principal, limit, uuid_cursor(cursor))
        names = await identity.names(tx, {each.account for each in found if each.account})
        labels = kinds()
        return models.UndeliveredPage(
            items=[
                models.UndeliveredOut(
                    **vars(each),
                    label=labels[each.kind],
                    account_name=names.get(each.account) if each.account else None,
                )
                for each in found
            ],
            next=encode_cursor(str(following)) if following else None,
        )

    @routes.post("/notifications/undelivered/{message}/resend", status_code=204, summary="Try one again")
    async def resend(tx: Tx, principal: CurrentPrincipal, message: UUID) -> Response:
        await notifications.resend(tx, principal, message)
        return Response(status_code=204)
