"""The doors of finding cases, under /api/v1."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.infra.pages import Limit, decode_cursor, encode_cursor
from yunnao.kernel.errors import InvalidInput
from yunnao.modules.cases import domain
from yunnao.modules.cases.figures import statuses
from yunnao.modules.cases.http_models import CaseMap
from yunnao.modules.cases.search import http_models as models
from yunnao.modules.cases.search.contracts import FLAGS, Box, CaseFilter, Place, Sort
from yunnao.modules.cases.search.facade import Search


def case_filter(
    status: Annotated[str | None, Query(description="A status, several by comma, or `open`.")] = None,
    department: str | None = None,
    category: Annotated[str | None, Query(description="With all below it.")] = None,
    area: Annotated[str | None, Query(description="A district or street.")] = None,
    source: str | None = None,
    q: Annotated[
        str | None, Query(description='Words, all of which a case must say; "several in quotation marks".')
    ] = None,
    overdue: bool = False,
    since: Annotated[datetime | None, Query(description="Opened at or after.")] = None,
    until: Annotated[datetime | None, Query(description="Opened before.")] = None,
    due_before: datetime | None = None,
    severity: Annotated[str | None, Query(description="One, or several by comma.")] = None,
    scene: str | None = None,
    case_type: str | None = None,
    bbox: Annotated[str | None, Query(description="West, south, east, north; WGS 84.")] = None,
    flags: Annotated[str | None, Query(description=f"Several by comma: {', '.join(FLAGS)}.")] = None,
) -> CaseFilter:
    """The parameters that all doors to many cases share."""
    for text in (department, category, area, source, severity, scene, case_type):
        if text is not None and "\x00" in text:
            raise InvalidInput("text_unreadable")
    for moment in (since, until, due_before):
        if moment is not None and moment.tzinfo is None:
            raise InvalidInput("time_zone_missing")
    return CaseFilter(
        known_statuses(status),
        department,
        category,
        area,
        source,
        q,
        overdue=overdue,
        since=since,
        until=until,
        due_before=due_before,
        severity=_several(severity),
        scene=scene,
        case_type=case_type,
        box=_box(bbox),
        flags=_flags(flags),
    )


def map_filter(wanted: Annotated[CaseFilter, Depends(case_filter)], status: str = "open") -> CaseFilter:
    """As for lists, but of running cases unless told."""
    return replace(wanted, status=known_statuses(status))


Filter = Annotated[CaseFilter, Depends(case_filter)]


def router(search: Search) -> APIRouter:
    api = APIRouter(tags=["cases"])

    @api.get("/cases", response_model=models.CasePage, summary="Cases that you may see, by any filter")
    async def page(
        tx: Tx,
        principal: CurrentPrincipal,
        wanted: Filter,
        sort: Annotated[
            Sort, Query(description="`due`, `risk`: running cases, the most urgent first.")
        ] = "newest",
        total: Annotated[bool, Query(description="Also tell how many there are.")] = False,
        limit: Limit = 50,
        cursor: str | None = None,
    ) -> dict[str, Any]:
        found = await search.page(tx, wanted, principal, limit, place_of(cursor, sort), sort)
        counted = await search.total(tx, wanted, principal) if total else None
        return {
            "items": found.items,
            "next": cursor_of(found.following, sort),
            "total": counted.n if counted else None,
            "total_exact": counted.exact if counted else None,
        }

    @api.get("/cases/map", response_model=CaseMap, summary="The newest cases with a place, as GeoJSON")
    async def points(
        tx: Tx, principal: CurrentPrincipal, wanted: Annotated[CaseFilter, Depends(map_filter)]
    ) -> dict[str, Any]:
        return await search.map(tx, wanted, principal)

    @api.get("/cases/map/cells", response_model=models.CaseCells, summary="How many cases, by place and day")
    async def cells(
        tx: Tx,
        principal: CurrentPrincipal,
        wanted: Annotated[CaseFilter, Depends(map_filter)],
        degrees: Annotated[float, Query(description="How wide a cell is.", allow_inf_nan=False)] = 0.01,
        by_day: Annotated[bool, Query(description="Each day of opening apart.")] = False,
    ) -> dict[str, Any]:
        return {"items": await search.cells(tx, wanted, principal, degrees, by_day=by_day)}

    return api


def known_statuses(status: str | None) -> tuple[str, ...]:
    """Raises InvalidInput `status_unknown`."""
    wanted = statuses(status)
    for each in wanted:
        if each not in domain.STATUSES:
            raise InvalidInput("status_unknown", state=each[:40], known=", ".join(domain.STATUSES))
    return wanted


def cursor_of(place: Place | None, sort: Sort) -> str | None:
    if place is None:
        return None
    key = place.key.isoformat() if isinstance(place.key, datetime) else place.key
    return encode_cursor([sort, str(place.id), key])


def place_of(cursor: str | None, sort: Sort) -> Place | None:
    """Raises InvalidInput `cursor_invalid`, also where the cursor is of another order."""
    given = decode_cursor(cursor)
    if given is None:
        return None
    try:
        order, case_id, written = given
        key = datetime.fromisoformat(written) if isinstance(written, str) else written
        right = isinstance(key, float | int) if sort == "risk" else key is None or isinstance(key, datetime)
        if order != sort or not right or (isinstance(key, datetime) and key.tzinfo is None):
            raise InvalidInput("cursor_invalid")
        return Place(UUID(case_id), key)
    except (ValueError, AttributeError, TypeError) as error:
        raise InvalidInput("cursor_invalid") from error


def _several(given: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (given or "").split(",") if part.strip())


def _flags(given: str | None) -> frozenset[str]:
    found = frozenset(_several(given))
    if not found <= set(FLAGS):
        raise InvalidInput("case_flag_unknown", known=", ".join(FLAGS))
    return found


def _box(given: str | None) -> Box | None:
    if not given:
        return None
    try:
        west, south, east, north = (float(part) for part in given.split(","))
    except ValueError as error:
        raise InvalidInput("bbox_invalid") from error
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise InvalidInput("bbox_invalid")
    return Box(west, south, east, north)
