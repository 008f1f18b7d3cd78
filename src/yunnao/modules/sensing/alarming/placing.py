"""Where an opening alarm stands: by itself, suppressed, beneath its cause, or within a flood."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from psycopg.types.json import Jsonb

from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.kernel.ids import UUID, new_id
from yunnao.kernel.packs.alarming import AlarmDefaults, EscalationLevel, FloodLimit, Grouping
from yunnao.kernel.text import Text, say
from yunnao.modules.sensing.alarming.timeline import Entry, append
from yunnao.modules.sensing.domain.alarm_groups import Finding, over_limit, roots
from yunnao.modules.sensing.domain.times import from_us, to_us
from yunnao.modules.sensing.registry import InstalledRule
from yunnao.modules.twin.facade import Twin

QUERIES = load_queries("yunnao.modules.sensing.alarming", "alarming.sql")
standing_max = 2_000
"""Standing alarms that a batch's openings are compared with, the newest."""


@dataclass(frozen=True)
class Opened:
    """A new alarm to place."""

    id: UUID
    rule: InstalledRule
    device: int
    gateway: int | None
    entity: str
    opened_at: datetime
    lon: float | None
    lat: float | None
    district: str | None


@dataclass
class Placed:
    """What became of the openings; who is in none of these stands by itself and raises its case."""

    suppressed: dict[UUID, datetime] = field(default_factory=dict)
    parent: dict[UUID, UUID] = field(default_factory=dict)
    case_from: dict[UUID, UUID] = field(default_factory=dict)
    raises_beneath: set[UUID] = field(default_factory=set)
    floods: list[Row] = field(default_factory=list)

    def raises(self, alarm: UUID) -> bool:
        """Whether the alarm asks for a case of its own."""
        if alarm in self.suppressed or alarm in self.case_from:
            return False
        return alarm not in self.parent or alarm in self.raises_beneath


class Placer:
    """Places openings, one transaction at a time."""

    def __init__(self, twin: Twin, defaults: AlarmDefaults) -> None:
        self._twin = twin
        self._defaults = defaults

    @staticmethod
    async def lock(tx: Transaction) -> None:
        """To be taken before any alarm is touched, so that no two transactions wait in a circle."""
        await tx.execute(QUERIES["lock"])

    def escalation(self, rule: InstalledRule) -> Sequence[EscalationLevel]:
        declared = rule.spec.escalation
        return self._defaults.escalation.get(rule.spec.severity, []) if declared is None else declared

    def escalate_at(self, rule: InstalledRule, level: int, now: datetime) -> datetime | None:
        """When an alarm that has taken `level` steps takes the next."""
        levels = self.escalation(rule)
        return now + timedelta(seconds=levels[level].after_s) if level < len(levels) else None

    async def place(self, tx: Transaction, opened: Sequence[Opened], now: datetime) -> Placed:
        """Decides, and writes what differs from an alarm by itself. The lock must be held."""
        placed = Placed()
        if not opened:
            return placed
        await self._suppress(tx, opened, placed, now)
        moved = await self._group(tx, opened, placed)
        await self._flood(tx, opened, placed, now)
        entries = [
            Entry(moving, now, "grouped", detail={"parent": str(parent)}) for moving, parent in moved.items()
        ]
        differing = sorted(placed.suppressed.keys() | placed.parent.keys() | placed.case_from.keys())
        if differing:
            await tx.execute(
                QUERIES["place"],
                {
                    "ids": differing,
                    "parents": [placed.parent.get(a) for a in differing],
                    "raised": [placed.raises(a) for a in differing],
                    "case_from": [placed.case_from.get(a) for a in differing],
                    "suppressed_until": [placed.suppressed.get(a) for a in differing],
                },
            )
        if moved:
            beneath = {"ids": list(moved), "parents": list(moved.values())}
            await tx.execute(QUERIES["place_beneath"], beneath)
        if placed.case_from:
            await tx.execute(QUERIES["case_shared"], {"ids": list(placed.case_from)})
        for alarm, until in placed.suppressed.items():
            entries.append(Entry(alarm, now, "suppressed", detail={"until": until.isoformat()}))
        for alarm, parent in placed.parent.items():
            entries.append(Entry(alarm, now, "grouped", detail={"parent": str(parent)}))
        await append(tx, entries)
        return placed

    async def _suppress(
        self, tx: Transaction, opened: Sequence[Opened], placed: Placed, now: datetime
    ) -> None:
        cursor = await tx.execute(
            QUERIES["suppressions"],
            {"rules": [o.rule.number for o in opened], "devices": [o.device for o in opened], "now": now},
        )
        until = {(row["rule"], row["device"]): row["until"] for row in await cursor.fetchall()}
        for one in opened:
            if (one.rule.number, one.device) in until:
                placed.suppressed[one.id] = until[one.rule.number, one.device]

    # --- beneath a cause ---

    async def _group(self, tx: Transaction, opened: Sequence[Opened], placed: Placed) -> dict[UUID, UUID]:
        """Finds causes; answers which standing alarms go beneath which of the new ones."""
        rows = await (await tx.execute(QUERIES["groupings"])).fetchall()
        if not rows:
            return {}
        groupings = {row["number"]: Grouping.model_validate(row["grouping"]) for row in rows}
        within = timedelta(seconds=max(g.within_s for g in groupings.values()))
        cursor = await tx.execute(
            QUERIES["standing"],
            {
                "start": min(o.opened_at for o in opened) - within,
                "until": max(o.opened_at for o in opened) + within,
                "new": [o.id for o in opened],
                "limit": standing_max,
            },
        )
        standing = {row["id"]: row for row in await cursor.fetchall()}
        findings = [
            Finding(
                o.id, o.rule.rule, o.device, o.gateway, o.entity, to_us(o.opened_at), o.lon, o.lat,
                groupings.get(o.rule.number),
            )
            for o in opened
        ] + [
            Finding(
                row["id"], row["slug"], row["device"], row["gateway"], row["entity"],
                to_us(row["opened_at"]), row["lon"], row["lat"], groupings.get(row["rule"]),
            )
            for row in standing.values()
        ]  # fmt: skip
        found = roots(findings, await self._relations(tx, findings, groupings.values()))
        new = {one.id: one for one in opened}
        for alarm in new.keys() & found.keys():
            placed.parent[alarm] = found[alarm]
            grouping = groupings[new[alarm].rule.number]
            if grouping.case == "each":
                placed.raises_beneath.add(alarm)
        moved = {alarm: root for alarm, root in found.items() if alarm in standing}
        self._take_over_cases(moved, standing, new, placed)
        return moved

    @staticmethod
    def _take_over_cases(
        moved: Mapping[UUID, UUID], standing: Mapping[UUID, Row], new: Mapping[UUID, Opened], placed: Placed
    ) -> None:
        """A cause found after its symptom has a case raises no second one of the same category.

        Of another category it does: that is another department's work.
        """
        for alarm, root in sorted(moved.items()):
            row, cause = standing[alarm], new.get(root)
            if cause is None or cause.rule.spec.case is None or row["raised_case"] is None:
                continue
            same = row["raised_case"]["category"] == cause.rule.spec.case.category
            if same and (row["raised"] or row["case_from"]):
                placed.case_from.setdefault(root, row["case_from"] or alarm)

    async def _relations(
        self, tx: Transaction, findings: Sequence[Finding], groupings: Iterable[Grouping]
    ) -> dict[str, dict[str, str]]:
        """Relations from the findings' entities onwards, as far as any rule follows them.

        A relation is always followed the way that it points, which the key of the entities serves:
        from the symptom up to its cause, or from the cause down to the symptom.
        """
        linking = [g for g in groupings if g.links]
        names = sorted({link.relation for g in linking for link in g.links})
        known: dict[str, dict[str, str]] = {}
        frontier = {finding.entity for finding in findings} if linking else set()
        for _ in range(max((g.hops_max for g in linking), default=0)):
            fresh = await self._twin.relations(tx, sorted(frontier - known.keys()), names)
            known |= {entity: {} for entity in frontier} | fresh
            frontier = {other for named in fresh.values() for other in named.values()} - known.keys()
            if not frontier:
                break
        return known

    # --- within a flood ---

    async def _flood(self, tx: Transaction, opened: Sequence[Opened], placed: Placed, now: datetime) -> None:
        """Counts what stands by itself, and gathers what exceeds its rule's limit."""
        groups: dict[tuple[int, str | None], list[Opened]] = {}
        for one in opened:
            if one.id not in placed.parent and one.id not in placed.suppressed:
                by_district = self._limit(one.rule).by == "district"
                groups.setdefault((one.rule.number, one.district if by_district else None), []).append(one)
        if not groups:
            return
        rules = sorted({rule for rule, _ in groups})
        rows = await (await tx.execute(QUERIES["floods_standing"], {"rules": rules})).fetchall()
        floods = {(row["rule"], row["district"]): row["id"] for row in rows}
        recent = await self._recent(tx, groups, floods, placed)
        for key, members in groups.items():
            limit = self._limit(members[0].rule)
            if key in floods:
                placed.parent |= {one.id: floods[key] for one in members}
                continue
            district = limit.by == "district"
            prior = [r for r in recent if r["rule"] == key[0] and (not district or r["district"] == key[1])]
            self._begin(key, members, prior, placed, now)
        await self._write_floods(tx, placed, now)

    def _limit(self, rule: InstalledRule) -> FloodLimit:
        return rule.spec.flood or self._defaults.flood

    async def _recent(
        self,
        tx: Transaction,
        groups: Mapping[tuple[int, str | None], list[Opened]],
        floods: Mapping[tuple[int, str | None], UUID],
        placed: Placed,
    ) -> list[Row]:
        counted = [one for key, members in groups.items() if key not in floods for one in members]
        if not counted:
            return []
        window = timedelta(seconds=max(self._limit(one.rule).window_s for one in counted))
        cursor = await tx.execute(
            QUERIES["openings_recent"],
            {
                "rules": sorted({one.rule.number for one in counted}),
                "start": min(one.opened_at for one in counted) - window,
                "until": max(one.opened_at for one in counted),
                "new": [one.id for one in counted] + list(placed.parent) + list(placed.suppressed),
            },
        )
        return await cursor.fetchall()

    def _begin(
        self,
        key: tuple[int, str | None],
        members: list[Opened],
        prior: Sequence[Row],
        placed: Placed,
        now: datetime,
    ) -> None:
        """Begins a flood where the limit is exceeded; earlier ones that still stand go beneath it too."""
        rule = members[0].rule
        limit = self._limit(rule)
        prior_us = np.array([to_us(row["opened_at"]) for row in prior], np.int64)
        new_us = np.array([to_us(one.opened_at) for one in members], np.int64)
        over = over_limit(limit, prior_us, new_us)
        gathered = [one for one, is_over in zip(members, over.tolist(), strict=True) if is_over]
        if not gathered:
            return
        flood = new_id()
        placed.parent |= {one.id: flood for one in gathered}
        start_us = int(new_us[over].min()) - round(limit.window_s * 1e6)
        earlier = [row["id"] for row in prior if row["stands"] and to_us(row["opened_at"]) > start_us]
        lon, lat = _middle(gathered)
        placed.floods.append(
            {
                "id": flood,
                "rule": rule.number,
                "installed": rule,
                "severity": rule.spec.severity,
                "value": float(len(gathered) + len(earlier)),
                "message": flood_message(rule, limit).model_dump(),
                "opened_at": from_us(int(new_us[over].max())),
                "cleared_at": None,
                "trace_id": new_id().hex,
                "lon": lon,
                "lat": lat,
                "district": key[1],
                "earlier": earlier,
            }
        )

    async def _write_floods(self, tx: Transaction, placed: Placed, now: datetime) -> None:
        floods = placed.floods
        if not floods:
            return
        columns: dict[str, list[Any]] = {
            "ids": [f["id"] for f in floods],
            "rules": [f["rule"] for f in floods],
            "severities": [f["severity"] for f in floods],
            "messages": [Jsonb(f["message"]) for f in floods],
            "opened_at": [f["opened_at"] for f in floods],
            "traces": [f["trace_id"] for f in floods],
            "lons": [f["lon"] for f in floods],
            "lats": [f["lat"] for f in floods],
            "districts": [f["district"] for f in floods],
            "escalate_at": [self.escalate_at(f["installed"], 0, now) for f in floods],
        }
        await tx.execute(QUERIES["flood_insert"], columns)
        earlier = [(alarm, f["id"]) for f in floods for alarm in f["earlier"]]
        if earlier:
            await tx.execute(
                QUERIES["place_beneath"], {"ids": [a for a, _ in earlier], "parents": [f for _, f in earlier]}
            )
        entries = [Entry(f["id"], f["opened_at"], "opened") for f in floods]
        entries += [Entry(alarm, now, "grouped", detail={"parent": str(f)}) for alarm, f in earlier]
        await append(tx, entries)


def flood_message(rule: InstalledRule, limit: FloodLimit) -> Text:
    minutes = format(limit.window_s / 60, ".3g")
    return Text(
        zh=say("alarm_flood", "zh", label=rule.spec.label.zh, minutes=minutes, limit=limit.openings_max),
        en=say("alarm_flood", "en", label=rule.spec.label.en, minutes=minutes, limit=limit.openings_max),
    )


def _middle(members: Sequence[Opened]) -> tuple[float | None, float | None]:
    """The place of the member nearest to the middle of all: a place where something is."""
    known = [(o.lon, o.lat) for o in members if o.lon is not None and o.lat is not None]
    if not known:
        return None, None
    places = np.array(known, np.float64)
    nearest = int(np.argmin(((places - np.median(places, axis=0)) ** 2).sum(axis=1)))
    return known[nearest]
