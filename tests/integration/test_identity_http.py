"""Identity's HTTP door: the cookie, its guard, tokens, and what each status means."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI

from yunnao.infra import http as edge
from yunnao.infra.clock import SystemClock
from yunnao.infra.http import CurrentPrincipal
from yunnao.infra.pages import encode_cursor
from yunnao.infra.postgres import Database
from yunnao.kernel.principal import SYSTEM
from yunnao.kernel.text import Text
from yunnao.modules.identity import http
from yunnao.modules.identity.facade import Identity, Policies
from yunnao.modules.identity.passwords import Passwords

PASSWORD = "a phrase to remember"
POLICIES = Policies.load()
GUARD = {"X-Yunnao": "1"}


@dataclass
class Door:
    """An application with identity's routes, and two accounts behind it."""

    app: FastAPI
    database: Database
    identity: Identity

    def client(self, **options: Any) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://city", **options)

    @asynccontextmanager
    async def signed_in(self, account: str) -> AsyncIterator[httpx.AsyncClient]:
        async with self.client() as client:
            answer = await client.post("/session", json={"account": account, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            yield client


@pytest.fixture
async def door(database_url: str) -> AsyncIterator[Door]:
    quick = Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    identity = Identity(SystemClock(), POLICIES, passwords=quick)
    async with Database(database_url) as database:
        async with database.transaction() as tx:
            for account, role in (("wang", "citizen"), ("admin", "administrator")):
                await identity.create_account(
                    tx, SYSTEM, account, Text(zh=account, en=account), [role], password=PASSWORD
                )
        app = FastAPI()
        edge.install(app, database, http.authenticator(identity))
        app.include_router(http.router(identity))

        @app.get("/who")
        @app.post("/who")
        async def who(principal: CurrentPrincipal) -> dict[str, Any]:
            return {"account": principal.account, "kind": principal.kind}

        yield Door(app, database, identity)


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["code"] == code
    assert body["detail"] != code
    return body


async def test_signing_in_sets_a_cookie_that_scripts_and_other_sites_cannot_use(door: Door) -> None:
    async with door.client() as client:
        answer = await client.post("/session", json={"account": "wang", "password": PASSWORD})
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert "Secure" not in cookie
        body = answer.json()
        assert body["account"]["account"] == "wang"
        assert body["account"]["roles"] == ["citizen"]
        assert body["account"]["department"] is None
        assert (await client.get("/session")).json() == body
    async with door.client() as client:
        over_tls = await client.post("https://city/session", json={"account": "wang", "password": PASSWORD})
        assert "Secure" in over_tls.headers["set-cookie"]


async def test_wrong_credentials_are_counted_and_then_throttled(door: Door) -> None:
    async with door.client(headers={"Accept-Language": "en"}) as client:
        wrong = {"account": "wang", "password": "wrong"}
        for _ in range(8):
            problem(await client.post("/session", json=wrong), 401, "wrong_credentials")
        async with door.database.transaction() as tx:
            refused = await door.identity.audit_page(tx, action="session:refuse")
        assert len(refused) == 8
        answer = await client.post("/session", json={**wrong, "password": PASSWORD})
        assert "15 minutes" in problem(answer, 429, "sign_in_throttled")["detail"]
        assert 0 < int(answer.headers["retry-after"]) <= 901


async def test_a_page_of_another_site_cannot_act_with_the_cookie(door: Door) -> None:
    async with door.signed_in("wang") as client:
        problem(await client.post("/who"), 403, "csrf")
        assert (await client.post("/who", headers=GUARD)).json()["account"] == "wang"
        assert (await client.get("/who")).json()["account"] == "wang"


async def test_a_form_cannot_sign_anybody_in(door: Door) -> None:
    async with door.client() as client:
        answer = await client.post(
            "/session",
            content=b'{"account":"wang","password":"' + PASSWORD.encode() + b'"}',
            headers={"Content-Type": "text/plain"},
        )
        assert answer.status_code == 422


async def test_without_credentials_one_is_anonymous_and_has_no_session(door: Door) -> None:
    async with door.client() as client:
        assert (await client.post("/who")).json()["kind"] == "anonymous"
        problem(await client.get("/session"), 401, "sign_in_required")
        problem(await client.get("/tokens"), 401, "sign_in_required")


async def test_an_ended_session_is_anonymous_and_its_cookie_hinders_nothing(door: Door) -> None:
    async with door.signed_in("wang") as client:
        async with door.database.transaction() as tx:
            await tx.execute("UPDATE identity.session SET expires_at = now() - interval '1 second'")
        problem(await client.get("/session"), 401, "sign_in_required")
        assert (await client.post("/who")).json()["kind"] == "anonymous"
        assert (await client.delete("/session")).status_code == 204


async def test_signing_out_ends_the_session_and_clears_the_cookie(door: Door) -> None:
    async with door.signed_in("wang") as client:
        kept = client.cookies["yunnao_session"]
        answer = await client.delete("/session", headers=GUARD)
        assert answer.status_code == 204
        assert "Max-Age=0" in answer.headers["set-cookie"]
        client.cookies.set("yunnao_session", kept)
        assert (await client.get("/who")).json()["kind"] == "anonymous"


async def test_a_token_is_shown_once_acts_for_its_holder_and_makes_no_token(door: Door) -> None:
    async with door.signed_in("wang") as client:
        new = {"name": "网关", "expires_in_days": 30}
        made = (await client.post("/tokens", json=new, headers=GUARD)).json()
        assert made["token"].startswith("ynk_")
        listed = (await client.get("/tokens")).json()["items"]
        assert [t["id"] for t in listed] == [made["id"]]
        assert "token" not in listed[0]
    async with door.client(headers={"Authorization": f"Bearer {made['token']}"}) as program:
        assert (await program.post("/who")).json()["account"] == "wang"
        session = (await program.get("/session")).json()
        assert session["expires_at"] == made["expires_at"]
        problem(await program.post("/tokens", json=new), 403, "token_makes_no_token")
        assert (await program.delete(f"/tokens/{made['id']}")).status_code == 204
        problem(await program.get("/who"), 401, "token_unknown")


async def test_an_expired_token_says_so_and_harms_no_other(door: Door) -> None:
    async with door.database.transaction() as tx:
        wang = await door.identity.account(tx, "wang")
        old = await door.identity.make_token(tx, SYSTEM, wang.id, "old", timedelta(days=1))
        _, new = await door.identity.make_token(tx, SYSTEM, wang.id, "new", timedelta(days=1))
        await tx.execute(
            "UPDATE identity.api_token SET expires_at = now() - interval '1 second' WHERE id = %s",
            (old[0].id,),
        )
    async with door.client() as client:
        stale = await client.get("/who", headers={"Authorization": f"Bearer {old[1]}"})
        problem(stale, 401, "token_expired")
        assert (await client.get("/who", headers={"Authorization": f"bearer {new}"})).status_code == 200
        basic = await client.get("/who", headers={"Authorization": "Basic d2FuZzp4"})
        assert basic.json()["kind"] == "anonymous"
        by_password = await client.get("/who", auth=("anybody", new))
        assert by_password.json()["account"] == "wang"


async def test_a_token_that_cannot_be_is_refused(door: Door) -> None:
    good = {"name": "x", "expires_in_days": 1}
    bad = (
        {"name": ""},
        {"name": "a\nb"},
        {"name": "x" * 101},
        {"expires_in_days": 0},
        {"expires_in_days": 10_000},
    )
    async with door.signed_in("wang") as client:
        for change in bad:
            answer = await client.post("/tokens", json={**good, **change}, headers=GUARD)
            assert answer.status_code == 422, change
        assert (await client.get("/tokens")).json()["items"] == []


async def test_accounts_and_the_audit_log_are_for_administrators(door: Door) -> None:
    async with door.signed_in("wang") as citizen:
        problem(await citizen.get("/accounts"), 403, "forbidden")
        problem(await citizen.get("/audit"), 403, "forbidden")
    async with door.signed_in("admin") as admin:
        first = (await admin.get("/accounts?limit=1")).json()
        assert [a["account"] for a in first["items"]] == ["admin"]
        second = (await admin.get(f"/accounts?limit=1&cursor={first['next']}")).json()
        assert [a["account"] for a in second["items"]] == ["wang"]
        log = (await admin.get("/audit?action=session:open")).json()["items"]
        assert [row["actor_name"]["en"] for row in log] == ["admin", "wang"]
        assert set(log[0]) == {"id", "time", "actor", "actor_name", "action", "resource", "detail"}
        looked = (await admin.get("/audit")).json()["items"]
        assert looked[0]["action"] == "audit:read"
        for cursor in ("%00", encode_cursor(2**63), encode_cursor(True), encode_cursor("a\0")):
            problem(await admin.get(f"/audit?cursor={cursor}"), 422, "cursor_invalid")
            problem(await admin.get(f"/accounts?cursor={cursor}"), 422, "cursor_invalid")
        problem(await admin.get("/audit?action=%00"), 422, "invalid_request")
        problem(await admin.get(f"/audit?cursor={first['next']}"), 422, "cursor_invalid")


async def test_changing_the_password_needs_the_old_one_and_ends_every_session(door: Door) -> None:
    async with door.signed_in("wang") as client:
        change = {"old": "wrong", "new": "another phrase"}
        wrong = await client.put("/session/password", json=change, headers=GUARD)
        problem(wrong, 401, "wrong_credentials")
        weak = await client.put("/session/password", json={"old": PASSWORD, "new": "x"}, headers=GUARD)
        problem(weak, 422, "password_length")
        right = await client.put("/session/password", json={**change, "old": PASSWORD}, headers=GUARD)
        assert right.status_code == 204
        problem(await client.get("/session"), 401, "sign_in_required")


async def test_demo_accounts_are_told_in_demo_mode_only(door: Door, tmp_path: Path) -> None:
    async with door.client() as client:
        problem(await client.get("/demo/accounts"), 404, "not_found")
        assert (await client.get("/departments")).json() == {"items": []}
    app = FastAPI()
    app.include_router(http.router(Identity(SystemClock(), POLICIES, tmp_path / "demo.json")))
    declared = {
        "account": "d",
        "name": {"zh": "调", "en": "D"},
        "role": "dispatcher",
        "role_name": {"zh": "派遣员", "en": "Dispatcher"},
        "password": "p",
    }
    (tmp_path / "demo.json").write_text(json.dumps([{**declared, "hash": "h"}]))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://city") as client:
        assert (await client.get("/demo/accounts")).json() == {"items": [declared]}
