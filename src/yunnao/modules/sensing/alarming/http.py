"""Doors of alarms: lists with totals, one with its timeline, and what people do with them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.infra.pages import Limit, encode_cursor, uuid_cursor
from yunnao.infra.postgres import Transaction
from yunnao.kernel.packs.common import Severity
from yunnao.kernel.principal import Principal
from yunnao.modules.identity.contracts import Resource
from yunnao.modules.identity.facade import Identity
from yunnao.modules.sensing.alarming import http_models as models
from yunnao.modules.sensing.alarming.contracts import Alarm, AlarmFilter, StateFilter
from yunnao.modules.sensing.alarming.facade import Alarms
from yunnao.modules.sensing.sharing.rights import ReadingRights

beneath_max = 100
Name = Annotated[str | None, Query(max_length=128)]


def router(alarms: Alarms, identity: Identity, rights: ReadingRights) -> APIRouter:
    """Every door; paths without the API's prefix."""
    routes = APIRouter(tags=["alarms"])
    _reading(routes, alarms, identity, rights)
    _acting(routes, alarms, identity, rights)
    return routes


async def veiled(
    tx: Transaction, principal: Principal, rights: ReadingRights, alarms: Sequence[Alarm]
) -> list[Alarm]:
    """The alarms without what was measured, where the party may not read the device and was not given
    the alarm to handle: that there is one is for all who watch the city."""
    devices = [(alarm.device or "", None) for alarm in alarms]
    readable = await rights.readable(tx, principal, devices) if alarms else []
    return [
        alarm
        if seen or alarm.device is None or (alarm.department and alarm.department == principal.department)
        else replace(alarm, value=None, message=alarm.label)
        for alarm, seen in zip(alarms, readable, strict=True)
    ]


def _reading(routes: APIRouter, alarms: Alarms, identity: Identity, rights: ReadingRights) -> None:
    @routes.get("/alarms")
    async def list_alarms(
        tx: Tx,
        principal: CurrentPrincipal,
        *,
        state: StateFilter | None = None,
        severity: Severity | None = None,
        scene: Name = None,
        rule: Name = None,
        district: Name = None,
        device: Name = None,
        since: AwareDatetime | None = None,
        roots: Annotated[bool | None, Query(description="true: only what lies beneath nothing")] = None,
        parent: UUID | None = None,
        limit: Limit = 50,
        cursor: str | None = None,
    ) -> models.AlarmsOut:
        """Newest first."""
        identity.authorize(principal, "alarm:list")
        wanted = AlarmFilter(state, severity, scene, rule, district, device, since, roots, parent)
        page = await alarms.page(tx, wanted, limit=limit, before=uuid_cursor(cursor))
        page = replace(page, items=await veiled(tx, principal, rights, page.items))
        return models.alarms_out(page, encode_cursor(page.after) if page.after else None)

    @routes.get("/alarms/{alarm}")
    async def get_alarm(tx: Tx, principal: CurrentPrincipal, alarm: UUID) -> models.AlarmDetailOut:
        """With its whole timeline and what lies beneath it."""
        identity.authorize(principal, "alarm:list", Resource("Alarm", str(alarm)))
        beneath = await alarms.page(tx, AlarmFilter(parent=alarm), limit=beneath_max)
        shown = [await alarms.get(tx, alarm), *beneath.items]
        found, *below = await veiled(tx, principal, rights, shown)
        return models.detail_out(found, await alarms.timeline(tx, alarm), below)

    @routes.get("/alarms/{alarm}/timeline")
    async def get_timeline(tx: Tx, principal: CurrentPrincipal, alarm: UUID) -> models.TimelineOut:
        identity.authorize(principal, "alarm:list", Resource("Alarm", str(alarm)))
        await alarms.get(tx, alarm)
        return models.TimelineOut(items=[models.entry_out(e) for e in await alarms.timeline(tx, alarm)])


def _acting(routes: APIRouter, alarms: Alarms, identity: Identity, rights: ReadingRights) -> None:
    async def done(tx: Transaction, principal: Principal, action: str, alarm: Alarm) -> models.AlarmOut:
        resource = Resource("Alarm", str(alarm.id))
        await identity.audit(tx, principal, action, resource, rule=alarm.rule, device=alarm.device)
        (shown,) = await veiled(tx, principal, rights, [alarm])
        return models.alarm_out(shown)

    def may(principal: Principal, action: str, alarm: UUID) -> None:
        identity.authorize(principal, action, Resource("Alarm", str(alarm)))

    @routes.post("/alarms/{alarm}/acknowledge")
    async def acknowledge(
        tx: Tx, principal: CurrentPrincipal, alarm: UUID, given: models.ActionIn | None = None
    ) -> models.AlarmOut:
        may(principal, "alarm:acknowledge", alarm)
        comment = given.comment if given else None
        changed = await alarms.acknowledge(tx, alarm, principal, comment)
        return await done(tx, principal, "alarm:acknowledge", changed)

    @routes.post("/alarms/{alarm}/suppress")
    async def suppress(
        tx: Tx, principal: CurrentPrincipal, alarm: UUID, given: models.SuppressIn
    ) -> models.AlarmOut:
        """Until `until` it rests, and so does whatever its rule finds at its device."""
        may(principal, "alarm:suppress", alarm)
        changed = await alarms.suppress(tx, alarm, principal, until=given.until, reason=given.reason)
        return await done(tx, principal, "alarm:suppress", changed)

    @routes.post("/alarms/{alarm}/unsuppress")
    async def unsuppress(
        tx: Tx, principal: CurrentPrincipal, alarm: UUID, given: models.ActionIn | None = None
    ) -> models.AlarmOut:
        may(principal, "alarm:suppress", alarm)
        changed = await alarms.unsuppress(tx, alarm, principal, given.comment if given else None)
        return await done(tx, principal, "alarm:suppress", changed)

    @routes.post("/alarms/{alarm}/assign")
    async def assign(
        tx: Tx, principal: CurrentPrincipal, alarm: UUID, given: models.AssignIn
    ) -> models.AlarmOut:
        may(principal, "alarm:assign", alarm)
        changed = await alarms.assign(
            tx, alarm, principal, account=given.account, department=given.department, comment=given.comment
        )
        return await done(tx, principal, "alarm:assign", changed)

    @routes.post("/alarms/{alarm}/comments")
    async def comment(
        tx: Tx, principal: CurrentPrincipal, alarm: UUID, given: models.CommentIn
    ) -> models.AlarmOut:
        may(principal, "alarm:comment", alarm)
        changed = await alarms.comment(tx, alarm, principal, given.comment)
        return await done(tx, principal, "alarm:comment", changed)

    @routes.post("/alarms/{alarm}/close")
    async def close(
        tx: Tx, principal: CurrentPrincipal, alarm: UUID, given: models.CommentIn
    ) -> models.AlarmOut:
        """By hand, with a reason; the rule finds it anew only after its condition has ended once."""
        may(principal, "alarm:close", alarm)
        changed = await alarms.close(tx, alarm, principal, given.comment)
        return await done(tx, principal, "alarm:close", changed)
