"""Doors of access."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.kernel.errors import Conflict, InvalidInput
from yunnao.kernel.text import preferred_language
from yunnao.modules.identity.facade import Identity
from yunnao.modules.sensing.access import http_models as models
from yunnao.modules.sensing.access.provisioning import Provisioned, params_of
from yunnao.modules.sensing.access.service import Access
from yunnao.modules.sensing.access.tables import Format

FORMATS: dict[str, Format] = {
    "text/csv": "csv",
    "application/vnd.apache.parquet": "parquet",
    "application/vnd.apache.arrow.stream": "arrow",
}
Name = Annotated[str | None, Query(max_length=60)]


def router(access: Access, identity: Identity) -> APIRouter:
    """Every door; paths without the API's prefix."""
    routes = APIRouter(tags=["devices"])
    _registration(routes, access, identity)
    return routes


def _registration(routes: APIRouter, access: Access, identity: Identity) -> None:
    @routes.post("/devices", status_code=201, openapi_extra=models.bodies())
    async def register_devices(
        request: Request, tx: Tx, principal: CurrentPrincipal, product: Name = None
    ) -> models.RegisteredOut:
        """Registers devices; known ones are brought up to date. Of JSON all or nothing; of a table
        every row that breaks no rule, and the others are told. `product`: of rows that name none."""
        identity.authorize(principal, "device:register")
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        body = await request.body()
        language = preferred_language(request.headers.get("accept-language"))
        if kind in FORMATS:
            found = await access.register_body(tx, body, FORMATS[kind], product, principal)
            return models.registered_out(found, language)
        if kind not in {"application/json", ""}:
            raise InvalidInput("body_format_unknown", given=kind, known=", ".join(FORMATS))
        try:
            batch = models.DevicesIn.model_validate_json(body)
        except ValidationError as error:
            raise RequestValidationError(error.errors(include_url=False, include_context=False)) from error
        drafts = [models.draft_in(device) for device in batch.devices]
        found = await access.register_drafts(tx, drafts, principal)
        _whole_or_none(found)
        return models.registered_out(found, language)


def _whole_or_none(found: Provisioned) -> None:
    """Raises what is wrong with the first rejected row; the request's transaction is rolled back."""
    for _, device, code, value in found.rejected.iter_rows():
        error = Conflict if code == "device_of_other_product" else InvalidInput
        raise error(code, **params_of(device, value))
