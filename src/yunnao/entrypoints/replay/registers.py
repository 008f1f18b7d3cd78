"""Registers of devices: a CSV with a row a place."""

import math
from collections.abc import Iterator
from pathlib import Path

from yunnao.entrypoints.replay.tables import (
    DEVICE_COLUMNS,
    LATITUDES,
    LONGITUDES,
    first_of,
    rows_of,
)
from yunnao.infra.nats_subjects import device_topic
from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.geometry import valid_lonlat
from yunnao.kernel.packs.scene import EntityType
from yunnao.kernel.text import Text
from yunnao.modules.sensing.contracts import DeviceDraft

NAME_COLUMNS = ("name", "place_name", "station_name", "device_name", "title")
ATTRIBUTE_COLUMNS = {"capacity": ("capacity", "num_all", "spaces", "total")}
"""Other names under which registers carry an attribute (`num_all`: ParkAPI)."""


def devices_in(file: Path, product: str, entity_type: EntityType) -> Iterator[DeviceDraft]:
    """A draft for each row with a usable id; an unusable place is left out, not guessed.

    Raises InvalidInput `table_unreadable`.
    """
    table = rows_of(file)
    identity = first_of(table.columns, (*DEVICE_COLUMNS, "id")) or table.columns[0]
    name = first_of(table.columns, NAME_COLUMNS) or identity
    longitude, latitude = first_of(table.columns, LONGITUDES), first_of(table.columns, LATITUDES)
    attributes = {
        attribute: column
        for attribute in entity_type.attributes
        if (column := first_of(table.columns, ATTRIBUTE_COLUMNS.get(attribute, (attribute.lower(),))))
    }
    for row in table.iter_rows(named=True):
        try:
            device_topic(product, row[identity] or "")
        except InvalidInput:
            continue
        values: dict[str, float | int | str | bool] = {}
        for attribute, column in attributes.items():
            value = _value(row[column], entity_type.attributes[attribute].value_type)
            if value is not None:
                values[attribute] = value
        called = (row[name] or row[identity])[:200]
        lon, lat = _place(row[longitude] if longitude else None, row[latitude] if latitude else None)
        yield DeviceDraft(row[identity], product, row[identity], Text(zh=called, en=called), lon, lat, values)


def bare_device(device: str, product: str) -> DeviceDraft:
    """A device of which only the readings tell."""
    return DeviceDraft(device, product, device, Text(zh=device, en=device), None, None)


def _place(longitude: str | None, latitude: str | None) -> tuple[float | None, float | None]:
    try:
        return valid_lonlat(float(longitude or "nan"), float(latitude or "nan"))
    except (ValueError, InvalidInput):
        return None, None


def _value(text: str | None, kind: str) -> float | int | str | None:
    if not text or kind == "string":
        return text or None
    try:
        number = float(text)
    except ValueError:
        return None
    if not math.isfinite(number):
        return None
    return int(number) if kind == "integer" else number
