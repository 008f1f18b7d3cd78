"""Loading city packs: every file, every reference, or nothing."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from yunnao.kernel.packs.city import (
    AreasFile,
    CalendarFile,
    CityManifest,
    CityPack,
    DepartmentsFile,
    DutiesFile,
    RolesFile,
)
from yunnao.kernel.packs.scene import ScenePack
from yunnao.scenes.city_checks import CityFiles, check_city, check_shapes
from yunnao.scenes.source import PackSource, shapes_bytes_max

manifest_file = "city.yaml"
shapes_file = "shapes.geojson"
city_files = (
    manifest_file,
    "areas.yaml",
    shapes_file,
    "departments.yaml",
    "duties.yaml",
    "roles.yaml",
    "calendar.yaml",
)


def load_city(
    folder: Path, scenes: Collection[ScenePack] | None = None, streets: Path | None = None
) -> CityPack:
    """The city pack in `folder`.

    `scenes`, where given, are the ones the city uses: every category in its duties must be theirs.
    `streets` is a file of street shapes imported beside the pack (`yunnao city shapes`); it may be
    missing. Raises PackRefused with every problem found.
    """
    source = PackSource(folder)
    source.check_files(city_files)
    files = CityFiles(
        manifest=source.read(manifest_file, CityManifest, required=True),
        areas=source.read("areas.yaml", AreasFile, required=True),
        departments=source.read("departments.yaml", DepartmentsFile, required=True),
        duties=source.read("duties.yaml", DutiesFile, required=True),
        roles=source.read("roles.yaml", RolesFile, required=True),
        calendar=source.read("calendar.yaml", CalendarFile, required=True),
    )
    if files.manifest is not None and files.manifest.city != folder.name:
        source.add(
            manifest_file, ("city",), "pack_name_differs", name=files.manifest.city, folder=folder.name
        )
    categories = None if scenes is None else {code for scene in scenes for code in scene.categories}
    check_city(source, files, categories)
    shapes = check_shapes(source, shapes_file, source.json(shapes_file, shapes_bytes_max), files)
    if streets is not None and streets.is_file():
        beside = PackSource(streets.parent, source.problems)
        found = check_shapes(beside, streets.name, beside.json(streets.name, shapes_bytes_max), files)
        shapes = {**shapes, **found}
    source.refuse_if_broken()
    return _whole(files, shapes)


def _whole(files: CityFiles, shapes: dict[str, dict[str, Any]]) -> CityPack:
    manifest, areas, departments = files.manifest, files.areas, files.departments
    duties, roles, calendar = files.duties, files.roles, files.calendar
    if not (manifest and areas and departments and duties and roles and calendar):
        raise AssertionError("a pack that lacks a file was refused before")
    return CityPack(
        manifest=manifest,
        areas=areas.areas,
        shapes=shapes,
        departments=departments.departments,
        duties=duties.duties,
        fallback=duties.fallback,
        roles=roles.roles,
        demo_accounts=roles.demo_accounts,
        calendar=calendar,
    )
