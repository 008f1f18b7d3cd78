"""The rules of style that a machine can check."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
HAN_IN_CODE_MAX = 8
"""A name, a unit or a column's title may be Chinese; a sentence is longer."""
HAN = re.compile(r"[\u4e00-\u9fff]")


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", *patterns],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\n")  # fmt: skip
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


SOURCES = tracked("src/yunnao/**/*.py", "src/yunnao/*.py")


def test_source_files_are_short() -> None:
    lines = {str(f.relative_to(ROOT)): len(f.read_text().splitlines()) for f in SOURCES}
    assert not {name: count for name, count in lines.items() if count > FILE_LINES_MAX}


def test_functions_are_short() -> None:
    import ast

    long = [
        f"{file.relative_to(ROOT)}:{node.lineno} {node.name}"
        for file in SOURCES
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno > FUNCTION_LINES_MAX
    ]
    assert not long


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(f.relative_to(ROOT))
        for f in SOURCES
        if f.name != "__init__.py" and not f.read_text().lstrip().startswith(('"""', 'r"""'))
    ]
    assert not silent


def test_sentences_for_people_stand_in_the_catalogue_not_in_code() -> None:
    """Chinese in code outside docstrings and comments is text that escaped the catalogue."""
    import ast

    found: list[str] = []
    for file in SOURCES:
        tree = ast.parse(file.read_text())
        docstrings = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        # A literal that stands alone as a statement documents the name before it.
        docstrings |= {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
        for node in ast.walk(tree):
            text = node.value if isinstance(node, ast.Constant) and id(node) not in docstrings else None
            if isinstance(text, str) and len(HAN.findall(text)) > HAN_IN_CODE_MAX:
                found.append(f"{file.relative_to(ROOT)}:{node.lineno}: {text[:40]}")
    assert not found, "\n".join(found)


def test_every_query_is_named_and_says_why() -> None:
    bare: list[str] = []
    for file in tracked("src/yunnao/**/*.sql"):
        text = file.read_text()
        names = re.findall(r"^-- name: *(\w+) *$", text, re.MULTILINE)
        assert names, f"{file} has no named query"
        assert len(names) == len(set(names)), f"{file} names a query twice"
        if not re.search(r"^-- (?!name:)", text, re.MULTILINE):
            bare.append(str(file))
    assert not bare


def test_no_registry_host_is_committed() -> None:
    hosts = re.compile(r"pypi\.org|pythonhosted|registry\.npm|npmjs\.org|npmmirror|tuna\.tsinghua|mirrors\.")
    found = [
        f"{file.relative_to(ROOT)}"
        for file in tracked("*.lock", "*.toml", "**/package-lock.json", "**/.npmrc", "Makefile", "tools/*")
        if hosts.search(file.read_text(errors="ignore"))
    ]
    assert not found


@pytest.mark.parametrize("file", tracked("migrations/*.sql"), ids=lambda f: f.name)
def test_migrations_only_expand(file: Path) -> None:
    """A running release must survive the next one's migration: nothing is dropped or renamed."""
    text = re.sub(r"--.*", "", file.read_text())
    assert not re.search(r"\b(DROP (TABLE|COLUMN)|RENAME)\b", text, re.IGNORECASE)


def test_message_catalogue_is_complete_in_both_languages() -> None:
    from yunnao.kernel.text import catalogue

    for code, text in catalogue().items():
        assert text.zh.strip(), code
        assert text.en.strip(), code
        assert set(re.findall(r"{(\w+)", text.zh)) == set(re.findall(r"{(\w+)", text.en)), code


def test_every_error_raised_has_a_sentence() -> None:
    from yunnao.kernel.text import catalogue

    codes: dict[str, str] = {}
    kinds = "InvalidInput|Unauthenticated|Forbidden|NotFound|Conflict|TooLarge|TooMany|Unavailable"
    for file in SOURCES:
        for code in re.findall(rf"\b(?:{kinds})\(\s*\"(\w+)\"", file.read_text()):
            codes[code] = str(file.relative_to(ROOT))
    missing = {code: where for code, where in codes.items() if code not in catalogue()}
    assert not missing


def test_modules_meet_only_through_facades_and_contracts() -> None:
    shared = {"facade", "contracts"}
    found: list[str] = []
    for file in SOURCES:
        inside = re.search(r"src/yunnao/modules/(\w+)/", file.as_posix())
        for module, room in re.findall(
            r"^\s*from yunnao\.modules\.(\w+)(?:\.(\w+))?", file.read_text(), re.MULTILINE
        ):
            if inside and module != inside.group(1) and room not in shared:
                found.append(f"{file.relative_to(ROOT)}: {module}.{room}")
    assert not found
