"""Open311 GeoReport v2 (wiki.open311.org/GeoReport_v2) and its service discovery; JSON and XML.

Errors are in Open311's own form, so this door opens its own transactions. Beyond the standard: the
service `auto` lets the city find the category and takes a report without a place; `page`, `page_size`,
`updated_after`, `updated_before`, `extensions`; a photo in a part `media` of a multipart form;
`Prefer: respond-async` (RFC 7240) is answered with a token; `Idempotency-Key`.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Path, Query, Request, Response
from psycopg import DataError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from yunnao.infra.idempotency import Remembered
from yunnao.infra.postgres import Transaction
from yunnao.kernel.errors import Forbidden, InvalidInput, NotFound, TooLarge, Unauthenticated, YunnaoError
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import Language, catalogue, preferred_language, say
from yunnao.modules.cases.facade import Cases
from yunnao.modules.cases.open311 import forms, posting, reading
from yunnao.modules.cases.open311.answers import answer, error_list
from yunnao.modules.cases.open311.documents import EITHER_FORM, POST_BODY, discovery, service_records
from yunnao.modules.cases.photos.keeping import PHOTO_BYTES_MAX
from yunnao.modules.identity.facade import Identity

Work = Callable[[Transaction], Awaitable[Any]]
Text = str | None
ApiKey = Annotated[Text, Query(description="A token; its holder reads the texts of cases that concern it.")]
Form = Annotated[str, Path(json_schema_extra={"enum": ["json", "xml"]})]
"""Checked by hand, since another ending is answered in Open311's own form too."""
Jurisdiction = Annotated[Text, Query(description="May be left out: there is one jurisdiction.")]

FORM_FIELDS_MAX = 200
MEDIA_MAX = 3
FORMS = frozenset({"json", "xml"})


def router(cases: Cases, identity: Identity) -> APIRouter:
    api = APIRouter(tags=["open311"], responses={200: EITHER_FORM}, default_response_class=Response)
    _add_discovery(api, cases)
    _add_services(api, cases)
    _add_reading(api, cases, identity)
    _add_tokens(api, cases)
    _add_posting(api, cases, identity)
    return api


def _add_discovery(api: APIRouter, cases: Cases) -> None:
    async def show(request: Request, form: Form) -> Response:
        async def work(tx: Transaction) -> dict[str, Any]:
            url = str(request.base_url).rstrip("/")
            return discovery(url, await cases.open311.jurisdictions(tx), _language(request))

        return await _answer(request, form, ("discovery", ""), work)

    for path in ("/open311/discovery.{form}", "/open311/v2/discovery.{form}"):
        api.get(path, summary="Service discovery")(show)


def _add_services(api: APIRouter, cases: Cases) -> None:
    @api.get("/open311/v2/services.{form}", summary="GET service list")
    async def services(request: Request, form: Form, jurisdiction_id: Jurisdiction = None) -> Response:
        async def work(tx: Transaction) -> list[dict[str, Any]]:
            await cases.open311.check_jurisdiction(tx, jurisdiction_id)
            return service_records(await cases.open311.services(tx), _language(request))

        return await _answer(request, form, ("services", "service"), work)

    @api.get("/open311/v2/services/{code}.{form}", summary="GET service definition")
    async def service(
        request: Request, code: str, form: Form, jurisdiction_id: Jurisdiction = None
    ) -> Response:
        async def work(tx: Transaction) -> dict[str, Any]:
            await cases.open311.check_jurisdiction(tx, jurisdiction_id)
            found = next((s for s in await cases.open311.services(tx) if s["code"] == code), None)
            if found is None:
                raise NotFound("open311_service_unknown", service_code=code[:60])
            return {"service_code": code, "attributes": forms.attributes(found["form"], _language(request))}

        return await _answer(request, form, ("service_definition", "attribute"), work)


def _add_reading(api: APIRouter, cases: Cases, identity: Identity) -> None:
    @api.get("/open311/v2/requests.{form}", summary="GET service requests")
    async def requests(
        request: Request,
        form: Form,
        service_request_id: Annotated[
            Text, Query(description="Several by comma; overrides the others.")
        ] = None,
        service_code: Annotated[Text, Query(description="Several by comma.")] = None,
        start_date: Annotated[
            Text, Query(description="ISO 8601 with a zone. At most 90 days in all.")
        ] = None,
        end_date: Text = None,
        status: Annotated[Text, Query(description="open, closed, or both by comma.")] = None,
        updated_after: Text = None,
        updated_before: Text = None,
        page: Text = None,
        page_size: Text = None,
        per_page: Text = None,
        extensions: Annotated[Text, Query(description="true: what happened, and the photos.")] = None,
        jurisdiction_id: Jurisdiction = None,
        api_key: ApiKey = None,
    ) -> Response:
        sent = {
            "service_request_id": service_request_id,
            "service_code": service_code,
            "start_date": start_date,
            "end_date": end_date,
            "status": status,
            "updated_after": updated_after,
            "updated_before": updated_before,
            "page": page,
            "page_size": page_size or per_page,
            "api_key": api_key,
        }

        async def work(tx: Transaction) -> list[dict[str, Any]]:
            await cases.open311.check_jurisdiction(tx, jurisdiction_id)
            return await _records(tx, cases, identity, request, sent, extended=_true(extensions))

        return await _answer(request, form, ("service_requests", "request"), work)

    @api.get("/open311/v2/requests/{number}.{form}", summary="GET service request")
    async def one(
        request: Request,
        number: str,
        form: Form,
        extensions: Text = None,
        jurisdiction_id: Jurisdiction = None,
        api_key: ApiKey = None,
    ) -> Response:
        async def work(tx: Transaction) -> list[dict[str, Any]]:
            await cases.open311.check_jurisdiction(tx, jurisdiction_id)
            sent = {"service_request_id": number, "api_key": api_key}
            found = await _records(tx, cases, identity, request, sent, extended=_true(extensions))
            if not found:
                raise NotFound("case_not_found")
            return found[:1]

        return await _answer(request, form, ("service_requests", "request"), work)


def _add_tokens(api: APIRouter, cases: Cases) -> None:
    @api.get("/open311/v2/tokens/{token}.{form}", summary="GET service_request_id from a token")
    async def token_number(
        request: Request, token: str, form: Form, jurisdiction_id: Jurisdiction = None
    ) -> Response:
        async def work(tx: Transaction) -> list[dict[str, Any]]:
            await cases.open311.check_jurisdiction(tx, jurisdiction_id)
            found = await cases.open311.resolve(tx, reading.clean(token))
            if found.error is not None:
                raise InvalidInput(found.error[0], **found.error[1])
            return [{"service_request_id": found.number, "token": token}]

        return await _answer(request, form, ("service_requests", "request"), work)


def _add_posting(api: APIRouter, cases: Cases, identity: Identity) -> None:
    @api.post(
        "/open311/v2/requests.{form}",
        status_code=201,
        responses={201: EITHER_FORM},
        summary="POST service request (form-encoded)",
        openapi_extra=POST_BODY,
    )
    async def post(
        request: Request,
        form: Form,
        key: Annotated[str | None, Header(alias="Idempotency-Key")] = None,
        prefer: Annotated[str | None, Header(description="respond-async: a token, at once.")] = None,
    ) -> Response:
        async def work(tx: Transaction) -> list[dict[str, Any]]:
            sent = await request.form(max_files=MEDIA_MAX, max_fields=FORM_FIELDS_MAX)
            principal = await _sender(tx, request, identity, sent)
            identity.authorize(principal, "open311:create")
            await cases.open311.check_jurisdiction(tx, posting.field(sent, "jurisdiction_id"))
            fields = [[name, str(value)] for name, value in sent.multi_items() if name != "api_key"]
            deferred = "respond-async" in (prefer or "")
            remembered = Remembered(tx, str(principal.id), key, ["open311", fields, deferred])
            told = await remembered.answer()
            if told is None:
                told = await _take(tx, cases, sent, principal, _language(request), deferred=deferred)
                await remembered.keep(told)
            return [told]

        return await _answer(request, form, ("service_requests", "request"), work, status=201)


async def _records(
    tx: Transaction,
    cases: Cases,
    identity: Identity,
    request: Request,
    sent: dict[str, Text],
    *,
    extended: bool,
) -> list[dict[str, Any]]:
    reader = await identity.authenticate(tx, token=sent.get("api_key") or _bearer(request))
    wanted = reading.query(sent, cases.now(), extended=extended)
    found = await cases.open311.find(tx, wanted, reader)
    photos = await cases.open311.photos(tx, [row["id"] for row in found], str(request.base_url))
    language = _language(request)
    listed = [
        reading.record(row, language, _first_url(photos.get(row["id"])) or row["media_url"]) for row in found
    ]
    if extended:
        notes = await cases.open311.notes(tx, [row["id"] for row in found])
        listed = [
            told | reading.extension(row, notes.get(row["id"], []), photos.get(row["id"], []), language)
            for told, row in zip(listed, found, strict=True)
        ]
    return listed


async def _take(
    tx: Transaction,
    cases: Cases,
    sent: FormData,
    principal: Principal,
    language: Language,
    *,
    deferred: bool,
) -> dict[str, Any]:
    checked = posting.read(sent, await cases.open311.services(tx), await _media(tx, cases, sent, principal))
    account = str(principal.id) if principal.kind == "person" else None
    if deferred:
        token = await cases.open311.defer(tx, checked, principal)
        notice = catalogue()["open311_notice_token"].to(language)
        return {"token": token, "service_notice": notice, "account_id": account}
    opened = await cases.open311.open(tx, checked, principal)
    notice = catalogue()["open311_notice_assigned" if opened.automatic else "open311_notice_desk"].to(
        language
    )
    return {"service_request_id": opened.number, "service_notice": notice, "account_id": account}


async def _media(tx: Transaction, cases: Cases, sent: FormData, principal: Principal) -> tuple[UUID, ...]:
    """Photos in the parts `media`, as several cities take them."""
    files = [value for _, value in sent.multi_items() if isinstance(value, UploadFile)]
    return tuple(
        [(await cases.photos.keep(tx, await file.read(PHOTO_BYTES_MAX + 1), principal)).id for file in files]
    )


async def _sender(tx: Transaction, request: Request, identity: Identity, sent: FormData) -> Principal:
    """By `api_key`, as the standard says, or by `Authorization: Bearer` with the same token."""
    token = posting.field(sent, "api_key") or request.query_params.get("api_key") or _bearer(request)
    if not token:
        raise Unauthenticated("open311_key_missing")
    return await identity.authenticate(tx, token=token)


def _bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


async def _answer(
    request: Request, form: str, elements: tuple[str, str], work: Work, status: int = 200
) -> Response:
    """The outcome of `work` in one transaction, or Open311's list of errors."""
    language = _language(request)
    try:
        if form not in FORMS:
            raise NotFound("open311_path_unknown")
        async with request.app.state.database.transaction() as tx:
            found = await work(tx)
    except YunnaoError as error:
        status = _status(error)
        found, elements = error_list(status, say(error.code, language, **error.params)), ("errors", "error")
    except DataError:
        # PostgreSQL refuses a value that no check of ours foresaw.
        status = 400
        found, elements = error_list(status, say("text_unreadable", language)), ("errors", "error")
    except HTTPException as error:
        status = error.status_code
        sentence = say("invalid_request", language, detail=error.detail)
        found, elements = error_list(status, sentence), ("errors", "error")
    return answer(found, elements, form, status)


def _status(error: YunnaoError) -> int:
    """The standard knows 400, 403 and 404; what only we know keeps its own."""
    if isinstance(error, InvalidInput | TooLarge):
        return 400
    if isinstance(error, Unauthenticated | Forbidden):
        return 403
    return error.status


def _language(request: Request) -> Language:
    return preferred_language(request.headers.get("accept-language"))


def _true(value: str | None) -> bool:
    return (value or "").strip().lower() in {"true", "1", "yes"}


def _first_url(photos: list[dict[str, Any]] | None) -> str | None:
    return photos[0]["media_url"] if photos else None
