"""`yunnao dispatch`: the dispatcher standing alone by files, or the city's own, by its cases."""

import asyncio
import codecs
import csv
import io
import json
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import typer

from yunnao.bootstrap import open_database
from yunnao.entrypoints.cli.run import settings
from yunnao.infra.clock import SystemClock
from yunnao.infra.files import FileStore
from yunnao.infra.paths import project_root
from yunnao.infra.postgres import Transaction
from yunnao.infra.settings import Settings
from yunnao.kernel.errors import InvalidInput, YunnaoError
from yunnao.kernel.text import say
from yunnao.modules.cases.dispatch.evaluation import evaluate as evaluate_model
from yunnao.modules.cases.dispatch.learning.facade import Learning
from yunnao.modules.cases.dispatch.model import Model
from yunnao.modules.cases.dispatch.training import train as train_model
from yunnao.scenes import load_scenes

T = TypeVar("T")

group = typer.Typer(help="Train and judge the dispatcher's text classifier.", no_args_is_help=True)

CELL_CHARS_MAX = 10_000_000
ENCODINGS = ("utf-8-sig", "gb18030")
"""Tried in this order: what is valid UTF-8 is hardly ever meant as GB 18030 (which holds GBK)."""
AS_JSON = typer.Option(False, "--json", help="The JSON only.")


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="dispatch")


@dataclass(frozen=True)
class Source:
    """A CSV file and the columns that hold texts and labels."""

    file: Path
    text_columns: tuple[str, ...]
    label_column: str

    @classmethod
    def parse(cls, written: str) -> "Source":
        """Raises InvalidInput `dispatch_source_unreadable`."""
        parts = written.rsplit("::", 2)
        if len(parts) != 3 or not all(parts):
            raise InvalidInput("dispatch_source_unreadable", source=written)
        return cls(Path(parts[0]), tuple(name.strip() for name in parts[1].split(",")), parts[2].strip())

    def read(self) -> tuple[list[str], list[str]]:
        """Texts and labels; rows without either are left out."""
        csv.field_size_limit(CELL_CHARS_MAX)
        try:
            rows = csv.DictReader(io.StringIO(_decoded(self.file.read_bytes()), newline=""))
            rows.fieldnames = [name.strip() for name in rows.fieldnames or ()]
            missing = {*self.text_columns, self.label_column} - set(rows.fieldnames)
            if missing:
                raise InvalidInput(
                    "dispatch_column_missing", file=self.file, column=", ".join(sorted(missing))
                )
            pairs = [
                (" ".join(row[c] or "" for c in self.text_columns).strip(), row[self.label_column] or "")
                for row in rows
            ]
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise InvalidInput("dispatch_file_unreadable", file=self.file, detail=str(error)) from error
        kept = [(text, label.strip()) for text, label in pairs if text and label.strip()]
        return [text for text, _ in kept], [label for _, label in kept]


def _decoded(content: bytes) -> str:
    """Raises UnicodeDecodeError for what is neither UTF-8, UTF-16 with its mark, nor GB 18030."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16")
    for encoding in ENCODINGS[:-1]:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode(ENCODINGS[-1])


def read_all(sources: Sequence[str]) -> tuple[list[str], list[str]]:
    texts: list[str] = []
    labels: list[str] = []
    for source in sources:
        more_texts, more_labels = Source.parse(source).read()
        texts += more_texts
        labels += more_labels
    return texts, labels


@group.command("train", help="Train from CSV files or scene packs; without them: the city's challenger.")
def train(
    sources: list[str] = typer.Argument(None, help="FILE::TEXTCOLUMN[,TEXTCOLUMN]::LABELCOLUMN"),
    model: Path | None = typer.Option(None, help="The file to write."),
    scenes: list[Path] = typer.Option([], "--scene", help="A scene's folder; its examples are taught."),
    as_json: bool = AS_JSON,
) -> None:
    try:
        if model is None:
            if sources or scenes:
                raise InvalidInput("dispatch_model_file_missing")
            _print(_of_city(Learning.train), as_json)
            return
        texts, labels = read_all(sources or [])
        hints: dict[str, list[str]] = {}
        if scenes:
            _add_scenes(scenes, texts, labels, hints)
        trained = train_model(texts, labels, hints)
        model.write_bytes(trained.dump())
    except OSError as error:
        _fail(InvalidInput("dispatch_file_unreadable", file=error.filename, detail=error.strerror))
    except YunnaoError as error:
        _fail(error)
    _print(trained.report, as_json)


@group.command("evaluate", help="Judge a model on texts whose labels are known; without files: the city's.")
def evaluate(
    sources: list[str] = typer.Argument(None, help="FILE::TEXTCOLUMN[,TEXTCOLUMN]::LABELCOLUMN"),
    model: Path | None = typer.Option(None, help="A file that `train` wrote."),
    threshold: float = typer.Option(0.7, min=0, max=1, help="Dispatched automatically from here on."),
    labels_file: Path | None = typer.Option(
        None, "--labels", help="JSON object: the model's category to the files' label."
    ),
    as_json: bool = AS_JSON,
) -> None:
    try:
        if model is None:
            if sources:
                raise InvalidInput("dispatch_model_file_missing")
            _print(_of_city(Learning.evaluate), as_json)
            return
        texts, labels = read_all(sources or [])
        if not texts:
            raise InvalidInput("dispatch_rows_missing")
        loaded = Model.load(model.read_bytes())
        names = json.loads(labels_file.read_text(encoding="utf-8")) if labels_file else {}
        figures = evaluate_model(loaded, texts, labels, threshold, names)
    except OSError as error:
        _fail(InvalidInput("dispatch_file_unreadable", file=error.filename, detail=error.strerror))
    except YunnaoError as error:
        _fail(error)
    _print(figures, as_json)


@group.command("promote", help="Put the city's challenger in place, unless it is worse on held-out cases.")
def promote(as_json: bool = AS_JSON) -> None:
    try:
        _print(_of_city(Learning.promote), as_json)
    except YunnaoError as error:
        _fail(error)


@group.command("models", help="The city's models, newest first, with their reports.")
def models(as_json: bool = AS_JSON) -> None:
    try:
        found = _of_city(Learning.models)
    except YunnaoError as error:
        _fail(error)
    if as_json:
        print(json.dumps(found, ensure_ascii=False, default=str))
        return
    for each in found:
        report, mark = each["report"], "*" if each["champion"] else " "
        print(
            f"{mark} {each['hash'][:12]}  {each['trained_at']:%Y-%m-%d %H:%M}Z  {each['taught_by']:8}  "
            f"rows {report['rows']}  macro_f1 {report['macro_f1']}"
        )


def _of_city(work: Callable[[Learning, Transaction], Awaitable[T]]) -> T:
    """Does `work` in one transaction on the city's store."""
    own = settings()

    async def opened() -> T:
        async with open_database(own) as database, database.transaction() as tx:
            return await work(Learning(SystemClock(), FileStore(own.files_url)), tx)

    return asyncio.run(opened())


def _add_scenes(
    folders: list[Path], texts: list[str], labels: list[str], hints: dict[str, list[str]]
) -> None:
    for pack in load_scenes(folders):
        for code, examples in pack.examples.items():
            texts += examples
            labels += [code] * len(examples)
        for code, category in pack.categories.items():
            hints[code] = [category.name.zh, *category.keywords]


def _print(figures: Any, as_json: bool) -> None:
    if as_json:
        print(json.dumps(figures, ensure_ascii=False, default=str))
        return
    for name, value in figures.items():
        print(f"{name:20} {json.dumps(value, ensure_ascii=False, default=str)}")


def _fail(error: YunnaoError) -> NoReturn:
    language = Settings.from_environment(os.environ, project_root()).language
    print(say(error.code, language, **error.params), file=sys.stderr)
    raise typer.Exit(1) from error
