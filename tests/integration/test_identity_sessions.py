"""Signing in, sessions, tokens and demo accounts against the real PostgreSQL."""

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from argon2 import PasswordHasher

from yunnao.infra.postgres import Database
from yunnao.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated
from yunnao.kernel.packs.city import (
    CalendarFile,
    CityManifest,
    CityPack,
    DemoAccount,
    Department,
)
from yunnao.kernel.principal import SYSTEM
from yunnao.kernel.text import Text
from yunnao.modules.identity.contracts import Account, Refusal
from yunnao.modules.identity.facade import Identity, Policies
from yunnao.modules.identity.passwords import Passwords
from yunnao.modules.identity.sessions import ACCOUNT_FAILURES_MAX, ADDRESS_FAILURES_MAX

PASSWORD = "正确的马，电池，订书钉，回形针"
POLICIES = Policies.load()
QUICK = Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
NAME = Text(zh="王丽", en="Wang Li")


class StandingClock:
    """A clock that moves when the test says so."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 2, 8, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def pass_by(self, **span: float) -> None:
        self.time += timedelta(**span)


def pack(*accounts: DemoAccount) -> CityPack:
    return CityPack(
        manifest=CityManifest(
            city="testville",
            code="990000",
            version="1.0.0",
            name=Text(zh="试城", en="Testville"),
            centre=(120.0, 36.0),
            bounds=(119.0, 35.0, 121.0, 37.0),
        ),
        areas=[],
        departments=[
            Department(id="water", name=Text(zh="水务局", en="Water Bureau")),
            Department(id="roads", name=Text(zh="市政局", en="Roads Bureau")),
        ],
        duties=[],
        fallback="water",
        roles={"dispatcher": Text(zh="派遣员", en="Dispatcher")},
        demo_accounts=list(accounts),
        calendar=CalendarFile(hours=[("09:00", "17:00")]),
    )


DEMO = pack(
    DemoAccount(account="dispatcher", name=NAME, role="dispatcher"),
    DemoAccount(account="water-staff", name=NAME, role="department_staff", department="water"),
)


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url) as opened:
        yield opened


@pytest.fixture
def identity(clock: StandingClock) -> Identity:
    return Identity(clock, POLICIES, passwords=QUICK)


@pytest.fixture
async def wang(database: Database, identity: Identity) -> Account:
    async with database.transaction() as tx:
        return await identity.create_account(tx, SYSTEM, "wang.li", NAME, ["leader"], password=PASSWORD)


async def attempt(
    database: Database, identity: Identity, account: str, password: str, address: str = "10.0.0.1"
) -> str:
    """`in`, or the code of the refusal; each attempt is a transaction of its own."""
    async with database.transaction() as tx:
        result = await identity.sign_in(tx, account, password, address)
    return result.code if isinstance(result, Refusal) else "in"


async def test_the_right_password_opens_a_session_in_any_case_of_the_account(
    database: Database, identity: Identity, wang: Account, clock: StandingClock
) -> None:
    async with database.transaction() as tx:
        result = await identity.sign_in(tx, " Wang.Li", PASSWORD, "10.0.0.1")
        assert not isinstance(result, Refusal)
        session, secret = result
        principal = await identity.authenticate(tx, session=secret)
        again = await identity.session(tx, principal, secret)
    assert session == again
    assert session.expires_at == clock.now() + timedelta(hours=12)
    assert (principal.id, principal.roles, principal.kind) == (wang.id, frozenset({"leader"}), "person")


async def test_wrong_passwords_and_unknown_accounts_are_refused_alike(
    database: Database, identity: Identity, wang: Account
) -> None:
    assert await attempt(database, identity, "wang.li", "wrong") == "wrong_credentials"
    assert await attempt(database, identity, "nobody", "wrong") == "wrong_credentials"
    assert await attempt(database, identity, "wang.li", PASSWORD) == "in"


async def test_sql_in_an_account_name_is_only_a_name(
    database: Database, identity: Identity, wang: Account
) -> None:
    for account in ("' OR 1=1 --", "wang.li'; DROP TABLE identity.party; --", "a\x00b", "%", ""):
        assert await attempt(database, identity, account, PASSWORD) == "wrong_credentials"
        async with database.transaction() as tx:
            with pytest.raises(InvalidInput):
                await identity.create_account(tx, SYSTEM, account, NAME)
            assert [a.account for a in await identity.accounts(tx)] == ["wang.li"]


async def test_failures_throttle_the_account_until_the_window_has_passed(
    database: Database, identity: Identity, wang: Account, clock: StandingClock
) -> None:
    for _ in range(ACCOUNT_FAILURES_MAX):
        assert await attempt(database, identity, "wang.li", "wrong") == "wrong_credentials"
    assert await attempt(database, identity, "WANG.LI", PASSWORD, "10.9.9.9") == "sign_in_throttled"
    assert await attempt(database, identity, "other", "wrong") == "wrong_credentials"
    clock.pass_by(minutes=15, seconds=1)
    assert await attempt(database, identity, "wang.li", PASSWORD) == "in"


async def test_a_burst_of_attempts_at_several_processes_cannot_pass_the_limit_together(
    database: Database, identity: Identity, wang: Account, clock: StandingClock
) -> None:
    other = Identity(clock, POLICIES, passwords=QUICK)
    told = await asyncio.gather(
        *(attempt(database, one, "wang.li", "wrong") for one in (identity, other) for _ in range(7))
    )
    assert told.count("wrong_credentials") == ACCOUNT_FAILURES_MAX
    assert told.count("sign_in_throttled") == 14 - ACCOUNT_FAILURES_MAX


async def test_a_flood_of_attempts_leaves_connections_for_others(
    database: Database, clock: StandingClock
) -> None:
    identity = Identity(clock, POLICIES)
    told = await asyncio.gather(*(attempt(database, identity, f"a{n}", "wrong", str(n)) for n in range(16)))
    assert set(told) == {"wrong_credentials", "sign_in_busy"}
    assert await attempt(database, identity, "b", "wrong") == "wrong_credentials"


async def test_an_address_that_tries_many_accounts_is_throttled(
    database: Database, identity: Identity, wang: Account, clock: StandingClock
) -> None:
    async with database.transaction() as tx:
        await tx.execute(
            "INSERT INTO identity.sign_in_failure SELECT gen_random_uuid(), sha256(n::text::bytea),"
            " '10.0.0.1', %s FROM generate_series(1, %s) n",
            (clock.now(), ADDRESS_FAILURES_MAX),
        )
    assert await attempt(database, identity, "wang.li", PASSWORD) == "sign_in_throttled"
    assert await attempt(database, identity, "wang.li", PASSWORD, "10.0.0.2") == "in"


async def test_a_session_ends_after_idleness_and_at_its_latest_end(
    database: Database, identity: Identity, wang: Account, clock: StandingClock
) -> None:
    async with database.transaction() as tx:
        _, secret = await identity.sign_in(tx, "wang.li", PASSWORD, "a")  # type: ignore[misc]

    async def kind() -> str:
        async with database.transaction() as tx:
            return (await identity.authenticate(tx, session=secret)).kind

    for _ in range(11):
        clock.pass_by(hours=1)
        assert await kind() == "person"
    clock.pass_by(hours=1)
    assert await kind() == "anonymous"

    async with database.transaction() as tx:
        _, secret = await identity.sign_in(tx, "wang.li", PASSWORD, "a")  # type: ignore[misc]
    clock.pass_by(hours=2)
    assert await kind() == "anonymous"
    async with database.transaction() as tx:
        await identity.prune(tx)
        left = await (await tx.execute("SELECT count(*) AS n FROM identity.session")).fetchone()
    assert left == {"n": 0}


async def test_a_hash_of_weaker_parameters_is_renewed_at_the_next_sign_in(
    database: Database, identity: Identity, wang: Account, clock: StandingClock
) -> None:
    assert await attempt(database, Identity(clock, POLICIES), "wang.li", PASSWORD) == "in"
    async with database.transaction() as tx:
        row = await (await tx.execute("SELECT password_hash FROM identity.party")).fetchone()
    assert row is not None
    assert row["password_hash"].startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert await attempt(database, identity, "wang.li", PASSWORD) == "in"


async def test_signing_out_ends_the_session(database: Database, identity: Identity, wang: Account) -> None:
    async with database.transaction() as tx:
        _, secret = await identity.sign_in(tx, "wang.li", PASSWORD, "a")  # type: ignore[misc]
        await identity.sign_out(tx, secret)
        assert (await identity.authenticate(tx, session=secret)).kind == "anonymous"


async def test_only_hashes_of_secrets_are_stored(
    database: Database, identity: Identity, wang: Account
) -> None:
    async with database.transaction() as tx:
        _, session = await identity.sign_in(tx, "wang.li", PASSWORD, "a")  # type: ignore[misc]
        _, token = await identity.make_token(tx, SYSTEM, wang.id, "gateway", timedelta(days=1))
        for table in ("party", "session", "api_token", "audit", "sign_in_failure"):
            kept = str(await (await tx.execute(f"SELECT t::text FROM identity.{table} t")).fetchall())  # type: ignore[arg-type]
            assert session not in kept
            assert token not in kept
            assert PASSWORD not in kept


async def test_a_token_works_until_it_expires_or_is_ended(
    database: Database, identity: Identity, wang: Account, clock: StandingClock
) -> None:
    async with database.transaction() as tx:
        token, secret = await identity.make_token(tx, SYSTEM, wang.id, "gateway", timedelta(days=1))
        principal = await identity.authenticate(tx, token=secret)
        assert principal.id == wang.id
        assert (await identity.tokens(tx, wang.id))[0].last_used_at == clock.now()
        with pytest.raises(Unauthenticated, match="token_unknown"):
            await identity.authenticate(tx, token=secret + "x")
        clock.pass_by(days=1)
        with pytest.raises(Unauthenticated, match="token_expired"):
            await identity.authenticate(tx, token=secret)
        await identity.drop_token(tx, principal, token.id)
        with pytest.raises(Unauthenticated, match="token_unknown"):
            await identity.authenticate(tx, token=secret)


async def test_nobody_ends_anothers_token(database: Database, identity: Identity, wang: Account) -> None:
    async with database.transaction() as tx:
        other = await identity.ensure_service(tx, "gateway", NAME)
        token, secret = await identity.make_token(tx, SYSTEM, other.id, "t", timedelta(days=1))
        me = (await identity.make_token(tx, SYSTEM, wang.id, "mine", timedelta(days=1)))[1]
        with pytest.raises(NotFound):
            await identity.drop_token(tx, await identity.authenticate(tx, token=me), token.id)
        assert (await identity.authenticate(tx, token=secret)).kind == "system"


async def test_a_disabled_account_cannot_sign_in_and_loses_sessions_and_tokens(
    database: Database, identity: Identity, wang: Account
) -> None:
    async with database.transaction() as tx:
        _, session = await identity.sign_in(tx, "wang.li", PASSWORD, "a")  # type: ignore[misc]
        _, token = await identity.make_token(tx, SYSTEM, wang.id, "gateway", timedelta(days=1))
        await identity.disable(tx, SYSTEM, wang.id)
        assert (await identity.authenticate(tx, session=session)).kind == "anonymous"
        with pytest.raises(Unauthenticated, match="account_disabled"):
            await identity.authenticate(tx, token=token)
    assert await attempt(database, identity, "wang.li", PASSWORD) == "wrong_credentials"
    async with database.transaction() as tx:
        await identity.enable(tx, SYSTEM, wang.id)
    assert await attempt(database, identity, "wang.li", PASSWORD) == "in"


async def test_a_new_password_ends_sessions_and_the_throttle(
    database: Database, identity: Identity, wang: Account
) -> None:
    async with database.transaction() as tx:
        _, session = await identity.sign_in(tx, "wang.li", PASSWORD, "a")  # type: ignore[misc]
    for _ in range(ACCOUNT_FAILURES_MAX):
        await attempt(database, identity, "wang.li", "wrong")
    async with database.transaction() as tx:
        await identity.set_password(tx, SYSTEM, wang.id, "another long phrase")
        assert (await identity.authenticate(tx, session=session)).kind == "anonymous"
    assert await attempt(database, identity, "wang.li", PASSWORD) == "wrong_credentials"
    assert await attempt(database, identity, "wang.li", "another long phrase") == "in"


async def test_roles_count_from_the_next_request_on(
    database: Database, identity: Identity, wang: Account
) -> None:
    async with database.transaction() as tx:
        _, secret = await identity.sign_in(tx, "wang.li", PASSWORD, "a")  # type: ignore[misc]
        await identity.set_roles(tx, SYSTEM, wang.id, ["citizen", "administrator"])
        principal = await identity.authenticate(tx, session=secret)
    assert principal.roles == {"citizen", "administrator"}
    with pytest.raises(Forbidden):
        identity.authorize(principal, "case:assign")
    with pytest.raises(Forbidden):
        identity.scope(SYSTEM, "case:list")


async def test_accounts_that_cannot_be_are_refused(
    database: Database, identity: Identity, wang: Account
) -> None:
    async with database.transaction() as tx:
        with pytest.raises(Conflict, match="account_taken"):
            await identity.create_account(tx, SYSTEM, "WANG.LI", NAME)
        with pytest.raises(InvalidInput, match="role_needs_department"):
            await identity.create_account(tx, SYSTEM, "li", NAME, ["field_worker"])
        with pytest.raises(NotFound, match="department_unknown"):
            await identity.create_account(tx, SYSTEM, "li", NAME, ["field_worker"], department="none")
        with pytest.raises(Conflict, match="account_taken"):
            await identity.ensure_service(tx, "wang.li", NAME)


async def test_processes_that_start_together_share_one_service_account(
    database: Database, identity: Identity
) -> None:
    async def ensure() -> UUID:
        async with database.transaction() as tx:
            return (await identity.ensure_service(tx, "gateway", NAME)).id

    assert len(set(await asyncio.gather(*(ensure() for _ in range(6))))) == 1


async def test_demo_accounts_keep_their_passwords_and_end_with_demo_mode(
    database: Database, clock: StandingClock, tmp_path: Path
) -> None:
    file = tmp_path / "home" / "demo-accounts.json"
    identity = Identity(clock, POLICIES, file, QUICK)
    async with database.transaction() as tx:
        first = await identity.install(tx, DEMO, demo=True)
    assert [(a.account, a.role, a.role_name.en) for a in first] == [
        ("dispatcher", "dispatcher", "Dispatcher"),
        ("water-staff", "department_staff", "department_staff"),
    ]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

    restarted = Identity(clock, POLICIES, file, QUICK)
    async with database.transaction() as tx:
        assert await restarted.install(tx, DEMO, demo=True) == first
        assert restarted.demo_accounts() == first
        assert [d.id for d in await restarted.departments(tx)] == ["roads", "water"]
        staff = await restarted.account(tx, "water-staff")
    assert (staff.department, staff.roles) == ("water", ("department_staff",))
    assert await attempt(database, restarted, "water-staff", first[1].password) == "in"

    real = Identity(clock, POLICIES, passwords=QUICK)
    async with database.transaction() as tx:
        assert await real.install(tx, DEMO, demo=False) == []
        left = await (await tx.execute("SELECT count(*) AS n FROM identity.session")).fetchone()
    assert left == {"n": 0}
    assert real.demo_accounts() is None
    assert await attempt(database, real, "water-staff", first[1].password) == "wrong_credentials"

    async with database.transaction() as tx:
        await restarted.install(tx, DEMO, demo=True)
    assert await attempt(database, restarted, "water-staff", first[1].password) == "in"


async def test_a_demo_account_never_takes_over_a_real_one(
    database: Database, clock: StandingClock, tmp_path: Path
) -> None:
    identity = Identity(clock, POLICIES, tmp_path / "demo.json", QUICK)
    async with database.transaction() as tx:
        await identity.create_account(tx, SYSTEM, "dispatcher", NAME, ["leader"], password=PASSWORD)
        made = await identity.install(tx, DEMO, demo=True)
        assert [a.account for a in made] == ["water-staff"]
        assert (await identity.account(tx, "dispatcher")).roles == ("leader",)
    assert await attempt(database, identity, "dispatcher", PASSWORD) == "in"
    assert len(json.loads((tmp_path / "demo.json").read_text())) == 1


async def test_a_department_that_the_pack_drops_keeps_its_name(
    database: Database, identity: Identity
) -> None:
    smaller = DEMO.model_copy(update={"departments": DEMO.departments[:1]})
    async with database.transaction() as tx:
        await identity.install(tx, DEMO, demo=False)
        await identity.install(tx, smaller, demo=False)
        assert [d.id for d in await identity.departments(tx)] == ["water"]
        assert (await identity.department(tx, "roads")).name.en == "Roads Bureau"
        assert set(await identity.department_names(tx, ["roads", "water", "none"])) == {"roads", "water"}
