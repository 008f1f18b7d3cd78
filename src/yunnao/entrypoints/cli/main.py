"""`yunnao`: the command line."""

import typer

from yunnao.entrypoints.cli import (
    account,
    audit,
    bench,
    deadletter,
    demo,
    dispatch,
    doctor,
    run,
)

app = typer.Typer(
    name="yunnao",
    help="Yunnao 云脑: an open city brain.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

for command in (
    run,
    demo,
    doctor,
    dispatch,
    account,
    audit,
    deadletter,
    bench,
):
    command.register(app)

if __name__ == "__main__":
    app()
