"""Parts that scene packs and city packs share."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from yunnao.kernel.text import Text

__all__ = ["Code", "Model", "PascalName", "Severity", "Slug", "Text", "Version"]

Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=60)]
"""A name of parts joined by hyphens, lower case: `urban-management`."""

Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=60)]
"""A code as its issuing body writes it: an administrative code, a category code."""

PascalName = Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]*$", max_length=60)]
"""A type name as NGSI-LD writes it: `CarPark`."""

Severity = Literal["minor", "moderate", "severe", "extreme"]
"""CAP 1.2, element `severity`."""

Version = Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]


class Model(BaseModel):
    """Strict and frozen: an unknown key is an error, since it is usually a misspelt one."""

    model_config = ConfigDict(frozen=True, extra="forbid")
