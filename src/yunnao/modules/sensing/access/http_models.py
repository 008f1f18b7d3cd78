"""What the doors of access read and answer."""

from datetime import datetime
from itertools import islice
from typing import Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from yunnao.infra.nats_subjects import ack_topic, command_topic, device_topic, mqtt_client_id
from yunnao.infra.postgres import Row
from yunnao.kernel.text import Language, Text
from yunnao.modules.sensing.access.certificates import pem_chars_max
from yunnao.modules.sensing.access.credentials import Issued
from yunnao.modules.sensing.access.provisioning import Provisioned, reasons
from yunnao.modules.sensing.access.service import body_rows_max
from yunnao.modules.sensing.contracts import DeviceDraft

DEVICES_PER_REQUEST_MAX = 5_000
REJECTS_TOLD_MAX = 1_000
OVERLAP_S_MAX = 90 * 24 * 3600


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


class CredentialIn(BaseModel):
    """What a new token is to be. With `overlap_s` the device's others end so much later: a rotation."""

    expires_at: AwareDatetime | None = Field(None, description="None: until it is revoked.")
    overlap_s: int | None = Field(None, ge=0, le=OVERLAP_S_MAX)


class CertificateIn(BaseModel):
    """A certificate that is to stand for a device, in PEM; of a chain the first."""

    pem: str = Field(min_length=1, max_length=pem_chars_max)


class CertificateOut(BaseModel):
    id: UUID


class IssuedOut(BaseModel):
    """A new credential with its token, which is told this once, and how to connect with it by MQTT."""

    id: UUID
    device: str
    token: str
    expires_at: datetime | None
    user: str
    client_id: str
    topic: str
    commands_topic: str
    acks_topic: str


class CredentialOut(BaseModel):
    id: UUID
    kind: str
    state: Literal["live", "expired", "revoked"]
    issued_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class CredentialsOut(BaseModel):
    items: list[CredentialOut]


def issued_out(issued: Issued) -> IssuedOut:
    return IssuedOut(
        id=issued.id,
        device=issued.device,
        token=issued.token,
        expires_at=issued.expires_at,
        user=issued.device,
        client_id=mqtt_client_id(issued.device),
        topic=device_topic(issued.product, issued.device),
        commands_topic=command_topic(issued.product, issued.device),
        acks_topic=ack_topic(issued.product, issued.device),
    )


def credential_out(row: Row, now: datetime) -> CredentialOut:
    ended = row["expires_at"] is not None and row["expires_at"] <= now
    state: Literal["live", "expired", "revoked"] = "expired" if ended else "live"
    return CredentialOut(**row, state="revoked" if row["revoked_at"] is not None and not ended else state)
