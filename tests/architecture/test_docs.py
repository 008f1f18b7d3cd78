"""Documentation is executed: what it names exists."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
from typer.main import get_command

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", target) and not (page.parent / target).exists():
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    blocks = "\n".join(re.findall(r"```(?:sh|shell|bash|console)\n(.*?)```", text, re.DOTALL))
    blocks += "\n" + "\n".join(re.findall(r"`((?:make|yunnao) [^`]+)`", text))
    for target in re.findall(r"(?:^|\s)make ([a-z]+)", blocks):
        assert target in targets, f"make {target}"
    from yunnao.entrypoints.cli.main import app

    commands = set(get_command(app).commands)  # type: ignore[attr-defined]
    for line in re.findall(r"(?:^|[\s/])yunnao ([a-z][a-z|-]*)", blocks):
        for command in line.split("|"):
            assert command in commands, f"yunnao {command}"


def test_every_setting_is_documented() -> None:
    from yunnao.infra.settings import Settings

    page = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    for field in fields(Settings):
        variable = field.metadata.get("variable")
        assert variable is None or f"`{variable}`" in page, variable


def test_every_dependency_has_a_reason() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8").lower()
    missing = [n for n in (re.split(r"[\[<>=;]", d)[0] for d in named) if f"`{n.lower()}`" not in page]
    assert not missing
