"""Open311 GeoReport v2 (wiki.open311.org/GeoReport_v2): services, requests; JSON and XML.

Errors are in Open311's own form, so this door opens its own transactions. Two points go beyond the
standard: the service `auto` lets the city find the category, and a request without a place is
taken (it goes to the desk where the place decides who is responsible).
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

import orjson
from fastapi import APIRouter, Request, Response
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from yunnao.infra.idempotency import Remembered
from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.errors import Forbidden, InvalidInput, NotFound, TooLarge, Unauthenticated, YunnaoError
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import Language, Text, catalogue, preferred_language, say
from yunnao.kernel.time import require_aware
from yunnao.modules.cases import domain
from yunnao.modules.cases.contracts import NewCase, Reporter
from yunnao.modules.cases.facade import Cases
from yunnao.modules.cases.georeport import error_list, service_attributes, to_xml
from yunnao.modules.identity.facade import Identity

Form = Literal["json", "xml"]
Work = Callable[[Transaction], Awaitable[Any]]

AUTO = "auto"
REQUESTS_ROWS_MAX = 1_000
PAGE_ROWS = 50
SPAN_DAYS_MAX = 90
FORM_FIELDS_MAX = 200
STATUS: Mapping[str, tuple[str, ...]] = {"open": domain.OPEN, "closed": ("closed", "rated", "rejected")}

EITHER_FORM: dict[str, Any] = {
    "description": "As the path's ending asks.",
    "content": {"application/json": {}, "text/xml": {}},
}


def router(cases: Cases, identity: Identity) -> APIRouter:
    api = APIRouter(prefix="/open311/v2", tags=["open311"])
    _add_services(api, cases)
    _add_reading(api, cases, identity)
    _add_posting(api, cases, identity)
    return api


def _add_services(api: APIRouter, cases: Cases) -> None:
    @api.get(
        "/services.{form}", response_class=Response, responses={200: EITHER_FORM}, summary="GET service list"
    )
    async def services(request: Request, form: Form) -> Response:
        async def work(tx: Transaction) -> list[dict[str, Any]]:
            return _services(await cases.services(tx), _language(request))

        return await _answer(request, form, ("services", "service"), work)

    @api.get(
        "/services/{code}.{form}",
        response_class=Response,
        responses={200: EITHER_FORM},
        summary="GET service definition",
    )
    async def service(request: Request, code: str, form: Form) -> Response:
        async def work(tx: Transaction) -> dict[str, Any]:
            found = next((s for s in await cases.services(tx) if s["code"] == code), None)
            if found is None:
                raise NotFound("open311_service_unknown", service_code=code[:60])
            return {"service_code": code, "attributes": service_attributes(found["form"])}

        return await _answer(request, form, ("service_definition", "attribute"), work)


def _add_reading(api: APIRouter, cases: Cases, identity: Identity) -> None:
    @api.get(
        "/requests.{form}",
        response_class=Response,
        responses={200: EITHER_FORM},
        summary="GET service requests",
    )
    async def requests(request: Request, form: Form) -> Response:
        query = request.query_params
        language = _language(request)

        async def work(tx: Transaction) -> list[dict[str, Any]]:
            numbers = _listed(query.get("service_request_id"))
            start, end = _span(query.get("start_date"), query.get("end_date"))
            per_page = _count(query.get("page_size") or query.get("per_page"), PAGE_ROWS, REQUESTS_ROWS_MAX)
            found = await cases.public(
                tx,
                await _reader(tx, request, identity),
                numbers=numbers,
                start=None if numbers else start,
                end=None if numbers else end,
                status=_statuses(query.get("status")),
                categories=_listed(query.get("service_code")),
                limit=per_page,
                offset=(_count(query.get("page"), 1, REQUESTS_ROWS_MAX) - 1) * per_page,
            )
            return [_request(row, language) for row in found]

        return await _answer(request, form, ("service_requests", "request"), work)

    @api.get(
        "/requests/{number}.{form}",
        response_class=Response,
        responses={200: EITHER_FORM},
        summary="GET service request",
    )
    async def one(request: Request, number: str, form: Form) -> Response:
        async def work(tx: Transaction) -> list[dict[str, Any]]:
            wanted = _clean(number)
            reader = await _reader(tx, request, identity)
            found = await cases.public(tx, reader, numbers=[wanted], limit=1)
            if not found:
                raise NotFound("case_not_found")
            return [_request(row, _language(request)) for row in found]

        return await _answer(request, form, ("service_requests", "request"), work)


def _add_posting(api: APIRouter, cases: Cases, identity: Identity) -> None:
    @api.post(
        "/requests.{form}",
        status_code=201,
        response_class=Response,
        responses={201: EITHER_FORM},
        summary="POST service request (form-encoded)",
    )
    async def post(request: Request, form: Form) -> Response:
        async def work(tx: Transaction) -> list[dict[str, Any]]:
            sent = await request.form(max_files=0, max_fields=FORM_FIELDS_MAX)
            principal = await _principal(tx, request, identity, _field(sent, "api_key"))
            identity.authorize(principal, "open311:create")
            new = await _new_case(tx, cases, sent)
            key = request.headers.get("idempotency-key")
            fields = {name: str(value) for name, value in sent.multi_items() if name != "api_key"}
            remembered = Remembered(tx, str(principal.id), key, ["open311", fields])
            number = await remembered.answer()
            if number is None:
                number = (await cases.open_case(tx, new, principal)).number
                await remembered.keep(number)
            return [{"service_request_id": number, "service_notice": None, "account_id": None}]

        return await _answer(request, form, ("service_requests", "request"), work, status=201)


async def _principal(tx: Transaction, request: Request, identity: Identity, api_key: str | None) -> Principal:
    """By `api_key`, as the standard says, or by `Authorization: Bearer` with the same token."""
    token = api_key or _bearer(request)
    if not token:
        raise Unauthenticated("open311_key_missing")
    return await identity.authenticate(tx, token=token)


async def _reader(tx: Transaction, request: Request, identity: Identity) -> Principal:
    """Reading is public; a token lets its holder read the texts of cases that concern it."""
    return await identity.authenticate(tx, token=request.query_params.get("api_key") or _bearer(request))


def _bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


async def _new_case(tx: Transaction, cases: Cases, sent: FormData) -> NewCase:
    code = _field(sent, "service_code")
    if code is None:
        raise InvalidInput("open311_service_missing")
    services = {service["code"]: service for service in await cases.services(tx)}
    if code not in services:
        raise NotFound("open311_service_unknown", service_code=code[:60])
    text = _field(sent, "description")
    if text is None:
        if code == AUTO:
            raise InvalidInput("text_missing")
        # The standard lets a description be left out: the service then says what is meant.
        text = services[code]["name"].zh
    name = " ".join(part for part in (_field(sent, "last_name"), _field(sent, "first_name")) if part)
    return NewCase(
        text=text,
        source="open311",
        lon=_number(_field(sent, "long")),
        lat=_number(_field(sent, "lat")),
        address=_field(sent, "address_string"),
        category=None if code == AUTO else code,
        reporter=Reporter(name or None, _field(sent, "phone"), _field(sent, "email")),
        fields=_attributes(sent, services[code]["form"]),
    )


def _attributes(sent: FormData, form: Mapping[str, Any]) -> dict[str, Any]:
    """`attribute[code]=value`, read as the form's JSON Schema types say."""
    found: dict[str, Any] = {}
    for key, value in sent.multi_items():
        if not (key.startswith("attribute[") and key.endswith("]") and isinstance(value, str)):
            continue
        name = key[len("attribute[") : -1]
        kind = form.get("properties", {}).get(name, {}).get("type")
        if kind in {"integer", "number"}:
            number = _number(value)
            found[name] = int(number) if number is not None and number.is_integer() else number
        elif kind == "boolean":
            found[name] = value.strip().lower() in {"true", "1", "yes"}
        else:
            found[name] = value
    return found


async def _answer(
    request: Request, form: Form, elements: tuple[str, str], work: Work, status: int = 200
) -> Response:
    """The outcome of `work` in one transaction, or Open311's list of errors."""
    language = _language(request)
    try:
        async with request.app.state.database.transaction() as tx:
            found = await work(tx)
    except YunnaoError as error:
        status = _status(error)
        found, elements = error_list(status, say(error.code, language, **error.params)), ("errors", "error")
    except HTTPException as error:
        status = error.status_code
        sentence = say("invalid_request", language, detail=error.detail)
        found, elements = error_list(status, sentence), ("errors", "error")
    if form == "json":
        return Response(orjson.dumps(found), status, media_type="application/json")
    return Response(to_xml(found, *elements), status, media_type="text/xml; charset=utf-8")


def _status(error: YunnaoError) -> int:
    """The standard knows 400, 403 and 404; what only we know keeps its own."""
    if isinstance(error, InvalidInput | TooLarge):
        return 400
    if isinstance(error, Unauthenticated | Forbidden):
        return 403
    return error.status


def _services(found: list[dict[str, Any]], language: Language) -> list[dict[str, Any]]:
    return [
        {
            "service_code": service["code"],
            "service_name": service["name"].to(language),
            "description": service["description"].to(language),
            "metadata": bool(service_attributes(service["form"])),
            "type": "realtime",
            "keywords": ",".join(service["keywords"]),
            "group": service["group"].to(language) if service["group"] else "",
        }
        for service in found
    ]


def _request(row: Row, language: Language) -> dict[str, Any]:
    category, department = row["category"], row["department"]
    name: Text = category["name"] if category else catalogue()["category_automatic"]
    return {
        "service_request_id": row["number"],
        "status": "open" if row["status"] in domain.OPEN else "closed",
        "status_notes": catalogue()[f"case_status_{row['status']}"].to(language),
        "service_name": name.to(language),
        "service_code": category["code"] if category else AUTO,
        "description": row["text"],
        "agency_responsible": department["name"].to(language) if department else None,
        "service_notice": None,
        "requested_datetime": _time(row["opened_at"]),
        "updated_datetime": _time(row["changed_at"]),
        "expected_datetime": _time(row["due_at"]),
        "address": row["address"],
        "address_id": None,
        "zipcode": None,
        "lat": row["lat"],
        "long": row["lon"],
        "media_url": None,
    }


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _language(request: Request) -> Language:
    return preferred_language(request.headers.get("accept-language"))


def _field(sent: FormData, name: str) -> str | None:
    value = sent.get(name)
    return value.strip() or None if isinstance(value, str) else None


def _clean(value: str) -> str:
    if "\x00" in value:
        raise InvalidInput("text_unreadable")
    return value


def _listed(value: str | None) -> list[str] | None:
    return [part.strip() for part in _clean(value).split(",") if part.strip()] if value else None


def _number(value: str | None) -> float | None:
    try:
        return float(value) if value is not None else None
    except ValueError as error:
        raise InvalidInput("number_unreadable", value=str(value)[:40]) from error


def _count(value: str | None, default: int, maximum: int) -> int:
    if value is None or not value.isascii() or not value.isdigit():
        return default
    return max(1, min(int(value[:6]), maximum))


def _statuses(value: str | None) -> list[str] | None:
    wanted = _listed(value)
    if wanted is None:
        return None
    for name in wanted:
        if name not in STATUS:
            raise InvalidInput("status_unknown", state=name[:40], known=", ".join(STATUS))
    return [status for name in wanted for status in STATUS[name]]


def _span(start: str | None, end: str | None) -> tuple[datetime | None, datetime | None]:
    """At most 90 days; with one end given the other is that far away, as the standard says."""
    first, last = _moment(start), _moment(end)
    span = timedelta(days=SPAN_DAYS_MAX)
    if first is not None:
        last = min(last, first + span) if last is not None else first + span
    elif last is not None:
        first = last - span
    return first, last


def _moment(value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        # A plus sign that was not escaped arrives as a space.
        moment = require_aware(datetime.fromisoformat(value.strip().replace(" ", "+")))
        return moment if 1900 < moment.year < 9000 else None
    except (ValueError, OverflowError) as error:
        raise InvalidInput("time_unreadable", value=value[:40]) from error
