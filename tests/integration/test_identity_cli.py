"""`yunnao account`, `yunnao token` and `yunnao audit verify`."""

import asyncio
import json

import psycopg
import pytest
import typer
from typer.testing import CliRunner, Result

from yunnao.entrypoints.cli import account, audit
from yunnao.infra.clock import SystemClock
from yunnao.infra.postgres import Database
from yunnao.modules.identity.contracts import Refusal
from yunnao.modules.identity.facade import Identity, Policies

APP = typer.Typer()
account.register(APP)
audit.register(APP)
PASSWORD = "a phrase to remember"


class Terminal:
    def __init__(self, url: str) -> None:
        self.url = url

    def __call__(self, *words: str, typed: str = "") -> Result:
        environment = {"YUNNAO_DATABASE_URL": self.url, "YUNNAO_LANGUAGE": "en"}
        return CliRunner().invoke(APP, words, input=typed, env=environment)

    def in_database(self, work):  # type: ignore[no-untyped-def]
        async def opened():  # type: ignore[no-untyped-def]
            async with Database(self.url) as database, database.transaction() as tx:
                return await work(Identity(SystemClock(), Policies.load()), tx)

        return asyncio.run(opened())


@pytest.fixture
def terminal(database_url: str) -> Terminal:
    return Terminal(database_url)


def test_an_account_is_made_listed_given_roles_and_disabled(terminal: Terminal) -> None:
    made = terminal("account", "create", "wang", "--name", "王丽", "--role", "leader", typed=PASSWORD + "\n")
    assert made.exit_code == 0, made.output

    async def signs_in(identity, tx):  # type: ignore[no-untyped-def]
        return not isinstance(await identity.sign_in(tx, "wang", PASSWORD, "a"), Refusal)

    assert terminal.in_database(signs_in)
    assert terminal("account", "grant", "wang", "administrator").exit_code == 0
    assert terminal("account", "revoke", "wang", "leader").exit_code == 0
    assert terminal("account", "list").stdout == "wang  王丽  [administrator]\n"
    assert terminal("account", "disable", "wang").exit_code == 0
    assert not terminal.in_database(signs_in)
    assert "disabled" in terminal("account", "list").stdout
    assert terminal("account", "enable", "wang").exit_code == 0
    changed = terminal("account", "password", "wang", "--generate")
    assert changed.exit_code == 0
    assert "Password: " in changed.stdout
    assert not terminal.in_database(signs_in)


def test_what_cannot_be_is_told_in_a_sentence(terminal: Terminal) -> None:
    for words in (
        ("account", "create", "wang", "--name", "王", "--role", "king", "--generate"),
        ("account", "create", "w'; DROP TABLE x", "--name", "王", "--generate"),
        ("account", "grant", "nobody", "leader"),
        ("token", "create", "nobody"),
        ("audit", "verify", "--head", "not a hash"),
    ):
        told = terminal(*words)
        assert told.exit_code == 1, words
        assert told.stderr.rstrip().endswith("."), words


def test_a_program_gets_a_token_alone_on_the_standard_output(terminal: Terminal) -> None:
    assert terminal("account", "create", "gateway", "--name", "网关", "--kind", "system").exit_code == 0
    made = terminal("token", "create", "gateway", "--days", "1")
    token = made.stdout.strip()

    async def holder(identity, tx):  # type: ignore[no-untyped-def]
        return await identity.authenticate(tx, token=token)

    assert terminal.in_database(holder).kind == "system"


def test_verification_finds_a_changed_row_and_exits_with_one(terminal: Terminal) -> None:
    for n in range(3):
        terminal("account", "create", f"p{n}", "--name", "某", "--kind", "system")

    async def link(identity, tx):  # type: ignore[no-untyped-def]
        return await identity.link_audit(tx)

    assert terminal.in_database(link) == 3
    sound = terminal("audit", "verify", "--json")
    assert sound.exit_code == 0
    report = json.loads(sound.stdout)
    assert (report["rows"], report["unlinked"], report["sound"]) == (3, 0, True)
    assert terminal("audit", "verify", "--head", report["head"]).exit_code == 0
    assert terminal("audit", "verify", "--head", "ab" * 32).exit_code == 1

    with psycopg.connect(terminal.url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE identity.audit SET resource = 'Party/x' WHERE detail ->> 'account' = 'p1'")
    broken = terminal("audit", "verify")
    assert broken.exit_code == 1
    assert "position 2" in broken.stdout
    assert "content was changed" in broken.stdout
