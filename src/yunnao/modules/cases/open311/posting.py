"""POST request: a form as the standard defines it, checked into what the case centre opens."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from starlette.datastructures import FormData

from yunnao.kernel.errors import InvalidInput, NotFound, TooLarge
from yunnao.modules.cases.contracts import NewCase, Reporter
from yunnao.modules.cases.open311 import forms
from yunnao.modules.cases.open311.contracts import Sent

ADDRESS_ID_CHARS_MAX = 200
URL_CHARS_MAX = 2_000

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
"""Nothing that people write, and mischief in a terminal or an XML answer."""
_PHONE = re.compile(r"[0-9+()\-./ #*x]{3,40}", re.ASCII)
_EMAIL = re.compile(r"[^\s@<>\"']{1,64}@[A-Za-z0-9.-]{1,190}\.[A-Za-z0-9-]{2,24}")


def read(sent: FormData, services: Sequence[Mapping[str, Any]], photos: tuple[UUID, ...] = ()) -> Sent:
    """The request in a form. Raises InvalidInput, NotFound `open311_service_unknown`, TooLarge."""
    for key, value in sent.multi_items():
        if _CONTROL.search(key) or (isinstance(value, str) and _CONTROL.search(value)):
            raise InvalidInput("text_unreadable")
    service = _service(sent, services)
    text = field(sent, "description")
    if text is None:
        if service["code"] == forms.AUTO:
            raise InvalidInput("text_missing")
        # The standard lets a description be left out: the service then says what is meant.
        text = service["name"].zh
    lon, lat, address, address_id = _place(sent, service)
    return Sent(
        NewCase(
            text=text,
            source="open311",
            lon=lon,
            lat=lat,
            address=address,
            category=None if service["code"] == forms.AUTO else service["code"],
            # Naming the type makes the form count even where nothing of it was filled in.
            case_type=service["case_type"],
            photos=photos,
            reporter=_reporter(sent),
            fields=forms.read(sent.multi_items(), service["form"]),
        ),
        address_id,
        _media_url(field(sent, "media_url")),
    )


def field(sent: FormData, name: str) -> str | None:
    """A parameter; an empty one is as one that was not sent (the standard, Optional Arguments)."""
    value = sent.get(name)
    return value.strip() or None if isinstance(value, str) else None


def _service(sent: FormData, services: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    code = field(sent, "service_code")
    if code is None:
        raise InvalidInput("open311_service_missing")
    found = next((each for each in services if each["code"] == code), None)
    if found is None:
        raise NotFound("open311_service_unknown", service_code=code[:60])
    return found


def _place(
    sent: FormData, service: Mapping[str, Any]
) -> tuple[float | None, float | None, str | None, str | None]:
    """Longitude, latitude, address, address id: the standard asks for one of the three ways.

    Only `auto`, which is ours, takes a report without a place: it goes to the desk where the place decides.
    """
    lon, lat = field(sent, "long"), field(sent, "lat")
    address, address_id = field(sent, "address_string"), field(sent, "address_id")
    if (lon is None) != (lat is None):
        raise InvalidInput("coordinates_half")
    if address_id is not None and len(address_id) > ADDRESS_ID_CHARS_MAX:
        raise TooLarge("text_too_long", limit_chars=ADDRESS_ID_CHARS_MAX)
    if lon is None and address is None and address_id is None and service["code"] != forms.AUTO:
        raise InvalidInput("open311_place_missing")
    return (
        forms.number(lon) if lon is not None else None,
        forms.number(lat) if lat is not None else None,
        address,
        address_id,
    )


def _reporter(sent: FormData) -> Reporter | None:
    """Who reports. `device_id` and `account_id` are not kept: nothing here needs them."""
    name = " ".join(part for part in (field(sent, "last_name"), field(sent, "first_name")) if part) or None
    phone, email = field(sent, "phone"), field(sent, "email")
    if phone is not None and not _PHONE.fullmatch(phone):
        raise InvalidInput("open311_phone_unreadable")
    if email is not None and not _EMAIL.fullmatch(email):
        raise InvalidInput("open311_email_unreadable")
    return Reporter(name, phone, email) if name or phone or email else None


def _media_url(value: str | None) -> str | None:
    if value is None:
        return None
    if len(value) > URL_CHARS_MAX:
        raise TooLarge("text_too_long", limit_chars=URL_CHARS_MAX)
    try:
        parts = urlsplit(value)
        sound = (
            parts.scheme in {"http", "https"} and bool(parts.hostname) and not re.search(r"[\s<>\"]", value)
        )
        _ = parts.port
    except ValueError:
        sound = False
    if not sound:
        raise InvalidInput("open311_media_unreadable")
    return value
