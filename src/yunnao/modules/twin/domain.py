"""The twin's rules without a database: NGSI-LD's normalized form, colours of a layer."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from yunnao.kernel.packs.scene import EntityType, MapLayer
from yunnao.modules.twin.contracts import Attribute, AttributeValue

NEUTRAL = "neutral"


def normalized(spec: EntityType, attributes: Mapping[str, AttributeValue]) -> dict[str, Any]:
    """Declared attributes as NGSI-LD Properties (ETSI GS CIM 009, 4.5.2), units from the type."""
    properties: dict[str, Any] = {}
    for name, value in attributes.items():
        declared = spec.attributes.get(name)
        properties[name] = {"type": "Property", "value": value}
        if declared is not None and declared.unit is not None:
            properties[name]["unitCode"] = declared.unit
    return properties


def relationships(relations: Mapping[str, str]) -> dict[str, Any]:
    """Relations as NGSI-LD Relationships (ETSI GS CIM 009, 4.5.3)."""
    return {name: {"type": "Relationship", "object": target} for name, target in relations.items()}


def attribute_of(stored: Mapping[str, Any]) -> Attribute:
    """An attribute from its normalized form."""
    observed = stored.get("observedAt")
    return Attribute(
        stored.get("value"), stored.get("unitCode"), datetime.fromisoformat(observed) if observed else None
    )


def token_of(layer: MapLayer, value: Any, whole: Any) -> str:
    """The colour token of a point: of the last step at or below its value, or its share of `whole`."""
    if not _is_number(value):
        return NEUTRAL
    if layer.relative_to is not None:
        if not _is_number(whole) or whole <= 0:
            return NEUTRAL
        value = value / whole
    reached = [step for step in layer.steps if value >= step.from_value]
    return max(reached, key=lambda step: step.from_value).token if reached else NEUTRAL


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
