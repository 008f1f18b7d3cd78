"""Finding another department's devices, asking for their readings, granting and ending it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from yunnao.infra import outbox
from yunnao.infra.pages import like_pattern
from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.kernel.errors import Conflict, InvalidInput, NotFound, TooLarge
from yunnao.kernel.ids import UUID, new_id
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import Text
from yunnao.kernel.time import Clock, require_aware
from yunnao.modules.identity.contracts import Resource
from yunnao.modules.identity.facade import Identity
from yunnao.modules.sensing.sharing.contracts import (
    CatalogueDevice,
    CataloguePage,
    DeviceUse,
    Share,
    ShareDraft,
    SharePage,
    Side,
)
from yunnao.modules.sensing.sharing.subscribers import cut_off

QUERIES = load_queries("yunnao.modules.sensing.sharing")
devices_per_share_max = 1_000
uses_rows_max = 200
device_names_told_max = 20
purpose_chars_max = 1_000
MANAGERS = frozenset({"administrator"})


class Shares:
    """Requests and grants. Whoever acts is checked here, since what decides is in the rows."""

    def __init__(self, clock: Clock, identity: Identity) -> None:
        self._clock = clock
        self._identity = identity

    async def catalogue(
        self,
        tx: Transaction,
        principal: Principal,
        *,
        limit: int,
        q: str | None = None,
        product: str | None = None,
        area: str | None = None,
        owner: str | None = None,
        after: str | None = None,
    ) -> CataloguePage:
        """Devices in order of id, as `principal` may know of them."""
        self._identity.authorize(principal, "catalogue:read")
        rows = await _rows(
            tx,
            "catalogue",
            department=principal.department,
            sees_core=bool(principal.roles & MANAGERS),
            now=self._clock.now(),
            q=like_pattern(q),
            product=product,
            area=area,
            owner=owner,
            after=after,
            limit=limit + 1,
        )
        items = [_catalogue_device(row) for row in rows[:limit]]
        return CataloguePage(items, items[-1].id if len(rows) > limit else None)

    async def ask(self, tx: Transaction, principal: Principal, draft: ShareDraft) -> Share:
        """A request to the owner. What is one's own department's is granted at once.

        Raises InvalidInput for a scope that is empty, mixed or over, NotFound for unknown devices.
        """
        self._identity.authorize(principal, "share:ask", Resource("Share", department=principal.department))
        if principal.department is None:
            raise InvalidInput("share_needs_department")
        now = self._clock.now()
        if require_aware(draft.until) <= now:
            raise InvalidInput("share_until_past")
        devices, owner, grade = await self._scope(tx, draft)
        share_id = new_id()
        row = await _one(
            tx,
            "share_insert",
            id=share_id,
            department=principal.department,
            owner=owner,
            product=draft.product,
            area=draft.area,
            metrics=list(draft.metrics) if draft.metrics else None,
            grade=grade,
            purpose=draft.purpose,
            now=now,
            by=principal.id,
            until=draft.until,
        )
        assert row is not None  # an INSERT with RETURNING
        if devices:
            await tx.execute(QUERIES["share_devices_insert"], {"share": row["number"], "devices": devices})
        await self._identity.audit(
            tx, principal, "share:ask", f"Share/{share_id}", owner=owner, purpose=draft.purpose
        )
        if owner == principal.department:
            await self._decide(tx, principal, share_id, "granted", ["asked"], None, None)
        else:
            await outbox.publish(tx, "sensing.share.asked", {"share_id": str(share_id)})
        return await self.share(tx, principal, share_id)

    async def _scope(self, tx: Transaction, draft: ShareDraft) -> tuple[list[int], str | None, str]:
        """Device numbers (none for a share by product), their owner and grade."""
        if bool(draft.devices) == (draft.product is not None):
            raise InvalidInput("share_scope_unclear")
        if draft.product is not None:
            found = await _one(tx, "product_grade", product=draft.product)
            if found is None:
                raise NotFound("product_unknown", product=draft.product)
            return [], draft.owner, found["grade"]
        ids = sorted(set(draft.devices))
        if len(ids) > devices_per_share_max:
            raise TooLarge("share_too_large", limit_rows=devices_per_share_max)
        rows = await _rows(tx, "devices_asked", ids=ids)
        missing = set(ids) - {row["id"] for row in rows}
        if missing:
            raise NotFound("device_not_found", device=min(missing))
        if len({row["owner"] for row in rows}) > 1:
            raise InvalidInput("share_of_several_owners")
        grade = max((row["grade"] for row in rows), key=["general", "important", "core"].index)
        return [row["number"] for row in rows], rows[0]["owner"], grade

    async def page(
        self,
        tx: Transaction,
        principal: Principal,
        *,
        limit: int,
        state: str | None = None,
        side: Side | None = None,
        before: UUID | None = None,
    ) -> SharePage:
        """What the principal's department asked for and is asked for, or one `side` of it, newest first."""
        self._identity.authorize(principal, "share:read")
        rows = await self._select(tx, principal, limit=limit + 1, state=state, side=side, before=before)
        items = [_share(row) for row in rows[:limit]]
        return SharePage(items, str(items[-1].id) if len(rows) > limit else None)

    async def share(self, tx: Transaction, principal: Principal, share: UUID) -> Share:
        """Raises NotFound also for one of others' departments."""
        self._identity.authorize(principal, "share:read")
        rows = await self._select(tx, principal, limit=1, id=share)
        if not rows:
            raise NotFound("share_not_found")
        return _share(rows[0])

    async def grant(
        self,
        tx: Transaction,
        principal: Principal,
        share: UUID,
        reason: str | None = None,
        until: datetime | None = None,
    ) -> Share:
        """By the owner, up to the time asked for or an earlier one."""
        await self._may_decide(tx, principal, share)
        await self._decide(tx, principal, share, "granted", ["asked"], reason, until)
        return await self.share(tx, principal, share)

    async def refuse(self, tx: Transaction, principal: Principal, share: UUID, reason: str) -> Share:
        await self._may_decide(tx, principal, share)
        await self._decide(tx, principal, share, "refused", ["asked"], reason, None)
        return await self.share(tx, principal, share)

    async def revoke(self, tx: Transaction, principal: Principal, share: UUID, reason: str) -> Share:
        """Ends a granted share; its subscriptions end with it and what waits for them is dropped."""
        await self._may_decide(tx, principal, share)
        number = await self._decide(tx, principal, share, "revoked", ["granted"], reason, None)
        await cut_off(tx, share=number)
        await tx.execute(QUERIES["subscriptions_end"], {"share": number, "now": self._clock.now()})
        return await self.share(tx, principal, share)

    async def withdraw(self, tx: Transaction, principal: Principal, share: UUID) -> Share:
        """By the department that asked."""
        found = await self.share(tx, principal, share)
        self._identity.authorize(
            principal, "share:ask", Resource("Share", str(share), department=found.department)
        )
        number = await self._decide(tx, principal, share, "withdrawn", ["asked", "granted"], None, None)
        await cut_off(tx, share=number)
        await tx.execute(QUERIES["subscriptions_end"], {"share": number, "now": self._clock.now()})
        return await self.share(tx, principal, share)

    async def uses(self, tx: Transaction, principal: Principal, device: str) -> list[DeviceUse]:
        """Who has a right to a device's readings, for its page."""
        self._identity.authorize(principal, "device:list")
        rows = await _rows(tx, "device_uses", device=device, now=self._clock.now(), limit=uses_rows_max)
        return [DeviceUse(**row) for row in rows]

    async def _may_decide(self, tx: Transaction, principal: Principal, share: UUID) -> None:
        found = await self.share(tx, principal, share)
        self._identity.authorize(
            principal,
            "share:decide",
            Resource("Share", str(share), department=found.owner, grade=found.grade),
        )
        if found.asked_by is not None and found.asked_by == principal.id:
            raise Conflict("share_own_request")

    async def _decide(
        self,
        tx: Transaction,
        principal: Principal,
        share: UUID,
        state: str,
        before: Sequence[str],
        reason: str | None,
        until: datetime | None,
    ) -> int:
        row = await _one(
            tx,
            "share_decide",
            id=share,
            state=state,
            now=self._clock.now(),
            by=principal.id,
            reason=reason,
            until=until,
            **{"from": list(before)},
        )
        if row is None:
            raise Conflict("share_decided")
        await tx.execute(QUERIES["sharing_bump"])
        await self._identity.audit(tx, principal, f"share:{state}", f"Share/{share}", reason=reason)
        await outbox.publish(tx, f"sensing.share.{state}", {"share_id": str(share)})
        return int(row["number"])

    async def _select(
        self,
        tx: Transaction,
        principal: Principal,
        *,
        limit: int,
        id: UUID | None = None,
        state: str | None = None,
        side: Side | None = None,
        before: UUID | None = None,
    ) -> list[Row]:
        return await _rows(
            tx,
            "shares",
            id=id,
            state=state,
            side=side,
            before=before,
            limit=limit,
            now=self._clock.now(),
            department=principal.department,
            everything=bool(principal.roles & MANAGERS),
            names=device_names_told_max,
        )


async def _rows(tx: Transaction, query: str, **parameters: Any) -> list[Row]:
    return await (await tx.execute(QUERIES[query], parameters)).fetchall()


async def _one(tx: Transaction, query: str, **parameters: Any) -> Row | None:
    return await (await tx.execute(QUERIES[query], parameters)).fetchone()


def _catalogue_device(row: Row) -> CatalogueDevice:
    place = row["grade"] == "general" or row["access"] in {"own", "granted"}
    return CatalogueDevice(
        id=row["id"],
        name=Text(**row["name"]),
        product=row["product"],
        product_label=Text(**row["product_label"]),
        metrics={name: Text(**spec["label"]) for name, spec in row["metrics"].items()},
        owner=row["owner"],
        district=row["district"],
        grade=row["grade"],
        lon=row["lon"] if place else None,
        lat=row["lat"] if place else None,
        access=row["access"],
    )


def _share(row: Row) -> Share:
    fields = (
        "id", "number", "department", "owner", "devices", "product", "area", "metrics", "grade", "purpose",
        "state", "asked_at", "asked_by", "valid_until", "decided_at", "reason", "valid",
    )  # fmt: skip
    return Share(
        names=[Text(**name) for name in row["names"]],
        product_label=Text(**row["product_label"]) if row["product_label"] else None,
        **{name: row[name] for name in fields},
    )
