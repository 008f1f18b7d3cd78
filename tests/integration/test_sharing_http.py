"""The doors of sharing: who may ask, decide and subscribe, and what they refuse."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.integration.doors_support import acting, doors_of
from tests.integration.sensing_support import City
from tests.integration.test_sharing import city, sharing

from yunnao.modules.sensing.sharing import http as sharing_http
from yunnao.modules.sensing.sharing.facade import Sharing

__all__ = ["city", "sharing"]
ROADS, WATER = acting("department_staff", "roads"), acting("department_staff", "water")
STEWARD, ADMINISTRATOR = acting("data_steward", "water"), acting("administrator")


@pytest.fixture
async def client(city: City, sharing: Sharing) -> AsyncIterator[httpx.AsyncClient]:
    async with doors_of(city, sharing_http.router(sharing)) as made:
        yield made


def wish(city: City, **more: Any) -> dict[str, Any]:
    until = city.clock.now() + timedelta(days=3)
    return {"purpose": "road works", "until": until.isoformat(), "devices": ["L-1"]} | more


async def asked(client: httpx.AsyncClient, city: City, **more: Any) -> str:
    made = await client.post("/shares", json=wish(city, **more), headers=ROADS)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def test_devices_of_others_are_found_without_what_they_measure(client: httpx.AsyncClient) -> None:
    found = (await client.get("/catalogue/devices", params={"q": "L-"}, headers=ROADS)).json()["items"]
    assert [(one["id"], one["access"]) for one in found] == [("L-1", "none"), ("L-2", "none")]
    assert "latest" not in found[0]
    page = (await client.get("/catalogue/devices", params={"limit": 1}, headers=ROADS)).json()
    following = {"limit": 1, "cursor": page["next"]}
    second = (await client.get("/catalogue/devices", params=following, headers=ROADS)).json()
    assert second["items"][0]["id"] > page["items"][0]["id"]
    for who, status in ((acting("citizen"), 403), ({}, 401)):
        assert (await client.get("/catalogue/devices", headers=who)).status_code == status


async def test_only_the_owners_steward_decides_and_only_once(client: httpx.AsyncClient, city: City) -> None:
    share = await asked(client, city)
    assert (
        await client.get(f"/shares/{share}", headers=acting("department_staff", "parks"))
    ).status_code == 404
    for who in (ROADS, WATER, acting("data_steward", "roads")):
        refused = await client.post(f"/shares/{share}/grant", json={}, headers=who)
        assert refused.status_code == 403
    granted = await client.post(f"/shares/{share}/grant", json={}, headers=STEWARD)
    assert (granted.status_code, granted.json()["state"], granted.json()["valid"]) == (200, "granted", True)
    again = await client.post(f"/shares/{share}/grant", json={}, headers=STEWARD)
    assert (again.status_code, again.json()["code"]) == (409, "share_decided")
    revoked = await client.post(f"/shares/{share}/revoke", json={"reason": "over"}, headers=STEWARD)
    assert (revoked.json()["state"], revoked.json()["reason"]) == ("revoked", "over")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"devices": []}, 422, "share_scope_unclear"),
        ({"devices": ["X-9"]}, 404, "device_not_found"),
        ({"until": "2020-01-01T00:00:00Z"}, 422, "share_until_past"),
        ({"purpose": ""}, 422, "invalid_request"),
        ({"unheard": 1}, 422, "invalid_request"),
    ],
)
async def test_a_request_that_makes_no_sense_is_refused_with_its_reason(
    change: dict[str, Any], status: int, code: str, client: httpx.AsyncClient, city: City
) -> None:
    answer = await client.post("/shares", json=wish(city, **change), headers=ROADS)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_subscription_is_its_departments_and_shows_its_secret_once(
    client: httpx.AsyncClient, city: City
) -> None:
    share = await asked(client, city)
    wanted = {"share": share, "name": "levels", "channel": "events"}
    early = await client.post("/subscriptions", json=wanted, headers=ROADS)
    assert early.status_code in (403, 409)
    await client.post(f"/shares/{share}/grant", json={}, headers=STEWARD)
    for foreign in (WATER, acting("citizen")):
        assert (await client.post("/subscriptions", json=wanted, headers=foreign)).status_code in (403, 404)
    made = await client.post("/subscriptions", json=wanted, headers=ROADS)
    assert (made.status_code, bool(made.json()["secret"])) == (201, True)
    own = f"/subscriptions/{made.json()['id']}"
    assert "secret" not in (await client.get(own, headers=ROADS)).json()
    assert (await client.get(own, headers=WATER)).status_code == 404
    for path in ("", "/secret", "/resume"):
        method = "DELETE" if not path else "POST"
        assert (await client.request(method, own + path, headers=WATER)).status_code == 404
    no_hook = {**wanted, "channel": "webhook"}
    assert (await client.post("/subscriptions", json=no_hook, headers=ROADS)).status_code == 422
    assert (await client.delete(own, headers=ROADS)).status_code == 204
    assert (await client.delete(own, headers=ROADS)).status_code in (204, 409)
    assert (await client.get(own, headers=ROADS)).json()["state"] == "ended"
    assert (await client.get(f"/subscriptions/{uuid4()}", headers=ADMINISTRATOR)).status_code == 404
