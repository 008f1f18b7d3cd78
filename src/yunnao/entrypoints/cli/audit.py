"""`yunnao audit verify`."""

import json
from dataclasses import asdict

import typer

from yunnao.entrypoints.cli.account import run
from yunnao.infra.postgres import Transaction
from yunnao.infra.settings import Settings
from yunnao.kernel.text import say
from yunnao.modules.identity.contracts import AuditReport
from yunnao.modules.identity.facade import Identity

group = typer.Typer(help="The audit log.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="audit")


@group.callback()
def _group() -> None:
    """Keeps `verify` a command of its own while it is the only one."""


@group.command("verify")
def verify(
    head: str | None = typer.Option(None, help="A hash printed before: tells whether the end was cut off."),
    as_json: bool = typer.Option(False, "--json", help="One JSON line."),
) -> None:
    """Check the whole chain of hashes; exit code 1 and the first bad row when it is broken."""

    async def work(own: Settings, identity: Identity, tx: Transaction) -> tuple[Settings, AuditReport, bool]:
        report = await identity.verify_audit(tx)
        return own, report, head is None or await identity.audit_contains(tx, head)

    own, report, holds_head = run(work)
    sound = report.first_bad is None and holds_head
    if as_json:
        print(json.dumps({**asdict(report), "sound": sound, "holds_head": holds_head}))
    else:
        params = asdict(report)
        if report.reason:
            params["reason"] = say(report.reason, own.language)
        print(say("audit_broken" if report.first_bad else "audit_sound", own.language, **params))
        if not holds_head:
            print(say("audit_head_absent", own.language, head=head))
    if not sound:
        raise typer.Exit(1)
