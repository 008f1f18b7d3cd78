"""`yunnao scene new|check|list|install`."""

import asyncio
from pathlib import Path

import typer

from yunnao.bootstrap import install_packs
from yunnao.entrypoints.cli.packs import chosen, refusals_told, tell_error
from yunnao.entrypoints.cli.run import settings, tell
from yunnao.infra.settings import Settings
from yunnao.kernel.packs.scene import ScenePack
from yunnao.scenes import PackRefused, load_scene, load_scenes, with_requirements
from yunnao.scenes.draft_scene import draft_scene

group = typer.Typer(help="Scene packs: what the city does.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="scene")


@group.command("new")
def new(name: str = typer.Argument(..., help="Lower case, parts joined by hyphens.")) -> None:
    """Draft a pack that passes its check."""
    own = settings()
    with refusals_told(own):
        folder = draft_scene(own.root / "scenes", name)
        load_scene(folder)
    tell(own, "scene_drafted", folder=str(folder), name=name)


@group.command("check")
def check(
    paths: list[Path] = typer.Argument(None, help="Folders or names; none: all of scenes/."),
    every: bool = typer.Option(False, "--all", help="All of scenes/."),
) -> None:
    """Check packs: every file, every reference, every test case."""
    own = settings()
    folders = chosen([] if every else (paths or []), own.root / "scenes", "scene.yaml", own)
    sound = [pack for folder in folders if (pack := _sound(own, folder)) is not None]
    passed = len(sound) == len(folders)
    if passed and len(folders) > 1:
        with refusals_told(own):
            load_scenes(folders)
    for pack in sound:
        passed = _cases_pass(own, pack) and passed
    if not passed:
        raise typer.Exit(1)


def _sound(own: Settings, folder: Path) -> ScenePack | None:
    try:
        return load_scene(folder)
    except PackRefused as refused:
        tell_error(own, refused)
        return None


def _cases_pass(own: Settings, pack: ScenePack) -> bool:
    from yunnao.bootstrap.pack_cases import run_pack_cases

    results = run_pack_cases(pack)
    failed = [result for result in results if not result.passed]
    name = pack.manifest.scene
    for result in failed:
        tell(own, "scene_case_failed", scene=name, case=result.name, detail=result.detail)
    if not failed:
        tell(own, "scene_passes", name=name, version=pack.manifest.version, cases=len(results))
    return not failed


@group.command("list")
def list_() -> None:
    """The packs of scenes/, with their quality."""
    own = settings()
    for folder in chosen([], own.root / "scenes", "scene.yaml", own):
        try:
            pack = load_scene(folder)
        except PackRefused as refused:
            print(f"{folder.name}  ✗ {len(refused.problems)}")
            continue
        manifest = pack.manifest
        level = pack.quality.level if pack.quality else "–"
        print(f"{manifest.scene}  {manifest.version}  {level}  {manifest.name.to(own.language)}")


@group.command("install")
def install(
    paths: list[Path] = typer.Argument(None, help="Folders or names; none: all of scenes/."),
) -> None:
    """Install scenes, and those that they require, in one transaction: all of them or nothing."""
    own = settings()
    with refusals_told(own):
        folders = chosen(paths or [], own.root / "scenes", "scene.yaml", own)
        report = asyncio.run(install_packs(own, None, with_requirements(folders)))
    for name in report.installed:
        tell(own, "pack_installed", name=name)
    for name in report.unchanged:
        tell(own, "pack_unchanged", name=name)
