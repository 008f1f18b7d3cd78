"""What the doors of sensing read and answer."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from yunnao.infra.postgres import Row
from yunnao.kernel.packs.commands import Command
from yunnao.kernel.packs.scene import ValueType
from yunnao.kernel.text import Language, Text, say
from yunnao.modules.sensing.batches.contracts import Taken
from yunnao.modules.sensing.contracts import Device, InstalledProduct, Rejected, Standing
from yunnao.modules.sensing.identifiers.facade import Identifiers
from yunnao.modules.sensing.sharing.rights import Hidden, seen

PREVIEW_BYTES_MAX = 2_000
"""Of a dead letter's payload in a list."""


class MessageIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    device: str = Field(max_length=128)
    payload: Any
    product: str | None = Field(None, max_length=128, description="None: the batch's.")


class ReadingIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    device: str = Field(max_length=128)
    metric: str = Field(max_length=128)
    value: float | int | bool | str
    time: datetime | None = Field(None, description="None: the time of arrival.")


class BatchIn(BaseModel):
    """Either messages as devices send them, or plain readings."""

    model_config = ConfigDict(extra="forbid")

    product: str | None = Field(None, max_length=128)
    messages: list[MessageIn] | None = None
    readings: list[ReadingIn] | None = None


class RejectedOut(BaseModel):
    index: int
    code: str
    detail: str


class TakenOut(BaseModel):
    """How many readings or messages are in the stream, and why others are not; of many the first."""

    accepted: int
    refused: int
    rejected: list[RejectedOut]


class MetricOut(BaseModel):
    label: Text
    value_type: ValueType
    unit: str | None
    unit_label: Text | None
    minimum: float | None
    maximum: float | None


class ProductOut(BaseModel):
    product: str
    label: Text
    scene: str
    grade: str = Field(description="Of the readings (GB/T 43697-2024): general, important, core.")
    interval_s: int
    metrics: dict[str, MetricOut]
    commands: dict[str, Command]


class ProductsOut(BaseModel):
    items: list[ProductOut]


class NamedOut(BaseModel):
    id: str
    name: Text


class LatestOut(BaseModel):
    value: Any
    time: datetime


class DeviceOut(BaseModel):
    id: str
    identifier: str
    device: str
    name: Text
    product: str
    product_label: Text
    entity: NamedOut
    lon: float | None
    lat: float | None
    district: str | None
    owner: str | None
    standing: Standing
    synthetic: bool
    state: str
    last_seen: datetime | None
    latest: dict[str, LatestOut]
    hidden: list[str] = Field(description="Metrics whose values you may not read; they are left out.")


class DevicesOut(BaseModel):
    items: list[DeviceOut]
    next: str | None
    total: int | None


class LetterOut(BaseModel):
    id: UUID
    source: str
    subject: str
    payload: str
    code: str
    detail: str
    created_at: datetime
    replayed_at: datetime | None


class LettersOut(BaseModel):
    items: list[LetterOut]
    next: str | None


def taken(offered: int, rejected: Sequence[Rejected], language: Language) -> TakenOut:
    return TakenOut(
        accepted=offered - len(rejected), refused=len(rejected), rejected=_rejected(rejected, language)
    )


def taken_columns(found: Taken, language: Language) -> TakenOut:
    return TakenOut(
        accepted=found.accepted, refused=found.refused, rejected=_rejected(found.rejected, language)
    )


def _rejected(found: Sequence[Rejected], language: Language) -> list[RejectedOut]:
    return [RejectedOut(index=r.index, code=r.code, detail=say(r.code, language, **r.params)) for r in found]


def product_out(found: InstalledProduct) -> ProductOut:
    metrics = {
        name: MetricOut(
            label=metric.label,
            value_type=metric.value_type,
            unit=metric.unit,
            unit_label=metric.unit_label,
            minimum=metric.minimum,
            maximum=metric.maximum,
        )
        for name, metric in found.spec.metrics.items()
    }
    return ProductOut(
        product=found.product,
        label=found.spec.label,
        scene=found.scene,
        grade=found.spec.grade,
        interval_s=found.spec.interval_s,
        metrics=metrics,
        commands=found.spec.commands,
    )


def device_out(
    device: Device, names: Mapping[str, Text], identifiers: Identifiers, hidden: Hidden
) -> DeviceOut:
    return DeviceOut(
        id=device.id,
        identifier=identifiers.of(device.id),
        device=device.id,
        name=device.name,
        product=device.product,
        product_label=device.product_label,
        entity=NamedOut(id=device.entity, name=names.get(device.entity, device.name)),
        lon=device.lon,
        lat=device.lat,
        district=device.district,
        owner=device.owner,
        standing=device.standing,
        synthetic=device.synthetic,
        state=device.state,
        last_seen=device.last_seen,
        latest={
            name: LatestOut(value=v.value, time=v.time)
            for name, v in seen(device.latest, device.number, hidden).items()
        },
        hidden=sorted(hidden.get(device.number, ())),
    )


def letter_out(row: Row, language: Language) -> LetterOut:
    return LetterOut(
        id=row["id"],
        source=row["source"],
        subject=row["subject"],
        payload=bytes(row["payload"])[:PREVIEW_BYTES_MAX].decode("utf-8", "replace"),
        code=row["code"],
        detail=say(row["code"], language, **row["params"]),
        created_at=row["created_at"],
        replayed_at=row["replayed_at"],
    )
