"""The doors of alarms: who may do what, what is audited, what is answered."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from tests.integration.sensing_support import NOW, City, at, city_of

from yunnao.infra import http
from yunnao.infra.postgres import Transaction
from yunnao.kernel.ids import new_id
from yunnao.kernel.principal import ANONYMOUS, Principal
from yunnao.kernel.text import Text
from yunnao.modules.identity.facade import Identity, Policies
from yunnao.modules.sensing.alarming import http as alarms_http
from yunnao.modules.sensing.sharing.rights import ReadingRights

LATER = (NOW + timedelta(hours=1)).isoformat()
ACTIONS: dict[str, dict[str, Any]] = {
    "acknowledge": {"comment": "seen"},
    "comments": {"comment": "on the way"},
    "assign": {"department": "water"},
    "suppress": {"until": LATER, "reason": "roadworks"},
    "unsuppress": {},
    "close": {"comment": "done"},
}


@pytest.fixture
async def city(database_url: str, nats_url: str) -> AsyncIterator[City]:
    async with city_of(database_url, nats_url) as made:
        name = '{"zh": "水务局", "en": "Water"}'
        await made.rows(
            "INSERT INTO identity.department (id, name, kind) VALUES ('water', %s, 'bureau') RETURNING id",
            name,
        )
        await made.take(*(("level", "L-1", {"level": 0.4, "t": at(s)}) for s in (-60, 0)))
        yield made


@pytest.fixture
async def client(city: City) -> AsyncIterator[httpx.AsyncClient]:
    async def authenticate(request: Request, tx: Transaction) -> Principal:
        role = request.headers.get("x-role")
        if role is None:
            return ANONYMOUS
        name, department = Text(zh=role, en=role), request.headers.get("x-department")
        return Principal(new_id(), role, name, roles=frozenset({role}), department=department)

    app = FastAPI()
    http.install(app, city.database, authenticate)
    api = APIRouter()
    identity = Identity(city.clock, Policies.load(), None)
    rights = ReadingRights(city.clock, identity)
    api.include_router(alarms_http.router(city.alarms, identity, rights))
    app.include_router(api)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://test", headers={"X-Role": "dispatcher"}
    ) as made:
        yield made


async def only_alarm(client: httpx.AsyncClient) -> dict[str, Any]:
    page = (await client.get("/alarms")).json()
    assert (page["total"], page["by_state"], page["by_severity"]) == (1, {"open": 1}, {"severe": 1})
    found: dict[str, Any] = page["items"][0]
    return found


async def test_every_action_of_a_dispatcher_is_done_told_and_audited(
    city: City, client: httpx.AsyncClient
) -> None:
    alarm = await only_alarm(client)
    states = []
    for action, body in ACTIONS.items():
        answer = await client.post(f"/alarms/{alarm['id']}/{action}", json=body)
        assert answer.status_code == 200, answer.text
        states.append(answer.json()["state"])
    assert states == [*["acknowledged"] * 3, "suppressed", "acknowledged", "cleared"]
    audited = await city.rows("SELECT action FROM identity.audit ORDER BY id")
    assert [row["action"].removeprefix("alarm:") for row in audited] == [
        "acknowledge", "comment", "assign", "suppress", "suppress", "close",
    ]  # fmt: skip
    detail = (await client.get(f"/alarms/{alarm['id']}")).json()
    told = [(entry["label"]["en"], entry["comment"]) for entry in detail["timeline"]]
    assert told == [
        ("Opened", None), ("Acknowledged", "seen"), ("Commented", "on the way"), ("Assigned", None),
        ("Suppressed", "roadworks"), ("Suppression ended", None), ("Closed by hand", "done"),
    ]  # fmt: skip
    assert detail["department"] == "water"
    assert detail["timeline"] == (await client.get(f"/alarms/{alarm['id']}/timeline")).json()["items"]


async def test_what_was_measured_is_for_those_who_may_read_the_device(
    city: City, client: httpx.AsyncClient
) -> None:
    alarm = await only_alarm(client)
    await city.rows("UPDATE sensing.device SET owner = 'drainage' RETURNING id")

    async def seen(role: str, department: str) -> tuple[float | None, bool]:
        headers = {"X-Role": role, "X-Department": department}
        (listed,) = (await client.get("/alarms", headers=headers)).json()["items"]
        one = (await client.get(f"/alarms/{alarm['id']}", headers=headers)).json()
        assert (one["value"], one["message"]) == (listed["value"], listed["message"])
        return listed["value"], listed["message"] == listed["label"]

    assert await seen("dispatcher", "hotline") == (0.4, False)
    assert await seen("department_staff", "drainage") == (0.4, False)
    assert await seen("department_staff", "water") == (None, True)
    await client.post(f"/alarms/{alarm['id']}/assign", json={"department": "water"})
    assert await seen("department_staff", "water") == (0.4, False)


async def test_others_may_not(city: City, client: httpx.AsyncClient) -> None:
    alarm = await only_alarm(client)
    for role in ("department_staff", "leader", "data_steward", "administrator", "citizen"):
        allowed = {"comments"} if role == "department_staff" else set()
        for action, body in ACTIONS.items():
            answer = await client.post(f"/alarms/{alarm['id']}/{action}", json=body, headers={"X-Role": role})
            assert answer.status_code == (200 if action in allowed else 403), (role, action)


async def test_what_cannot_be_done_is_a_clear_error(client: httpx.AsyncClient) -> None:
    path = f"/alarms/{(await only_alarm(client))['id']}"
    wrong: list[tuple[str, dict[str, Any], int]] = [
        (f"{path}/assign", {"department": "none"}, 404),
        (f"{path}/suppress", {"until": NOW.isoformat(), "reason": "past"}, 422),
        (f"{path}/suppress", {"until": "2026-07-01T10:00:00", "reason": "no zone"}, 422),
        (f"{path}/suppress", {"until": LATER, "reason": ""}, 422),
        (f"{path}/close", {}, 422),
        (f"/alarms/{new_id()}/close", {"comment": "x"}, 404),
    ]
    for target, body, status in wrong:
        assert (await client.post(target, json=body)).status_code == status, (target, body)
    assert (await client.get(f"/alarms/{new_id()}/timeline")).status_code == 404
    assert (await client.get("/alarms", params={"since": "2026-07-01T00:00:00"})).status_code == 422


async def test_what_stands_is_whatever_is_not_cleared(client: httpx.AsyncClient) -> None:
    path = f"/alarms/{(await only_alarm(client))['id']}"
    await client.post(f"{path}/suppress", json=ACTIONS["suppress"])
    stands = (await client.get("/alarms?state=standing")).json()
    assert (len(stands["items"]), stands["total"], stands["by_severity"]) == (1, 1, {"severe": 1})
    await client.post(f"{path}/close", json=ACTIONS["close"])
    over = (await client.get("/alarms?state=standing")).json()
    assert (over["items"], over["total"], over["by_state"]) == ([], 0, {"cleared": 1})


async def test_a_wrong_field_is_named_with_its_kind_and_limits(client: httpx.AsyncClient) -> None:
    answer = await client.post(f"/alarms/{(await only_alarm(client))['id']}/comments", json={"comment": ""})
    (wrong,) = answer.json()["errors"]
    assert (wrong["pointer"], wrong["kind"]) == ("/body/comment", "string_too_short")
    assert wrong["limits"] == {"min_length": 1}
