"""What a city declares about the doors of its case centre, and about what is kept of who reported."""

from pydantic import Field

from yunnao.kernel.packs.common import Model


class Retention(Model):
    """How long personal data of a report is kept, in days after its case was closed; none: for ever."""

    reporter_days: int | None = Field(
        None, ge=1, description="Then name, telephone, e-mail go, and numbers of persons in its texts."
    )
    original_photo_days: int | None = Field(
        None, ge=1, description="Then only the copies remain in which faces and number plates are blurred."
    )


class Doors(Model):
    """`doors` of `city.yaml`."""

    jurisdictions: list[str] = Field(
        [], description="Names for Open311's jurisdiction_id besides the city's own, e.g. its web address."
    )
    retention: Retention = Retention()
