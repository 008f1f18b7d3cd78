"""What Open311 tells about itself: discovery, the list of services, the form's description."""

from collections.abc import Mapping, Sequence
from typing import Any

from yunnao.kernel.text import Language, catalogue
from yunnao.modules.cases.open311 import forms

SPECIFICATION = "http://wiki.open311.org/GeoReport_v2"
CHANGESET = "2026-11-21 00:00"
"""Of this door's own behaviour; the list of services is read anew by clients in any case."""

EITHER_FORM: dict[str, Any] = {
    "description": "As the path's ending asks.",
    "content": {"application/json": {}, "text/xml": {}},
}

_TEXTS = (
    "jurisdiction_id", "service_code", "lat", "long", "address_string", "address_id", "email", "device_id",
    "account_id", "first_name", "last_name", "phone", "description", "media_url", "api_key",
)  # fmt: skip
POST_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "required": ["service_code"],
                    "properties": {name: {"type": "string"} for name in _TEXTS},
                    "description": "And attribute[code]=value, attribute[code][]=value by the definition.",
                }
            }
        },
    }
}


def discovery(base_url: str, jurisdictions: Sequence[str], language: Language) -> dict[str, Any]:
    """The service discovery that GeoReport v2 requires (wiki.open311.org/Service_Discovery)."""
    return {
        "changeset": CHANGESET,
        "contact": catalogue()["open311_contact"].to(language),
        "key_service": catalogue()["open311_key_service"].to(language),
        "jurisdictions": list(jurisdictions),
        "endpoints": [
            {
                "specification": SPECIFICATION,
                "url": f"{base_url}/open311/v2",
                "changeset": CHANGESET,
                "type": "production",
                "formats": ["text/xml", "application/json"],
            }
        ],
    }


def service_records(found: Sequence[Mapping[str, Any]], language: Language) -> list[dict[str, Any]]:
    return [
        {
            "service_code": service["code"],
            "service_name": service["name"].to(language),
            "description": service["description"].to(language),
            "metadata": bool(forms.attributes(service["form"])),
            "type": "realtime",
            "keywords": ",".join(service["keywords"]),
            "group": service["group"].to(language) if service["group"] else "",
        }
        for service in found
    ]
