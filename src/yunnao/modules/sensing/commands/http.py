"""Doors of commands and of devices' desired and reported state."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header
from pydantic import BaseModel, ConfigDict, Field

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.infra.idempotency import Remembered
from yunnao.infra.pages import Limit, decode_cursor, encode_cursor
from yunnao.infra.postgres import Transaction
from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.packs.commands import CommandGrade
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import Text
from yunnao.modules.sensing.commands.contracts import CommandState, OrderedCommand
from yunnao.modules.sensing.commands.facade import Commands, devices_per_order_max

Key = Annotated[str | None, Header(alias="Idempotency-Key")]


class OrderIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    command: str = Field(max_length=60)
    parameters: dict[str, Any] = {}
    expires_s: int | None = Field(None, ge=1, description="Shorter than the command's own.")


class BulkOrderIn(OrderIn):
    devices: list[str] = Field(min_length=1, max_length=devices_per_order_max)


class CommandOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    device: str
    device_name: Text
    command: str
    command_label: Text | None
    parameters: dict[str, Any]
    grade: CommandGrade
    state: CommandState
    requested_at: datetime
    requested_by: UUID | None
    requested_name: Text | None
    approved_by: UUID | None
    approved_name: Text | None
    expires_at: datetime
    sends: int
    accepted_at: datetime | None
    ended_at: datetime | None
    result: Any


class CommandsOut(BaseModel):
    items: list[CommandOut]
    next: str | None = None


class DesiredIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    desired: dict[str, Any]
    version: int | None = Field(None, ge=0, description="The version that was read; none: whichever it is.")


class StateOut(BaseModel):
    """`difference`: what is desired and not reported so."""

    model_config = ConfigDict(from_attributes=True)

    desired: dict[str, Any]
    desired_version: int
    desired_at: datetime | None
    reported: dict[str, Any]
    reported_version: int
    reported_at: datetime | None
    difference: dict[str, Any]


def router(commands: Commands) -> APIRouter:
    """Every door; paths without the API's prefix."""
    routes = APIRouter(tags=["commands"])
    _orders(routes, commands)
    _decisions(routes, commands)
    _states(routes, commands)
    return routes


def _orders(routes: APIRouter, commands: Commands) -> None:
    @routes.post("/devices/{device}/commands", status_code=201)
    async def order(
        tx: Tx, principal: CurrentPrincipal, device: str, wanted: OrderIn, key: Key = None
    ) -> CommandOut:
        """Orders a command; it is sent until the device answers or it expires."""
        found = await _once(tx, commands, principal, [device], wanted, key)
        return found.items[0]

    @routes.post("/commands", status_code=201)
    async def order_many(
        tx: Tx, principal: CurrentPrincipal, wanted: BulkOrderIn, key: Key = None
    ) -> CommandsOut:
        """Orders a command of several devices of one product: of all of them or of none."""
        return await _once(tx, commands, principal, wanted.devices, wanted, key)

    @routes.get("/devices/{device}/commands")
    async def list_commands(
        tx: Tx, principal: CurrentPrincipal, device: str, limit: Limit = 50, cursor: str | None = None
    ) -> CommandsOut:
        found = await commands.page(tx, principal, device, limit=limit, before=_uuid_cursor(cursor))
        return _page(found, limit)


def _decisions(routes: APIRouter, commands: Commands) -> None:
    @routes.get("/commands/waiting")
    async def list_waiting_commands(
        tx: Tx, principal: CurrentPrincipal, limit: Limit = 50, cursor: str | None = None
    ) -> CommandsOut:
        """Critical commands that wait for a second person's consent."""
        found = await commands.waiting(tx, principal, limit=limit, before=_uuid_cursor(cursor))
        return _page(found, limit)

    @routes.get("/commands/{command}")
    async def get_command(tx: Tx, principal: CurrentPrincipal, command: UUID) -> CommandOut:
        return CommandOut.model_validate(await commands.get(tx, principal, command))

    @routes.post("/commands/{command}/approve")
    async def approve(tx: Tx, principal: CurrentPrincipal, command: UUID) -> CommandOut:
        """A second person's consent to a critical command."""
        return CommandOut.model_validate(await commands.approve(tx, principal, command))

    @routes.post("/commands/{command}/cancel")
    async def cancel(tx: Tx, principal: CurrentPrincipal, command: UUID) -> CommandOut:
        return CommandOut.model_validate(await commands.cancel(tx, principal, command))


def _states(routes: APIRouter, commands: Commands) -> None:
    @routes.get("/devices/{device}/state")
    async def get_state(tx: Tx, principal: CurrentPrincipal, device: str) -> StateOut:
        """What a device should be like and what it says that it is like."""
        return StateOut.model_validate(await commands.state(tx, principal, device))

    @routes.put("/devices/{device}/state")
    async def set_desired(tx: Tx, principal: CurrentPrincipal, device: str, wanted: DesiredIn) -> StateOut:
        found = await commands.desire(tx, principal, device, wanted.desired, wanted.version)
        return StateOut.model_validate(found)


async def _once(
    tx: Transaction,
    commands: Commands,
    principal: Principal,
    devices: list[str],
    wanted: OrderIn,
    key: str | None,
) -> CommandsOut:
    """Orders, or answers what the same request was answered before."""
    request = {**wanted.model_dump(mode="json"), "devices": devices}
    remembered = Remembered(tx, str(principal.id or principal.account), key, request)
    known = await remembered.answer()
    if known is not None:
        return CommandsOut.model_validate(known)
    made = await commands.order(tx, principal, devices, wanted.command, wanted.parameters, wanted.expires_s)
    answer = CommandsOut(items=[CommandOut.model_validate(item) for item in made])
    await remembered.keep(answer.model_dump(mode="json"))
    return answer


def _page(found: list[OrderedCommand], limit: int) -> CommandsOut:
    return CommandsOut(
        items=[CommandOut.model_validate(item) for item in found],
        next=encode_cursor(str(found[-1].id)) if len(found) == limit else None,
    )


def _uuid_cursor(cursor: str | None) -> UUID | None:
    key = decode_cursor(cursor)
    try:
        return UUID(key) if key is not None else None
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidInput("cursor_invalid") from error
