"""What the doors of access read and answer."""

from itertools import islice
from typing import Any

from pydantic import BaseModel, Field

from yunnao.kernel.text import Language, Text
from yunnao.modules.sensing.access.provisioning import Provisioned, reasons
from yunnao.modules.sensing.access.service import body_rows_max
from yunnao.modules.sensing.contracts import DeviceDraft

DEVICES_PER_REQUEST_MAX = 5_000
REJECTS_TOLD_MAX = 1_000


class DeviceIn(BaseModel):
    """A device and the thing that it watches; `entity` is the local part of its URN."""

    device: str = Field(min_length=1, max_length=128)
    product: str = Field(max_length=60)
    entity: str = Field(min_length=1, max_length=128)
    name: Text
    lon: float | None = None
    lat: float | None = None
    attributes: dict[str, float | int | str | bool] = {}
    owner: str | None = Field(None, max_length=60, description="Id of the department that owns it.")
    gateway: str | None = Field(None, max_length=128, description="Id of the device that may speak for it.")


class DevicesIn(BaseModel):
    devices: list[DeviceIn] = Field(min_length=1, max_length=DEVICES_PER_REQUEST_MAX)


class RowOut(BaseModel):
    """A row that was not taken, or that a later one replaced. Lines of a CSV count from its header, 1."""

    line: int
    device: str
    code: str
    detail: str


class RegisteredOut(BaseModel):
    """How many devices were not known before, were brought up to date, were known just so; how many
    rows were rejected, and how many a later row of the same device replaced. The rows are told up to
    a limit."""

    registered: int
    updated: int
    unchanged: int = 0
    rejected: int = 0
    repeated: int = 0
    rows: list[RowOut] = []


def draft_in(device: DeviceIn) -> DeviceDraft:
    return DeviceDraft(
        id=device.device,
        product=device.product,
        entity=device.entity,
        name=device.name,
        lon=device.lon,
        lat=device.lat,
        attributes=device.attributes,
        owner=device.owner,
        gateway=device.gateway,
    )


def registered_out(found: Provisioned, language: Language) -> RegisteredOut:
    rows = [*reasons(found.rejected.head(REJECTS_TOLD_MAX), language)]
    rows += islice(reasons(found.repeated, language), REJECTS_TOLD_MAX - len(rows))
    return RegisteredOut(
        registered=found.new,
        updated=found.updated,
        unchanged=found.unchanged,
        rejected=found.rejected.height,
        repeated=found.repeated.height,
        rows=[
            RowOut(line=line, device=device, code=code, detail=detail) for line, device, code, detail in rows
        ],
    )


def bodies() -> dict[str, Any]:
    """The bodies of a registration, for the description of the API (OpenAPI 3.1)."""
    table = {"schema": {"type": "string", "format": "binary", "description": f"≤ {body_rows_max} rows"}}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": _inlined(DevicesIn.model_json_schema())},
                "text/csv": table,
                "application/vnd.apache.parquet": table,
                "application/vnd.apache.arrow.stream": table,
            },
        }
    }


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """Definitions in the place of references, which would lead out of the body's schema."""
    definitions = schema.pop("$defs", {})

    def walk(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                return walk(definitions[node["$ref"].rpartition("/")[2]])
            return {key: walk(value) for key, value in node.items()}
        return [walk(value) for value in node] if isinstance(node, list) else node

    found: dict[str, Any] = walk(schema)
    return found
