"""What the doors of finding cases answer."""

from datetime import date

from pydantic import BaseModel, Field

from yunnao.modules.cases.http_models import CaseItem


class Match(BaseModel):
    """The part of a case that says what was looked for."""

    text: str
    marks: list[tuple[int, int]] = Field(description="Ranges of `text`: from, to (excluded).")


class FoundCase(CaseItem):
    match: Match | None = Field(
        description="None where nothing was looked for, or where it stands is not shown."
    )


class CasePage(BaseModel):
    items: list[FoundCase]
    next: str | None = Field(
        description="The cursor of the next page. A search may answer a short page and have a next one."
    )
    total: int | None = Field(description="Where it was asked for.")
    total_exact: bool | None = Field(description="False where the total is an estimate.")


class CaseCell(BaseModel):
    lon: float = Field(description="The mean place of its cases, WGS 84.")
    lat: float
    n: int
    overdue: int
    day: date | None = Field(description="In the city's own time, where days were asked for.")


class CaseCells(BaseModel):
    """The cells with most cases first."""

    items: list[CaseCell]
