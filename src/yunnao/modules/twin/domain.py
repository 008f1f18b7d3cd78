"""The twin's rules without a database: NGSI-LD's normalized form, colours of a layer."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from yunnao.kernel.packs.scene import MapLayer
from yunnao.modules.twin.contracts import Attribute, EntityDraft

NEUTRAL = "neutral"


def row_of(draft: EntityDraft) -> tuple[Any, ...]:
    """A draft as a row of `ENTITY_COLUMNS`; the areas are not known yet."""
    return (
        draft.id,
        draft.type,
        draft.name.model_dump_json(),
        draft.lon,
        draft.lat,
        None,
        None,
        json.dumps(draft.attributes),
        json.dumps(draft.relations),
        json.dumps(draft.geometry) if draft.geometry else None,
        draft.synthetic,
    )


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
