"""`yunnao account create|list|password|grant|revoke|disable|enable` and `yunnao token create`."""

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from enum import StrEnum
from typing import TypeVar

import typer

from yunnao.bootstrap import open_database
from yunnao.entrypoints.cli.run import settings, tell
from yunnao.infra.clock import SystemClock
from yunnao.infra.postgres import Transaction
from yunnao.infra.settings import Settings
from yunnao.kernel.errors import YunnaoError
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import Text, say
from yunnao.modules.identity.domain import readable_password
from yunnao.modules.identity.facade import Identity, Policies

T = TypeVar("T")
Work = Callable[[Settings, Identity, Transaction], Awaitable[T]]

PAGE_ROWS = 500

accounts = typer.Typer(help="Accounts: who may sign in, and with which roles.", no_args_is_help=True)
tokens = typer.Typer(help="API tokens for programs.", no_args_is_help=True)


class Kind(StrEnum):
    """person: signs in; system: a program that carries tokens only."""

    person = "person"
    system = "system"


def register(app: typer.Typer) -> None:
    app.add_typer(accounts, name="account")
    app.add_typer(tokens, name="token")


def run(work: Work[T]) -> T:
    """Does `work` in one transaction; an expected error becomes its sentence and exit code 1."""
    own = settings()

    async def opened() -> T:
        async with open_database(own) as database, database.transaction() as tx:
            return await work(own, Identity(SystemClock(), Policies.load()), tx)

    try:
        return asyncio.run(opened())
    except YunnaoError as error:
        tell(own, error.code, **error.params)
        raise typer.Exit(1) from error


def operator() -> Principal:
    """Who works at the command line, as the audit log names it."""
    user = getpass.getuser()
    name = Text(zh=say("cli_operator", "zh", user=user), en=say("cli_operator", "en", user=user))
    return Principal(None, "operator", name, "system")


@accounts.command("create")
def create(
    account: str,
    *,
    name: str = typer.Option("", help="The person's or program's name, in Chinese; empty: the account's."),
    name_en: str = typer.Option("", help="The name in English; empty: the same."),
    role: list[str] = typer.Option([], help="Repeat for several."),
    department: str | None = typer.Option(None, help="A department's id."),
    kind: Kind = typer.Option(Kind.person, help="system: a program, which carries tokens only."),
    generate: bool = typer.Option(False, help="Make a password and print it."),
) -> None:
    """Make an account. The password is asked for, or read from the first line of the input."""
    password = _password(generate) if kind is Kind.person else None

    async def work(own: Settings, identity: Identity, tx: Transaction) -> None:
        made = await identity.create_account(
            tx,
            operator(),
            account,
            Text(zh=name or account, en=name_en or name or account),
            role,
            department=department,
            kind=kind.value,
            password=password,
        )
        roles = ", ".join(made.roles) or say("cli_none", own.language)
        tell(own, "cli_account_created", account=made.account, roles=roles)

    run(work)
    _show(generate, password)


@accounts.command("list")
def list_() -> None:
    """Every account, by name."""

    async def work(own: Settings, identity: Identity, tx: Transaction) -> None:
        page = await identity.accounts(tx, limit=PAGE_ROWS)
        while page:
            for one in page:
                department = one.department_name.to(own.language) if one.department_name else ""
                code = "cli_account_line_disabled" if one.disabled_at else "cli_account_line"
                line = say(
                    code,
                    own.language,
                    account=one.account,
                    name=one.name.to(own.language),
                    roles=", ".join(one.roles),
                    department=department,
                )
                print(line.rstrip())
            page = await identity.accounts(tx, limit=PAGE_ROWS, after=page[-1].account)

    run(work)


@accounts.command("password")
def password_(
    account: str, generate: bool = typer.Option(False, help="Make a password and print it.")
) -> None:
    """Change an account's password and end its sessions."""
    password = _password(generate)

    async def work(own: Settings, identity: Identity, tx: Transaction) -> None:
        party = await identity.account(tx, account)
        await identity.set_password(tx, operator(), party.id, password)
        tell(own, "cli_account_password", account=party.account)

    run(work)
    _show(generate, password)


@accounts.command("grant")
def grant(account: str, roles: list[str]) -> None:
    """Give roles to an account."""
    _change_roles(account, lambda now: now | set(roles))


@accounts.command("revoke")
def revoke(account: str, roles: list[str]) -> None:
    """Take roles from an account."""
    _change_roles(account, lambda now: now - set(roles))


@accounts.command("disable")
def disable(account: str) -> None:
    """Let nobody act with an account any more."""

    async def work(own: Settings, identity: Identity, tx: Transaction) -> None:
        party = await identity.account(tx, account)
        await identity.disable(tx, operator(), party.id)
        tell(own, "cli_account_disabled", account=party.account)

    run(work)


@accounts.command("enable")
def enable(account: str) -> None:
    """Let a disabled account act again."""

    async def work(own: Settings, identity: Identity, tx: Transaction) -> None:
        party = await identity.account(tx, account)
        await identity.enable(tx, operator(), party.id)
        tell(own, "cli_account_enabled", account=party.account)

    run(work)


@tokens.command("create")
def create_token(
    account: str,
    name: str = typer.Option("cli", help="What the token is for."),
    days: int = typer.Option(30, min=1, max=366, help="How long it lasts."),
) -> None:
    """Make an API token with an account's rights; the token alone goes to the standard output."""

    async def work(own: Settings, identity: Identity, tx: Transaction) -> str:
        party = await identity.account(tx, account)
        token, secret = await identity.make_token(tx, operator(), party.id, name, timedelta(days=days))
        expires_at = token.expires_at.isoformat(timespec="seconds")
        tell(own, "cli_token_created", account=party.account, name=token.name, expires_at=expires_at)
        return secret

    print(run(work))


def _change_roles(account: str, change: Callable[[set[str]], set[str]]) -> None:
    async def work(own: Settings, identity: Identity, tx: Transaction) -> None:
        party = await identity.account(tx, account)
        after = await identity.set_roles(tx, operator(), party.id, change(set(party.roles)))
        roles = ", ".join(after.roles) or say("cli_none", own.language)
        tell(own, "cli_account_roles", account=after.account, roles=roles)

    run(work)


def _password(generate: bool) -> str:
    if generate:
        return readable_password()
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    language = settings().language
    entered: str = typer.prompt(
        say("cli_password_prompt", language),
        hide_input=True,
        confirmation_prompt=say("cli_password_repeat", language),
    )
    return entered


def _show(generate: bool, password: str | None) -> None:
    if generate and password is not None:
        print(say("cli_account_generated", settings().language, password=password))
