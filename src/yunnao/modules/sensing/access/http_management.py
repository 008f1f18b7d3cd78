"""Doors to single devices, the quarantine, and the rates of departments."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.infra.pages import Limit, encode_cursor, uuid_cursor
from yunnao.kernel.errors import Conflict, InvalidInput
from yunnao.kernel.text import Text
from yunnao.modules.identity.contracts import Resource
from yunnao.modules.identity.facade import Identity
from yunnao.modules.sensing.access import management_models as models
from yunnao.modules.sensing.access.provisioning import params_of
from yunnao.modules.sensing.access.quarantine import Reason, State
from yunnao.modules.sensing.access.service import Access
from yunnao.modules.sensing.contracts import DeviceDraft

Name = Annotated[str | None, Query(max_length=128)]


def router(access: Access, identity: Identity) -> APIRouter:
    """Every door; paths without the API's prefix."""
    routes = APIRouter(tags=["devices"])
    _devices(routes, access, identity)
    _quarantine(routes, access, identity)
    _limits(routes, access, identity)
    return routes


def _devices(routes: APIRouter, access: Access, identity: Identity) -> None:
    @routes.patch("/devices/{device}", status_code=204)
    async def change_device(
        tx: Tx, principal: CurrentPrincipal, device: str, wanted: models.DeviceChange
    ) -> None:
        """Changes what the body names. An owner or gateway of null is taken away."""
        identity.authorize(principal, "device:manage", Resource("Device", device))
        await access.management.change(tx, device, wanted.model_dump(exclude_unset=True), principal)

    @routes.delete("/devices/{device}", status_code=204)
    async def retire_device(tx: Tx, principal: CurrentPrincipal, device: str) -> None:
        """Takes a device out of service: it is refused and its credentials end; its history stays."""
        identity.authorize(principal, "device:manage", Resource("Device", device))
        await access.management.retire(tx, device, principal)


def _quarantine(routes: APIRouter, access: Access, identity: Identity) -> None:
    @routes.get("/quarantine")
    async def list_quarantine(
        tx: Tx,
        principal: CurrentPrincipal,
        *,
        state: State | None = None,
        reason: Reason | None = None,
        product: Name = None,
        q: Name = None,
        limit: Limit = 50,
        cursor: str | None = None,
    ) -> models.QuarantineOut:
        """Unknown devices and those that misbehave, newest first, with totals of all."""
        identity.authorize(principal, "quarantine:read")
        before = uuid_cursor(cursor)
        rows = await access.quarantine.page(
            tx, limit=limit, state=state, reason=reason, product=product, q=q, before=before
        )
        return models.QuarantineOut(
            items=[models.entry_out(row) for row in rows],
            next=encode_cursor(str(rows[-1]["id"])) if len(rows) == limit else None,
            totals=[models.TotalOut(**row) for row in await access.quarantine.totals(tx)],
        )

    @routes.post("/quarantine/release", status_code=204)
    async def release(tx: Tx, principal: CurrentPrincipal, chosen: models.EntriesIn) -> None:
        """Believes these devices again."""
        identity.authorize(principal, "quarantine:decide")
        await access.quarantine.release(tx, chosen.ids, principal)

    @routes.post("/quarantine/block", status_code=204)
    async def block(tx: Tx, principal: CurrentPrincipal, chosen: models.EntriesIn) -> None:
        """Drops what these devices send, revokes their credentials and cuts them off."""
        identity.authorize(principal, "quarantine:decide")
        await access.quarantine.block(tx, chosen.ids, principal)

    @routes.post("/quarantine/{entry}/register", status_code=204)
    async def register(tx: Tx, principal: CurrentPrincipal, entry: UUID, wanted: models.StrangerIn) -> None:
        """Registers the unknown device of an entry. What it sent before waits in the dead letters."""
        identity.authorize(principal, "quarantine:decide")
        row = await access.quarantine.registrable(tx, entry)
        name = wanted.name or Text(zh=row["device"], en=row["device"])
        draft = DeviceDraft(
            id=row["device"],
            product=wanted.product or row["product"],
            entity=wanted.entity or row["device"],
            name=name,
            lon=wanted.lon,
            lat=wanted.lat,
            owner=wanted.owner,
            gateway=wanted.gateway,
        )
        found = await access.register_drafts(tx, [draft], principal)
        for _, device, code, value in found.rejected.iter_rows():
            error = Conflict if code == "device_of_other_product" else InvalidInput
            raise error(code, **params_of(device, value))
        await access.quarantine.registered(tx, entry, principal)


def _limits(routes: APIRouter, access: Access, identity: Identity) -> None:
    @routes.get("/limits/departments")
    async def list_limits(tx: Tx, principal: CurrentPrincipal) -> models.LimitsOut:
        identity.authorize(principal, "quarantine:read")
        return models.LimitsOut(items=[models.LimitOut(**row) for row in await access.management.limits(tx)])

    @routes.put("/limits/departments/{department}", status_code=204)
    async def set_limit(tx: Tx, principal: CurrentPrincipal, department: str, wanted: models.LimitIn) -> None:
        """What all devices that the department owns may send together, messages a minute."""
        identity.authorize(principal, "device:manage")
        await access.management.limit(tx, department, wanted.messages_per_minute_max, principal)

    @routes.delete("/limits/departments/{department}", status_code=204)
    async def delete_limit(tx: Tx, principal: CurrentPrincipal, department: str) -> None:
        identity.authorize(principal, "device:manage")
        await access.management.unlimit(tx, department, principal)
