"""Doors of the process view, under /api/v1/process."""

from dataclasses import asdict
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.text import Text
from yunnao.modules.cases.mining.facade import Mining, ProcessView
from yunnao.modules.cases.mining.store import Chosen
from yunnao.modules.cases.registry import Registry

Name = Annotated[str | None, Query(max_length=80)]
XML_TYPE = "application/xml"


class ActivityOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    name: str
    label: Text
    events: int
    cases: int
    starts: int
    ends: int


class FollowsOut(BaseModel):
    """`source` directly before `target`; hours between; `share` of all time between events."""

    source: str
    target: str
    events: int
    cases: int
    median_h: float
    p90_h: float
    total_h: float
    share: float


class VariantOut(BaseModel):
    activities: list[str]
    cases: int
    share: float
    median_h: float
    p90_h: float
    examples: list[str] = Field(description="Numbers of cases that ran so.")


class StayOut(BaseModel):
    """A task of the flow: visits, cases, hours spent at it, cases that are there still."""

    task: str
    visits: int
    cases: int
    median_h: float | None
    p90_h: float | None
    total_h: float
    waiting: int


class PassageOut(BaseModel):
    source: str
    target: str
    events: int


class DeviationOut(BaseModel):
    """`event` happened where the flow does not offer it at `task`."""

    task: str | None
    event: str
    cases: int
    example: str


class ConformanceOut(BaseModel):
    cases: int
    fitting: int
    share: float
    stays: list[StayOut]
    passages: list[PassageOut]
    deviations: list[DeviationOut]


class OwnFlowOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    hash: str
    case_type: str
    label: Text
    cases: int


class ProcessOut(BaseModel):
    """`cut`: only the newest cases are in the view. `bpmn`: the flow that most cases run on, with the
    names of its steps and how cases went through it."""

    cases: int
    events: int
    cut: bool
    first: datetime
    last: datetime
    median_h: float
    p90_h: float
    activities: list[ActivityOut]
    follows: list[FollowsOut]
    variants_total: int
    variants: list[VariantOut]
    bottlenecks: list[FollowsOut]
    flows: list[OwnFlowOut]
    flow: OwnFlowOut | None
    bpmn: str | None
    step_names: dict[str, Text]
    conformance: ConformanceOut | None


class Asked:
    """Cases opened on these days of the city (`to` included), and what they must have."""

    def __init__(
        self,
        start: Annotated[date, Query(alias="from")],
        until: Annotated[date, Query(alias="to")],
        case_type: Name = None,
        department: Name = None,
        district: Name = None,
        category: Name = None,
        source: Name = None,
        flow: Name = None,
        closed_only: bool = False,
    ) -> None:
        if until < start or until == date.max:
            raise InvalidInput("evaluation_span_empty")
        for text in (case_type, department, district, category, source, flow):
            if text is not None and "\x00" in text:
                raise InvalidInput("text_unreadable")
        self.start, self.until = start, until
        self.named = {
            "case_type": case_type,
            "department": department,
            "district": district,
            "source": source,
            "flow_hash": flow,
        }
        self.category = category
        self.closed_only = closed_only

    async def chosen(self, tx: Tx, registry: Registry) -> Chosen:
        snapshot = await registry.current(tx)
        zone = snapshot.city.calendar.zone
        return Chosen(
            start=datetime.combine(self.start, time(), zone),
            end=datetime.combine(self.until + timedelta(days=1), time(), zone),
            categories=snapshot.below(self.category) if self.category else None,
            closed_only=self.closed_only,
            **self.named,
        )


Question = Annotated[Asked, Depends()]


def router(mining: Mining) -> APIRouter:
    api = APIRouter(tags=["process"])

    @api.get("/process", response_model=ProcessOut, summary="How cases really ran")
    async def process(tx: Tx, principal: CurrentPrincipal, asked: Question) -> dict[str, Any]:
        return _told(await mining.view(tx, await asked.chosen(tx, mining.registry), principal))

    @api.get("/process/xes", response_class=StreamingResponse, summary="The log as XES (IEEE 1849-2016)")
    async def xes(tx: Tx, principal: CurrentPrincipal, asked: Question) -> StreamingResponse:
        pieces = await mining.xes(tx, await asked.chosen(tx, mining.registry), principal)
        return StreamingResponse(pieces, media_type=XML_TYPE, headers=_attached(asked, "xes"))

    @api.get("/process/ocel", response_class=Response, summary="The log as OCEL 2.0 (JSON)")
    async def ocel(tx: Tx, principal: CurrentPrincipal, asked: Question) -> Response:
        content = await mining.ocel(tx, await asked.chosen(tx, mining.registry), principal)
        return Response(content, media_type="application/json", headers=_attached(asked, "ocel.json"))

    return api


def _attached(asked: Asked, ending: str) -> dict[str, str]:
    name = f"cases-{asked.start}-{asked.until}.{ending}"
    return {"Content-Disposition": f'attachment; filename="{name}"'}


def _told(view: ProcessView) -> dict[str, Any]:
    found = view.conformance
    told = asdict(view.process)
    for each in told["activities"]:
        each["label"] = view.labels[each["name"]]
    return {
        **told,
        "cut": view.cut,
        "flows": view.flows,
        "flow": view.flow,
        "bpmn": view.bpmn,
        "step_names": view.step_names,
        "conformance": None if found is None else {**asdict(found), "share": found.share},
    }
