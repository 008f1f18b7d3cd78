"""The process view: how cases really ran, where they waited, and whether their flow was kept."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace

import polars as pl

from yunnao.infra.postgres import Transaction
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import Text, catalogue
from yunnao.modules.cases.flows.flow import Flow
from yunnao.modules.cases.mining import store
from yunnao.modules.cases.mining.analysis import Process, analyse, ordered
from yunnao.modules.cases.mining.conformance import Conformance, conform, decisive
from yunnao.modules.cases.mining.exports import ocel_of_log, xes_of_log
from yunnao.modules.cases.mining.store import Chosen
from yunnao.modules.cases.parts import Parts

CASES_MAX = 50_000
"""Of one view: the newest of those chosen. A million events are analysed in about two seconds."""


@dataclass(frozen=True)
class OwnFlow:
    """A version of a flow that the chosen cases run on."""

    hash: str
    case_type: str
    label: Text
    cases: int


@dataclass(frozen=True)
class ProcessView:
    """`cut`: there were more cases than one view takes. `flow` is the version that most cases run on,
    `conformance` of those cases."""

    process: Process
    cut: bool
    labels: dict[str, Text]
    flows: list[OwnFlow]
    flow: OwnFlow | None
    bpmn: str | None
    step_names: dict[str, Text]
    conformance: Conformance | None


class Mining:
    """Every method works in the transaction it is given."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.registry = parts.registry

    async def view(self, tx: Transaction, chosen: Chosen, principal: Principal) -> ProcessView:
        """Raises InvalidInput `process_log_empty`."""
        self._parts.identity.authorize(principal, "process:read")
        log = await store.log(tx, chosen, CASES_MAX)
        process = await asyncio.to_thread(analyse, log)
        flows = await self._flows(tx, chosen)
        shown = next((each for each in flows if chosen.flow_hash in (None, each.hash)), None)
        flow = await self._parts.registry.flow(tx, shown.hash) if shown else None
        bpmn = await self._parts.registry.bpmn(tx, shown.hash) if shown else None
        conformance = None
        if flow is not None and shown is not None:
            of_flow = log
            if len(flows) > 1 and chosen.flow_hash is None:
                of_flow = await store.log(tx, replace(chosen, flow_hash=shown.hash), CASES_MAX)
            conformance = await asyncio.to_thread(_conform, flow, of_flow)
        total = sum(each.cases for each in flows)
        return ProcessView(
            process=process,
            cut=total > CASES_MAX,
            labels=_labels(process),
            flows=flows,
            flow=shown,
            bpmn=bpmn,
            step_names=flow.names if flow else {},
            conformance=conformance,
        )

    async def xes(self, tx: Transaction, chosen: Chosen, principal: Principal) -> Iterator[bytes]:
        """The log as XES, in pieces. Actors are account ids, not names. Each export is audited."""
        return xes_of_log(await self._exported(tx, chosen, principal, "xes"))

    async def ocel(self, tx: Transaction, chosen: Chosen, principal: Principal) -> bytes:
        log = await self._exported(tx, chosen, principal, "ocel")
        return await asyncio.to_thread(ocel_of_log, log)

    async def _exported(
        self, tx: Transaction, chosen: Chosen, principal: Principal, form: str
    ) -> pl.DataFrame:
        self._parts.identity.authorize(principal, "process:read")
        log = await store.log(tx, chosen, CASES_MAX)
        await self._parts.identity.audit(
            tx, principal, "process:export", "Platform/process", format=form, events=log.height
        )
        return log

    async def _flows(self, tx: Transaction, chosen: Chosen) -> list[OwnFlow]:
        snapshot = await self._parts.registry.current(tx)
        return [
            OwnFlow(
                row["flow_hash"],
                row["case_type"],
                snapshot.case_types[row["case_type"]].label
                if row["case_type"] in snapshot.case_types
                else Text(zh=row["case_type"], en=row["case_type"]),
                row["cases"],
            )
            for row in await store.flows(tx, chosen)
        ]


def _conform(flow: Flow, log: pl.DataFrame) -> Conformance | None:
    decided = decisive(flow, log)
    return None if decided.is_empty() else conform(flow, ordered(decided))


def _labels(process: Process) -> dict[str, Text]:
    """The events' names as the timeline shows them."""
    known = catalogue()
    return {
        each.name: known.get(f"case_event_{each.name}", Text(zh=each.name, en=each.name))
        for each in process.activities
    }
