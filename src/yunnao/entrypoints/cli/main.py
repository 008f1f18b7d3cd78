"""`yunnao`: the command line."""

import os
import sys

import typer

from yunnao.entrypoints.cli import (
    account,
    audit,
    bench,
    city,
    deadletter,
    demo,
    device,
    dispatch,
    doctor,
    edge,
    mine,
    replay_readings,
    replay_reports,
    run,
    scene,
    schema,
    topics,
)
from yunnao.kernel.errors import YunnaoError
from yunnao.kernel.text import DEFAULT_LANGUAGE, Language, say

app = typer.Typer(
    name="yunnao",
    help="Yunnao 云脑: an open city brain.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

for command in (
    run,
    schema,
    scene,
    replay_readings,
    replay_reports,
    city,
    demo,
    doctor,
    dispatch,
    topics,
    account,
    audit,
    deadletter,
    device,
    edge,
    mine,
    bench,
):
    command.register(app)


def main() -> None:
    """Runs a command; an expected error is told in a sentence, not as a traceback."""
    try:
        app()
    except YunnaoError as error:
        print(say(error.code, settings_language(), **error.params), file=sys.stderr)
        sys.exit(1)


def settings_language() -> Language:
    """The reader's language, without the settings: they may be what is wrong."""
    return "en" if os.environ.get("YUNNAO_LANGUAGE") == "en" else DEFAULT_LANGUAGE


if __name__ == "__main__":
    main()
