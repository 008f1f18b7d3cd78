"""Doors of rules: lists, dry runs, the city's own rules, maintenance windows."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from yunnao.infra.http import CurrentPrincipal, Tx
from yunnao.infra.pages import Limit, encode_cursor, text_cursor, uuid_cursor
from yunnao.kernel.packs.rules import Rule
from yunnao.kernel.text import Text
from yunnao.modules.identity.facade import Identity
from yunnao.modules.sensing.rules.contracts import ListedRule, Maintenance, MaintenanceKind
from yunnao.modules.sensing.rules.facade import Rules
from yunnao.modules.sensing.sharing.rights import ReadingRights

Name = Annotated[str | None, Query(max_length=128)]
DEVICES_PER_DRY_RUN_MAX = 1_000


class ChangeOut(BaseModel):
    """`spec`: null where the rule was ended, and in lists."""

    revision: int
    changed_at: datetime
    changed_by: dict[str, Any]
    spec: dict[str, Any] | None = None


class RuleOut(BaseModel):
    """`words`: the condition as people say it. `change`: of a rule of the city's own, the last one."""

    scene: str
    rule: str
    operator: str
    label: Text
    product: str
    product_label: Text | None
    severity: str
    words: Text
    alarms_open: int
    own: bool
    change: ChangeOut | None


class RuleDetailOut(RuleOut):
    spec: Rule


class RulesOut(BaseModel):
    items: list[RuleOut]
    next: str | None


class ChangesOut(BaseModel):
    items: list[ChangeOut]


class DryRunIn(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    rule: Rule
    start: datetime = Field(alias="from")
    until: datetime = Field(alias="to")
    devices: list[str] | None = Field(
        None, max_length=DEVICES_PER_DRY_RUN_MAX, description="None: all of the product."
    )


class PastAlarmOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    opened_at: datetime
    cleared_at: datetime | None
    value: float | None


class DeviceReviewOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    device: str
    entity: str
    name: Text
    opened: int
    share: float
    alarms: list[PastAlarmOut]
    hidden: bool = Field(False, description="Values are left out, since you may not read them.")


class DryRunOut(BaseModel):
    """`share`: of the devices' time in alarm; `per_day`: openings by day of the city."""

    model_config = ConfigDict(from_attributes=True)

    start: datetime = Field(serialization_alias="from")
    until: datetime = Field(serialization_alias="to")
    devices: int
    readings: int
    opened: int
    cleared: int
    open_at_end: int
    devices_in_alarm: int
    share: float
    per_day: list[tuple[date, int]]
    worst: list[DeviceReviewOut]


class MaintenanceIn(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    kind: MaintenanceKind
    target: str = Field(max_length=256, description="Device id, URN, product, code of a district or street.")
    start: datetime = Field(alias="from")
    until: datetime = Field(alias="to")
    reason: str = Field(min_length=1, max_length=500)


class MaintenanceOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    kind: MaintenanceKind
    target: str
    starts_at: datetime = Field(serialization_alias="from")
    ends_at: datetime = Field(serialization_alias="to")
    reason: str
    created_at: datetime
    created_by: dict[str, Any]
    ended_by: dict[str, Any] | None


class MaintenancesOut(BaseModel):
    items: list[MaintenanceOut]
    next: str | None


def router(rules: Rules, identity: Identity, rights: ReadingRights) -> APIRouter:
    """Every door; paths without the API's prefix."""
    routes = APIRouter(tags=["rules"])
    _reading(routes, rules, identity, rights)
    _making(routes, rules, identity)
    _maintenance(routes, rules, identity)
    return routes


def _reading(routes: APIRouter, rules: Rules, identity: Identity, rights: ReadingRights) -> None:
    @routes.get("/rules")
    async def list_rules(
        tx: Tx,
        principal: CurrentPrincipal,
        *,
        scene: Name = None,
        product: Name = None,
        limit: Limit = 50,
        cursor: str | None = None,
    ) -> RulesOut:
        identity.authorize(principal, "rule:list")
        items, after = await rules.page(
            tx, limit=limit, scene=scene, product=product, after=text_cursor(cursor)
        )
        return RulesOut(
            items=[RuleOut(**_rule(item)) for item in items],
            next=encode_cursor(after) if after is not None else None,
        )

    @routes.post("/rules/dry-run")
    async def dry_run(tx: Tx, principal: CurrentPrincipal, asked: DryRunIn) -> DryRunOut:
        """What the rule would have done over past readings. Nothing is known of the time before `from`."""
        identity.authorize(principal, "rule:dry_run")
        found = await rules.dry_run(tx, asked.rule, asked.start, asked.until, asked.devices)
        out = DryRunOut.model_validate(found)
        metric = getattr(asked.rule, "metric", None)
        readable = await rights.readable(tx, principal, [(each.device, metric) for each in out.worst])
        for each, may in zip(out.worst, readable, strict=True):
            if not may:
                each.hidden = True
                each.alarms = [alarm.model_copy(update={"value": None}) for alarm in each.alarms]
        return out

    @routes.get("/rules/city/{rule}/changes")
    async def list_changes(tx: Tx, principal: CurrentPrincipal, rule: str) -> ChangesOut:
        """Versions of a rule of the city's own, newest first."""
        identity.authorize(principal, "rule:list")
        return ChangesOut(items=[ChangeOut(**vars(change)) for change in await rules.changes(tx, rule)])

    @routes.get("/rules/{scene}/{rule}")
    async def get_rule(tx: Tx, principal: CurrentPrincipal, scene: str, rule: str) -> RuleDetailOut:
        identity.authorize(principal, "rule:list")
        return _detail(await rules.get(tx, scene, rule))


def _making(routes: APIRouter, rules: Rules, identity: Identity) -> None:
    @routes.put("/rules/city/{rule}")
    async def put_rule(tx: Tx, principal: CurrentPrincipal, rule: str, spec: Rule) -> RuleDetailOut:
        """Makes or changes a rule of the city's own, in force with the next readings."""
        identity.authorize(principal, "rule:edit")
        made = await rules.put(tx, rule, spec, principal)
        await identity.audit(tx, principal, "rule:edit", f"Rule/city/{rule}", revision=_revision(made))
        return _detail(made)

    @routes.delete("/rules/city/{rule}", status_code=204)
    async def end_rule(tx: Tx, principal: CurrentPrincipal, rule: str) -> None:
        """Ends a rule of the city's own; its alarms clear."""
        identity.authorize(principal, "rule:edit")
        await rules.end(tx, rule, principal)
        await identity.audit(tx, principal, "rule:edit", f"Rule/city/{rule}", ended=True)


def _maintenance(routes: APIRouter, rules: Rules, identity: Identity) -> None:
    @routes.get("/maintenance")
    async def list_windows(
        tx: Tx,
        principal: CurrentPrincipal,
        *,
        running: bool = False,
        limit: Limit = 50,
        cursor: str | None = None,
    ) -> MaintenancesOut:
        """Newest first; with `running` only those that last now."""
        identity.authorize(principal, "maintenance:list")
        found = await rules.maintenance(tx, limit=limit + 1, running=running, before=uuid_cursor(cursor))
        items = found[:limit]
        return MaintenancesOut(
            items=[MaintenanceOut.model_validate(item) for item in items],
            next=encode_cursor(str(items[-1].id)) if len(found) > limit else None,
        )

    @routes.post("/maintenance", status_code=201)
    async def plan(tx: Tx, principal: CurrentPrincipal, asked: MaintenanceIn) -> MaintenanceOut:
        """No rule opens an alarm for the devices while the window lasts."""
        identity.authorize(principal, "maintenance:edit")
        span = (asked.start, asked.until)
        made = await rules.plan(tx, asked.kind, asked.target, span, asked.reason, principal)
        await _told(tx, principal, made, ended=False)
        return MaintenanceOut.model_validate(made)

    @routes.post("/maintenance/{window}/end")
    async def end(tx: Tx, principal: CurrentPrincipal, window: UUID) -> MaintenanceOut:
        """Ends a window before its time."""
        identity.authorize(principal, "maintenance:edit")
        made = await rules.end_maintenance(tx, window, principal)
        await _told(tx, principal, made, ended=True)
        return MaintenanceOut.model_validate(made)

    async def _told(tx: Tx, principal: CurrentPrincipal, made: Maintenance, *, ended: bool) -> None:
        named = f"Maintenance/{made.id}"
        detail = {"kind": made.kind, "target": made.target, "ended": ended}
        await identity.audit(tx, principal, "maintenance:edit", named, **detail)


def _rule(found: ListedRule) -> dict[str, Any]:
    return {
        "scene": found.scene,
        "rule": found.rule,
        "operator": found.spec.operator,
        "label": found.spec.label,
        "product": found.spec.product,
        "product_label": found.product_label,
        "severity": found.spec.severity,
        "words": found.words,
        "alarms_open": found.alarms_open,
        "own": found.scene == "city",
        "change": None if found.change is None else ChangeOut(**vars(found.change)),
    }


def _detail(found: ListedRule) -> RuleDetailOut:
    return RuleDetailOut(**_rule(found), spec=found.spec)


def _revision(found: ListedRule) -> int | None:
    return found.change.revision if found.change is not None else None
