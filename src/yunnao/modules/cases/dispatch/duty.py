"""The duty matrix: who is responsible for a category at a place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

DISTRICT, STREET = "{district}", "{street}"


@dataclass(frozen=True)
class DutyRow:
    """A row of the matrix; None matches everything."""

    category: str | None
    area: str | None
    department: str


@dataclass(frozen=True)
class Responsible:
    """The department, the row that named it (None: the stated fallback), and whether a place that
    is not known could have named another."""

    department: str
    row: DutyRow | None
    place_missing: bool = False


@dataclass(frozen=True)
class Offices:
    """Departments that stand for an area: the district's government, the street's office."""

    by_district: Mapping[str, str]
    by_street: Mapping[str, str]


def responsible(
    rows: Sequence[DutyRow],
    path: Sequence[str],
    district: str | None,
    street: str | None,
    offices: Offices,
    fallback: str,
) -> Responsible:
    """The most specific row that matches wins: first the nearer category, then the smaller area.

    `path` is the category and everything above it, nearest first; empty: unknown. A row whose
    placeholder finds no office at this place is passed over.
    """
    areas = [code for code in (street, district) if code]
    place_missing = False
    for row in sorted(rows, key=lambda row: _distance(row, path, areas)):
        if row.category is not None and row.category not in path:
            continue
        if row.area is not None and row.area not in areas:
            place_missing = place_missing or district is None
            continue
        department = _office(row.department, district, street, offices)
        if department is not None:
            return Responsible(department, row, place_missing)
        place_missing = place_missing or district is None
    return Responsible(fallback, None, place_missing)


def _distance(row: DutyRow, path: Sequence[str], areas: Sequence[str]) -> tuple[int, int]:
    category = path.index(row.category) if row.category in path else len(path)
    if row.area is None:
        return category, len(areas) + 1
    return category, areas.index(row.area) if row.area in areas else 0


def _office(department: str, district: str | None, street: str | None, offices: Offices) -> str | None:
    if department == DISTRICT:
        return offices.by_district.get(district or "")
    if department == STREET:
        return offices.by_street.get(street or "")
    return department
