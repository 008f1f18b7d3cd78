"""Commands: ordering them, approving, cancelling, and the state of devices."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import orjson
from psycopg.types.json import Jsonb

from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.kernel.errors import Conflict, InvalidInput, NotFound, TooLarge
from yunnao.kernel.ids import UUID, new_id
from yunnao.kernel.packs.scene import Product
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import Text
from yunnao.kernel.time import Clock
from yunnao.modules.identity.contracts import Resource
from yunnao.modules.identity.facade import Identity
from yunnao.modules.sensing.commands.contracts import OrderedCommand, StateOfDevice
from yunnao.modules.sensing.commands.domain import checked, difference, effects
from yunnao.modules.sensing.sharing.rights import ReadingRights

QUERIES = load_queries("yunnao.modules.sensing.commands")
devices_per_order_max = 200
state_bytes_max = 16_384


class Commands:
    """Every method runs in the caller's transaction and checks the right of `principal` itself."""

    def __init__(self, clock: Clock, identity: Identity, rights: ReadingRights) -> None:
        self._clock = clock
        self._identity = identity
        self._rights = rights

    async def order(
        self,
        tx: Transaction,
        principal: Principal,
        devices: Sequence[str],
        command: str,
        parameters: Mapping[str, Any],
        expires_s: int | None = None,
    ) -> list[OrderedCommand]:
        """One command for each of `devices`, all of one product or nothing. A critical one waits for a
        second person. Raises InvalidInput `command_*`, NotFound, TooLarge, Forbidden."""
        ids = sorted(set(devices))
        if len(ids) > devices_per_order_max:
            raise TooLarge("commands_too_many", limit_rows=devices_per_order_max)
        rows = await self._devices(tx, ids)
        product = Product.model_validate(rows[0]["spec"])
        spec = product.commands.get(command)
        if spec is None or len({row["product"] for row in rows}) > 1:
            raise InvalidInput(
                "command_unknown",
                command=command,
                product=", ".join(sorted({row["product"] for row in rows})),
                known=", ".join(product.commands) or "-",
            )
        for row in rows:
            resource = Resource("Device", row["id"], department=row["owner"], command=spec.grade)
            self._identity.authorize(principal, "device:command", resource)
        values = checked(command, spec, parameters)
        now = self._clock.now()
        waits = spec.grade == "critical"
        made = [new_id() for _ in rows]
        numbers = [row["number"] for row in rows]
        lasts = timedelta(seconds=min(expires_s or spec.expires_s, spec.expires_s))
        await tx.execute(
            QUERIES["commands_insert"],
            {
                "ids": made,
                "devices": numbers,
                "command": command,
                "parameters": Jsonb(values),
                "grade": spec.grade,
                "state": "awaiting_approval" if waits else "requested",
                "now": now,
                "by": principal.id,
                "expires_at": now + lasts,
                "timeout_s": spec.timeout_s,
                "sends_max": None if spec.retries is None else spec.retries + 1,
                "next_send_at": None if waits else now,
            },
        )
        await self._audit(tx, principal, "order", ids, command=command, parameters=values, commands=made)
        if not waits:
            await self._release(tx, numbers, effects(spec, values))
        return await self._told(tx, await self._rows(tx, limit=len(made), ids=made))

    async def approve(self, tx: Transaction, principal: Principal, command: UUID) -> OrderedCommand:
        """By another person than the one who ordered it."""
        row = await self._row(tx, command)
        self._identity.authorize(
            principal,
            "device:approve_command",
            Resource("Device", row["device_id"], department=row["owner"], command=row["grade"]),
        )
        if row["requested_by"] == principal.id:
            raise Conflict("command_second_person")
        parameters = {"id": command, "now": self._clock.now(), "by": principal.id}
        if await (await tx.execute(QUERIES["command_release"], parameters)).fetchone() is None:
            raise Conflict("command_over", state=row["state"])
        await self._audit(tx, principal, "approve", [row["device_id"]], commands=[command])
        device = (await self._devices(tx, [row["device_id"]]))[0]
        spec = Product.model_validate(device["spec"]).commands.get(row["command"])
        await self._release(tx, [row["device"]], effects(spec, row["parameters"]) if spec else {})
        return (await self._told(tx, [await self._row(tx, command)]))[0]

    async def cancel(self, tx: Transaction, principal: Principal, command: UUID) -> OrderedCommand:
        """Sends it no more; one that a device has already may be carried out all the same."""
        row = await self._row(tx, command)
        resource = Resource("Device", row["device_id"], department=row["owner"], command=row["grade"])
        self._identity.authorize(principal, "device:command", resource)
        parameters = {"id": command, "now": self._clock.now()}
        if await (await tx.execute(QUERIES["command_cancel"], parameters)).fetchone() is None:
            raise Conflict("command_over", state=row["state"])
        await self._audit(tx, principal, "cancel", [row["device_id"]], commands=[command])
        return (await self._told(tx, [await self._row(tx, command)]))[0]

    async def get(self, tx: Transaction, principal: Principal, command: UUID) -> OrderedCommand:
        """Raises NotFound `command_not_found`."""
        row = await self._row(tx, command)
        await self._may_see(tx, principal, row["device_id"])
        return (await self._told(tx, [row]))[0]

    async def page(
        self, tx: Transaction, principal: Principal, device: str, *, limit: int, before: UUID | None = None
    ) -> list[OrderedCommand]:
        """Of a device, newest first."""
        await self._may_see(tx, principal, device)
        return await self._told(tx, await self._rows(tx, limit=limit, device=device, before=before))

    async def waiting(
        self, tx: Transaction, principal: Principal, *, limit: int, before: UUID | None = None
    ) -> list[OrderedCommand]:
        """Of all devices what waits for a second person's consent, newest first."""
        self._identity.authorize(principal, "device:approve_command")
        rows = await self._rows(tx, limit=limit, before=before, waiting=True)
        return await self._told(tx, rows)

    async def state(self, tx: Transaction, principal: Principal, device: str) -> StateOfDevice:
        """Empty where nothing was desired or reported yet."""
        await self._may_see(tx, principal, device)
        await self._devices(tx, [device])
        row = await (await tx.execute(QUERIES["state"], {"device": device})).fetchone()
        if row is None:
            return StateOfDevice({}, 0, None, {}, 0, None, {})
        fields = (
            "desired", "desired_version", "desired_at", "reported", "reported_version", "reported_at",
        )  # fmt: skip
        return StateOfDevice(
            **{name: row[name] for name in fields}, difference=difference(row["desired"], row["reported"])
        )

    async def desire(
        self,
        tx: Transaction,
        principal: Principal,
        device: str,
        desired: Mapping[str, Any],
        version: int | None,
    ) -> StateOfDevice:
        """Replaces the desired state; `version`: the one that was read, None: whichever it is."""
        row = (await self._devices(tx, [device]))[0]
        resource = Resource("Device", device, department=row["owner"], command="operational")
        self._identity.authorize(principal, "device:command", resource)
        if len(orjson.dumps(desired)) > state_bytes_max:
            raise TooLarge("state_too_large", limit_bytes=state_bytes_max)
        parameters = {
            "device": row["number"],
            "desired": Jsonb(dict(desired)),
            "version": version,
            "now": self._clock.now(),
        }
        if await (await tx.execute(QUERIES["desired_replace"], parameters)).fetchone() is None:
            now = await self.state(tx, principal, device)
            raise Conflict("state_version_stale", version=now.desired_version)
        await self._audit(tx, principal, "desire", [device], desired=dict(desired))
        return await self.state(tx, principal, device)

    async def _may_see(self, tx: Transaction, principal: Principal, device: str) -> None:
        """Whoever may read all of the device, or command it: who orders must see what comes of it."""
        rows = await (await tx.execute(QUERIES["device"], {"ids": [device]})).fetchall()
        for row in rows:
            own = Resource("Device", device, department=row["owner"], command="routine")
            if self._identity.allowed(principal, "device:command", own):
                return
        await self._rights.authorize(tx, principal, [(device, None)])

    async def _release(self, tx: Transaction, devices: Sequence[int], desired: Mapping[str, Any]) -> None:
        if desired:
            await tx.execute(
                QUERIES["desired_merge"],
                {"devices": list(devices), "desired": Jsonb(dict(desired)), "now": self._clock.now()},
            )
        await tx.execute(QUERIES["notify"])

    async def _devices(self, tx: Transaction, ids: Sequence[str]) -> list[Row]:
        rows = await (await tx.execute(QUERIES["device"], {"ids": list(ids)})).fetchall()
        missing = set(ids) - {row["id"] for row in rows}
        if missing:
            raise NotFound("device_not_found", device=min(missing))
        return rows

    async def _row(self, tx: Transaction, command: UUID) -> Row:
        rows = await self._rows(tx, limit=1, ids=[command])
        if not rows:
            raise NotFound("command_not_found")
        return rows[0]

    async def _rows(
        self,
        tx: Transaction,
        *,
        limit: int,
        ids: Sequence[UUID] | None = None,
        device: str | None = None,
        before: UUID | None = None,
        waiting: bool = False,
    ) -> list[Row]:
        parameters = {
            "ids": None if ids is None else list(ids), "device": device, "before": before, "limit": limit,
            "waiting": waiting, "now": self._clock.now(),
        }  # fmt: skip
        return await (await tx.execute(QUERIES["commands"], parameters)).fetchall()

    async def _told(self, tx: Transaction, rows: Sequence[Row]) -> list[OrderedCommand]:
        """With the names of who ordered and who approved."""
        people = {row[who] for row in rows for who in ("requested_by", "approved_by")} - {None}
        names = await self._identity.names(tx, people)
        return [_command(row, names) for row in rows]

    async def _audit(
        self, tx: Transaction, principal: Principal, what: str, devices: Sequence[str], **detail: Any
    ) -> None:
        named = f"Device/{devices[0]}" if len(devices) == 1 else "Device"
        if "commands" in detail:
            detail["commands"] = [str(command) for command in detail["commands"]]
        await self._identity.audit(tx, principal, f"command:{what}", named, devices=list(devices), **detail)


def _command(row: Row, names: Mapping[UUID, Text]) -> OrderedCommand:
    fields = (
        "id", "command", "parameters", "grade", "state", "requested_at", "requested_by", "approved_by",
        "expires_at", "sends", "accepted_at", "ended_at", "result",
    )  # fmt: skip
    return OrderedCommand(
        device=row["device_id"],
        device_name=Text(**row["device_name"]),
        command_label=Text(**row["command_label"]) if row["command_label"] else None,
        requested_name=names.get(row["requested_by"]),
        approved_name=names.get(row["approved_by"]),
        **{name: row[name] for name in fields},
    )
