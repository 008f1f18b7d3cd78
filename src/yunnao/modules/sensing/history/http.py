"""Doors of the history: series on one axis, groups of series, one series' newest readings."""

from datetime import datetime
from typing import Annotated, Any, cast, get_args

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.text import Text
from yunnao.modules.identity.facade import Identity
from yunnao.modules.sensing.history.contracts import (
    AGGREGATES,
    Aggregate,
    Answer,
    GroupAnswer,
    Grouping,
    GroupQuestion,
    Question,
    SeriesName,
)
from yunnao.modules.sensing.history.formats import MEDIA_TYPES, chosen, pieces
from yunnao.modules.sensing.history.history import History, default_span, points_max, series_max
from yunnao.modules.sensing.sharing.rights import ReadingRights

readings_rows_max = 10_000
series_text_max = 300
RowsMax = Annotated[int, Query(ge=1, le=readings_rows_max)]
From = Annotated[datetime | None, Query(alias="from", description="ISO 8601; none: 24 hours before `to`.")]
To = Annotated[datetime | None, Query(alias="to", description="ISO 8601, excluded; none: now.")]
Names = Annotated[str, Query(max_length=80, description="Names, separated by commas.")]
Format = Annotated[str | None, Query(max_length=16, description="json, csv, arrow, parquet; none: Accept.")]
SeriesText = Annotated[
    list[Annotated[str, Query(max_length=series_text_max)]],
    Query(min_length=1, max_length=series_max, description="DEVICE:METRIC, split at the last colon."),
]
OneSeries: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The answer in the format that was asked for",
        "content": {media_type: {} for media_type in MEDIA_TYPES.values()},
    }
}


class ReadingsOut(BaseModel):
    metric: str
    unit_label: Text | None
    points: list[tuple[datetime, Any]]


def router(history: History, identity: Identity, rights: ReadingRights) -> APIRouter:
    """Every door; paths without the API's prefix."""
    routes = APIRouter(tags=["history"])
    _series(routes, history, rights)
    _groups(routes, history, identity, rights)
    _newest(routes, history, rights)
    return routes


def _series(routes: APIRouter, history: History, rights: ReadingRights) -> None:
    @routes.get("/history", responses=OneSeries, response_class=StreamingResponse)
    async def get_history(
        request: Request,
        tx: Tx,
        principal: CurrentPrincipal,
        series: SeriesText,
        *,
        start: From = None,
        until: To = None,
        bucket: Annotated[str | None, Query(max_length=16)] = None,
        aggregate: Names = "mean",
        points: Annotated[int | None, Query(ge=3, le=points_max)] = None,
        format: Format = None,
    ) -> StreamingResponse:
        """Several series on one axis of time; NULL where a series has nothing.

        As they were read; or `points` of each chosen by LTTB; or `aggregate` over `bucket` (15m, 1h, 1d,
        1w, 1mo, or ISO 8601), where days, weeks and months are those of the city's zone.
        """
        form = chosen(format, request.headers.get("accept"))
        names = [_series_name(text) for text in series]
        await rights.authorize(tx, principal, [(name.device, name.metric) for name in names])
        first, end = _span(history, start, until)
        question = Question(names, first, end, bucket, _aggregates(aggregate), points)
        return _streamed(await history.ask(tx, question), form)


def _groups(routes: APIRouter, history: History, identity: Identity, rights: ReadingRights) -> None:
    @routes.get("/history/groups", responses=OneSeries, response_class=StreamingResponse)
    async def get_groups(
        request: Request,
        tx: Tx,
        principal: CurrentPrincipal,
        product: Annotated[str, Query(max_length=128)],
        metric: Annotated[str, Query(max_length=128)],
        *,
        by: Annotated[str, Query(max_length=16)] = "district",
        start: From = None,
        until: To = None,
        bucket: Annotated[str, Query(max_length=16)] = "1d",
        aggregate: Names = "mean",
        format: Format = None,
    ) -> StreamingResponse:
        """A metric of all devices of a product by district, street or entity_type of what they watch.

        Series that you may not read are left out; `X-Yunnao-Hidden` tells how many.
        """
        form = chosen(format, request.headers.get("accept"))
        identity.authorize(principal, "device:list")
        if by not in get_args(Grouping):
            raise InvalidInput("grouping_unknown", by=by, known=", ".join(get_args(Grouping)))
        first, end = _span(history, start, until)
        grouping = cast("Grouping", by)
        question = GroupQuestion(product, metric, grouping, first, end, bucket, _aggregates(aggregate))
        hidden = await rights.hidden_series(tx, principal, product, metric)
        answer = _streamed(await history.groups(tx, question, hidden), form)
        answer.headers["X-Yunnao-Hidden"] = str(len(hidden))
        return answer


def _newest(routes: APIRouter, history: History, rights: ReadingRights) -> None:
    @routes.get("/devices/{device}/readings")
    async def get_readings(
        tx: Tx,
        principal: CurrentPrincipal,
        device: str,
        metric: Annotated[str, Query(max_length=128)],
        *,
        start: Annotated[datetime | None, Query(alias="from")] = None,
        until: Annotated[datetime | None, Query(alias="to")] = None,
        limit: RowsMax = 1_000,
    ) -> ReadingsOut:
        """The newest `limit` points; without `from` of the 24 hours before the newest."""
        await rights.authorize(tx, principal, [(device, metric)])
        for moment in (start, until):
            _check_zone(moment)
        found = await history.readings(tx, device, metric, start=start, until=until, limit=limit)
        return ReadingsOut(metric=found.metric, unit_label=found.unit_label, points=found.points)


def _series_name(text: str) -> SeriesName:
    device, colon, metric = text.rpartition(":")
    if not colon or not device or not metric:
        raise InvalidInput("series_name_invalid", series=text)
    return SeriesName(device, metric)


def _aggregates(text: str) -> tuple[Aggregate, ...]:
    named = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    known = [each for each in AGGREGATES if each in named]
    unknown = [each for each in named if each not in AGGREGATES]
    if unknown or not known:
        raise InvalidInput("aggregate_unknown", aggregate=", ".join(unknown), known=", ".join(AGGREGATES))
    return tuple(sorted(known, key=named.index))


def _span(history: History, start: datetime | None, until: datetime | None) -> tuple[datetime, datetime]:
    _check_zone(start)
    _check_zone(until)
    end = until or history.now()
    return start or end - default_span, end


def _check_zone(moment: datetime | None) -> None:
    if moment is not None and moment.tzinfo is None:
        raise InvalidInput("time_without_zone", value=moment.isoformat())


def _streamed(answer: Answer | GroupAnswer, form: Any) -> StreamingResponse:
    return StreamingResponse(pieces(answer, form), media_type=MEDIA_TYPES[form])
