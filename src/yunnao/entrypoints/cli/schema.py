"""`yunnao schema`: writes what is generated from the specification, or tells what is not current."""

from collections.abc import Callable
from dataclasses import dataclass

import typer

from yunnao.entrypoints.api.app import render_openapi
from yunnao.entrypoints.cli.run import settings, tell
from yunnao.scenes.schema import render_pack_reference, render_schema


@dataclass(frozen=True)
class Artefact:
    """A file of the repository (path below its root) and what it must hold."""

    path: str
    render: Callable[[], str]


ARTEFACTS = [
    Artefact("docs/reference/pack.schema.json", render_schema),
    Artefact("docs/reference/packs.md", render_pack_reference),
    Artefact("docs/reference/openapi.json", render_openapi),
]


def register(app: typer.Typer) -> None:
    app.command("schema", help="Write the files generated from the specification.")(schema)


def schema(
    check: bool = typer.Option(False, "--check", help="Change nothing; fail where a file is not current."),
    write: bool = typer.Option(False, "--write", help="Write, which is also done without it."),
) -> None:
    own = settings()
    if check and write:
        raise typer.BadParameter("--check --write")
    stale = 0
    for artefact in ARTEFACTS:
        file, wanted = own.root / artefact.path, artefact.render()
        if file.is_file() and file.read_text(encoding="utf-8") == wanted:
            continue
        if check:
            tell(own, "artefact_stale", path=artefact.path)
            stale += 1
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(wanted, encoding="utf-8")
            tell(own, "artefact_written", path=artefact.path)
    if stale:
        raise typer.Exit(1)
