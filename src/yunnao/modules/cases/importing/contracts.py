"""What an import is: frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from yunnao.kernel.geometry import Datum

State = Literal["draft", "waiting", "running", "done", "failed"]


class ColumnMapping(BaseModel):
    """Which column is what, by the names in the sheet's first row; None: there is none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: list[str] = Field([], max_length=5, description="Joined, one below the other.")
    reference: str | None = Field(None, description="The number by which a record is known; makes it once.")
    time: str | None = Field(
        None, description="When it was reported, in the city's time where it has no zone."
    )
    address: str | None = None
    lon: str | None = None
    lat: str | None = None
    category: str | None = Field(None, description="A category's code or name; none: the city finds it.")
    name: str | None = None
    phone: str | None = None
    email: str | None = None
    datum: Datum = Field("wgs84", description="Of the coordinates: wgs84, gcj02 or bd09.")


@dataclass(frozen=True)
class SheetRow:
    """One record: its row as a person counts in the sheet, and its cells by column name."""

    row: int
    cells: Mapping[str, str]


@dataclass(frozen=True)
class Import:
    """An import and how far it is. `known`: rows whose number had a case already."""

    id: UUID
    name: str
    format: str
    source: str
    mapping: ColumnMapping
    state: State
    error: Mapping[str, Any] | None
    rows_total: int | None
    rows_done: int
    opened: int
    known: int
    refused: int
    created_at: datetime
    changed_at: datetime
