"""Doors of evaluation: numbers, the cases behind them, rankings, the survey. Under /api/v1/evaluation."""

from dataclasses import asdict
from datetime import date, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.infra.pages import Limit, encode_cursor, uuid_cursor
from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.text import catalogue
from yunnao.modules.cases.evaluation import http_models as models
from yunnao.modules.cases.evaluation.contracts import Callback
from yunnao.modules.cases.evaluation.domain import Declared, Filter, Part, Step, Sums, met
from yunnao.modules.cases.evaluation.facade import Evaluation
from yunnao.modules.cases.views import names

Name = Annotated[str | None, Query(max_length=80)]
Indicators = Annotated[list[str], Query(default_factory=list, max_length=50, description="Names; none: all.")]
By = Literal["department", "district", "street", "category", "source", "person"]
RankedBy = Literal["department", "district", "street", "person"]


class Asked:
    """The filter that every door takes. Days are the city's; `to` is included."""

    def __init__(
        self,
        start: Annotated[date, Query(alias="from", description="First day.")],
        until: Annotated[date, Query(alias="to", description="Last day.")],
        department: Name = None,
        district: Name = None,
        street: Name = None,
        category: Name = None,
        source: Name = None,
        person: UUID | None = None,
    ) -> None:
        for text in (department, district, street, category, source):
            if text is not None and "\x00" in text:
                raise InvalidInput("text_unreadable")
        if until == date.max:
            raise InvalidInput("evaluation_span_empty")
        self.filter = Filter(
            start,
            until + timedelta(days=1),
            department,
            district,
            street,
            category,
            source,
            None if person is None else str(person),
        )


Question = Annotated[Asked, Depends()]


def router(evaluation: Evaluation) -> APIRouter:
    api = APIRouter(tags=["evaluation"])
    _add_numbers(api, evaluation)
    _add_comparisons(api, evaluation)
    _add_behind(api, evaluation)
    _add_survey(api, evaluation)
    return api


def _add_numbers(api: APIRouter, evaluation: Evaluation) -> None:
    @api.get("/evaluation/indicators", response_model=models.IndicatorsOut, summary="Declared indicators")
    async def indicators(tx: Tx, principal: CurrentPrincipal) -> dict[str, Any]:
        evaluation.parts.identity.scope(principal, "evaluation:read")
        known = await names(tx, evaluation.parts)
        found = await evaluation.declared(tx)
        return {
            "items": [
                {
                    **each.spec.model_dump(),
                    "name": name,
                    "target": each.target,
                    "owner": known.department(each.spec.owner),
                }
                for name, each in found.items()
            ],
            "today": await evaluation.today(tx),
            **asdict(await evaluation.standing(tx)),
        }

    @api.get("/evaluation/figures", response_model=models.FiguresOut, summary="Numbers of a period")
    async def figures(
        tx: Tx, principal: CurrentPrincipal, asked: Question, indicator: Indicators
    ) -> dict[str, Any]:
        of = evaluation.within(principal, asked.filter)
        found = await evaluation.figures(tx, of, indicator, before=True)
        return {
            "items": [
                {
                    **number(each.declared, each.sums),
                    "before": None if each.before is None else each.before.value(each.declared.spec.operator),
                    "before_denominator": None if each.before is None else each.before.denominator,
                }
                for each in found
            ]
        }

    @api.get("/evaluation/trend", response_model=models.TrendOut, summary="A number by day, week or month")
    async def trend(
        tx: Tx, principal: CurrentPrincipal, asked: Question, indicator: str, step: Step = "day"
    ) -> dict[str, Any]:
        of = evaluation.within(principal, asked.filter)
        chosen, points = await evaluation.trend(tx, of, indicator, step)
        return {
            "indicator": chosen.name,
            "target": chosen.target,
            "points": [
                {
                    "period": point.period,
                    "value": point.sums.value(chosen.spec.operator),
                    "numerator": point.sums.numerator,
                    "denominator": point.sums.denominator,
                }
                for point in points
            ],
        }


def _add_comparisons(api: APIRouter, evaluation: Evaluation) -> None:
    @api.get("/evaluation/breakdown", response_model=models.BreakdownOut, summary="Numbers by a dimension")
    async def breakdown(
        tx: Tx, principal: CurrentPrincipal, asked: Question, by: By, indicator: Indicators
    ) -> dict[str, Any]:
        of = evaluation.within(principal, asked.filter, by)
        chosen, groups = await evaluation.breakdown(tx, of, indicator, by)
        return {
            "by": by,
            "items": [
                {
                    "key": group.key,
                    "name": group.name,
                    "deeper": group.deeper,
                    "numbers": [number(each, group.sums.get(each.name, Sums())) for each in chosen],
                }
                for group in groups
            ],
        }

    @api.get(
        "/evaluation/ranking", response_model=models.RankingOut, summary="A fair ranking of whole months"
    )
    async def ranking(
        tx: Tx, principal: CurrentPrincipal, asked: Question, indicator: str, by: RankedBy = "department"
    ) -> dict[str, Any]:
        evaluation.parts.identity.authorize(principal, "evaluation:read")
        evaluation.within(principal, asked.filter, by)
        found = await evaluation.ranking(tx, indicator, by, asked.filter.start, asked.filter.end)
        return {
            "indicator": found.declared.name,
            "by": by,
            "value": found.ranking.value,
            "denominator": found.ranking.denominator,
            "cases_min": found.cases_min,
            "items": [
                {
                    **{k: v for k, v in asdict(place).items() if k != "sums"},
                    "name": found.names[place.key],
                    "denominator": place.sums.denominator,
                    "numerator": place.sums.numerator,
                    "words": found.words[place.key],
                }
                for place in found.ranking.places
            ],
        }


def _add_behind(api: APIRouter, evaluation: Evaluation) -> None:
    @api.get("/evaluation/cases", response_model=models.BehindOut, summary="The cases behind a number")
    async def behind(
        tx: Tx,
        principal: CurrentPrincipal,
        asked: Question,
        indicator: str,
        part: Annotated[Part, Query(description="rest: counted and not in the numerator.")] = "denominator",
        limit: Limit = 50,
        cursor: str | None = None,
    ) -> dict[str, Any]:
        of = evaluation.within(principal, asked.filter)
        items, following, total = await evaluation.behind(tx, of, indicator, part, uuid_cursor(cursor), limit)
        return {
            "items": items,
            "next": encode_cursor(str(following)) if following else None,
            "total": total,
        }


def _add_survey(api: APIRouter, evaluation: Evaluation) -> None:
    @api.get("/evaluation/survey", response_model=models.SurveyOut, summary="What the survey says")
    async def survey(tx: Tx, principal: CurrentPrincipal, asked: Question) -> Any:
        return await evaluation.survey(tx, evaluation.within(principal, asked.filter))

    @api.get("/evaluation/callbacks", response_model=models.DuesOut, summary="Whom to call back next")
    async def due(
        tx: Tx, principal: CurrentPrincipal, limit: Annotated[int, Query(ge=1, le=100)] = 20
    ) -> dict[str, Any]:
        return {"items": await evaluation.callbacks_due(tx, principal, limit)}

    @api.get("/cases/{case_id}/callbacks", response_model=models.CallbacksOut, summary="A case's call-backs")
    async def callbacks(tx: Tx, principal: CurrentPrincipal, case_id: UUID) -> dict[str, Any]:
        found = await evaluation.callbacks(tx, case_id, principal)
        return {
            "items": [
                {**row, "outcome_label": catalogue()[f"callback_outcome_{row['outcome']}"]} for row in found
            ]
        }

    @api.post(
        "/cases/{case_id}/callbacks",
        status_code=201,
        response_model=models.CallbacksOut,
        summary="Note a call-back",
    )
    async def call_back(
        tx: Tx, principal: CurrentPrincipal, case_id: UUID, body: models.CallbackIn
    ) -> dict[str, Any]:
        said = Callback(body.outcome, body.score, body.resolved, body.comment)
        await evaluation.call_back(tx, case_id, said, principal)
        return await callbacks(tx, principal, case_id)


def number(each: Declared, sums: Sums) -> dict[str, Any]:
    """An indicator's number as doors tell it."""
    value = sums.value(each.spec.operator)
    return {
        "indicator": each.name,
        "value": value,
        "numerator": sums.numerator,
        "denominator": sums.denominator,
        "target": each.target,
        "met": met(value, each.target, each.spec.direction),
    }
