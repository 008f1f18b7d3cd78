"""Rules as people see and make them: lists, dry runs, the city's own, maintenance."""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.errors import InvalidInput, NotFound
from yunnao.kernel.ids import UUID, new_id
from yunnao.kernel.packs.alarming import AlarmDefaults
from yunnao.kernel.packs.rules import Rule
from yunnao.kernel.packs.scene import Product
from yunnao.kernel.packs.streaming_rules import ReadingRule, StuckRule
from yunnao.kernel.principal import Principal
from yunnao.kernel.time import Clock, require_aware
from yunnao.modules.sensing import store
from yunnao.modules.sensing.alarms import Teller
from yunnao.modules.sensing.history.history import History
from yunnao.modules.sensing.registry import InstalledRule, rule_of
from yunnao.modules.sensing.rules import states
from yunnao.modules.sensing.rules.contracts import (
    CITY,
    Change,
    DryRun,
    Judgeable,
    ListedRule,
    Maintenance,
    MaintenanceKind,
)
from yunnao.modules.sensing.rules.domain.schedules import CityTime
from yunnao.modules.sensing.rules.dry_running import Span, dry_run
from yunnao.modules.sensing.rules.retiring import retire
from yunnao.modules.sensing.rules.states import QUERIES
from yunnao.modules.sensing.rules.words import words_of
from yunnao.modules.twin.facade import Twin

city_rules_max = 1_000
revisions_shown_max = 100
maintenance_max = timedelta(days=366)
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
name_letters_max = 60


class Rules:
    """What others may ask; every method runs in the caller's transaction."""

    def __init__(
        self,
        clock: Clock,
        twin: Twin,
        history: History,
        zone: ZoneInfo,
        is_workday: Callable[[date], bool],
        defaults: AlarmDefaults,
    ) -> None:
        self._clock = clock
        self._twin = twin
        self._history = history
        self._city = CityTime(zone, is_workday)
        self._teller = Teller(clock, twin, zone, defaults)

    async def page(
        self,
        tx: Transaction,
        *,
        limit: int,
        scene: str | None = None,
        product: str | None = None,
        after: str | None = None,
    ) -> tuple[list[ListedRule], str | None]:
        """Active rules in order of scene and name, and the key of the next page."""
        rows = await self._rows(tx, scene=scene, product=product, after=after, limit=limit + 1)
        items = [_listed(row) for row in rows[:limit]]
        return items, f"{items[-1].scene}/{items[-1].rule}" if len(rows) > limit else None

    async def get(self, tx: Transaction, scene: str, rule: str) -> ListedRule:
        """Raises NotFound `rule_not_found`."""
        rows = await self._rows(tx, scene=scene, rule=rule, limit=1)
        if not rows:
            raise NotFound("rule_not_found", scene=scene, rule=rule)
        return _listed(rows[0])

    async def changes(self, tx: Transaction, rule: str) -> list[Change]:
        """Versions of a rule of the city's own, newest first. Raises NotFound `rule_not_found`."""
        rows = await self._rows(tx, scene=CITY, rule=rule, limit=1)
        if not rows:
            raise NotFound("rule_not_found", scene=CITY, rule=rule)
        asked = {"number": rows[0]["number"], "limit": revisions_shown_max}
        found = await (await tx.execute(QUERIES["revisions"], asked)).fetchall()
        return [Change(r["revision"], r["changed_at"], r["changed_by"], r["spec"]) for r in found]

    async def dry_run(
        self, tx: Transaction, rule: Rule, start: datetime, until: datetime, devices: list[str] | None
    ) -> DryRun:
        """What `rule` would have done. Raises as `check` and `dry_running.dry_run` do."""
        judgeable = await self.check(tx, rule)
        span = Span(require_aware(start), require_aware(until))
        return await dry_run(tx, self._twin, self._history, self._city, judgeable, span, devices)

    async def check(self, tx: Transaction, rule: Rule) -> Judgeable:
        """Raises InvalidInput `product_unknown`, `rule_metric_unknown`, `rule_metric_not_numeric`."""
        row = await (await tx.execute(QUERIES["product_spec"], {"product": rule.product})).fetchone()
        if row is None:
            raise InvalidInput("product_unknown", product=rule.product)
        product = Product.model_validate(row["spec"])
        name = getattr(rule, "metric", None)
        if name is not None:
            metric = product.metrics.get(name)
            if metric is None:
                known = ", ".join(sorted(product.metrics))
                raise InvalidInput("rule_metric_unknown", product=rule.product, metric=name, known=known)
            switch = isinstance(rule, StuckRule) and metric.value_type == "boolean"
            if (
                isinstance(rule, ReadingRule)
                and not switch
                and metric.value_type not in ("number", "integer")
            ):
                raise InvalidInput("rule_metric_not_numeric", metric=name, operator=rule.operator)
        return Judgeable(rule, product)

    async def put(self, tx: Transaction, name: str, rule: Rule, by: Principal) -> ListedRule:
        """Makes or changes a rule of the city's own; workers follow with their next batch.

        Raises as `check` does; InvalidInput `rule_name_invalid`, `rules_too_many`.
        """
        if not NAME.fullmatch(name) or len(name) > name_letters_max:
            raise InvalidInput("rule_name_invalid")
        await self.check(tx, rule)
        counted = await (await tx.execute(QUERIES["rules_of_city_count"], {"rule": name})).fetchone()
        if counted is not None and counted["n"] >= city_rules_max:
            raise InvalidInput("rules_too_many", limit=city_rules_max)
        spec = rule.model_dump(mode="json")
        row = await (await tx.execute(QUERIES["rule_put"], {"rule": name, "spec": Jsonb(spec)})).fetchone()
        assert row is not None  # an upsert has its row
        await self._changed(tx, row["number"], spec, by)
        return await self.get(tx, CITY, name)

    async def end(self, tx: Transaction, name: str, by: Principal) -> None:
        """Ends a rule of the city's own; its alarms clear. Raises NotFound `rule_not_found`."""
        row = await (await tx.execute(QUERIES["rule_end"], {"rule": name})).fetchone()
        if row is None:
            raise NotFound("rule_not_found", scene=CITY, rule=name)
        ended = InstalledRule(row["number"], row["scene"], row["rule"], rule_of(row["spec"]))
        await retire(tx, self._teller, self._clock.now(), [ended])
        await self._changed(tx, row["number"], None, by)

    # --- maintenance ---

    async def maintenance(
        self, tx: Transaction, *, limit: int, running: bool = False, before: UUID | None = None
    ) -> list[Maintenance]:
        """Windows, newest first; only those that last now, where `running`."""
        now = self._clock.now() if running else None
        return await self._windows(tx, running=now, before=before, limit=limit)

    async def plan(
        self,
        tx: Transaction,
        kind: MaintenanceKind,
        target: str,
        span: tuple[datetime, datetime],
        reason: str,
        by: Principal,
    ) -> Maintenance:
        """A window over `span`. Raises InvalidInput `maintenance_span`, `maintenance_target_unknown`."""
        start, until = map(require_aware, span)
        now = self._clock.now()
        if until <= max(start, now) or until - start > maintenance_max:
            raise InvalidInput("maintenance_span", days=maintenance_max.days)
        asked = {"kind": kind, "target": target}
        row = await (await tx.execute(QUERIES["maintenance_target"], asked)).fetchone()
        if row is None or not row["known"]:
            raise InvalidInput("maintenance_target_unknown", kind=kind, target=target)
        window = new_id()
        made = {**asked, "id": window, "starts_at": start, "ends_at": until, "reason": reason}
        await tx.execute(QUERIES["maintenance_add"], {**made, "now": now, "by": Jsonb(_who(by))})
        await states.bump(tx)
        return (await self._windows(tx, window=window, limit=1))[0]

    async def end_maintenance(self, tx: Transaction, window: UUID, by: Principal) -> Maintenance:
        """Ends a window now. Raises NotFound `maintenance_not_found`."""
        asked = {"id": window, "now": self._clock.now(), "by": Jsonb(_who(by))}
        if await (await tx.execute(QUERIES["maintenance_end"], asked)).fetchone() is None:
            raise NotFound("maintenance_not_found")
        await states.bump(tx)
        return (await self._windows(tx, window=window, limit=1))[0]

    async def _windows(
        self,
        tx: Transaction,
        *,
        limit: int,
        running: datetime | None = None,
        before: UUID | None = None,
        window: UUID | None = None,
    ) -> list[Maintenance]:
        asked = {"limit": limit, "running": running, "before": before, "id": window}
        rows = await (await tx.execute(QUERIES["maintenance_page"], asked)).fetchall()
        return [Maintenance(**row) for row in rows]

    async def _changed(
        self, tx: Transaction, number: int, spec: dict[str, Any] | None, by: Principal
    ) -> None:
        await tx.execute(
            QUERIES["revision_add"],
            {
                "number": number,
                "spec": None if spec is None else Jsonb(spec),
                "now": self._clock.now(),
                "by": Jsonb(_who(by)),
            },
        )
        await store.bump(tx)
        await states.bump(tx)

    async def _rows(
        self,
        tx: Transaction,
        *,
        limit: int,
        scene: str | None = None,
        rule: str | None = None,
        product: str | None = None,
        after: str | None = None,
    ) -> list[Row]:
        asked = {"scene": scene, "rule": rule, "product": product, "after": after, "limit": limit}
        return await (await tx.execute(QUERIES["rules_list"], asked)).fetchall()


def _listed(row: Row) -> ListedRule:
    spec = rule_of(row["spec"])
    product = None if row["product"] is None else Product.model_validate(row["product"])
    change = None
    if row["revision"] is not None:
        change = Change(row["revision"], row["changed_at"], row["changed_by"])
    return ListedRule(
        scene=row["scene"],
        rule=row["rule"],
        spec=spec,
        product_label=None if product is None else product.label,
        words=words_of(spec, product),
        alarms_open=row["alarms_open"],
        change=change,
    )


def _who(by: Principal) -> dict[str, Any]:
    return {"id": str(by.id) if by.id is not None else None, "name": by.name.model_dump()}
