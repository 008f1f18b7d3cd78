"""The doors of commands: who may order, what is refused, and that an order repeated is one order."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.integration.doors_support import acting, doors_of
from tests.integration.sensing_support import City
from tests.integration.test_commands import city, commands

from yunnao.modules.sensing.commands import http as commands_http
from yunnao.modules.sensing.commands.facade import Commands

__all__ = ["city", "commands"]
ONE, TWO = acting("dispatcher"), acting("dispatcher", name="two")
WORKER = acting("field_worker", "water")
CLOSE = {"command": "close", "parameters": {"speed": 2}}
PATH = "/devices/L-1/commands"


@pytest.fixture
async def client(city: City, commands: Commands) -> AsyncIterator[httpx.AsyncClient]:
    await city.rows("UPDATE sensing.device SET owner = 'water' WHERE id = 'L-1' RETURNING id")
    async with doors_of(city, commands_http.router(commands)) as made:
        yield made


async def test_rights_follow_role_department_and_grade(client: httpx.AsyncClient) -> None:
    beep = {"command": "beep"}
    for who, order, status in (
        ({}, beep, 401),
        (acting("citizen"), beep, 403),
        (acting("leader"), beep, 403),
        (acting("field_worker", "roads"), beep, 403),
        (WORKER, beep, 201),
        (WORKER, CLOSE, 403),
        (acting("department_staff", "water"), CLOSE, 201),
        (ONE, CLOSE, 201),
    ):
        assert (await client.post(PATH, json=order, headers=who)).status_code == status, (who, order)
    wish = {"desired": {"gate": "closed"}}
    assert (await client.put("/devices/L-1/state", json=wish, headers=WORKER)).status_code == 403


@pytest.mark.parametrize(
    ("order", "status", "code"),
    [
        ({"command": "fly"}, 422, "command_unknown"),
        ({"command": "close"}, 422, "command_parameter_missing"),
        ({"command": "close", "parameters": {"speed": 9}}, 422, "command_parameter_invalid"),
        ({"command": "close", "parameters": {"speed": 2, "x": 1}}, 422, "command_parameter_unknown"),
        ({**CLOSE, "expires_s": 0}, 422, "invalid_request"),
        ({**CLOSE, "when": "now"}, 422, "invalid_request"),
    ],
)
async def test_an_order_that_does_not_fit_is_refused_with_its_reason(
    order: dict[str, Any], status: int, code: str, client: httpx.AsyncClient
) -> None:
    answer = await client.post(PATH, json=order, headers=ONE)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await client.get(PATH, headers=ONE)).json()["items"] == []


async def test_an_order_repeated_with_its_key_is_one_order(client: httpx.AsyncClient) -> None:
    once = ONE | {"Idempotency-Key": "k-1"}
    first, again = [await client.post(PATH, json=CLOSE, headers=once) for _ in range(2)]
    assert (again.status_code, again.json()) == (201, first.json())
    other = await client.post(PATH, json={"command": "beep"}, headers=once)
    assert other.status_code in (409, 422), "the key is of another order"
    await client.post(PATH, json=CLOSE, headers=TWO | {"Idempotency-Key": "k-1"})
    assert len((await client.get(PATH, headers=ONE)).json()["items"]) == 2


async def test_many_are_ordered_or_none(client: httpx.AsyncClient) -> None:
    some = CLOSE | {"devices": ["L-1", "X-9"]}
    assert (await client.post("/commands", json=some, headers=ONE)).json()["code"] == "device_not_found"
    assert (await client.post("/commands", json=CLOSE | {"devices": []}, headers=ONE)).status_code == 422
    both = await client.post("/commands", json=CLOSE | {"devices": ["L-1", "L-2"]}, headers=ONE)
    assert {one["device"] for one in both.json()["items"]} == {"L-1", "L-2"}


async def test_a_critical_one_waits_for_another_person(client: httpx.AsyncClient) -> None:
    made = (await client.post(PATH, json={"command": "open"}, headers=ONE)).json()
    assert made["state"] == "awaiting_approval"
    approve = f"/commands/{made['id']}/approve"
    own = await client.post(approve, headers=ONE)
    assert (own.status_code, own.json()["code"]) == (409, "command_second_person")
    assert (await client.post(approve, headers=WORKER)).status_code == 403
    assert (await client.post(approve, headers=TWO)).json()["state"] == "requested"
    assert (await client.post(f"/commands/{made['id']}/cancel", headers=ONE)).json()["state"] == "cancelled"
    over = await client.post(f"/commands/{made['id']}/cancel", headers=ONE)
    assert (over.status_code, over.json()["code"]) == (409, "command_over")
    assert (await client.get(f"/commands/{uuid4()}", headers=ONE)).status_code == 404


async def test_the_desired_state_is_not_overwritten_unread(client: httpx.AsyncClient) -> None:
    path = "/devices/L-1/state"
    first = (await client.put(path, json={"desired": {"gate": "closed"}}, headers=ONE)).json()
    assert (first["desired_version"], first["difference"]) == (1, {"gate": "closed"})
    stale = {"desired": {"gate": "open"}, "version": 0}
    answer = await client.put(path, json=stale, headers=ONE)
    assert (answer.status_code, answer.json()["code"]) == (409, "state_version_stale")
