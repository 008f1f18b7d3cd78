"""What packs declared, held in memory and reloaded when an installation has moved the revision."""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from yunnao.infra.postgres import Transaction
from yunnao.kernel.calendar import WorkingCalendar
from yunnao.kernel.errors import InvalidInput, NotFound
from yunnao.kernel.packs.city import CalendarFile, Escalation
from yunnao.kernel.packs.doors import Doors
from yunnao.kernel.packs.linking import Linking
from yunnao.kernel.packs.scene import Deadline
from yunnao.kernel.text import Text
from yunnao.modules.cases.dispatch.duty import DutyRow
from yunnao.modules.cases.flows.flow import Flow
from yunnao.modules.cases.linking.rules import load_rules
from yunnao.modules.cases.store import QUERIES

TREE_DEPTH_MAX = 10
FLOWS_HELD_MAX = 64


@dataclass(frozen=True)
class CategoryNode:
    code: str
    scene: str
    name: Text
    parent: str | None
    deadline: Deadline | None
    keywords: tuple[str, ...]
    retired: bool


@dataclass(frozen=True)
class CaseTypeNode:
    type: str
    scene: str
    label: Text
    flow_hash: str
    deadline: Deadline
    form: Mapping[str, Any]
    reported_by: tuple[str, ...]
    retired: bool


@dataclass(frozen=True)
class City:
    """The part of the city pack that cases need."""

    city: str
    number_prefix: str
    confidence_min: float
    precision: float | None
    fallback: str
    calendar: WorkingCalendar
    escalation: tuple[Escalation, ...]
    calendar_hash: str
    """Changes with the calendar and the ladder: deadlines are then reckoned anew."""
    code: str
    doors: Doors


@dataclass(frozen=True)
class Snapshot:
    """Everything declared, at one revision."""

    revision: int
    city: City
    categories: Mapping[str, CategoryNode]
    case_types: Mapping[str, CaseTypeNode]
    duties: Sequence[DutyRow]
    model_hash: str | None
    model_keeps_promises: bool
    """Taught by the city's own cases: examples written for packs cannot promise a precision."""
    linking: Linking = field(default_factory=Linking)
    _below: dict[str, list[str]] = field(default_factory=dict, repr=False)

    def path(self, code: str) -> list[str]:
        """The category and everything above it, nearest first."""
        found: list[str] = []
        node = self.categories.get(code)
        while node is not None and node.code not in found and len(found) < TREE_DEPTH_MAX:
            found.append(node.code)
            node = self.categories.get(node.parent or "")
        return found

    def below(self, code: str) -> list[str]:
        """The category and everything under it."""
        if not self._below:
            for known in self.categories:
                for above in self.path(known):
                    self._below.setdefault(above, []).append(known)
        return self._below.get(code, [code])

    def deadline(self, category: str | None, case_type: str) -> Deadline:
        """The category's own, else that of the nearest above, else the case type's."""
        for code in self.path(category) if category else ():
            own = self.categories[code].deadline
            if own is not None:
                return own
        return self.case_types[case_type].deadline

    def category(self, code: str) -> CategoryNode:
        """Raises InvalidInput `category_unknown`."""
        node = self.categories.get(code)
        if node is None or node.retired:
            raise InvalidInput("category_unknown", category=code[:60])
        return node

    def case_type_for(self, category: str | None, given: str | None, source: str) -> CaseTypeNode:
        """The type `given`, else the first of the category's scene that this door may open, else the
        first of any scene. Raises InvalidInput `case_type_unknown`, `case_type_not_for_source`."""
        door = {"open311": "citizen", "hotline": "citizen"}.get(source, source)
        if given is not None:
            node = self.case_types.get(given)
            if node is None or node.retired:
                raise InvalidInput("case_type_unknown", case_type=given[:60])
            if door not in node.reported_by:
                raise InvalidInput("case_type_not_for_source", case_type=given[:60])
            return node
        node_of = self.categories.get(category or "")
        scene = node_of.scene if node_of else None
        open_types = [t for t in self.case_types.values() if door in t.reported_by and not t.retired]
        if not open_types:
            raise InvalidInput("case_type_none_for_source", source=source)
        # A citizen's own type comes before one that is open to citizens among others.
        ranked = sorted(open_types, key=lambda t: (t.scene != scene, t.reported_by[0] != door))
        return ranked[0]

    def alarm_case_type(self, category: str) -> str | None:
        """The type of the case that an alarm of the category opens; None where alarms open none."""
        try:
            return self.case_type_for(category, None, "alarm").type
        except InvalidInput:
            return None


class Registry:
    """The current snapshot of one process."""

    def __init__(self) -> None:
        self._snapshot: Snapshot | None = None
        self._flows: OrderedDict[str, Flow] = OrderedDict()

    async def current(self, tx: Transaction) -> Snapshot:
        """Raises NotFound `cases_not_installed` before a city and a scene are installed."""
        row = await (await tx.execute(QUERIES["revision_get"])).fetchone()
        revision = row["revision"] if row else 0
        if self._snapshot is None or self._snapshot.revision != revision:
            self._snapshot = await _load(tx, revision)
        return self._snapshot

    async def flow(self, tx: Transaction, flow_hash: str) -> Flow:
        """A version of a flow; its content never changes, so it is read once."""
        flow = self._flows.get(flow_hash)
        if flow is None:
            flow = self._flows[flow_hash] = Flow(await self.bpmn(tx, flow_hash))
            if len(self._flows) > FLOWS_HELD_MAX:
                self._flows.popitem(last=False)
        return flow

    async def bpmn(self, tx: Transaction, flow_hash: str) -> str:
        row = await (await tx.execute(QUERIES["flow_get"], {"hash": flow_hash})).fetchone()
        if row is None:
            raise NotFound("not_found")
        return str(row["bpmn"])


def _hash(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


async def _load(tx: Transaction, revision: int) -> Snapshot:
    city = await (await tx.execute(QUERIES["city_get"])).fetchone()
    if city is None:
        raise NotFound("cases_not_installed")
    categories = await (await tx.execute(QUERIES["categories_list"])).fetchall()
    case_types = await (await tx.execute(QUERIES["case_types_list"])).fetchall()
    duties = await (await tx.execute(QUERIES["duties_list"])).fetchall()
    model = await (await tx.execute(QUERIES["model_current"])).fetchone()
    calendar = CalendarFile.model_validate(city["calendar"])
    return Snapshot(
        revision,
        City(
            city["city"],
            city["number_prefix"],
            city["dispatch_confidence_min"],
            city["dispatch_precision"],
            city["fallback"],
            WorkingCalendar.from_pack(calendar, city["time_zone"]),
            tuple(Escalation(**rung) for rung in city["escalation"]),
            _hash(city["calendar"], city["time_zone"], city["escalation"]),
            city["code"],
            Doors.model_validate(city["doors"]),
        ),
        {
            row["code"]: CategoryNode(
                row["code"],
                row["scene"],
                Text(**row["name"]),
                row["parent"],
                Deadline(**row["deadline"]) if row["deadline"] else None,
                tuple(row["keywords"]),
                row["retired"],
            )
            for row in categories
        },
        {
            row["type"]: CaseTypeNode(
                row["type"],
                row["scene"],
                Text(**row["label"]),
                row["flow_hash"],
                Deadline(**row["deadline"]),
                row["form"],
                tuple(row["reported_by"]),
                row["retired"],
            )
            for row in case_types
        },
        [DutyRow(row["category"], row["area"], row["department"]) for row in duties],
        model["hash"] if model else None,
        model is not None and model["taught_by"] == "cases",
        await load_rules(tx),
    )
