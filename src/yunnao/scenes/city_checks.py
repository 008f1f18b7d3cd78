"""References between the files of a city, its shapes and its calendar."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shapely import GEOSException
from shapely.geometry import shape

from yunnao.kernel.packs.city import (
    Area,
    AreasFile,
    CalendarFile,
    CityManifest,
    DepartmentsFile,
    DutiesFile,
    OpenHours,
    RolesFile,
)
from yunnao.scenes.problems import kind_name
from yunnao.scenes.source import PackSource

bounds_margin_deg = 0.05
"""How far a shape may lie outside the city's stated bounds."""

_clock = re.compile(r"^([01]\d|2[0-3]):[0-5]\d$")


@dataclass(frozen=True)
class CityFiles:
    """The files of a city pack; None for one that is missing or broken (already reported)."""

    manifest: CityManifest | None
    areas: AreasFile | None
    departments: DepartmentsFile | None
    duties: DutiesFile | None
    roles: RolesFile | None
    calendar: CalendarFile | None

    def area_codes(self) -> Mapping[str, Area] | None:
        return {area.code: area for area in self.areas.areas} if self.areas else None

    def department_ids(self) -> Collection[str] | None:
        return {one.id for one in self.departments.departments} if self.departments else None


def _missing(source: PackSource, file: str, path: tuple[str | int, ...], kind: str, name: str | None) -> None:
    """Reports a reference to something that the pack does not define."""
    where = {"area": "areas.yaml", "department": "departments.yaml", "category": "cases.yaml"}
    source.add(file, path, "pack_reference", kind=kind_name(kind), name=name, known=where.get(kind, file))


def check_city(source: PackSource, files: CityFiles, categories: Collection[str] | None) -> None:
    """Adds a problem for every rule broken; `categories`: the known ones, None: not judged."""
    if files.manifest:
        _check_manifest(source, files.manifest)
    if files.areas:
        _check_areas(source, files.areas)
    if files.departments:
        _check_departments(source, files.departments, files.area_codes())
    if files.duties:
        _check_duties(source, files, files.duties, categories)
    if files.roles:
        _check_roles(source, files.roles, files.department_ids())
    if files.calendar:
        _check_calendar(source, files.calendar)


def check_shapes(source: PackSource, file: str, data: Any, files: CityFiles) -> dict[str, dict[str, Any]]:
    """Area code to geometry, from a FeatureCollection; every fault becomes a problem."""
    if data is None:
        return {}
    features = data.get("features") if isinstance(data, dict) else None
    if not isinstance(features, list):
        source.add(file, (), "pack_not_geojson")
        return {}
    codes, shapes = files.area_codes(), dict[str, dict[str, Any]]()
    for index, feature in enumerate(features):
        path = ("features", index)
        code = str((feature.get("properties") or {}).get("code", "")) if isinstance(feature, dict) else ""
        if codes is not None and code not in codes:
            _missing(source, file, path, "area", code)
            continue
        if code in shapes:
            source.add(file, path, "pack_duplicate", name=code)
            continue
        fault = _shape_fault(feature.get("geometry"), files.manifest)
        if fault:
            source.add(file, path, fault, name=code)
            continue
        shapes[code] = feature["geometry"]
    return shapes


def _shape_fault(geometry: Any, manifest: CityManifest | None) -> str | None:
    if not isinstance(geometry, dict) or geometry.get("type") not in ("Polygon", "MultiPolygon"):
        return "pack_shape_not_polygon"
    try:
        polygon = shape(geometry)
    except (GEOSException, ValueError, TypeError, KeyError, IndexError):
        return "pack_shape_broken"
    if polygon.is_empty or not polygon.is_valid:
        return "pack_shape_broken"
    if manifest:
        (west, south, east, north), margin = manifest.bounds, bounds_margin_deg
        left, bottom, right, top = polygon.bounds
        if left < west - margin or bottom < south - margin or right > east + margin or top > north + margin:
            return "pack_shape_outside"
    return None


def _check_manifest(source: PackSource, manifest: CityManifest) -> None:
    file = "city.yaml"
    west, south, east, north = manifest.bounds
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        source.add(file, ("bounds",), "pack_bounds")
    elif not (west <= manifest.centre[0] <= east and south <= manifest.centre[1] <= north):
        source.add(file, ("centre",), "pack_centre_outside")
    try:
        ZoneInfo(manifest.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        source.add(file, ("time_zone",), "pack_time_zone", given=manifest.time_zone)


def _check_areas(source: PackSource, areas: AreasFile) -> None:
    file, known = "areas.yaml", {area.code: area for area in areas.areas}
    seen: set[str] = set()
    for index, area in enumerate(areas.areas):
        path = ("areas", index)
        if area.code in seen:
            source.add(file, path, "pack_duplicate", name=area.code)
        seen.add(area.code)
        if area.level == "district" and area.parent is not None:
            source.add(file, (*path, "parent"), "pack_district_parent")
        elif area.level == "street":
            parent = known.get(area.parent or "")
            if area.parent is None:
                source.add(file, path, "pack_key_missing", key="parent")
            elif parent is None:
                _missing(source, file, (*path, "parent"), "area", area.parent)
            elif parent.level != "district":
                source.add(file, (*path, "parent"), "pack_street_parent", name=area.parent)


def _check_departments(
    source: PackSource, departments: DepartmentsFile, areas: Mapping[str, Area] | None
) -> None:
    file = "departments.yaml"
    parents = {one.id: one.parent for one in departments.departments}
    seen: set[str] = set()
    for index, one in enumerate(departments.departments):
        path = ("departments", index)
        if one.id in seen:
            source.add(file, path, "pack_duplicate", name=one.id)
        seen.add(one.id)
        if one.area is not None and areas is not None and one.area not in areas:
            _missing(source, file, (*path, "area"), "area", one.area)
        if one.kind in ("district", "street_office") and one.area is None:
            source.add(file, path, "pack_key_missing", key="area")
        if one.parent is not None:
            if one.parent not in parents:
                _missing(source, file, (*path, "parent"), "department", one.parent)
            elif cycle := _cycle(one.id, parents):
                source.add(file, (*path, "parent"), "pack_cycle", cycle=" → ".join(cycle))


def _cycle(start: str, parents: Mapping[str, str | None]) -> list[str]:
    way, at = [start], parents[start]
    while at is not None and at in parents and at not in way:
        way.append(at)
        at = parents[at]
    return [*way, start] if at == start else []


def _check_duties(
    source: PackSource, files: CityFiles, duties: DutiesFile, categories: Collection[str] | None
) -> None:
    file, areas, ids = "duties.yaml", files.area_codes(), files.department_ids()
    seen: set[tuple[str | None, str | None]] = set()
    for index, duty in enumerate(duties.duties):
        path = ("duties", index)
        if (duty.category, duty.area) in seen:
            source.add(file, path, "pack_duplicate", name=f"{duty.category} × {duty.area}")
        seen.add((duty.category, duty.area))
        if duty.area is not None and areas is not None and duty.area not in areas:
            _missing(source, file, (*path, "area"), "area", duty.area)
        if duty.category is not None and categories is not None and duty.category not in categories:
            here = (*path, "category")
            _missing(source, file, here, "category", duty.category)
        if ids is not None:
            _check_responsible(source, files, (*path, "department"), duty.department)
    if ids is not None and duties.fallback not in ids:
        _missing(source, file, ("fallback",), "department", duties.fallback)


def _check_responsible(source: PackSource, files: CityFiles, path: tuple[str | int, ...], name: str) -> None:
    """A department that exists, or a placeholder for which every area has one."""
    file = "duties.yaml"
    departments = files.departments.departments if files.departments else []
    kinds = {"{district}": ("district", "district"), "{street}": ("street", "street_office")}
    if name in kinds:
        level, kind = kinds[name]
        served = {one.area for one in departments if one.kind == kind}
        lacking = [
            area.code
            for area in (files.areas.areas if files.areas else [])
            if area.level == level and area.code not in served
        ]
        if lacking:
            told = ", ".join(lacking[:5])
            source.add(file, path, "pack_placeholder", name=name, count=len(lacking), areas=told)
    elif name not in {one.id for one in departments}:
        _missing(source, file, path, "department", name)


def _check_roles(source: PackSource, roles: RolesFile, departments: Collection[str] | None) -> None:
    file, seen = "roles.yaml", set[str]()
    for index, account in enumerate(roles.demo_accounts):
        path = ("demo_accounts", index)
        if account.account in seen:
            source.add(file, path, "pack_duplicate", name=account.account)
        seen.add(account.account)
        if account.role not in roles.roles:
            _missing(source, file, (*path, "role"), "role", account.role)
        if account.department and departments is not None and account.department not in departments:
            _missing(source, file, (*path, "department"), "department", account.department)


def _check_hours(source: PackSource, path: tuple[str | int, ...], hours: OpenHours) -> None:
    file, last = "calendar.yaml", ""
    for index, (opens, closes) in enumerate(hours):
        if not (_clock.match(opens) and _clock.match(closes)):
            source.add(file, (*path, index), "pack_clock", given=f"{opens}–{closes}")
            continue
        if not last <= opens < closes:
            source.add(file, (*path, index), "pack_hours_order", given=f"{opens}–{closes}")
        last = closes


def _check_special_hours(source: PackSource, calendar: CalendarFile) -> None:
    """Hours of weekdays, seasons and single days."""
    file = "calendar.yaml"
    for weekday, hours in calendar.weekday_hours.items():
        if not 1 <= weekday <= 7:
            source.add(file, ("weekday_hours",), "pack_weekday", given=weekday)
        _check_hours(source, ("weekday_hours", weekday), hours)
    for index, season in enumerate(calendar.seasons):
        for end in ("first", "last"):
            _check_date(source, ("seasons", index, end), f"2024-{getattr(season, end)}")
        _check_hours(source, ("seasons", index, "hours"), season.hours)
    for day, hours in calendar.date_hours.items():
        _check_date(source, ("date_hours",), day)
        _check_hours(source, ("date_hours", day), hours)


def _check_date(source: PackSource, path: tuple[str | int, ...], text: str) -> None:
    try:
        date.fromisoformat(text)
    except ValueError:
        source.add("calendar.yaml", path, "pack_date", given=text)


def _check_calendar(source: PackSource, calendar: CalendarFile) -> None:
    file = "calendar.yaml"
    if not calendar.hours:
        source.add(file, ("hours",), "pack_hours_empty")
    _check_hours(source, ("hours",), calendar.hours)
    _check_special_hours(source, calendar)
    for index, day in enumerate(calendar.weekly_days_off):
        if not 1 <= day <= 7:
            source.add(file, ("weekly_days_off", index), "pack_weekday", given=day)
    if set(calendar.weekly_days_off) >= set(range(1, 8)) and not calendar.national:
        source.add(file, ("weekly_days_off",), "pack_never_open")
    for key in ("holidays", "workdays"):
        for index, text in enumerate(getattr(calendar, key)):
            _check_date(source, (key, index), text)
    for day_text in sorted(set(calendar.holidays) & set(calendar.workdays)):
        source.add(file, ("workdays",), "pack_day_both", given=day_text)
