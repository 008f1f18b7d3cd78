"""`yunnao bench list|NAME`: measurements, one JSON line each."""

import json
import runpy
import sys
from pathlib import Path

import typer

from yunnao.infra.paths import project_root


def register(app: typer.Typer) -> None:
    app.command("bench", help="Run a benchmark of bench/ (or `list` them).")(bench)


def benches() -> dict[str, Path]:
    """Name to file of every benchmark."""
    return {f.stem: f for f in sorted((project_root() / "bench").glob("[a-z]*.py"))}


def bench(
    name: str = typer.Argument(..., help="A benchmark's name, or `list`."),
    as_json: bool = typer.Option(False, "--json", help="The JSON line only."),
) -> None:
    found = benches()
    if name == "list":
        for each, file in found.items():
            first_line = file.read_text(encoding="utf-8").split('"""')[1].strip().splitlines()[0]
            print(f"{each}\t{first_line}")
        return
    if name not in found:
        raise typer.BadParameter(f"{name}; {', '.join(found)}")
    sys.path.insert(0, str(project_root()))
    result = runpy.run_path(str(found[name]))["run"](quiet=as_json)
    print(json.dumps({"name": name, **result}, ensure_ascii=False))
