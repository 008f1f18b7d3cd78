"""A case as officers and other systems send it over HTTP."""

from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from yunnao.kernel.principal import Principal
from yunnao.modules.cases import domain
from yunnao.modules.cases.contracts import NewCase, Reporter


class ReporterBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    phone: str | None = None
    email: str | None = None


class CaseBody(BaseModel):
    """A case as an officer or another system opens it; coordinates in WGS 84."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    text: str
    lon: float | None = None
    lat: float | None = None
    address: str | None = None
    category: str | None = None
    case_type: str | None = None
    photos: list[UUID] = []
    reporter: ReporterBody | None = None
    fields: dict[str, Any] = {}
    external_reference: str | None = Field(
        None, description="The sender's own number for it; the same number is the same case."
    )


def new_case(body: CaseBody, principal: Principal) -> NewCase:
    # A system's account brings in the hotline's cases; it was not on the spot.
    source: domain.Source = "hotline" if principal.kind == "system" else "officer"
    reporter = Reporter(**body.reporter.model_dump()) if body.reporter else None
    return NewCase(
        text=body.text,
        source=source,
        lon=body.lon,
        lat=body.lat,
        address=body.address,
        category=body.category,
        case_type=body.case_type,
        photos=tuple(dict.fromkeys(body.photos)),
        reporter=reporter,
        fields=body.fields,
    )
