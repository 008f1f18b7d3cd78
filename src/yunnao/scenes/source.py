"""Reading the files of a pack: safely, with the line of every value."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from yunnao.scenes.explain import explain
from yunnao.scenes.problems import PackRefused, Problem

file_bytes_max = 2_000_000
shapes_bytes_max = 30_000_000
files_max = 1_000
located_chars_max = 250_000
"""Larger JSON files have problems without a line; their path says where."""

nodes_max = 300_000
"""Values of one file with its YAML aliases written out (an alias can multiply itself)."""

always_allowed = ("README.md", "README.*.md", "LICENSE*", "NOTICE*")
ignored = (".*", "__pycache__", "*~")

Spec = TypeVar("Spec", bound=BaseModel)
PathParts = tuple[str | int, ...]


@dataclass
class Document:
    """One file, parsed; `marked` keeps the lines, `data` is plain.

    JSON is YAML, whose parser knows lines but is slow: its `json_text` is parsed again only where a
    line is asked for.
    """

    file: str
    data: Any
    marked: Any = None
    json_text: str | None = None

    def line(self, path: Sequence[str | int]) -> int | None:
        """The line of the value at `path`, or of the nearest thing around it."""
        if self.json_text is not None:
            self.marked, self.json_text = _with_lines(self.json_text), None
        node, line = self.marked, 1 if self.marked is not None else None
        for part in path:
            if isinstance(node, CommentedMap) and part in node:
                line, node = node.lc.key(part)[0] + 1, node[part]
            elif isinstance(node, CommentedSeq) and isinstance(part, int) and part < len(node):
                line, node = node.lc.item(part)[0] + 1, node[part]
        return line


@dataclass
class PackSource:
    """A pack's folder and the problems found in it so far."""

    folder: Path
    problems: list[Problem] = field(default_factory=list)
    documents: dict[str, Document] = field(default_factory=dict)

    @property
    def files(self) -> list[str]:
        """Every file below the folder, with `/` between parts, in order; hidden ones left out."""
        return [path.relative_to(self.folder).as_posix() for path in _walk(self.folder)]

    def add(self, file: str, path: Sequence[str | int], code: str, /, **params: Any) -> None:
        document = self.documents.get(file)
        line = document.line(path) if document else None
        self.problems.append(Problem(file, line, ".".join(map(str, path)), code, params))

    def refuse_if_broken(self) -> None:
        if self.problems:
            order = sorted(self.problems, key=lambda p: (p.file, p.line or 0, p.path))
            raise PackRefused(self.folder.name, order)

    def check_files(self, allowed: Sequence[str]) -> None:
        """Reports what does not belong here: unknown names, links, too many or too large files."""
        if not self.folder.is_dir():
            self.add("", (), "pack_folder_missing", folder=str(self.folder))
            return
        root = self.folder.resolve()
        for number, path in enumerate(_walk(self.folder)):
            name = path.relative_to(self.folder).as_posix()
            if number >= files_max:
                self.add(name, (), "pack_files_too_many", limit=files_max)
                return
            if path.is_symlink() or not path.resolve().is_relative_to(root):
                self.add(name, (), "pack_file_link")
            elif not any(_matches(name, pattern) for pattern in (*allowed, *always_allowed)):
                self.add(name, (), "pack_file_unknown", allowed=", ".join(allowed))

    def text(self, file: str, bytes_max: int = file_bytes_max) -> str | None:
        """The file's text; None where it is missing, refused or unreadable (then reported)."""
        path = self.folder / file
        if path.is_symlink() or not path.is_file():
            return None
        if path.stat().st_size > bytes_max:
            self.add(file, (), "pack_file_too_large", limit_bytes=bytes_max)
            return None
        try:
            return path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            self.add(file, (), "pack_not_utf8", position=error.start)
            return None

    def yaml(self, file: str, required: bool = False) -> Document | None:
        """The file as a mapping with lines; a file that is missing is a problem if `required`."""
        if not (self.folder / file).exists():
            if required:
                self.add(file, (), "pack_file_missing")
            return None
        text = self.text(file)
        return None if text is None else self._parse_yaml(file, text)

    def json(self, file: str, bytes_max: int = file_bytes_max) -> Any:
        """The file's JSON value; None where it is missing or broken (then reported)."""
        text = self.text(file, bytes_max)
        if text is None:
            return None
        try:
            value = json.loads(text)
        except json.JSONDecodeError as error:
            self.problems.append(Problem(file, error.lineno, "", "pack_syntax", {"detail": error.msg}))
            return None
        except RecursionError:
            self.add(file, (), "pack_too_deep")
            return None
        self.documents[file] = Document(file, value, json_text=text)
        return value

    def read(self, file: str, spec: type[Spec], required: bool = False) -> Spec | None:
        """The file checked against its specification; every error becomes a problem."""
        document = self.yaml(file, required)
        return None if document is None else self.validate(file, document.data, spec)

    def validate(self, file: str, data: Any, spec: type[Spec]) -> Spec | None:
        try:
            return spec.model_validate(data)
        except ValidationError as error:
            self.add_errors(file, data, error)
            return None

    def add_errors(self, file: str, data: Any, error: ValidationError, skip: int = 0) -> None:
        """Pydantic's errors as problems of `file`; `skip` leading parts of a path are not its own."""
        for item in error.errors(include_url=False):
            code, params = explain(item)
            lacking = item["type"] == "missing"
            path = _true_path(data, item["loc"][skip:], lacking)
            if "discriminator" in item.get("ctx", {}):
                path = (*path, item["ctx"]["discriminator"].strip("'"))
            self.add(file, path, code, **params)

    def _parse_yaml(self, file: str, text: str) -> Document | None:
        yaml = YAML()
        yaml.allow_duplicate_keys = False
        try:
            marked = yaml.load(text)
            data = _plain(marked, [0])
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else None
            detail = (error.problem or error.context or "").split("\n")[0]
            self.problems.append(Problem(file, line, "", "pack_syntax", {"detail": detail}))
            return None
        except YAMLError as error:
            self.problems.append(Problem(file, None, "", "pack_syntax", {"detail": str(error)}))
            return None
        except (RecursionError, OverflowError, ValueError) as error:
            self.problems.append(Problem(file, None, "", "pack_too_deep", {"detail": str(error)}))
            return None
        document = Document(file, data if data is not None else {}, marked)
        self.documents[file] = document
        return document


def pack_digest(folder: Path) -> str:
    """SHA-256 over names and contents of a pack's files; the same bytes, the same digest."""
    digest = hashlib.sha256()
    for path in _walk(folder):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _walk(folder: Path) -> Iterator[Path]:
    """Files and links below `folder`, in order; never through a linked folder."""
    for path in sorted(folder.iterdir()):
        if any(fnmatch(path.name, pattern) for pattern in ignored):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)
        else:
            yield path


def _matches(name: str, pattern: str) -> bool:
    return PurePosixPath(name).match(pattern) and name.count("/") == pattern.count("/")


def _plain(value: Any, seen: list[int]) -> Any:
    """`value` as built-in types; counts values so that aliases cannot grow without bound."""
    seen[0] += 1
    if seen[0] > nodes_max:
        raise OverflowError(nodes_max)
    if isinstance(value, dict):
        return {_plain(key, seen): _plain(item, seen) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, seen) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


def _true_path(data: Any, loc: Sequence[str | int], lacking: bool) -> PathParts:
    """Pydantic's location without the tags that it adds for unions and keys; of something `lacking`
    the last part is not in the data, and stays."""
    path: list[str | int] = []
    node = data
    for position, part in enumerate(loc):
        inside = isinstance(node, list) and isinstance(part, int) and part < len(node)
        if inside or (isinstance(node, dict) and part in node):
            path.append(part)
            node = node[part]
        elif lacking and position == len(loc) - 1:
            path.append(part)
    return tuple(path)


def _with_lines(json_text: str) -> Any:
    if len(json_text) > located_chars_max:
        return None
    try:
        return YAML().load(json_text)
    except (YAMLError, ValueError, RecursionError):
        return None
