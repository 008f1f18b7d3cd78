"""Commands that a product's devices carry out, as its scene declares them."""

from typing import Literal

from pydantic import Field, model_validator

from yunnao.kernel.packs.common import Model, Text

CommandGrade = Literal["routine", "operational", "critical"]
"""Who may order it. routine: the owning department's staff; operational: those and the city's
dispatchers; critical: a dispatcher, and a second person must agree."""


class Parameter(Model):
    """One value that a command takes."""

    label: Text
    value_type: Literal["number", "integer", "boolean", "string"] = "number"
    unit: str | None = Field(None, description="UN/CEFACT Common Code.")
    unit_label: Text | None = Field(None, description="The unit as people write it.")
    minimum: float | None = None
    maximum: float | None = None
    choices: list[str] | None = Field(None, description="Of a string: the values allowed.")
    required: bool = True

    @model_validator(mode="after")
    def _fits(self) -> "Parameter":
        numeric = self.value_type in {"number", "integer"}
        if not numeric and (self.minimum is not None or self.maximum is not None):
            raise ValueError("only a number has a minimum or a maximum")
        if self.choices is not None and self.value_type != "string":
            raise ValueError("only a string has choices")
        return self


class Command(Model):
    """A command. A device carries out each id once, however often it comes."""

    label: Text
    parameters: dict[str, Parameter] = {}
    grade: CommandGrade = "operational"
    timeout_s: int = Field(30, ge=1, le=3_600, description="Without an answer it is sent again after this.")
    retries: int | None = Field(
        None, ge=0, le=1_000, description="How often it is sent again at most; none: until it expires."
    )
    expires_s: int = Field(600, ge=1, le=604_800, description="Not carried out by then, it is over.")
    sets: dict[str, str] = Field(
        {}, description="Desired state by name: the parameter whose value it takes, or =text, =true, =false."
    )

    @model_validator(mode="after")
    def _sets_known(self) -> "Command":
        unknown = [v for v in self.sets.values() if not v.startswith("=") and v not in self.parameters]
        if unknown:
            raise ValueError(f"`sets` names parameters that the command lacks: {sorted(unknown)}")
        return self
