"""A city pack: where and who. A folder `cities/<city>/`.

city.yaml          CityManifest (required)
areas.yaml         AreasFile         districts, streets and towns
shapes.geojson     FeatureCollection, each feature's `properties.code` an area's
departments.yaml   DepartmentsFile   departments, street offices, utilities
duties.yaml        DutiesFile        category × area → department
roles.yaml         RolesFile         names of the roles, and the demo accounts
calendar.yaml      CalendarFile      working hours, city holidays
README.md
"""

from typing import Literal

from pydantic import Field

from yunnao.kernel.packs.alarming import AlarmDefaults
from yunnao.kernel.packs.common import Code, Model, Slug, Text, Version
from yunnao.kernel.packs.doors import Doors
from yunnao.kernel.packs.indicators import EvaluationSettings
from yunnao.kernel.packs.linking import Linking

RoleName = Literal[
    "citizen", "dispatcher", "department_staff", "field_worker", "leader", "data_steward", "administrator"
]


class Escalation(Model):
    """A rung of the ladder: whom it is told when a deadline has been passed for some time."""

    on: Literal["amber", "red"] = "red"
    after_h: float = Field(0, ge=0, le=10_000, description="Hours after the case turned amber or red.")
    clock: Literal["working", "urgent"] = Field(
        "urgent", description="working: the city's working hours; urgent: every hour counts."
    )
    role: RoleName
    of: Literal["responsible", "parent", "city"] = Field(
        "city",
        description="Who holds the role in the responsible department, in the one above it, or anywhere.",
    )


class CityManifest(Model):
    """`city.yaml`: the city itself."""

    city: Slug
    code: Code = Field(description="Administrative code (GB/T 2260), e.g. 370200.")
    version: Version
    name: Text
    time_zone: str = "Asia/Shanghai"
    languages: list[Literal["zh", "en"]] = ["zh", "en"]
    centre: tuple[float, float] = Field(description="Longitude, latitude, WGS 84.")
    bounds: tuple[float, float, float, float] = Field(description="West, south, east, north.")
    dispatch_confidence_min: float = Field(
        0.7, ge=0, le=1, description="Below this confidence a person dispatches."
    )
    dispatch_precision: float | None = Field(
        None,
        ge=0.5,
        lt=1,
        description="Promised share of right ones among what is dispatched automatically, e.g. 0.95. Once "
        "the city's own cases have taught the dispatcher, thresholds are chosen for each category so that "
        "it is kept; until then, and where none is declared, dispatch_confidence_min is the threshold.",
    )
    alarms: AlarmDefaults = AlarmDefaults()
    linking: Linking = Linking()
    escalation: list[Escalation] = Field(
        [], max_length=10, description="The ladder of deadlines, lowest rung first; each is told once."
    )
    evaluation: EvaluationSettings = EvaluationSettings()
    identifier_prefix: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9]+(\.[A-Za-z0-9]+)*$",
        max_length=64,
        description="What a registry of identifiers (Handle System) gave the city, e.g. "
        "88.1234.5; none: yunnao.<code>, which resolves at this platform only.",
    )

    doors: Doors = Doors()

    @property
    def prefix(self) -> str:
        """The first part of every identifier that the city gives."""
        return self.identifier_prefix or f"yunnao.{self.code}"


class Area(Model):
    """An administrative division."""

    code: Code = Field(description="GB/T 2260 for districts, GB/T 10114 below.")
    name: Text
    level: Literal["district", "street"]
    parent: Code | None = None


class AreasFile(Model):
    areas: list[Area]


class Department(Model):
    """An organisation that can be made responsible."""

    id: Slug
    name: Text
    kind: Literal["bureau", "district", "street_office", "utility", "contractor"] = "bureau"
    area: Code | None = Field(None, description="The area that it serves; none: the whole city.")
    parent: Slug | None = None
    phone: str | None = None


class DepartmentsFile(Model):
    departments: list[Department]


class Duty(Model):
    """Who is responsible: the most specific row wins.

    A category matches itself and everything below it in the tree; `area` likewise. `department`
    may be `{district}` or `{street}`: the district's government or street's office of the place.
    """

    category: Code | None = Field(None, description="None: every category.")
    area: Code | None = Field(None, description="None: the whole city.")
    department: str


class DutiesFile(Model):
    duties: list[Duty]
    fallback: Slug = Field(description="Where a case goes when no row matches.")


class DemoAccount(Model):
    """An account that exists in demo mode only; its password is made at start and printed."""

    account: Code
    name: Text
    role: RoleName
    department: Slug | None = None


class RolesFile(Model):
    roles: dict[RoleName, Text]
    demo_accounts: list[DemoAccount] = []


OpenHours = list[tuple[str, str]]


class SeasonHours(Model):
    """Working hours of a part of the year, such as a summer timetable."""

    first: str = Field(pattern=r"^\d{2}-\d{2}$", description="Month and day, e.g. 06-01.")
    last: str = Field(
        pattern=r"^\d{2}-\d{2}$", description="Included; may lie before `first`: over New Year."
    )
    hours: OpenHours


class CalendarFile(Model):
    """Working hours (local time) and the city's own days over the national calendar."""

    hours: OpenHours = Field(description="E.g. [['09:00', '12:00'], ['13:30', '17:30']].")
    weekday_hours: dict[int, OpenHours] = Field({}, description="By ISO weekday, where they are others.")
    seasons: list[SeasonHours] = Field([], description="The first that holds decides; before weekdays.")
    date_hours: dict[str, OpenHours] = Field(
        {}, description="Of single days (ISO dates), e.g. half days; none ([]): a day off. Before all else."
    )
    weekly_days_off: list[int] = Field([6, 7], description="ISO weekdays.")
    national: bool = Field(True, description="Use the national holidays and 调休 working days.")
    holidays: list[str] = Field([], description="The city's own days off, ISO dates.")
    workdays: list[str] = Field([], description="The city's own extra working days, ISO dates.")


class CityPack(Model):
    """A whole city pack, as the engine holds it after validation."""

    manifest: CityManifest
    areas: list[Area]
    shapes: dict[str, dict[str, object]] = Field({}, description="Area code to GeoJSON geometry.")
    departments: list[Department]
    duties: list[Duty]
    fallback: str
    roles: dict[RoleName, Text]
    demo_accounts: list[DemoAccount] = []
    calendar: CalendarFile
