"""`yunnao city new|check|list|install|shapes`."""

import asyncio
from pathlib import Path

import typer

from yunnao.bootstrap import install_packs
from yunnao.entrypoints.cli.packs import chosen, refusals_told, tell_error
from yunnao.entrypoints.cli.run import settings, tell
from yunnao.infra.settings import Settings
from yunnao.kernel.geometry import Datum
from yunnao.kernel.packs.scene import ScenePack
from yunnao.scenes import PackRefused, load_city, load_scenes
from yunnao.scenes.draft_city import draft_city
from yunnao.scenes.street_shapes import import_streets, streets_path, write_streets

names_told_max = 30

group = typer.Typer(help="City packs: where and who.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="city")


@group.command("new")
def new(
    code: str = typer.Argument(..., help="Administrative code (GB/T 2260), such as 440300."),
    name_en: str | None = typer.Option(None, "--name-en", help="English name, which also names the folder."),
) -> None:
    """Draft a pack for a Chinese city from its administrative code."""
    own = settings()
    with refusals_told(own):
        folder = draft_city(own.root / "cities", code, name_en)
        pack = load_city(folder)
    tell(own, "city_drafted", folder=str(folder), areas=len(pack.areas), departments=len(pack.departments))


@group.command("check")
def check(paths: list[Path] = typer.Argument(None, help="Folders or names; none: all of cities/.")) -> None:
    """Check packs: every file, every reference."""
    own = settings()
    scenes = _scenes(own)
    broken = 0
    for folder in chosen(paths or [], own.root / "cities", "city.yaml", own):
        try:
            pack = load_city(folder, scenes, streets_path(own.home, folder.name))
        except PackRefused as refused:
            tell_error(own, refused)
            broken += 1
        else:
            tell(own, "pack_passes", name=pack.manifest.city, version=pack.manifest.version)
    if broken:
        raise typer.Exit(1)


@group.command("list")
def list_() -> None:
    """The packs of cities/."""
    own = settings()
    for folder in chosen([], own.root / "cities", "city.yaml", own):
        try:
            pack = load_city(folder)
        except PackRefused as refused:
            print(f"{folder.name}  ✗ {len(refused.problems)}")
            continue
        manifest = pack.manifest
        print(f"{manifest.city}  {manifest.version}  {manifest.code}  {manifest.name.to(own.language)}")


@group.command("install")
def install(path: Path = typer.Argument(..., help="A folder, or a name below cities/.")) -> None:
    """Install a city; what stands changes only if the whole pack is sound."""
    own = settings()
    with refusals_told(own):
        (folder,) = chosen([path], own.root / "cities", "city.yaml", own)
        report = asyncio.run(install_packs(own, folder, []))
    for name in report.installed:
        tell(own, "pack_installed", name=name)
    for name in report.unchanged:
        tell(own, "pack_unchanged", name=name)


@group.command("shapes")
def shapes(
    file: Path = typer.Argument(..., help="GeoJSON of administrative boundaries."),
    city: str | None = typer.Option(None, help="The city; none: the one that runs."),
    datum: str = typer.Option("wgs84", help="Datum of the file: wgs84, gcj02 or bd09."),
    attribution: str | None = typer.Option(None, help="Source and licence; known for OpenStreetMap."),
) -> None:
    """Import the shapes of streets and towns, kept beside the pack under YUNNAO_HOME."""
    own = settings()
    name = city or own.city
    with refusals_told(own):
        pack = load_city(own.root / "cities" / name)
        imported = import_streets(pack, file, _datum(datum), attribution)
        target = streets_path(own.home, name)
        write_streets(target, imported, file.name)
        load_city(own.root / "cities" / name, streets=target)
    matched = len(imported.shapes)
    tell(
        own, "shapes_imported", matched=matched, total=matched + len(imported.lacking), file=str(target),
        attribution=imported.attribution,
    )  # fmt: skip
    lacking = [area.name.to(own.language) for area in imported.lacking]
    for code, names in (("shapes_lacking", lacking), ("shapes_unused", list(imported.unused))):
        if names:
            more = "…" if len(names) > names_told_max else ""
            tell(own, code, names=", ".join(names[:names_told_max]) + more)


def _datum(given: str) -> Datum:
    for datum in ("wgs84", "gcj02", "bd09"):
        if given == datum:
            return datum
    raise typer.BadParameter(given)


def _scenes(own: Settings) -> list[ScenePack] | None:
    """The scenes that the city's duties may name; None where they are broken, which is theirs to say."""
    try:
        return load_scenes([own.root / "scenes" / name for name in own.scenes])
    except PackRefused as refused:
        tell_error(own, refused)
        return None
