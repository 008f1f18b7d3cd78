"""What the commands on packs share: finding them, and telling a refusal."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer

from yunnao.entrypoints.cli.run import tell
from yunnao.infra.settings import Settings
from yunnao.kernel.errors import YunnaoError
from yunnao.kernel.text import say
from yunnao.scenes import PackRefused


@contextmanager
def refusals_told(own: Settings) -> Iterator[None]:
    """An expected error becomes its sentence and exit code 1."""
    try:
        yield
    except YunnaoError as error:
        tell_error(own, error)
        raise typer.Exit(1) from None


def tell_error(own: Settings, error: YunnaoError) -> None:
    """The error in the operator's language; of a pack every problem, a line each."""
    sentence = (
        error.to(own.language)
        if isinstance(error, PackRefused)
        else say(error.code, own.language, **error.params)
    )
    print(sentence, file=sys.stderr, flush=True)


def chosen(given: Sequence[Path], root: Path, manifest: str, own: Settings) -> list[Path]:
    """The folders given, each a path or a pack's name below `root`; none given: all below `root`."""
    if not given:
        return sorted(file.parent for file in root.glob(f"*/{manifest}"))
    folders = [path if path.is_dir() or len(path.parts) > 1 else root / path for path in given]
    for folder in folders:
        if not folder.is_dir():
            tell(own, "pack_folder_missing", folder=str(folder))
            raise typer.Exit(1)
    return [folder.resolve() for folder in folders]
