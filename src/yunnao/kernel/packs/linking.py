"""What a city declares of cases that speak of one event: duplicates, recurring places, group complaints."""

from pydantic import Field

from yunnao.kernel.packs.common import Code, Model

RADIUS_M_MAX = 300
"""The grid that finds candidates covers this distance everywhere."""


class LinkingWindow(Model):
    """How far apart two cases of a category, or of any below it, may be and still be one event."""

    radius_m: float = Field(200, gt=0, le=RADIUS_M_MAX)
    days: float = Field(14, gt=0, le=90, description="Since the earlier case was closed; an open one counts.")


class RecurringPlaces(Model):
    """A place where the same trouble comes back after it was closed."""

    cases_min: int = Field(3, ge=2, description="Cases of one category at one place or thing.")
    days: int = Field(90, ge=1, le=366)


class GroupComplaints(Model):
    """Many people with one complaint, noticed early."""

    reporters_min: int = Field(5, ge=2, description="Different reporters.")
    within_h: int = Field(24, ge=1, le=168)
    weeks: int = Field(8, ge=1, le=26, description="The usual rate is that of the same hours of these weeks.")
    chance_max: float = Field(
        1e-4, gt=0, lt=1, description="Warned where so many would come by chance less often than this."
    )


class Linking(Model):
    """`linking` of `city.yaml`."""

    window: LinkingWindow = LinkingWindow()
    by_category: dict[Code, LinkingWindow] = Field({}, description="For a category and those below it.")
    suggest_min: float = Field(0.15, gt=0, lt=1, description="Probability from which a link is suggested.")
    merge_min: float | None = Field(
        None, gt=0, le=1, description="From here on duplicates are merged by themselves; none: never."
    )
    recurring: RecurringPlaces = RecurringPlaces()
    group: GroupComplaints = GroupComplaints()
