"""The door for sheets, under /api/v1: send, map, look, start, follow, fetch what was refused."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.infra.pages import Limit, encode_cursor, uuid_cursor
from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.text import preferred_language
from yunnao.modules.cases import http_models as models
from yunnao.modules.cases.importing.contracts import ColumnMapping, Import, State
from yunnao.modules.cases.importing.facade import Imports
from yunnao.modules.cases.importing.reading import FILE_BYTES_MAX


class RowProblem(BaseModel):
    code: str
    params: dict[str, str]


class ImportView(BaseModel):
    """An import. `rows_done` of `rows_total` records have been looked at."""

    id: UUID
    name: str
    format: str
    source: str = Field(description="The system whose numbers the records carry.")
    mapping: ColumnMapping
    state: State
    error: RowProblem | None
    rows_total: int | None = Field(description="None until the work begins.")
    rows_done: int
    opened: int
    known: int = Field(description="Records whose number had a case already.")
    refused: int
    created_at: datetime
    changed_at: datetime


class ForeseenCase(models.CaseItem):
    """A case as it would be; it is not there."""

    id: None = None  # type: ignore[assignment]
    number: None = None  # type: ignore[assignment]
    reported_at: datetime | None


class PreviewRow(BaseModel):
    row: int = Field(description="As a person counts in the sheet.")
    reference: str | None
    case: ForeseenCase | None
    error: RowProblem | None


class ImportDraft(ImportView):
    columns: list[str]
    preview: list[PreviewRow]


class ImportPage(BaseModel):
    items: list[ImportView]
    next: str | None


class MappingItem(BaseModel):
    name: str
    mapping: ColumnMapping
    changed_at: datetime


class MappingList(BaseModel):
    items: list[MappingItem]
    next: None = None


class RemapBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    mapping: ColumnMapping
    source: str = "hotline"


def router(imports: Imports) -> APIRouter:
    api = APIRouter(tags=["imports"])
    _add_imports(api, imports)
    _add_mappings(api, imports)
    return api


def _shown(found: Import) -> dict[str, Any]:
    return {name: getattr(found, name) for name in Import.__dataclass_fields__}


def _add_imports(api: APIRouter, imports: Imports) -> None:
    @api.post("/imports", status_code=201, response_model=ImportDraft, summary="Send a sheet (CSV or XLSX)")
    async def create(
        tx: Tx,
        principal: CurrentPrincipal,
        file: UploadFile,
        mapping: Annotated[str | None, Form(description="As JSON; none: guessed from the headers.")] = None,
        mapping_name: Annotated[str | None, Form(description="A mapping that was saved.")] = None,
        source: Annotated[str, Form(description="The system whose numbers the records carry.")] = "hotline",
    ) -> dict[str, Any]:
        chosen = _read(mapping)
        if chosen is None and mapping_name:
            chosen = await imports.mapping(tx, mapping_name, principal)
        content = await file.read(FILE_BYTES_MAX + 1)
        found, columns = await imports.create(
            tx, principal, file.filename or "sheet", content, chosen, source
        )
        preview = await imports.preview(tx, found.id, principal) if found.mapping.text else []
        return {**_shown(found), "columns": columns, "preview": preview}

    @api.get("/imports", response_model=ImportPage, summary="Imports, newest first")
    async def listed(
        tx: Tx, principal: CurrentPrincipal, limit: Limit = 50, cursor: str | None = None
    ) -> dict[str, Any]:
        found = await imports.page(tx, principal, limit, uuid_cursor(cursor))
        more = encode_cursor(str(found[-1].id)) if len(found) == limit else None
        return {"items": [_shown(each) for each in found], "next": more}

    @api.get("/imports/{import_id}", response_model=ImportView, summary="How far an import is")
    async def get(tx: Tx, principal: CurrentPrincipal, import_id: UUID) -> dict[str, Any]:
        return _shown(await imports.get(tx, import_id, principal))

    @api.put("/imports/{import_id}/mapping", response_model=ImportDraft, summary="Correct a draft")
    async def remap(tx: Tx, principal: CurrentPrincipal, import_id: UUID, body: RemapBody) -> dict[str, Any]:
        found = await imports.remap(tx, import_id, body.mapping, body.source, principal)
        return {
            **_shown(found),
            "columns": await imports.columns_of(tx, import_id, principal),
            "preview": await imports.preview(tx, import_id, principal),
        }

    @api.post("/imports/{import_id}/start", response_model=ImportView, summary="Open the cases of a draft")
    async def start(tx: Tx, principal: CurrentPrincipal, import_id: UUID) -> dict[str, Any]:
        return _shown(await imports.start(tx, import_id, principal))

    @api.get(
        "/imports/{import_id}/errors.csv",
        response_class=Response,
        responses={200: {"content": {"text/csv": {}}}},
        summary="Records that were refused, and why",
    )
    async def errors(request: Request, tx: Tx, principal: CurrentPrincipal, import_id: UUID) -> Response:
        language = preferred_language(request.headers.get("accept-language"))
        content = await imports.errors_csv(tx, import_id, principal, language)
        return Response(
            content,
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="errors-{import_id}.csv"'},
        )


def _add_mappings(api: APIRouter, imports: Imports) -> None:
    @api.get("/import-mappings", response_model=MappingList, summary="Mappings of columns that were saved")
    async def listed(tx: Tx, principal: CurrentPrincipal) -> dict[str, Any]:
        return {"items": await imports.mappings(tx, principal)}

    @api.put("/import-mappings/{name}", status_code=204, summary="Save a mapping of columns")
    async def save(tx: Tx, principal: CurrentPrincipal, name: str, body: ColumnMapping) -> None:
        await imports.save_mapping(tx, name, body, principal)

    @api.delete("/import-mappings/{name}", status_code=204, summary="Delete a mapping of columns")
    async def delete(tx: Tx, principal: CurrentPrincipal, name: str) -> None:
        await imports.delete_mapping(tx, name, principal)


def _read(mapping: str | None) -> ColumnMapping | None:
    if mapping is None or not mapping.strip():
        return None
    try:
        return ColumnMapping.model_validate_json(mapping)
    except ValidationError as error:
        raise InvalidInput("import_mapping_invalid", detail=str(error.errors()[0]["msg"])[:200]) from error
