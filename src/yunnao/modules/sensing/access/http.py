"""Doors of access."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.kernel.errors import Conflict, InvalidInput
from yunnao.kernel.text import preferred_language
from yunnao.modules.identity.contracts import Resource
from yunnao.modules.identity.facade import Identity
from yunnao.modules.sensing.access import http_models as models
from yunnao.modules.sensing.access.credentials import bulk_rows_max, csv_of
from yunnao.modules.sensing.access.provisioning import Provisioned, params_of
from yunnao.modules.sensing.access.service import Access
from yunnao.modules.sensing.access.tables import Format

FORMATS: dict[str, Format] = {
    "text/csv": "csv",
    "application/vnd.apache.parquet": "parquet",
    "application/vnd.apache.arrow.stream": "arrow",
}
Name = Annotated[str | None, Query(max_length=60)]


class CsvResponse(Response):
    media_type = "text/csv"


def router(access: Access, identity: Identity) -> APIRouter:
    """Every door; paths without the API's prefix."""
    routes = APIRouter(tags=["devices"])
    _registration(routes, access, identity)
    _credentials(routes, access, identity)
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


def _credentials(routes: APIRouter, access: Access, identity: Identity) -> None:
    @routes.get("/devices/{device}/credentials")
    async def list_credentials(tx: Tx, principal: CurrentPrincipal, device: str) -> models.CredentialsOut:
        """Newest first, without their secrets, which are kept nowhere."""
        identity.authorize(principal, "credential:manage", Resource("Device", device))
        rows = await access.credentials.of_device(tx, device)
        now = access.credentials.now()
        return models.CredentialsOut(items=[models.credential_out(row, now) for row in rows])

    @routes.post("/devices/{device}/credentials", status_code=201)
    async def issue_credential(
        tx: Tx, principal: CurrentPrincipal, device: str, wanted: models.CredentialIn | None = None
    ) -> models.IssuedOut:
        """A new token for a device; it is shown in this answer and never again."""
        identity.authorize(principal, "credential:manage", Resource("Device", device))
        wanted = wanted or models.CredentialIn()
        overlap = None if wanted.overlap_s is None else timedelta(seconds=wanted.overlap_s)
        issued = await access.credentials.issue(
            tx, device, principal, expires_at=wanted.expires_at, overlap=overlap
        )
        return models.issued_out(issued)

    @routes.post("/devices/{device}/certificates", status_code=201)
    async def register_certificate(
        tx: Tx, principal: CurrentPrincipal, device: str, shown: models.CertificateIn
    ) -> models.CertificateOut:
        """Lets a certificate stand for a device. It is listed with its credentials, and revoked as they are.
        A certificate of the city's authority that names the device is known by itself."""
        identity.authorize(principal, "credential:manage", Resource("Device", device))
        found = await access.credentials.register_certificate(tx, device, shown.pem, principal)
        return models.CertificateOut(id=found)

    @routes.delete("/devices/{device}/credentials/{credential}", status_code=204)
    async def revoke_credential(tx: Tx, principal: CurrentPrincipal, device: str, credential: UUID) -> None:
        """Ends a credential at once; a device that is connected is cut off."""
        identity.authorize(principal, "credential:manage", Resource("Device", device))
        await access.credentials.revoke(tx, device, credential, principal)

    @routes.post("/credentials", response_class=CsvResponse, response_model=None)
    async def issue_credentials(
        tx: Tx,
        principal: CurrentPrincipal,
        *,
        product: Name = None,
        owner: Name = None,
        limit: Annotated[int, Query(ge=1, le=bulk_rows_max)] = 10_000,
    ) -> Response:
        """A token for each device that has none, as CSV: device, product, token. Again for the next ones."""
        identity.authorize(principal, "credential:manage")
        issued = await access.credentials.issue_missing(
            tx, principal, product=product, owner=owner, limit=limit
        )
        return CsvResponse(csv_of(issued))


def _whole_or_none(found: Provisioned) -> None:
    """Raises what is wrong with the first rejected row; the request's transaction is rolled back."""
    for _, device, code, value in found.rejected.iter_rows():
        error = Conflict if code == "device_of_other_product" else InvalidInput
        raise error(code, **params_of(device, value))
