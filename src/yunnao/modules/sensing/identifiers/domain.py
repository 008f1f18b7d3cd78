"""Identifiers `prefix/suffix` and their records (RFC 3651, 3; Handle.Net's JSON form of them).

The suffix is a device's id, or the URN of an entity (ETSI GS CIM 009, 4.6.2), so that an identifier
is found again without a table of identifiers.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from yunnao.modules.sensing.identifiers.contracts import KnownDevice
from yunnao.modules.twin.contracts import URN_PREFIX, Entity

record_ttl_s = 86_400
NGSI_LD_CONTEXT = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld"

FOUND, UNKNOWN, NO_SUCH_VALUES, FOREIGN_PREFIX = 1, 100, 200, 301
"""Response codes of the protocol (RFC 3652, 2.2.2.3): success, handle not found, values not found, server
not responsible."""


@dataclass(frozen=True)
class Value:
    """One value of a record: at its index for good, of a type, as text."""

    index: int
    type: str
    data: str


@dataclass(frozen=True)
class Record:
    """All that an identifier says. `page` is the console's, `link` what a machine reads."""

    identifier: str
    values: tuple[Value, ...]
    changed_at: datetime


def is_entity(suffix: str) -> bool:
    return suffix.startswith(URN_PREFIX)


def device_record(prefix: str, device: KnownDevice, base: str) -> Record:
    """The record of a device; `base` is the platform's address without a slash at its end."""
    place = _place(device.lon, device.lat)
    return Record(
        f"{prefix}/{device.id}",
        _values(
            (1, "URL", f"{base}{device_page(device.id)}"),
            (2, "TYPE", f"Device/{device.product}"),
            (3, "LABEL", device.name.zh),
            (4, "LABEL", device.name.en),
            (5, "OWNER", device.owner),
            (6, "LOCATION", place),
            (7, "ENTITY", f"{prefix}/{device.entity}"),
            (8, "API", f"{base}/api/v1/devices/{device.id}"),
        ),
        device.registered_at,
    )


def entity_record(prefix: str, entity: Entity, devices: list[KnownDevice], base: str) -> Record:
    """The record of an entity; its owner is that of its devices where they have one and the same."""
    owners = {device.owner for device in devices}
    return Record(
        f"{prefix}/{entity.id}",
        _values(
            (1, "URL", f"{base}{entity_page(devices)}"),
            (2, "TYPE", entity.type),
            (3, "LABEL", entity.name.zh),
            (4, "LABEL", entity.name.en),
            (5, "OWNER", owners.pop() if len(owners) == 1 else None),
            (6, "LOCATION", _place(entity.lon, entity.lat)),
            (8, "API", f"{base}/api/v1/entities/{entity.id}"),
            *((100 + place, "DEVICE", f"{prefix}/{device.id}") for place, device in enumerate(devices)),
        ),
        entity.modified_at,
    )


def device_page(device: str) -> str:
    return f"/devices/{device}"


def entity_page(devices: list[KnownDevice]) -> str:
    """Of what is watched the page of the first device that watches it, else the overview."""
    return device_page(devices[0].id) if devices else "/cockpit"


def answer(
    record: Record, types: frozenset[str] = frozenset(), indexes: frozenset[int] = frozenset()
) -> dict[str, Any]:
    """The record as Handle.Net's proxy tells it; with types or indexes only values of these."""
    chosen = [v for v in record.values if not (types or indexes) or v.type in types or v.index in indexes]
    if not chosen:
        return {"responseCode": NO_SUCH_VALUES, "handle": record.identifier}
    changed = record.changed_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "responseCode": FOUND,
        "handle": record.identifier,
        "values": [
            {
                "index": value.index,
                "type": value.type,
                "data": {"format": "string", "value": value.data},
                "ttl": record_ttl_s,
                "timestamp": changed,
            }
            for value in chosen
        ],
    }


def linked_entity(entity: Entity, without: Collection[str] = ()) -> dict[str, Any]:
    """An entity in NGSI-LD's normalized form as JSON-LD (ETSI GS CIM 009, 4.5), `without` some attributes."""
    out: dict[str, Any] = {
        "id": entity.id,
        "type": entity.type,
        "name": _languages(entity.name.zh, entity.name.en),
    }
    if entity.lon is not None:
        point = {"type": "Point", "coordinates": [entity.lon, entity.lat]}
        out["location"] = {"type": "GeoProperty", "value": point}
    for name, found in entity.attributes.items():
        if name in without:
            continue
        told = {"type": "Property", "value": found.value}
        if found.unit is not None:
            told["unitCode"] = found.unit
        if found.observed_at is not None:
            told["observedAt"] = found.observed_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
        out[name] = told
    out |= {name: {"type": "Relationship", "object": target} for name, target in entity.relations.items()}
    return {**out, "@context": NGSI_LD_CONTEXT}


def linked_device(device: KnownDevice) -> dict[str, Any]:
    """A device as an NGSI-LD entity of the type Device, related to what it watches."""
    out: dict[str, Any] = {
        "id": f"{URN_PREFIX}Device:{device.id}",
        "type": "Device",
        "name": _languages(device.name.zh, device.name.en),
        "product": {"type": "Property", "value": device.product},
        "controlledAsset": {"type": "Relationship", "object": device.entity},
    }
    if device.owner is not None:
        out["owner"] = {"type": "Property", "value": device.owner}
    if device.lon is not None:
        point = {"type": "Point", "coordinates": [device.lon, device.lat]}
        out["location"] = {"type": "GeoProperty", "value": point}
    return {**out, "@context": NGSI_LD_CONTEXT}


def _languages(zh: str, en: str) -> dict[str, Any]:
    return {"type": "LanguageProperty", "languageMap": {"zh": zh, "en": en}}


def _place(lon: float | None, lat: float | None) -> str | None:
    """A geo URI (RFC 5870), which says latitude first."""
    return None if lon is None or lat is None else f"geo:{lat},{lon}"


def _values(*given: tuple[int, str, str | None]) -> tuple[Value, ...]:
    return tuple(Value(index, kind, data) for index, kind, data in given if data is not None)
